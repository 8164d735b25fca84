//! Who is signed in, and what each role may do: the one place where that is decided. In: a request with its session.
//! Out: the person behind it, or a refusal.

use std::convert::Infallible;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use tower::{Layer, ServiceExt};
use tower_sessions::cookie::SameSite;
use tower_sessions::cookie::time;
use tower_sessions::session::Record;
use tower_sessions::{Expiry, Session, SessionManagerLayer, session};

use super::answer::error;
use super::client::Client;
use super::context::Context;
use super::people::{Person, Role};
use super::remote::{Accounts, User};
use super::sessions::Sessions;

/// A session that is not used for so long ends. A page asks for all kinds of things while nobody is there: only what
/// changes something is a use, and [`USED`], which a page asks for where somebody is.
const IDLE: time::Duration = time::Duration::minutes(30);
const USED: &str = "/api/v1/session";
/// The session's only content.
const HOLDER: &str = "holder";

/// Whose a session is.
#[derive(Serialize, Deserialize)]
struct Holder {
    person: Person,
    proof: Proof,
}

/// What somebody signed in by, as far as their session depends on it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Proof {
    Link,
    /// Who they were in the users' file.
    Password(Box<User>),
    /// The provider's token, which signs out there.
    OpenId {
        token: String,
    },
}

/// The name of a session's cookie. Servers on other ports have cookies of their own; one that came over TLS never goes
/// without, and no other host may set it (`__Host-`).
pub fn cookie(port: u16, is_https: bool) -> String {
    let prefix = if is_https { "__Host-" } else { "" };
    format!("{prefix}handwave-{port}")
}

/// Finds a request's session by its cookie.
pub async fn sessions(
    State(context): State<Context>,
    Extension(client): Extension<Client>,
    request: Request,
    next: Next,
) -> Response {
    let Context { sessions, port, .. } = context;
    let is_used = !request.method().is_safe() || request.uri().path() == USED;
    let layer = SessionManagerLayer::new(sessions)
        .with_name(cookie(port, client.is_https))
        .with_secure(client.is_https)
        .with_http_only(true)
        .with_same_site(SameSite::Strict)
        .with_expiry(Expiry::OnInactivity(IDLE))
        .with_always_save(is_used);
    let answered: Result<Response, Infallible> = layer.layer(next).oneshot(request).await;
    match answered {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// Whom a route is for.
#[derive(Clone, Copy)]
pub enum For {
    /// Who may see. With web.public_read that is everybody.
    Viewers { everybody: bool },
    /// Who is signed in.
    People,
    /// Who may act.
    Operators,
}

/// Lets those through whom a route is for.
pub async fn require(State(whom): State<For>, session: Session, mut request: Request, next: Next) -> Response {
    let role = if matches!(whom, For::Operators) { Role::Operator } else { Role::Viewer };
    let is_public = matches!(whom, For::Viewers { everybody: true });
    match person(&session).await {
        None if is_public => next.run(request).await,
        None => error(StatusCode::UNAUTHORIZED, "nobody is signed in: open the page and sign in there"),
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
pub async fn person(session: &Session) -> Option<Person> {
    holder_of(session).await.map(|holder| holder.person)
}

/// What they signed in by. None: nobody is signed in.
pub async fn proof(session: &Session) -> Option<Proof> {
    holder_of(session).await.map(|holder| holder.proof)
}

async fn holder_of(session: &Session) -> Option<Holder> {
    // The store is in memory, and its content is this module's.
    session.get::<Holder>(HOLDER).await.ok().flatten()
}

/// Gives the session to somebody, at once, so that it can be ended. It has a new id then, which nobody can know from
/// before.
pub async fn give(session: &Session, person: Person, proof: Proof) -> Result<(), session::Error> {
    session.cycle_id().await?;
    session.insert(HOLDER, Holder { person, proof }).await?;
    session.save().await
}

/// Ends the sessions of users who are no longer what they were when they signed in. Answers who that was.
pub fn end_outdated(sessions: &Sessions, accounts: &Accounts) -> Vec<Person> {
    let mut ended = Vec::new();
    sessions.end_where(|record| match holder(record) {
        Some(Holder { person, proof: Proof::Password(user) }) if !accounts.has(&person.user, &user) => {
            ended.push(person);
            true
        }
        _ => false,
    });
    ended
}

fn holder(record: &Record) -> Option<Holder> {
    record.data.get(HOLDER).and_then(|value| serde_json::from_value(value.clone()).ok())
}
