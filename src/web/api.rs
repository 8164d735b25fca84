//! Single requests. In: who asks, and what for. Out: JSON.

use std::sync::Arc;

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{error, raw};
use super::client::Client;
use super::context::Context;
use super::orders::{Refusal, Told, Wish};
use super::people::Person;
use super::shown::{self, Sight};
use super::{access, prometheus, stream};
use crate::command::Source;
use crate::daemon::journal::KEPT;
use crate::event::{Event, Stamped};

/// `GET /healthz`: the run goes on, and answers.
pub async fn health() -> &'static str {
    "ok\n"
}

/// `GET /api/v1/openapi.json`: what can be asked here, for machines.
pub async fn openapi(State(context): State<Context>) -> Response {
    raw(include_str!("openapi.json").replace("handwave-8470", &access::cookie(context.port, false)))
}

/// `GET /metrics`: counts for Prometheus. No names, no ids.
pub async fn metrics(State(context): State<Context>) -> Response {
    let streams = stream::MOST - context.streams.available_permits();
    let (cloud, readings) = (context.fleet.tally().counts(), context.states.borrow().readings);
    let text = context.meters.text(&context.fleet.state().borrow(), cloud, readings, streams);
    ([(CONTENT_TYPE, HeaderValue::from_static(prometheus::CONTENT_TYPE))], text).into_response()
}

/// `GET /api/v1/fleet`: the fleet as it is now.
pub async fn fleet(State(context): State<Context>) -> Response {
    raw(context.feed.borrow().fleet.to_string())
}

/// `GET /api/v1/charts/instances`: points as `[second, count, in service]`, oldest first; null is a gap.
pub async fn history(State(context): State<Context>) -> Response {
    raw(context.feed.borrow().history.to_string())
}

/// `GET /api/v1/charts/cpu`: points as `[second, percent]` by instance, oldest first.
pub async fn cpu(State(context): State<Context>) -> Response {
    asked(async move { context.charts.cpu(&context.fleet.state()).await }).await
}

/// `GET /api/v1/charts/requests`: points as `[second, requests]`.
pub async fn requests(State(context): State<Context>) -> Response {
    asked(async move { context.charts.requests().await }).await
}

/// A chart's question has a price: it goes on, and its answer is kept, when whoever asked has left.
async fn asked(question: impl Future<Output = Arc<str>> + Send + 'static) -> Response {
    match tokio::spawn(question).await {
        Ok(answer) => raw(answer.to_string()),
        Err(_) => error(StatusCode::INTERNAL_SERVER_ERROR, "this chart cannot be made: handwave's log says why"),
    }
}

/// `GET /api/v1/events`: those that are kept, oldest first.
pub async fn events(State(context): State<Context>, person: Option<Extension<Person>>) -> Response {
    let entries = context.journal.latest(KEPT);
    let mut sight = Sight::of(person.map(|Extension(person)| person));
    let seen = entries.iter().filter(|entry| sight.may_see(entry));
    Json(seen.map(shown::event).collect::<Vec<Value>>()).into_response()
}

/// `POST /api/v1/commands`: 200 once it is written to the cloud, 409 where the fleet is not as it was shown, 503 while
/// it cannot be changed, 202 where the cloud did not say what became of it.
pub async fn command(
    State(context): State<Context>,
    Extension(client): Extension<Client>,
    Extension(person): Extension<Person>,
    wish: Result<Json<Wish>, JsonRejection>,
) -> Response {
    let wish = match wish {
        Ok(Json(wish)) => wish,
        Err(rejection) => return error(rejection.status(), &rejection.body_text()),
    };
    let source = Source::Web { user: person.user, address: client.address.to_string() };
    give(&context, wish, source).await
}

/// Gives the wish to the fleet, and tells what became of it.
pub async fn give(context: &Context, wish: Wish, source: Source) -> Response {
    let entries = context.journal.latest(KEPT);
    match context.orders.give(wish, source, &context.fleet_name, &context.fleet, &entries).await {
        Ok(told) => {
            let status = match told {
                Told::Done { .. } => StatusCode::OK,
                Told::Refused { .. } => StatusCode::CONFLICT,
                Told::Unknown { .. } => StatusCode::ACCEPTED,
            };
            (status, Json(told)).into_response()
        }
        Err(Refusal::Nonsense(sentence)) => error(StatusCode::UNPROCESSABLE_ENTITY, &sentence),
        Err(Refusal::Changed(sentence)) => error(StatusCode::CONFLICT, &sentence),
        Err(Refusal::NotNow(sentence)) => error(StatusCode::SERVICE_UNAVAILABLE, &sentence),
    }
}

/// `GET /api/v1/policy`: the last decision of the policies, and what a person holds; null where none is followed.
pub async fn policy(State(context): State<Context>) -> Response {
    raw(context.feed.borrow().policy.to_string())
}

/// What the page's switch is turned to.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Switch {
    paused: bool,
}

/// `POST /api/v1/policy`: 200 once the policies are paused, or go on; 409 where none is followed.
pub async fn switch(
    State(context): State<Context>,
    Extension(person): Extension<Person>,
    switch: Result<Json<Switch>, JsonRejection>,
) -> Response {
    let Switch { paused } = match switch {
        Ok(Json(switch)) => switch,
        Err(rejection) => return error(rejection.status(), &rejection.body_text()),
    };
    let Some(policies) = &context.policies else {
        return error(StatusCode::CONFLICT, "no policy is followed: policy.follow in config.toml names some");
    };
    if policies.pause_by_page(paused) {
        let by = person.user;
        context.journal.write(Stamped::now(match paused {
            true => Event::PoliciesPaused { by },
            false => Event::PoliciesResumed { by },
        }));
    }
    Json(json!({"paused": paused})).into_response()
}
