//! Leases on the page. In: who asks. Out: their own lease, everybody's for operators, the log of an instance's start,
//! and commands that start, extend and end a lease. Whoever is signed in may have one of their own; operators may see
//! to all.

use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::{Extension, Json};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::answer::{error, raw};
use super::client::Client;
use super::context::Context;
use super::orders::Wish;
use super::people::Person;
use super::shown::{self, Sight};
use super::{api, story};
use crate::command::{Action, Command, InstanceId, Source};
use crate::daemon::journal::KEPT;
use crate::fleet::ports::{ErrorKind, POOL_TAG};
use crate::fleet::{Lease, Lifecycle, Member, Then, lease, leases as held};

/// So much of a start's log is sent: its end.
const LOG: usize = 16 * 1024;

/// What somebody wishes of leases. `fleet` is the name of the fleet that they mean; times are seconds, lease.lasts
/// where there are none.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "action", rename_all = "kebab-case", deny_unknown_fields)]
pub enum LeaseWish {
    /// One more instance, for whoever asks, or for `who`.
    Lease { id: Uuid, fleet: String, who: Option<String>, seconds: Option<u32> },
    /// It ends so many seconds from now.
    Extend { id: Uuid, fleet: String, instance: InstanceId, seconds: Option<u32> },
    /// It ends now.
    Release { id: Uuid, fleet: String, instance: InstanceId },
}

/// `GET /api/v1/leases`: one's own, and everybody's for operators.
pub async fn leases(State(context): State<Context>, Extension(person): Extension<Person>) -> Response {
    let state = context.fleet.state().borrow().clone();
    let entries = context.journal.latest(KEPT);
    let now = Timestamp::now();
    let row = |member: &Member, lease: Lease| {
        let of = &member.instance;
        let is_running = member.counts();
        let is_kept = member.lifecycle() == Lifecycle::Warm;
        // Only the pool's are ever stopped.
        let stops = context.lease.then == Then::Stop && of.tags.contains_key(POOL_TAG);
        let link = context.lease.url.as_deref().and_then(|url| lease::link(url, of)).filter(|_| is_running);
        json!({
            "instance": of.id,
            "who": lease.who,
            "since": lease.since,
            "until": lease.until,
            "left": lease.left(now).as_secs(),
            "ends_soon": is_running && lease.left(now) <= held::WARNING,
            "lifecycle": member.lifecycle().to_string(),
            "runs": is_running,
            // Stopped, and kept for them, until then.
            "kept": is_kept,
            "kept_until": is_kept.then(|| held::kept_until(&lease, &context.lease)),
            // What becomes of it at its end.
            "then": if stops { "stop" } else { "retire" },
            "launched": of.born(),
            "public_address": of.public_address,
            "private_address": of.private_address,
            "subnet": of.subnet,
            "link": link,
            "extended": story::extended(&entries, &of.id),
        })
    };
    let members = state.observed.iter().flat_map(|observed| &observed.instances);
    let leased = members
        .filter(|member| !member.is_ending() && !member.instance.is_retiring())
        .filter_map(|member| Some((member, member.lease()?)));
    let seen = leased.filter(|(_, lease)| person.may_see(&lease.who));
    let rows: Vec<Value> = seen.map(|(member, lease)| row(member, lease)).collect();
    raw(json!({
        "at_most": context.lease.at_most,
        "lasts": context.lease.lasts.as_secs(),
        "longest": context.lease.longest.as_secs(),
        "leases": rows,
    })
    .to_string())
}

