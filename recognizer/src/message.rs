//! What the two tiers tell each other. In: JSON of a queue's message. Out: a request or a response, and back.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A picture's id: its key in both buckets. Only what [`Id::new`] could have made is one, so that a key of somebody
/// else's in the buckets is never taken for a picture.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Id(String);

#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not a picture's id: it is a UUID such as 1b4e28ba-2fa1-41d2-883f-0016d3cca427")]
pub struct NotAnId(String);

impl Id {
    #[allow(clippy::new_without_default, reason = "each one is another")]
    pub fn new() -> Id {
        Id(Uuid::new_v4().to_string())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Id {
    type Error = NotAnId;

    fn try_from(text: String) -> Result<Id, NotAnId> {
        match Uuid::try_parse(&text) {
            Ok(id) if id.hyphenated().to_string() == text => Ok(Id(text)),
            _ => Err(NotAnId(text)),
        }
    }
}

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A picture that waits in the input bucket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    pub id: Id,
    /// The file's name, for people.
    pub name: String,
    pub sent: Timestamp,
}

/// What became of a picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Response {
    pub id: Id,
    #[serde(flatten)]
    pub verdict: Verdict,
    /// From the upload until a worker took it.
    pub waited_ms: u64,
    /// From then until the answer.
    pub worked_ms: u64,
    pub worker: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Verdict {
    Label {
        label: String,
        confidence: f32,
    },
    /// Why there is no label, as a sentence.
    Error {
        error: String,
    },
}

impl Verdict {
    /// The output bucket's value.
    pub fn text(&self) -> &str {
        match self {
            Verdict::Label { label, .. } => label,
            Verdict::Error { error } => error,
        }
    }
}

impl Response {
    /// JSON for an HTTP header, which takes ASCII alone.
    pub fn ascii(&self) -> String {
        let json = serde_json::to_string(self).expect("strings and numbers become JSON");
        let mut ascii = String::with_capacity(json.len());
        for c in json.chars() {
            match c.is_ascii() {
                true => ascii.push(c),
                false => {
                    let mut units = [0; 2];
                    c.encode_utf16(&mut units).iter().for_each(|unit| ascii += &format!("\\u{unit:04x}"));
                }
            }
        }
        ascii
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_have_the_documented_form() {
        let id = Id::try_from("1b4e28ba-2fa1-41d2-883f-0016d3cca427".to_owned()).unwrap();
        let request = Request { id: id.clone(), name: "cat.jpg".into(), sent: Timestamp::UNIX_EPOCH };
        let json = r#"{"id":"1b4e28ba-2fa1-41d2-883f-0016d3cca427","name":"cat.jpg","sent":"1970-01-01T00:00:00Z"}"#;
        assert_eq!(serde_json::to_string(&request).unwrap(), json);
        assert_eq!(serde_json::from_str::<Request>(json).unwrap(), request);
        for (verdict, json) in [
            (Verdict::Label { label: "tabby".into(), confidence: 0.5 }, r#""label":"tabby","confidence":0.5"#),
            (Verdict::Error { error: "it is empty".into() }, r#""error":"it is empty""#),
        ] {
            let response = Response { id: id.clone(), verdict, waited_ms: 1, worked_ms: 2, worker: "i-1".into() };
            let json = format!(r#"{{"id":"{id}",{json},"waited_ms":1,"worked_ms":2,"worker":"i-1"}}"#);
            assert_eq!(serde_json::to_string(&response).unwrap(), json);
            assert_eq!(serde_json::from_str::<Response>(&json).unwrap(), response);
        }
    }

    #[test]
    fn only_what_we_name_is_an_id() {
        for text in ["", "cat.jpg", "../x", "1B4E28BA-2FA1-41D2-883F-0016D3CCA427", "1b4e28ba2fa141d2883f0016d3cca427"]
        {
            assert!(Id::try_from(text.to_owned()).is_err(), "{text}");
        }
        assert!(Id::try_from(Id::new().to_string()).is_ok());
    }

    #[test]
    fn a_header_is_ascii_and_says_the_same() {
        let verdict = Verdict::Label { label: "Käse 🧀".into(), confidence: 1.0 };
        let response = Response { id: Id::new(), verdict, waited_ms: 0, worked_ms: 0, worker: "w".into() };
        let ascii = response.ascii();
        assert!(ascii.is_ascii() && ascii.contains("K\\u00e4se \\ud83e\\uddc0"), "{ascii}");
        assert_eq!(serde_json::from_str::<Response>(&ascii).unwrap(), response);
    }
}
