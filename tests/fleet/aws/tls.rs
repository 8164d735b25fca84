//! AWS behind TLS that a proxy opened: its certificate is of a CA that no system knows. In: the address behind it. Out:
//! an HTTPS address, and the CA's certificate as a file.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Child;

use super::moto;

/// Listens until it is dropped.
pub struct Tls {
    pub url: String,
    /// The CA's certificate.
    pub bundle: PathBuf,
    child: Child,
    _folder: tempfile::TempDir,
}

impl Tls {
    pub fn before(address: SocketAddr) -> Tls {
        let folder = tempfile::tempdir().unwrap();
        let (port, child) = moto::script("tls.py", &[folder.path().to_str().unwrap(), &address.port().to_string()]);
        Tls { url: format!("https://localhost:{port}"), bundle: folder.path().join("ca.pem"), child, _folder: folder }
    }
}

impl Drop for Tls {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