/// `POST /api/v1/leases`: answers as `POST /api/v1/commands` does.
pub async fn command(
    State(context): State<Context>,
    Extension(client): Extension<Client>,
    Extension(person): Extension<Person>,
    wish: Result<Json<LeaseWish>, JsonRejection>,
) -> Response {
    let wish = match wish {
        Ok(Json(wish)) => wish,
        Err(rejection) => return error(rejection.status(), &rejection.body_text()),
    };
    let whose = match &wish {
        LeaseWish::Lease { who, .. } => Some(who.clone().unwrap_or_else(|| person.user.clone())),
        LeaseWish::Extend { instance, .. } | LeaseWish::Release { instance, .. } => holder(&context, instance),
    };
    // What is leased to nobody is refused by the fleet, which says so.
    if whose.as_ref().is_some_and(|who| !person.may_see(who)) || whose.is_none() && !person.sees_all() {
        return error(StatusCode::FORBIDDEN, "this is no lease of yours, and only an operator may see to others'");
    }
    let long = u32::try_from(context.lease.lasts.as_secs()).unwrap_or(u32::MAX);
    let wish = match wish {
        LeaseWish::Lease { id, fleet, seconds, .. } => {
            let (who, seconds) = (whose.unwrap_or_default(), seconds.unwrap_or(long));
            Wish::Lease { id, fleet, who, seconds }
        }
        LeaseWish::Extend { id, fleet, instance, seconds } => {
            Wish::Extend { id, fleet, instance, seconds: seconds.unwrap_or(long) }
        }
        LeaseWish::Release { id, fleet, instance } => Wish::Release { id, fleet, instance },
    };
    let source = Source::Web { user: person.user, address: client.address.to_string() };
    api::give(&context, wish, source).await
}

/// `GET /api/v1/leases/INSTANCE/log`: what its start has told so far: its console's output, and the fleet's events
/// about it.
pub async fn log(
    State(context): State<Context>,
    Extension(person): Extension<Person>,
    Path(id): Path<InstanceId>,
) -> Response {
    if !holder(&context, &id).is_some_and(|who| person.may_see(&who)) {
        return error(StatusCode::NOT_FOUND, "there is no such lease, or it is not yours");
    }
    let console = match context.fleet.console(&id).await {
        Ok(console) => console,
        Err(failed) if failed.kind == ErrorKind::Refused => {
            let sentence = format!("{failed}; add the permission ec2:GetConsoleOutput (docs/iam-policy.json has it)");
            return error(StatusCode::SERVICE_UNAVAILABLE, &sentence);
        }
        Err(failed) => return error(StatusCode::SERVICE_UNAVAILABLE, &failed.to_string()),
    };
    let entries = context.journal.latest(KEPT);
    let mut sight = Sight::of(Some(person));
    let about = entries.iter().filter(|entry| sight.may_see(entry));
    let about = about.filter(|entry| entry.stamped.event.instances().contains(&id)).map(shown::event);
    let console = console.as_deref().map(|text| end(text, LOG));
    raw(json!({"console": console, "events": about.collect::<Vec<Value>>()}).to_string())
}

/// Ends the person's lease, where signing out does. Nobody waits for it: the fleet goes on with it.
pub fn end_of(person: &Person, client: &Client, context: &Context) {
    if !context.lease.end_on_sign_out {
        return;
    }
    let state = context.fleet.state().borrow().clone();
    let Some(observed) = &state.observed else { return };
    for (member, _) in held::running(observed).filter(|(_, lease)| lease.who == person.user) {
        let source = Source::Web { user: person.user.clone(), address: client.address.to_string() };
        drop(context.fleet.send(Command::new(source, Action::Release(member.id().clone()))));
    }
}

/// To whom an instance is leased.
fn holder(context: &Context, id: &InstanceId) -> Option<String> {
    let state = context.fleet.state().borrow().clone();
    Some(state.observed?.get(id)?.lease()?.who)
}

/// The last `most` bytes of a text, from a character's beginning.
fn end(text: &str, most: usize) -> &str {
    let from = text.len().saturating_sub(most);
    let from = (from..=text.len()).find(|&at| text.is_char_boundary(at)).unwrap_or(text.len());
    &text[from..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_log_is_its_end() {
        assert_eq!((end("abc", 9), end("abc", 2), end("aé", 1), end("", 3)), ("abc", "bc", "", ""));
    }
}
