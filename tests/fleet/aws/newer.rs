//! CloudWatch and SQS, whose protocols have no form in the body. In: a request of theirs. Out: moto's answer, or the
//! fault that a test asked for.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;

use super::proxy::{Fault, Request};

/// The action, where the request is of one of these: RPC v2 CBOR has it in the path, AWS JSON in a header.
pub fn action(head: &str) -> Option<String> {
    let in_path = || head.lines().next()?.split_whitespace().nth(1)?.rsplit_once("/operation/").map(|(_, name)| name);
    let in_header = || {
        let (_, rest) = head.split_once("x-amz-target: ")?;
        rest.lines().next()?.split_once('.').map(|(_, name)| name)
    };
    in_path().or_else(in_header).map(|name| name.trim().to_owned())
}

/// The whole answer, None where the connection is closed instead.
pub fn answer(request: &Request, allowed: bool, fault: Option<Fault>, moto: SocketAddr) -> io::Result<Option<Vec<u8>>> {
    let cbor = request.head.contains("/operation/");
    let answer = match fault {
        _ if !allowed => failure(cbor, 403, "AccessDenied", "docs/iam-policy.json does not allow it"),
        Some(Fault::Error(status, code, message)) => failure(cbor, status, code, &message),
        Some(Fault::Says(body)) => written(200, "application/x-amz-json-1.0", body.as_bytes()),
        Some(Fault::Slow(time)) => {
            thread::sleep(time);
            pass(request, moto)?
        }
        None => pass(request, moto)?,
        Some(Fault::Refused | Fault::Lost) => return Ok(None),
        Some(fault) => panic!("no test asks for {fault:?} here"),
    };
    Ok(Some(answer))
}

fn pass(request: &Request, moto: SocketAddr) -> io::Result<Vec<u8>> {
    let mut to = TcpStream::connect(moto)?;
    write!(to, "{}Connection: close\r\nContent-Length: {}\r\n\r\n", request.head, request.body.len())?;
    to.write_all(&request.body)?;
    let mut answer = Vec::new();
    to.read_to_end(&mut answer)?;
    Ok(answer)
}

/// An error, with the header that has the code in both protocols.
fn failure(cbor: bool, status: u16, code: &str, message: &str) -> Vec<u8> {
    let kind = if cbor { "application/cbor" } else { "application/x-amz-json-1.0" };
    let body = match cbor {
        // A map of two texts of less than 256 bytes: RFC 8949, section 3.
        true => {
            let text = |text: &str| [&[0x78, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
            [vec![0xA2], text("__type"), text(code), text("message"), text(message)].concat()
        }
        false => serde_json::json!({"__type": code, "message": message}).to_string().into_bytes(),
    };
    written(status, &format!("{kind}\r\nx-amzn-query-error: {code};Sender"), &body)
}

fn written(status: u16, kind: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status} X\r\nsmithy-protocol: rpc-v2-cbor\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}
