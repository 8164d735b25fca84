//! Answers of the API. In: what to say. Out: JSON, also for errors: `{"error": "a sentence"}`.

use axum::Json;
use axum::body::to_bytes;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// More than any of axum's own sentences has.
const LONGEST: usize = 4096;

/// JSON that is text already.
pub fn raw(text: String) -> Response {
    ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], text).into_response()
}

/// An error: its status, and one sentence with what to do.
pub fn error(status: StatusCode, sentence: &str) -> Response {
    (status, Json(json!({"error": sentence}))).into_response()
}

/// Errors that axum words itself, as text, in the words of this API.
pub async fn in_words(response: Response) -> Response {
    let is_error = response.status().is_client_error() || response.status().is_server_error();
    let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if !is_error || !kind.is_some_and(|kind| kind.starts_with("text/plain")) {
        return response;
    }
    let (mut head, body) = response.into_parts();
    let said = to_bytes(body, LONGEST).await.unwrap_or_default();
    let mut answer = error(head.status, &String::from_utf8_lossy(&said));
    // Such as the session's cookie.
    for of_the_text in [CONTENT_TYPE, CONTENT_LENGTH] {
        head.headers.remove(of_the_text);
    }
    answer.headers_mut().extend(head.headers);
    answer
}
