//! Signing in and out. In: a one-time link's token, or a name and a password. Out: a session, or one sentence that does
//! not tell which of the two was wrong.

use std::time::Duration;

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::http::header::{HeaderValue, RETRY_AFTER};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::sleep;
use tower_sessions::Session;

use super::access::{self, Proof};
use super::answer::error;
use super::client::Client;
use super::context::Context;
use super::leases;
use super::openid::OpenId;
use super::people::{NotIn, Person};
use crate::event::{Event, Stamped};

/// How long a wrong link takes; the next one waits for it. Nobody guesses a token, and a used one is no attack.
const SLOWED: Duration = Duration::from_millis(500);

/// Whoever guesses learns no more.
const WRONG: &str = "the name or the password is wrong";

/// What is posted to sign in.
#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields, expecting = "send either a link's token, or a name and a password")]
pub enum SignIn {
    Link { link: String },
    Password { name: String, password: String },
}

/// `POST /api/v1/session`: signs in.
pub async fn sign_in(
    State(context): State<Context>,
    Extension(client): Extension<Client>,
    session: Session,
    posted: Result<Json<SignIn>, JsonRejection>,
) -> Response {
    let posted = match posted {
        Ok(Json(posted)) => posted,
        Err(rejection) => return error(rejection.status(), &rejection.body_text()),
    };
    let signed_in = match posted {
        SignIn::Link { link } => by_link(&context, &link, &client).await,
        SignIn::Password { name, password } => by_password(&context, &name, password, &client).await,
    };
    let address = client.address.to_string();
    let (person, proof) = match signed_in {
        Ok(signed_in) => signed_in,
        Err(Refusal { event, answer }) => {
            if let Some(reason) = event {
                context.journal.write(Stamped::now(Event::SignInFailed { reason, address }));
            }
            return answer;
        }
    };
    if let Err(reason) = access::give(&session, person.clone(), proof.clone()).await {
        return error(StatusCode::INTERNAL_SERVER_ERROR, &format!("the session cannot be kept: {reason}"));
    }
    // Whoever was removed while their password was checked has no session that ends with the file's change.
    if matches!(&proof, Proof::Password(user) if !context.accounts.has(&person.user, user)) {
        let _ = session.flush().await;
        return error(StatusCode::UNAUTHORIZED, WRONG);
    }
    let by = if matches!(proof, Proof::Link) { "link" } else { "password" };
    context.journal.write(Stamped::now(signed_in_event(&person, address, by)));
    Json(person).into_response()
}

/// What the audit file says of a sign-in.
pub fn signed_in_event(person: &Person, address: String, by: &str) -> Event {
    let Person { user, role } = person.clone();
    Event::SignedIn { user, role: role.to_string(), address, by: by.to_owned() }
}

struct Refusal {
    /// What the audit file says. None: nothing was tried.
    event: Option<String>,
    answer: Response,
}

/// Whether links sign in: on loopback alone, as a link's way elsewhere is not this machine's.
fn may_link(context: &Context, client: &Client) -> bool {
    context.has_links && client.is_local()
}

async fn by_link(context: &Context, link: &str, client: &Client) -> Result<(Person, Proof), Refusal> {
    if !may_link(context, client) {
        let sentence =
            "links sign in only on the machine that runs handwave: sign in by a password, or by the provider";
        return Err(Refusal { event: None, answer: error(StatusCode::FORBIDDEN, sentence) });
    }
    if let Some(person) = context.links.redeem(link) {
        return Ok((person, Proof::Link));
    }
    slow(context).await;
    let sentence = "this link was used already or is older than a minute: ask for another by `handwave web link`";
    let event = Some("the link is unknown, used or too old".to_owned());
    Err(Refusal { event, answer: error(StatusCode::UNAUTHORIZED, sentence) })
}

/// Takes time, one after the other.
pub async fn slow(context: &Context) {
    let _one_by_one = context.wrong.lock().await;
    sleep(SLOWED).await;
}

async fn by_password(
    context: &Context,
    name: &str,
    password: String,
    client: &Client,
) -> Result<(Person, Proof), Refusal> {
    let refused = |event, status, sentence: &str| Refusal { event, answer: error(status, sentence) };
    if !client.is_private() {
        let sentence = "others can read what is sent this way: open the page by https";
        return Err(refused(None, StatusCode::FORBIDDEN, sentence));
    }
    match context.accounts.sign_in(name, password, client.address).await {
        Ok((person, user)) => Ok((person, Proof::Password(Box::new(user)))),
        Err(NotIn::NoPasswords) => {
            let sentence =
                "nobody has a password here: set web.users in config.toml, or sign in by a link or the provider";
            Err(refused(None, StatusCode::UNAUTHORIZED, sentence))
        }
        Err(NotIn::Wrong(why)) => Err(refused(Some(why), StatusCode::UNAUTHORIZED, WRONG)),
        Err(NotIn::Wait(wait)) => {
            let seconds = wait.as_secs_f64().ceil();
            let sentence = format!("too many sign-ins were wrong: try again in {seconds} s");
            let mut refusal = refused(None, StatusCode::TOO_MANY_REQUESTS, &sentence);
            refusal.answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds as u64));
            Err(refusal)
        }
    }
}

/// `GET /api/v1/session`: who is signed in, `null` for nobody, and how one can sign in. Asking makes the session last
/// longer.
pub async fn who(
    State(context): State<Context>,
    Extension(client): Extension<Client>,
    session: Session,
) -> Json<Value> {
    Json(json!({
        "person": access::person(&session).await,
        "links": may_link(&context, &client),
        "passwords": context.accounts.are_there(),
        "provider": context.openid.as_ref().map(OpenId::name),
    }))
}

/// `DELETE /api/v1/session`: signs out, which ends the session's streams. Whoever came by a provider is told where to
/// sign out there too.
pub async fn sign_out(
    State(context): State<Context>,
    Extension(client): Extension<Client>,
    session: Session,
) -> Response {
    let next = match (&context.openid, access::proof(&session).await) {
        (Some(openid), Some(Proof::OpenId { token })) => openid.sign_out(&token, &client).await,
        _ => None,
    };
    if let Some(person) = access::person(&session).await {
        leases::end_of(&person, &client, &context);
        let user = person.user;
        context.journal.write(Stamped::now(Event::SignedOut { user }));
    }
    match session.flush().await {
        Ok(()) => match next {
            Some(next) => Json(json!({"next": next})).into_response(),
            None => StatusCode::NO_CONTENT.into_response(),
        },
        Err(reason) => error(
            StatusCode::INTERNAL_SERVER_ERROR,
            &format!("the session cannot be ended: {reason}; restart handwave"),
        ),
    }
}
