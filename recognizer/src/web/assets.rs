//! The page's files, compiled in. In: a path. Out: the file, with headers that let it load nothing from elsewhere.

use axum::http::HeaderName;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::response::{IntoResponse, Response};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; \
                      connect-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

macro_rules! asset {
    ($kind:literal, $file:literal) => {
        (concat!("/", $file), $kind, include_str!(concat!("page/", $file)))
    };
}

/// Path, media type, text.
pub const ALL: [(&str, &str, &str); 8] = [
    ("/", "text/html; charset=utf-8", include_str!("page/index.html")),
    asset!("text/css; charset=utf-8", "page.css"),
    asset!("text/javascript; charset=utf-8", "main.js"),
    asset!("text/javascript; charset=utf-8", "answers.js"),
    asset!("text/javascript; charset=utf-8", "worker.js"),
    asset!("text/javascript; charset=utf-8", "thumbnail.js"),
    asset!("text/javascript; charset=utf-8", "card.js"),
    asset!("image/svg+xml", "icon.svg"),
];

pub fn serve(kind: &'static str, text: &'static str) -> Response {
    let headers = [
        (CONTENT_TYPE, kind),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        // Asked for anew after an update of the program.
        (CACHE_CONTROL, "no-cache"),
    ];
    (headers, text).into_response()
}
