//! How the simulated cloud fails when a test tells it to.

use std::collections::{BTreeMap, VecDeque};

use crate::fleet::ports::CloudError;

/// The calls, to say which is to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    List,
    Find,
    Launch,
    Start,
    Stop,
    Tag,
    Terminate,
    Console,
    Health,
    Register,
    Deregister,
    Series,
    Depth,
}

/// How a call fails.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Nothing takes effect.
    Before(CloudError),
    /// It takes effect, and the answer is an error all the same: a lost reply.
    After(CloudError),
    /// It takes effect or not, and no answer ever comes.
    Hang { effect: bool },
    /// Nothing takes effect, and the answer is empty: what a cloud answers to a read when it forgets for a moment.
    Empty,
}

/// The faults of calls to come.
#[derive(Default)]
pub(super) struct Faults(BTreeMap<Call, VecDeque<Fault>>);

impl Faults {
    /// The next call of this kind that has no fault yet gets this one.
    pub fn add(&mut self, call: Call, fault: Fault) {
        self.0.entry(call).or_default().push_back(fault);
    }

    pub fn take(&mut self, call: Call) -> Option<Fault> {
        self.0.get_mut(&call).and_then(VecDeque::pop_front)
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }
}
