//! The application tier: takes requests from the queue, classifies their pictures, answers. In: the queues and buckets.
//! Out: how many pictures it answered, once it shall end.
//!
//! Whatever kills it, each request is answered once: the answer is stored unless there is one, told, and only then the
//! message is deleted. What was stored first is what is told; the web tier drops what it is told twice.

use std::convert::Infallible;
use std::future::Future;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{Instant, interval_at, sleep, sleep_until};
use tracing::{info, warn};

use crate::classify::{self, Classifier, ClassifyError};
use crate::instance::Instance;
use crate::message::{Request, Response, Verdict};
use crate::picture::PictureError;
use crate::queues::{Queue, QueueError, Received, Rules, SHORTEST, TRIES};
use crate::stop::Stop;
use crate::store::Bucket;

/// How often the instance's tags are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// The waits while a service fails.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(20);

#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    #[error(transparent)]
    Model(#[from] classify::ModelError),
    #[error(transparent)]
    Queue(#[from] QueueError),
    #[error(
        "the queue {queue} hides a message for {seconds} s only: set its visibility time-out to 3 s or more, as workers \
         renew it at each third"
    )]
    Visibility { queue: String, seconds: u64 },
    #[error("`{command}` could not power off: {reason}")]
    PowerOff { command: String, reason: String },
}

pub struct Settings {
    pub concurrency: usize,
    /// A picture takes at least so long.
    pub pace: Duration,
    /// The longest that one question for messages waits for the first.
    pub wait: Duration,
    pub until_empty: bool,
    pub power_off: String,
    pub name: String,
}

pub struct Places {
    pub requests: Queue,
    pub responses: Queue,
    pub input: Bucket,
    pub output: Bucket,
}

/// Works until it shall stop, and powers off where the instance is to retire.
pub async fn run(
    places: Places,
    settings: Settings,
    instance: Option<Instance>,
    stop: Stop,
) -> Result<usize, WorkError> {
    let rules = places.requests.rules().await?;
    if rules.visibility < SHORTEST {
        return Err(WorkError::Visibility { queue: places.requests.name, seconds: rules.visibility.as_secs() });
    }
    let runtime = classify::runtime()?;
    let classifiers = (0..settings.concurrency).map(|_| Classifier::open(&runtime));
    let classifiers = classifiers.collect::<Result<Vec<_>, _>>()?;
    let is_instance = instance.is_some();
    let name = instance.as_ref().map_or_else(|| settings.name.clone(), |instance| instance.id.clone());
    let retiring = Stop::new();
    let watch = instance.map(|instance| tokio::spawn(watch(instance, retiring.clone(), stop.clone())));
    info!("{name} takes pictures from {}", places.requests.name);

    let worker = Arc::new(Worker { places, settings, rules, name, stop });
    let mut slots = JoinSet::new();
    for classifier in classifiers {
        slots.spawn(Arc::clone(&worker).slot(Arc::new(Mutex::new(classifier))));
    }
    let done = slots.join_all().await.into_iter().sum();
    if let Some(watch) = watch {
        watch.abort();
    }
    let is_finished = worker.settings.until_empty && is_instance && !worker.stop.is_set();
    if retiring.is_set() || is_finished {
        power_off(&worker.settings.power_off).await?;
    }
    Ok(done)
}

/// Sets both once the instance is to retire.
async fn watch(instance: Instance, retiring: Stop, stop: Stop) {
    while !instance.is_retiring().await {
        sleep(LOOK_EVERY).await;
    }
    info!("{} is to retire: no more pictures", instance.id);
    retiring.set();
    stop.set();
}

async fn power_off(command: &str) -> Result<(), WorkError> {
    info!("powering off: {command}");
    let failed = |reason: String| WorkError::PowerOff { command: command.to_owned(), reason };
    let mut sh = std::process::Command::new("sh");
    sh.arg("-c").arg(command).stdin(Stdio::null());
    let ended = spawn_blocking(move || sh.status()).await.map_err(|error| failed(error.to_string()))?;
    match ended.map_err(|error| failed(error.to_string()))? {
        status if status.success() => Ok(()),
        status => Err(failed(status.to_string())),
    }
}

struct Worker {
    places: Places,
    settings: Settings,
    rules: Rules,
    name: String,
    stop: Stop,
}

/// What becomes of a message.
enum Fate {
    Answered,
    /// Another try: it is given back at once.
    Again,
    /// The message comes back by itself: the process is to end while a service fails, or another try would be in vain.
    Left,
}

impl Worker {
    /// One picture at a time, until it shall stop. How many were answered.
    async fn slot(self: Arc<Self>, classifier: Arc<Mutex<Classifier>>) -> usize {
        let (mut done, mut wait) = (0, FIRST_WAIT);
        while !self.stop.is_set() {
            // Not cut short when it shall stop: a message that is just coming would be lost until its visibility
            // time-out, and would have used up one of its tries.
            match self.places.requests.receive(1, self.settings.wait).await {
                Ok(messages) if messages.is_empty() && self.settings.until_empty => break,
                Ok(messages) => {
                    wait = FIRST_WAIT;
                    for message in messages {
                        done += usize::from(self.handle(&message, &classifier).await);
                    }
                }
                Err(error) => {
                    warn!("{error}; trying again");
                    self.pause(&mut wait).await;
                }
            }
        }
        done
    }

