//! Bodies of requests. In: a request whose body is still on its way. Out: the same with its body whole, or a refusal
//! where that is too large or takes too long.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::time::timeout;

use super::answer::error;

/// Bytes. A retire of a hundred instances has three thousand.
const LARGEST: usize = 16 * 1024;
/// How long a body may take, in all: one that comes byte by byte holds a connection.
const WITHIN: Duration = Duration::from_secs(10);

/// Waits for the whole body before anything looks at the request.
pub async fn whole(request: Request, next: Next) -> Response {
    let (head, body) = request.into_parts();
    match timeout(WITHIN, Limited::new(body, LARGEST).collect()).await {
        Ok(Ok(body)) => next.run(Request::from_parts(head, Body::from(body.to_bytes()))).await,
        Ok(Err(reason)) if reason.is::<LengthLimitError>() => {
            let sentence = format!("the request is too large: {LARGEST} bytes are the most");
            error(StatusCode::PAYLOAD_TOO_LARGE, &sentence)
        }
        Ok(Err(reason)) => error(StatusCode::BAD_REQUEST, &format!("the request's body cannot be read: {reason}")),
        Err(_) => {
            let sentence = format!("the request's body did not come within {} s: send it again", WITHIN.as_secs());
            error(StatusCode::REQUEST_TIMEOUT, &sentence)
        }
    }
}
