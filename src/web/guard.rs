//! What keeps others out, whoever is signed in. In: requests. Out: those that name this server, or a refusal; and headers
//! that hold the browser to this page alone.
//!
//! A page on another site whose name was made to lead here (DNS rebinding) names itself as the host, so only loopback's own
//! names are taken. Any port is, as `ssh -L` may lead another one here. Requests from other sites that change something are
//! refused by tower-http's CSRF layer.

use axum::extract::Request;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, HeaderName, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::Response;

use super::answer::error;

/// Nothing but this page's own files and requests. Text never becomes markup: the page may not even try (Trusted Types); its
/// one policy names the worker's file.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'; trusted-types handwave";

/// Refuses a request that names another host, and adds the headers to every answer.
pub async fn guard(request: Request, next: Next) -> Response {
    let mut response = if is_here(request.headers()) {
        next.run(request).await
    } else {
        error(StatusCode::MISDIRECTED_REQUEST, "this is handwave on loopback: open it as 127.0.0.1 or localhost")
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        // For browsers that do not know frame-ancestors.
        (X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), microphone=(), geolocation=()"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // The page's own files say otherwise.
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Whether the request names this server, once.
fn is_here(headers: &HeaderMap) -> bool {
    let mut named = headers.get_all(HOST).iter();
    let (Some(host), None) = (named.next(), named.next()) else { return false };
    let authority: Option<Authority> = host.to_str().ok().and_then(|host| host.parse().ok());
    authority.is_some_and(|authority| {
        !authority.as_str().contains('@') && ["127.0.0.1", "localhost", "[::1]"].contains(&authority.host())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopbacks_own_names_lead_here() {
        let is_here = |host: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, HeaderValue::from_str(host).unwrap());
            is_here(&headers)
        };
        for host in ["127.0.0.1:8470", "localhost:9999", "[::1]:8470", "localhost"] {
            assert!(is_here(host), "{host}");
        }
        for host in [
            "evil.example:8470",
            "127.0.0.1.evil.example:8470",
            "localhost.evil.example",
            "127.0.0.1@evil.example",
            "",
            "evil.example@127.0.0.1",
            "0.0.0.0:8470",
            "192.168.1.2:8470",
            "LOCALHOST.:1",
        ] {
            assert!(!is_here(host), "{host}");
        }
        assert!(!super::is_here(&HeaderMap::new()));
    }
}