    /// Whether this message was answered now.
    async fn handle(&self, message: &Received, classifier: &Arc<Mutex<Classifier>>) -> bool {
        // Beside the work, so that a slow call does not hold it up.
        let fate = tokio::select! {
            fate = self.work(message, classifier) => fate,
            never = self.hold(message) => match never {},
        };
        match fate {
            Fate::Answered => true,
            Fate::Left => false,
            Fate::Again => {
                if let Err(error) = self.places.requests.hide(message, Duration::ZERO).await {
                    warn!("{error}; its next try is after the visibility time-out");
                }
                false
            }
        }
    }

    /// Keeps a message from the other workers, at each third of its visibility time-out.
    async fn hold(&self, message: &Received) -> Infallible {
        let third = self.rules.visibility / 3;
        let mut beat = interval_at(Instant::now() + third, third);
        loop {
            beat.tick().await;
            if let Err(error) = self.places.requests.hide(message, self.rules.visibility).await {
                warn!("{error}; another worker may take the same picture");
            }
        }
    }

    async fn work(&self, message: &Received, classifier: &Arc<Mutex<Classifier>>) -> Fate {
        let (start, taken) = (Instant::now(), Timestamp::now());
        let request: Request = match serde_json::from_str(&message.body) {
            Ok(request) => request,
            Err(error) => {
                // Nobody waits for it by an id. It goes to the dead-letter queue, where a person may look at it. Where
                // there is none it would come again without end: not at once, then.
                warn!("a message that is no request (try {}): {error}", message.count);
                return if self.rules.dead_letters.is_some() { Fate::Again } else { Fate::Left };
            }
        };
        let Some(picture) = self.persist(|| self.places.input.get(request.id.as_str())).await else {
            return Fate::Left;
        };
        let verdict = match picture {
            Some(picture) => {
                let classifier = Arc::clone(classifier);
                let classify = move || {
                    let mut classifier = classifier.lock().unwrap_or_else(PoisonError::into_inner);
                    classifier.classify(&picture)
                };
                // A decoder that panics at a picture is a decoder that can't read it.
                spawn_blocking(classify)
                    .await
                    .unwrap_or_else(|_| Err(ClassifyError::Failed("its reader failed".into())))
            }
            None => Err(PictureError::Gone.into()),
        };
        sleep_until(start + self.settings.pace).await;
        let (tries, has_dead_letters) = match &self.rules.dead_letters {
            Some((tries, _)) => (*tries, true),
            None => (TRIES, false),
        };
        let is_error = verdict.is_err();
        let verdict = match verdict {
            Ok((label, confidence)) => Verdict::Label { label: label.to_owned(), confidence },
            Err(error) if message.count < tries => {
                info!("{} {:?} can't be read (try {} of {tries}): {error}", request.id, request.name, message.count);
                return Fate::Again;
            }
            Err(error) => Verdict::Error { error: error.to_string() },
        };
        let waited = taken.duration_since(request.sent).as_millis();
        let response = Response {
            id: request.id,
            verdict,
            waited_ms: u64::try_from(waited).unwrap_or(0),
            worked_ms: u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX),
            worker: self.name.clone(),
        };
        let Some(()) = self.answer(response, &request.name).await else { return Fate::Left };
        if is_error && has_dead_letters {
            // With its tries used up, the queue moves it when it would be received next.
            return Fate::Again;
        }
        match self.persist(|| self.places.requests.delete(message)).await {
            Some(()) => Fate::Answered,
            None => Fate::Left,
        }
    }

    /// Stores an answer unless there is one, and tells the one that is stored. None if it shall stop before.
    async fn answer(&self, response: Response, name: &str) -> Option<()> {
        let (output, key) = (&self.places.output, response.id.as_str());
        let ascii = response.ascii();
        let response = match self.persist(|| output.put_answer(key, response.verdict.text(), &ascii)).await? {
            true => response,
            false => {
                let stored = self.persist(|| output.get_answer(key)).await?;
                let stored = stored.and_then(|stored| serde_json::from_str(&stored.answer?).ok());
                stored.unwrap_or(response)
            }
        };
        let json = serde_json::to_string(&response).expect("strings and numbers become JSON");
        self.persist(|| self.places.responses.send(&json)).await?;
        info!("{} {name:?}: {} ({} ms)", response.id, response.verdict.text(), response.worked_ms);
        Some(())
    }

    /// Tries until it works, as it's no picture's fault that a service fails: its tries are not to be used up by that.
    /// None if the process shall stop meanwhile.
    async fn persist<T, E: std::fmt::Display, F: Future<Output = Result<T, E>>>(
        &self,
        call: impl Fn() -> F,
    ) -> Option<T> {
        let mut wait = FIRST_WAIT;
        loop {
            match call().await {
                Ok(value) => return Some(value),
                Err(error) if self.stop.is_set() => {
                    warn!("{error}; the message comes back by itself");
                    return None;
                }
                Err(error) => warn!("{error}; trying again"),
            }
            self.pause(&mut wait).await;
        }
    }

    async fn pause(&self, wait: &mut Duration) {
        tokio::select! {
            () = sleep(*wait) => {}
            () = self.stop.wait() => {}
        }
        *wait = (*wait * 2).min(LONGEST_WAIT);
    }
}
