//! The simulated fleet's queue: the load as messages, and the instances in service as workers that take one at a time.
//! In: the load, and who worked when. Out: its depth, how long each message waited, whose work was interrupted.
//!
//! A worker that leaves takes no more, and finishes what it has unless it ends before. Then the message waits again, in
//! front of the others.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use super::load::Load;
use crate::command::InstanceId;
use crate::metrics::Depth;

/// A time in which an instance takes messages.
pub(super) struct Worker {
    pub id: InstanceId,
    pub from: Instant,
    /// It takes no more.
    pub until: Option<Instant>,
    /// It is no more.
    pub ends: Option<Instant>,
}

/// What became of the messages so far.
#[derive(Clone, Debug, Default)]
pub struct Worked {
    /// How long each message that was taken waited, in the order in which they were taken.
    pub waits: Vec<Duration>,
    /// How often a worker ended before its message was done.
    pub interrupted: usize,
}

struct Job {
    came: Instant,
    done: Instant,
}

pub(super) struct Queue {
    /// When the load's profile began.
    epoch: Instant,
    /// Up to when it was played.
    now: Instant,
    /// How many messages have come, of the whole profile.
    came: u64,
    waiting: VecDeque<Instant>,
    jobs: BTreeMap<InstanceId, Job>,
    pub worked: Worked,
}

impl Queue {
    /// An empty queue, into which the load comes from now on.
    pub fn new(epoch: Instant, now: Instant, load: &Load) -> Queue {
        let came = load.profile.count(now - epoch).floor().max(0.0) as u64;
        Queue { epoch, now, came, waiting: VecDeque::new(), jobs: BTreeMap::new(), worked: Worked::default() }
    }

    /// Lets everything happen that happens until then.
    pub fn play(&mut self, until: Instant, load: &Load, workers: &[Worker]) {
        let left = |worker: &&Worker| [worker.until, worker.ends].into_iter().flatten().all(|end| end > self.now);
        let workers: Vec<&Worker> =
            workers.iter().filter(|worker| left(worker) || self.jobs.contains_key(&worker.id)).collect();
        // Who works may have changed since.
        self.step(load, &workers);
        loop {
            let next = load.profile.when(self.came + 1).map(|at| self.epoch + at);
            let done = self.jobs.values().map(|job| job.done);
            let changes = workers.iter().flat_map(|worker| [Some(worker.from), worker.ends]).flatten();
            let ahead = done.chain(changes).filter(|at| *at > self.now).chain(next).min();
            let Some(at) = ahead.filter(|at| *at <= until) else { break };
            // A message that was due at the very moment of the last step comes now.
            self.now = at.max(self.now);
            if next.is_some_and(|next| next <= self.now) {
                self.came += 1;
                self.waiting.push_back(self.now);
            }
            self.step(load, &workers);
        }
        self.now = until.max(self.now);
        self.step(load, &workers);
    }

    pub fn depth(&self) -> Depth {
        Depth { visible: self.waiting.len() as u64, in_flight: self.jobs.len() as u64, delayed: 0 }
    }

    /// What happens at this moment: jobs end, workers end, workers that are free take what waits, oldest first.
    fn step(&mut self, load: &Load, workers: &[&Worker]) {
        let now = self.now;
        self.jobs.retain(|_, job| job.done > now);
        for worker in workers {
            if worker.ends.is_some_and(|ends| ends <= now)
                && let Some(job) = self.jobs.remove(&worker.id)
            {
                self.worked.interrupted += 1;
                self.waiting.push_front(job.came);
            }
        }
        for worker in workers {
            let takes = worker.from <= now && [worker.until, worker.ends].into_iter().flatten().all(|end| end > now);
            if takes
                && !self.jobs.contains_key(&worker.id)
                && let Some(came) = self.waiting.pop_front()
            {
                self.worked.waits.push(now - came);
                self.jobs.insert(worker.id.clone(), Job { came, done: now + load.work });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clouds::simulated::profile::Profile;

    const SECOND: Duration = Duration::from_secs(1);

    fn worker(id: &str, from: Instant) -> Worker {
        Worker { id: id.into(), from, until: None, ends: None }
    }

    #[test]
    fn each_worker_takes_one_at_a_time() {
        let start = Instant::now();
        let load = Load { profile: Profile::parse("steady 60 for 10s, steady 0").unwrap(), work: 6 * SECOND };
        let mut queue = Queue::new(start, start, &load);
        queue.play(start + 10 * SECOND, &load, &[]);
        assert_eq!(queue.depth(), Depth { visible: 10, in_flight: 0, delayed: 0 });
        let workers = [worker("i-1", start + 10 * SECOND), worker("i-2", start + 10 * SECOND)];
        queue.play(start + 15 * SECOND, &load, &workers);
        assert_eq!(queue.depth(), Depth { visible: 8, in_flight: 2, delayed: 0 });
        queue.play(start + 40 * SECOND, &load, &workers);
        assert_eq!(queue.depth(), Depth { visible: 0, in_flight: 0, delayed: 0 });
        assert_eq!(queue.worked.waits.len(), 10);
        assert_eq!((queue.worked.waits[0], queue.worked.waits[9]), (9 * SECOND, 24 * SECOND));
        assert_eq!(queue.worked.interrupted, 0);
    }

    #[test]
    fn who_leaves_finishes_and_who_ends_is_interrupted() {
        let start = Instant::now();
        let load = Load { profile: Profile::parse("steady 60 for 2s, steady 0").unwrap(), work: 6 * SECOND };
        let mut queue = Queue::new(start, start, &load);
        let leaves =
            Worker { until: Some(start + 3 * SECOND), ends: Some(start + 20 * SECOND), ..worker("i-1", start) };
        let ends = Worker { until: Some(start + 3 * SECOND), ends: Some(start + 3 * SECOND), ..worker("i-2", start) };
        let workers = [leaves, ends];
        queue.play(start + 2 * SECOND, &load, &workers);
        assert_eq!(queue.depth(), Depth { visible: 0, in_flight: 2, delayed: 0 });
        queue.play(start + 8 * SECOND, &load, &workers);
        assert_eq!(queue.depth(), Depth { visible: 1, in_flight: 0, delayed: 0 });
        assert_eq!(queue.worked.interrupted, 1);
    }
}
