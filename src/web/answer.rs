//! Answers of the API. In: what to say. Out: JSON, also for errors: `{"error": "a sentence"}`.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// An error: its status, and one sentence with what to do.
pub fn error(status: StatusCode, sentence: &str) -> Response {
    (status, Json(json!({"error": sentence}))).into_response()
}
