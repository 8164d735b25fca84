//! Where an instance is in the warm pool's circle. In: its tag [`POOL_TAG`], its state, its last start. Out: its stage.
//! Pure.
//!
//! ```text
//!     launched --> Preparing --powers itself off--> Ready --tag serve@T--> Starting --started after T--> Serving
//!                                                     ^                                                     |
//!                                                     +----stopped----- Returning <-----tag back@T----------+
//! ```
//!
//! T is the latest start that the instances had when the tag was written, as the cloud tells it: whether one was
//! started since is told by the cloud's clock alone.

use std::fmt;

use jiff::Timestamp;

use super::ports::{Instance, InstanceState, POOL_TAG, WARM};

/// The values of [`POOL_TAG`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolTag {
    /// From its launch until it first serves.
    Warm,
    /// It serves, from its first start after this time on.
    Serve(Timestamp),
    /// It has served, and goes back to the pool unless it was started after this time.
    Back(Timestamp),
}

impl PoolTag {
    /// The instance's. None: it is not the pool's, or its value is not one of these.
    pub fn of(instance: &Instance) -> Option<PoolTag> {
        let value = instance.tags.get(POOL_TAG)?;
        match value.split_once('@') {
            None => (value == WARM).then_some(PoolTag::Warm),
            Some(("serve", at)) => at.parse().ok().map(PoolTag::Serve),
            Some(("back", at)) => at.parse().ok().map(PoolTag::Back),
            Some(_) => None,
        }
    }
}

impl fmt::Display for PoolTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PoolTag::Warm => f.write_str(WARM),
            PoolTag::Serve(at) => write!(f, "serve@{at}"),
            PoolTag::Back(at) => write!(f, "back@{at}"),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It runs its user data, and will power itself off.
    Preparing,
    /// Stopped, and known to be prepared.
    Ready,
    /// Stopped by somebody else: nobody knows whether it is prepared.
    Unprepared,
    /// It is to serve, and was not started yet.
    Starting,
    /// It counts like any other instance of the fleet.
    Serving,
    /// It was serving, and somebody else has stopped it. That is not undone.
    StoppedByOthers,
    /// On its way back to the pool.
    Returning,
}

impl Stage {
    /// The instance's. None: it is none of the pool's, or it ends.
    pub fn of(instance: &Instance) -> Option<Stage> {
        use InstanceState::*;
        let was_started = |at: Timestamp| instance.launched > at;
        let is_off = match instance.state {
            ShuttingDown | Terminated => return None,
            Pending | Running => false,
            Stopping | Stopped => true,
        };
        Some(match (PoolTag::of(instance)?, instance.state) {
            (PoolTag::Back(at), Stopped) if !was_started(at) => Stage::Ready,
            (PoolTag::Back(at), _) if !was_started(at) => Stage::Returning,
            (PoolTag::Warm | PoolTag::Back(_), Stopped) if instance.powered_off => Stage::Ready,
            (PoolTag::Warm | PoolTag::Back(_), Stopped) => Stage::Unprepared,
            (PoolTag::Warm | PoolTag::Back(_), _) => Stage::Preparing,
            (PoolTag::Serve(_), _) if !is_off => Stage::Serving,
            (PoolTag::Serve(at), _) if was_started(at) => Stage::StoppedByOthers,
            (PoolTag::Serve(_), _) => Stage::Starting,
        })
    }

    /// Whether it is in the pool, not in service.
    pub fn is_warm(self) -> bool {
        matches!(self, Stage::Preparing | Stage::Ready | Stage::Unprepared | Stage::Returning)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_tag_is_read_as_it_was_written() {
        for tag in [PoolTag::Warm, PoolTag::Serve(at(7)), PoolTag::Back(at(9))] {
            let instance = Instance::new("i", InstanceState::Stopped, at(0)).with_tag(POOL_TAG, &tag.to_string());
            assert_eq!(PoolTag::of(&instance), Some(tag));
        }
        for value in ["", "cold", "serve@", "serve@yesterday", "lent@1970-01-01T00:00:00Z"] {
            let instance = Instance::new("i", InstanceState::Stopped, at(0)).with_tag(POOL_TAG, value);
            assert_eq!(PoolTag::of(&instance), None, "{value}");
        }
    }

    #[test]
    fn stages() {
        use InstanceState::*;
        let stage = |tag: PoolTag, state, started, powered_off| {
            let instance = Instance::new("i", state, at(started)).with_tag(POOL_TAG, &tag.to_string());
            Stage::of(&Instance { powered_off, ..instance })
        };
        let (serve, back) = (PoolTag::Serve(at(10)), PoolTag::Back(at(20)));
        for state in [Pending, Running, Stopping] {
            assert_eq!(stage(PoolTag::Warm, state, 5, false), Some(Stage::Preparing));
        }
        assert_eq!(stage(PoolTag::Warm, Stopped, 5, true), Some(Stage::Ready));
        assert_eq!(stage(PoolTag::Warm, Stopped, 5, false), Some(Stage::Unprepared));
        assert_eq!(stage(serve, Stopped, 10, true), Some(Stage::Starting));
        assert_eq!(stage(serve, Stopped, 11, false), Some(Stage::StoppedByOthers));
        assert_eq!(stage(serve, Running, 11, false), Some(Stage::Serving));
        assert_eq!(stage(back, Running, 20, false), Some(Stage::Returning));
        assert_eq!(stage(back, Stopping, 20, false), Some(Stage::Returning));
        assert_eq!(stage(back, Stopped, 20, false), Some(Stage::Ready));
        // Somebody else has started it since, and perhaps stopped it.
        assert_eq!(stage(back, Running, 21, false), Some(Stage::Preparing));
        assert_eq!(stage(back, Stopped, 21, false), Some(Stage::Unprepared));
        assert_eq!(stage(serve, Terminated, 11, false), None);
    }
}
