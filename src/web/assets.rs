//! The page's files, compiled in. In: a path. Out: the file, with its type and its ETag.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use super::answer::error;

struct Asset {
    name: &'static str,
    kind: &'static str,
    text: &'static str,
}

const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

macro_rules! asset {
    ($name:literal, $kind:expr) => {
        Asset { name: $name, kind: $kind, text: include_str!(concat!("page/", $name)) }
    };
}

const ASSETS: &[Asset] = &[
    asset!("index.html", "text/html; charset=utf-8"),
    asset!("page.css", STYLE),
    asset!("icon.svg", "image/svg+xml"),
    asset!("main.js", SCRIPT),
    asset!("connection.js", SCRIPT),
    asset!("worker.js", SCRIPT),
    asset!("stream.js", SCRIPT),
    asset!("dom.js", SCRIPT),
    asset!("hand.js", SCRIPT),
    asset!("fleet.js", SCRIPT),
    asset!("details.js", SCRIPT),
    asset!("dialogs.js", SCRIPT),
    asset!("chart.js", SCRIPT),
    asset!("measured.js", SCRIPT),
    asset!("steps.js", SCRIPT),
    asset!("events.js", SCRIPT),
    asset!("leases.js", SCRIPT),
    asset!("policy.js", SCRIPT),
    asset!("sign-in.js", SCRIPT),
    asset!("view-state.js", SCRIPT),
];

/// Changes with any of the files: an open page tells by it that a newer one is served.
pub fn version() -> &'static str {
    static VERSION: LazyLock<String> = LazyLock::new(|| {
        let mut hash = DefaultHasher::new();
        ASSETS.iter().for_each(|asset| asset.text.hash(&mut hash));
        format!("{:016x}", hash.finish())
    });
    &VERSION
}

/// `GET /`.
pub async fn page(headers: HeaderMap) -> Response {
    serve("index.html", &headers)
}

/// `GET /assets/NAME`.
pub async fn file(Path(name): Path<String>, headers: HeaderMap) -> Response {
    serve(&name, &headers)
}

/// All files have one version, so that a page never mixes two.
fn serve(name: &str, headers: &HeaderMap) -> Response {
    let Some(asset) = ASSETS.iter().find(|asset| asset.name == name) else {
        return error(StatusCode::NOT_FOUND, "there is no such file: the page is at /");
    };
    let tag = format!("\"{}\"", version());
    let has_it = headers.get(IF_NONE_MATCH).is_some_and(|had| had.as_bytes() == tag.as_bytes());
    let about = [(ETAG, tag.as_str()), (CACHE_CONTROL, "no-cache"), (CONTENT_TYPE, asset.kind)];
    if has_it {
        return (StatusCode::NOT_MODIFIED, about).into_response();
    }
    (about, asset.text.replace("{{version}}", version())).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_small_and_asks_no_other_host() {
        let size: usize = ASSETS.iter().map(|asset| asset.text.len()).sum();
        assert!(size < 100 * 1024, "{size} bytes");
        for asset in ASSETS {
            let addresses = asset.text.split("http").skip(1).filter(|rest| rest.contains("://"));
            let others = addresses.filter(|rest| rest.starts_with("://") || rest.starts_with("s://"));
            let others: Vec<_> = others.filter(|rest| !rest.starts_with("://www.w3.org/")).collect();
            assert!(others.is_empty(), "{}: {others:?}", asset.name);
        }
    }
}
