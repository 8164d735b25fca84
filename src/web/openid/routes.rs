//! The two addresses of a sign-in by a provider. In: a browser that begins, or that comes back. Out: a redirect to the
//! provider, or to the page with a session or with a word for what failed.
//!
//! What was begun is kept in a session of its own: its cookie comes along when the provider's site sends the browser
//! back, which the page's own cookie does not (SameSite).

use std::convert::Infallible;

use axum::extract::{Query, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Extension, Router};
use serde::Deserialize;
use tower::{Layer, ServiceExt};
use tower_sessions::cookie::{SameSite, time};
use tower_sessions::{Expiry, Session, SessionManagerLayer};

use super::open::LONGEST;
use super::provider::{Begun, ProviderError};
use crate::event::{Event, Stamped};
use crate::web::access::{self, Proof};
use crate::web::client::Client;
use crate::web::context::Context;
use crate::web::sign_in::{signed_in_event, slow};

/// Sign-ins that are begun at once: whoever begins many must not fill the memory.
const MOST: usize = 1000;
/// The only content of what was begun.
const BEGUN: &str = "begun";

/// Why a browser comes to the page without a session. The page has the sentences, so that no address can make it say
/// others.
#[derive(Clone, Copy, Debug)]
enum Word {
    /// The provider refused, or the person did.
    Denied,
    /// No group that may use this page.
    Group,
    /// It was not begun in this browser, or too long ago.
    Late,
    /// The token is not proved.
    Unproved,
    /// The provider does not answer as it should.
    Unreachable,
    /// Others can read what is sent this way.
    Open,
    Busy,
}

impl Word {
    fn redirect(self) -> Response {
        let word = match self {
            Word::Denied => "denied",
            Word::Group => "group",
            Word::Late => "late",
            Word::Unproved => "unproved",
            Word::Unreachable => "unreachable",
            Word::Open => "open",
            Word::Busy => "busy",
        };
        Redirect::to(&format!("/#openid={word}")).into_response()
    }
}

/// None, where the settings name no provider.
pub fn routes(context: &Context) -> Router<Context> {
    if context.openid.is_none() {
        return Router::new();
    }
    Router::new()
        .route("/sign-in/openid", get(begin))
        .route("/sign-in/openid/back", get(back))
        .route_layer(from_fn_with_state(context.clone(), begun))
}

/// The page's session, which the one of what was begun stands in front of.
#[derive(Clone)]
struct PageSession(Session);

/// Finds what this browser has begun, by its cookie.
async fn begun(
    State(context): State<Context>,
    Extension(client): Extension<Client>,
    page: Session,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(openid) = &context.openid else { return Word::Late.redirect() };
    request.extensions_mut().insert(PageSession(page));
    let layer = SessionManagerLayer::new(openid.begun.clone())
        .with_name(format!("{}-openid", access::cookie(context.port, client.is_https)))
        .with_secure(client.is_https)
        .with_http_only(true)
        .with_same_site(SameSite::Lax)
        .with_expiry(Expiry::OnInactivity(time::Duration::try_from(LONGEST).unwrap_or(time::Duration::MINUTE)));
    let answered: Result<Response, Infallible> = layer.layer(next).oneshot(request).await;
    match answered {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// `GET /sign-in/openid`: to the provider.
async fn begin(State(context): State<Context>, Extension(client): Extension<Client>, session: Session) -> Response {
    let (Some(openid), Some(origin)) = (&context.openid, client.origin()) else { return Word::Late.redirect() };
    if !client.is_private() {
        return Word::Open.redirect();
    }
    if openid.begun.count() >= MOST {
        return Word::Busy.redirect();
    }
    match openid.provider.begin(format!("{origin}/sign-in/openid/back")).await {
        Ok((url, begun)) => match session.insert(BEGUN, begun).await {
            Ok(()) => Redirect::to(&url).into_response(),
            Err(error) => failed(&context, &client, error.to_string(), Word::Unproved).await,
        },
        Err(error) => failed(&context, &client, error.to_string(), Word::Unreachable).await,
    }
}

/// What the provider sends a browser back with.
#[derive(Deserialize)]
struct Back {
    state: Option<String>,
    code: Option<String>,
    error: Option<String>,
    /// Who sent it, as newer providers say (RFC 9207).
    iss: Option<String>,
}

/// `GET /sign-in/openid/back`: from the provider, once.
async fn back(
    State(context): State<Context>,
    Extension(client): Extension<Client>,
    Extension(PageSession(page)): Extension<PageSession>,
    session: Session,
    Query(back): Query<Back>,
) -> Response {
    let Some(openid) = &context.openid else { return Word::Late.redirect() };
    let begun = session.remove::<Begun>(BEGUN).await.ok().flatten();
    let ended = session.flush().await;
    let is_its = |begun: &Begun| back.state.as_ref() == Some(begun.state.secret());
    let (Some(begun), Ok(())) = (begun.filter(is_its), ended) else {
        let reason = "it was not begun in this browser, or too long ago".to_owned();
        return failed(&context, &client, reason, Word::Late).await;
    };
    if back.iss.is_some_and(|iss| !openid.provider.is_issuer(&iss)) {
        return failed(&context, &client, "another provider sent it".to_owned(), Word::Unproved).await;
    }
    let Some(code) = back.code else {
        let error: String = back.error.unwrap_or_default().chars().filter(char::is_ascii_graphic).take(64).collect();
        return failed(&context, &client, format!("the provider refuses it: {error}"), Word::Denied).await;
    };
    let (person, token) = match openid.provider.end(begun, code).await {
        Ok(proved) => proved,
        Err(error) => {
            let word = match &error {
                ProviderError::Unreachable { .. } => Word::Unreachable,
                ProviderError::Code(_) | ProviderError::Token(_) => Word::Unproved,
                ProviderError::NotLetIn(_) => Word::Group,
            };
            return failed(&context, &client, error.to_string(), word).await;
        }
    };
    if let Err(error) = access::give(&page, person.clone(), Proof::OpenId { token }).await {
        return failed(&context, &client, format!("the session cannot be kept: {error}"), Word::Unproved).await;
    }
    let event = signed_in_event(&person, client.address.to_string(), &openid.name());
    context.journal.write(Stamped::now(event));
    // For a page that is open elsewhere, and waits.
    Redirect::to("/#openid=in").into_response()
}

/// To the page, where a word tells what failed; the reason is for the audit file. It takes its time.
async fn failed(context: &Context, client: &Client, reason: String, word: Word) -> Response {
    slow(context).await;
    let address = client.address.to_string();
    context.journal.write(Stamped::now(Event::SignInFailed { reason, address }));
    word.redirect()
}
