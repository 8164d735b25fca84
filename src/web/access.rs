//! Who is signed in, and what each role may do: the one place where that is decided. In: a request with its session. Out:
//! the person behind it, or a refusal.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;
use tokio::time::sleep;
use tower_sessions::cookie::SameSite;
use tower_sessions::cookie::time;
use tower_sessions::{Expiry, Session, SessionManagerLayer};

use super::answer::error;
use super::context::Context;
use super::people::{Person, Role};
use super::sessions::Sessions;
use crate::event::{Event, Stamped};

/// A session that is not used for so long ends.
const IDLE: time::Duration = time::Duration::minutes(30);
/// How long a wrong sign-in takes; the next one waits for it.
const SLOWED: Duration = Duration::from_millis(500);
/// The session's only content.
const PERSON: &str = "person";

/// The layer that finds a request's session by its cookie. Servers on other ports have cookies of their own.
pub fn layer(sessions: Sessions, port: u16) -> SessionManagerLayer<Sessions> {
    SessionManagerLayer::new(sessions)
        .with_name(format!("handwave-{port}"))
        // Loopback has no TLS.
        .with_secure(false)
        .with_http_only(true)
        .with_same_site(SameSite::Strict)
        .with_expiry(Expiry::OnInactivity(IDLE))
        // Any use makes it last longer.
        .with_always_save(true)
}

/// Lets those through who may see.
pub async fn viewers(session: Session, request: Request, next: Next) -> Response {
    require(Role::Viewer, session, request, next).await
}

/// Lets those through who may act.
pub async fn operators(session: Session, request: Request, next: Next) -> Response {
    require(Role::Operator, session, request, next).await
}

async fn require(role: Role, session: Session, mut request: Request, next: Next) -> Response {
    match person(&session).await {
        None => error(StatusCode::UNAUTHORIZED, "nobody is signed in: ask for a link by `handwave web link`"),
        Some(person) if person.role < role => {
            let sentence = format!("{} is a {}, and only an {role} may do that", person.user, person.role);
            error(StatusCode::FORBIDDEN, &sentence)
        }
        Some(person) => {
            request.extensions_mut().insert(person);
            next.run(request).await
        }
    }
}

/// None: nobody is signed in.
async fn person(session: &Session) -> Option<Person> {
    // The store is in memory, and its content is this module's.
    session.get(PERSON).await.ok().flatten()
}

/// What is posted to sign in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    link: String,
}

/// `POST /api/v1/session`: signs in by a one-time link.
pub async fn sign_in(
    State(context): State<Context>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    session: Session,
    posted: Result<Json<SignIn>, JsonRejection>,
) -> Response {
    let link = match posted {
        Ok(Json(SignIn { link })) => link,
        Err(rejection) => return error(rejection.status(), &rejection.body_text()),
    };
    let address = address.ip().to_string();
    let Some(person) = context.links.redeem(&link) else {
        let _one_by_one = context.wrong.lock().await;
        sleep(SLOWED).await;
        let reason = "the link is unknown, used or too old".to_owned();
        context.journal.write(Stamped::now(Event::SignInFailed { reason, address }));
        let sentence = "this link was used already or is older than a minute: ask for another by `handwave web link`";
        return error(StatusCode::UNAUTHORIZED, sentence);
    };
    // A new id, so that nobody can know it from before.
    let signed_in = async {
        session.cycle_id().await?;
        session.insert(PERSON, &person).await
    };
    if let Err(reason) = signed_in.await {
        return error(StatusCode::INTERNAL_SERVER_ERROR, &format!("the session cannot be kept: {reason}"));
    }
    let Person { user, role } = person.clone();
    context.journal.write(Stamped::now(Event::SignedIn { user, role: role.to_string(), address }));
    Json(person).into_response()
}

/// `GET /api/v1/session`: who is signed in; `null` for nobody. Asking makes the session last longer.
pub async fn who(session: Session) -> Response {
    Json(json!(person(&session).await)).into_response()
}

/// `DELETE /api/v1/session`: signs out, which ends the session's streams.
pub async fn sign_out(State(context): State<Context>, session: Session) -> Response {
    if let Some(Person { user, .. }) = person(&session).await {
        context.journal.write(Stamped::now(Event::SignedOut { user }));
    }
    match session.flush().await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(reason) => error(
            StatusCode::INTERNAL_SERVER_ERROR,
            &format!("the session cannot be ended: {reason}; restart handwave"),
        ),
    }
}
