//! An OpenID Connect provider that a test can make lie. In: a key, claims, what is wrong. Out: its address, and tokens
//! by it. `tests/browser` has a real one.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use rcgen::{KeyPair, PKCS_ED25519, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub const CLIENT: &str = "page";
pub const SECRET: &str = "a secret of the page";

pub struct Provider {
    pub issuer: String,
    answers: Arc<Mutex<Answers>>,
}

struct Answers {
    key: (String, KeyPair),
    /// What the next code is exchanged for.
    token: Option<String>,
    /// What a sign-in was begun with, which its end must fit.
    challenge: String,
    back: String,
    is_down: bool,
    /// How often the keys were read.
    reads: u32,
}

/// By whom a token is signed.
pub enum By {
    Provider,
    /// Another key, which calls itself so.
    Other(&'static str),
    /// The page's own secret, which both sides know.
    Secret,
    Nobody,
}

impl Provider {
    pub fn start() -> Provider {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let answers = Answers {
            key: ("one".to_owned(), key()),
            token: None,
            challenge: String::new(),
            back: String::new(),
            is_down: false,
            reads: 0,
        };
        let provider = Provider { issuer: issuer.clone(), answers: Arc::new(Mutex::new(answers)) };
        let answers = provider.answers.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                serve(stream, &issuer, &answers);
            }
        });
        provider
    }

    /// The settings of a page whose people sign in here.
    pub fn settings(&self) -> String {
        format!(
            "[web.openid]\nissuer = \"{}\"\nclient_id = \"{CLIENT}\"\nclient_secret_file = \"secret\"\n\
             operators = [\"ops\"]\nviewers = [\"staff\"]\n",
            self.issuer
        )
    }

    /// The claims of anna, an operator, for a sign-in with this nonce.
    pub fn claims(&self, nonce: &str) -> Value {
        let now = jiff::Timestamp::now().as_second();
        json!({
            "iss": self.issuer, "aud": CLIENT, "sub": "1", "iat": now, "exp": now + 300, "nonce": nonce,
            "email": "anna@example.org", "email_verified": true, "groups": ["ops"],
        })
    }

    pub fn token(&self, claims: &Value, by: &By) -> String {
        let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = |header: Value, sign: &dyn Fn(&[u8]) -> Vec<u8>| {
            let text = format!("{}.{}", part(&header), part(claims));
            let signature = BASE64_URL_SAFE_NO_PAD.encode(sign(text.as_bytes()));
            format!("{text}.{signature}")
        };
        let answers = self.answers.lock().unwrap();
        let (id, own) = &answers.key;
        match by {
            By::Provider => signed(json!({"alg": "EdDSA", "kid": id}), &|text| own.sign(text).unwrap()),
            By::Other(id) => signed(json!({"alg": "EdDSA", "kid": id}), &|text| key().sign(text).unwrap()),
            By::Secret => signed(json!({"alg": "HS256"}), &|text| hmac(SECRET.as_bytes(), text)),
            By::Nobody => signed(json!({"alg": "none"}), &|_| Vec::new()),
        }
    }

    /// Answers the next code with this token, for a sign-in that was begun so.
    pub fn expect(&self, token: Option<String>, challenge: &str, back: &str) {
        let mut answers = self.answers.lock().unwrap();
        (answers.token, answers.challenge, answers.back) = (token, challenge.to_owned(), back.to_owned());
    }

    /// From now on it signs by another key, and knows the old one no more.
    pub fn change_key(&self, id: &str) {
        self.answers.lock().unwrap().key = (id.to_owned(), key());
    }

    pub fn set_down(&self, is_down: bool) {
        self.answers.lock().unwrap().is_down = is_down;
    }

    pub fn reads(&self) -> u32 {
        self.answers.lock().unwrap().reads
    }
}

fn key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ED25519).unwrap()
}

/// One request, one answer.
fn serve(stream: TcpStream, issuer: &str, answers: &Mutex<Answers>) {
    let mut reader = BufReader::new(&stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let before = head.len();
        if reader.read_line(&mut head).unwrap_or(0) == 0 || head[before..].trim().is_empty() {
            break;
        }
        let line = head[before..].to_lowercase();
        if let Some(number) = line.strip_prefix("content-length: ") {
            length = number.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let mut answers = answers.lock().unwrap();
    let path = head.split(' ').nth(1).unwrap_or_default();
    let (status, answer) = match path {
        _ if answers.is_down => ("503 Service Unavailable", json!({})),
        "/.well-known/openid-configuration" => ("200 OK", metadata(issuer)),
        "/keys" => {
            answers.reads += 1;
            let (id, key) = &answers.key;
            let x = BASE64_URL_SAFE_NO_PAD.encode(key.public_key_raw());
            ("200 OK", json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": id, "x": x}]}))
        }
        "/token" => answers.exchange(&head, &String::from_utf8(body).unwrap()),
        _ => ("404 Not Found", json!({})),
    };
    let answer = answer.to_string();
    let _ = write!(
        &stream,
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{answer}",
        answer.len()
    );
}

fn metadata(issuer: &str) -> Value {
    json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/keys"),
        "end_session_endpoint": format!("{issuer}/end"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        // It says too that the page's secret would do.
        "id_token_signing_alg_values_supported": ["EdDSA", "HS256", "none"],
    })
}

impl Answers {
    /// The token for a code, for whoever has the secret and began the sign-in.
    fn exchange(&mut self, head: &str, body: &str) -> (&'static str, Value) {
        let fields: Vec<(String, String)> = fields(body);
        let field = |name: &str| fields.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str());
        let verifier = field("code_verifier").unwrap_or_default();
        let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(verifier));
        // As form fields (RFC 6749, 2.3.1).
        let secret = BASE64_STANDARD.encode(format!("{CLIENT}:{}", SECRET.replace(' ', "+")));
        let is_page = head.to_lowercase().contains(&format!("authorization: basic {secret}").to_lowercase());
        let is_right = is_page
            && field("grant_type") == Some("authorization_code")
            && field("code") == Some("code")
            && field("redirect_uri") == Some(&self.back)
            && challenge == self.challenge;
        if !is_right {
            return ("400 Bad Request", json!({"error": "invalid_grant"}));
        }
        let mut answer = json!({"access_token": "x", "token_type": "Bearer"});
        if let Some(token) = self.token.take() {
            answer["id_token"] = token.into();
        }
        ("200 OK", answer)
    }
}

/// The fields of a form, or of a URL's query.
pub fn fields(text: &str) -> Vec<(String, String)> {
    let decoded = |text: &str| {
        let (mut bytes, mut rest) = (Vec::new(), text.bytes());
        while let Some(byte) = rest.next() {
            match byte {
                b'+' => bytes.push(b' '),
                b'%' => {
                    let digits: Vec<u8> = rest.by_ref().take(2).collect();
                    bytes.push(u8::from_str_radix(str::from_utf8(&digits).unwrap(), 16).unwrap());
                }
                byte => bytes.push(byte),
            }
        }
        String::from_utf8(bytes).unwrap()
    };
    text.split('&')
        .filter_map(|field| field.split_once('='))
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect()
}

/// HMAC with SHA-256 (RFC 2104), for keys of up to 64 bytes.
fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut block = [0; 64];
    block[..key.len()].copy_from_slice(key);
    let inner = Sha256::new().chain_update(block.map(|byte| byte ^ 0x36)).chain_update(text).finalize();
    Sha256::new().chain_update(block.map(|byte| byte ^ 0x5c)).chain_update(inner).finalize().to_vec()
}
