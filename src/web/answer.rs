//! Answers of the API. In: what to say. Out: JSON, also for errors: `{"error": "a sentence"}`.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// JSON that is text already.
pub fn raw(text: String) -> Response {
    ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], text).into_response()
}

/// An error: its status, and one sentence with what to do.
pub fn error(status: StatusCode, sentence: &str) -> Response {
    (status, Json(json!({"error": sentence}))).into_response()
}
