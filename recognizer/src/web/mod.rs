//! The web tier: takes pictures, tells answers. In: HTTP requests, the response queue, the output bucket. Out: the
//! page, pictures into the input bucket, requests into the queue, answers to who waits for them.
//!
//! The output bucket is the truth: an answer whose message another web process took, or that was lost, is found there.

mod assets;
mod desk;
mod http;
mod upload;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tracing::{debug, info, warn};

use crate::message::{Id, Request, Response, Verdict};
use crate::queues::{Queue, QueueError, Rules, TRIES, of_arn};
use crate::say;
use crate::stop::Stop;
use crate::store::Stored;
use crate::work::Places;
use desk::{Desk, Told};

/// The header that tells the picture's id.
pub const ID_HEADER: &str = "recognizer-id";

/// Pictures that are received or stored at once; each is held in memory. The next ones wait for their turn.
const UPLOADS: usize = 16;
/// How many answers are looked for in the output bucket in one round.
const LOOKS: usize = 16;
const ROUND: Duration = Duration::from_millis(250);
const AFTER_FAILURE: Duration = Duration::from_secs(2);
/// The longest that one question for answers waits.
const POLL: Duration = Duration::from_secs(20);
/// How often dead letters are looked for, and for how long a look hides them from people.
const DEAD_EVERY: Duration = Duration::from_secs(60);
const DEAD_HIDDEN: Duration = Duration::from_secs(5);
/// SQS's bound for one question.
const MOST: i32 = 10;
/// How long requests that are under way may take once the process shall end.
const GRACE: Duration = Duration::from_secs(3);

/// What all handlers share.
#[derive(Clone)]
struct Context(Arc<Shared>);

struct Shared {
    places: Places,
    desk: Mutex<Desk>,
    uploads: Semaphore,
    stop: Stop,
}

impl Context {
    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.0.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub async fn run(listen: SocketAddr, places: Places, sqs: &aws_sdk_sqs::Client, stop: Stop) -> anyhow::Result<()> {
    let dead = match places.requests.rules().await? {
        Rules { dead_letters: Some((_, arn)), .. } => Some(of_arn(sqs, &arn).await?),
        Rules { dead_letters: None, .. } => None,
    };
    let listener = TcpListener::bind(listen).await;
    let listener = listener.with_context(|| format!("cannot listen on {listen}: choose another --listen"))?;
    let address = listener.local_addr()?;
    let uploads = Semaphore::new(UPLOADS);
    let context = Context(Arc::new(Shared { places, desk: Mutex::default(), uploads, stop: stop.clone() }));
    let mut tasks = JoinSet::new();
    tasks.spawn(take_answers(context.clone()));
    tasks.spawn(look_for_overdue(context.clone()));
    if let Some(dead) = dead {
        tasks.spawn(answer_for_dead(context.clone(), dead));
    }
    say::line(format_args!("listening on http://{address}"))?;
    info!("answers come from {} and {}", context.0.places.responses.name, context.0.places.output.name());
    let ended = stop.clone();
    let serving =
        axum::serve(listener, http::router(context)).with_graceful_shutdown(async move { ended.wait().await });
    tokio::select! {
        served = serving => served?,
        () = async { stop.wait().await; sleep(GRACE).await } => {}
    }
    Ok(())
}

/// Tells what comes by the response queue. Told first, then deleted.
async fn take_answers(context: Context) {
    let queue = &context.0.places.responses;
    loop {
        let messages = match queue.receive(MOST, POLL).await {
            Ok(messages) => messages,
            Err(error) => {
                warn!("{error}; trying again");
                sleep(AFTER_FAILURE).await;
                continue;
            }
        };
        for message in messages {
            match serde_json::from_str::<Response>(&message.body) {
                Ok(response) => {
                    let told = context.desk().tell(&response);
                    if told == Told::Twice {
                        debug!("{} is known already; dropped", response.id);
                    }
                }
                Err(error) => warn!("dropping a message that is no response: {error}"),
            }
            if let Err(error) = queue.delete(&message).await {
                warn!("{error}; it comes again and is dropped then");
            }
        }
    }
}

/// Looks in the output bucket for what has not come by the queue.
async fn look_for_overdue(context: Context) {
    loop {
        sleep(ROUND).await;
        let due = context.desk().overdue(Instant::now(), LOOKS);
        let mut looks = JoinSet::new();
        for id in due {
            let context = context.clone();
            looks.spawn(async move {
                match context.0.places.output.get_answer(id.as_str()).await {
                    Ok(Some(stored)) => drop(context.desk().tell(&response(id, stored))),
                    Ok(None) => {}
                    Err(error) => warn!("{error}; looking again later"),
                }
            });
        }
        looks.join_all().await;
    }
}

/// What is stored as a response. Who stored it may have been another program that knows only the label.
fn response(id: Id, stored: Stored) -> Response {
    let told = stored.answer.and_then(|answer| serde_json::from_str(&answer).ok());
    told.filter(|response: &Response| response.id == id).unwrap_or_else(|| Response {
        id,
        verdict: Verdict::Label { label: stored.text, confidence: 0.0 },
        waited_ms: 0,
        worked_ms: 0,
        worker: "unknown".to_owned(),
    })
}

/// Answers for messages in the dead-letter queue that no worker could answer, as each one that had them was killed.
/// They stay there, for a person to look at, who sees them but for a few seconds of each minute.
async fn answer_for_dead(context: Context, dead: Queue) {
    let mut known = HashSet::new();
    loop {
        let mut found = HashSet::new();
        if let Err(error) = look_at_dead(&context, &dead, &known, &mut found).await {
            warn!("{error}; trying again in a minute");
        }
        // What is there no longer is forgotten.
        known = found;
        sleep(DEAD_EVERY).await;
    }
}

/// One look at all dead letters. `found` are those that have an answer now.
async fn look_at_dead(
    context: &Context,
    dead: &Queue,
    known: &HashSet<Id>,
    found: &mut HashSet<Id>,
) -> Result<(), QueueError> {
    let start = Instant::now();
    // No longer than they are hidden: those that were looked at would come again.
    while start.elapsed() < DEAD_HIDDEN {
        let messages = dead.look(MOST, Duration::from_secs(1), DEAD_HIDDEN).await?;
        if messages.is_empty() {
            break;
        }
        for message in messages {
            let Ok(request) = serde_json::from_str::<Request>(&message.body) else { continue };
            if known.contains(&request.id) || found.contains(&request.id) {
                found.insert(request.id);
                continue;
            }
            let response = Response {
                id: request.id.clone(),
                verdict: Verdict::Error {
                    error: format!("No worker finished this picture in {TRIES} tries: send it again."),
                },
                waited_ms: 0,
                worked_ms: 0,
                worker: "none".to_owned(),
            };
            let key = request.id.as_str();
            match context.0.places.output.put_answer(key, response.verdict.text(), &response.ascii()).await {
                Ok(is_new) => {
                    if is_new {
                        info!("{key} was given up after {TRIES} tries");
                    }
                    // What is stored is told from there.
                    context.desk().hurry(&request.id, Instant::now());
                    found.insert(request.id);
                }
                Err(error) => warn!("{error}; trying again later"),
            }
        }
    }
    Ok(())
}
