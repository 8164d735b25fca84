//! One lease: for whom an instance is reserved, until when. In: its tag, [`LEASE_TAG`]. Out: the lease, and the link to
//! it. Pure.
//!
//! The tag is the only record. It is overwritten, never deleted: an empty one is no lease. One that cannot be read, as
//! somebody else has written it, is a lease without an end.

use std::fmt;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::ports::{Instance, LEASE_TAG};
use super::settings::PLACES;

/// For whom an instance is reserved, until when, and since when. Whole seconds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lease {
    pub who: String,
    pub until: Timestamp,
    pub since: Timestamp,
}

impl Lease {
    /// The instance's. One that is over, and kept for the person, has one too.
    pub fn of(instance: &Instance) -> Option<Lease> {
        Lease::read(instance.tags.get(LEASE_TAG)?, instance.born())
    }

    /// That of a tag's value; `born` is when the instance was, for one that does not tell.
    pub fn read(value: &str, born: Timestamp) -> Option<Lease> {
        if value.is_empty() {
            return None;
        }
        let mut parts = value.split('|');
        let who = parts.next().unwrap_or_default().to_owned();
        let mut time = || parts.next().and_then(|time| time.parse().ok());
        let (until, since) = (time().unwrap_or(Timestamp::MAX), time().unwrap_or(born));
        Some(Lease { who, until, since })
    }

    /// One that begins now.
    pub fn new(who: &str, lasts: Duration, now: Timestamp) -> Lease {
        let since = whole(now);
        Lease { who: who.to_owned(), until: later(since, lasts), since }
    }

    pub fn is_over(&self, now: Timestamp) -> bool {
        now >= self.until
    }

    /// Ended by a person, for good: nothing extends it, and nothing is waited for.
    pub fn is_released(&self) -> bool {
        self.until <= self.since
    }

    /// The same, ended now.
    pub(super) fn released(self, now: Timestamp) -> Lease {
        let now = whole(now);
        Lease { until: now, since: now, ..self }
    }

    /// Whether these are two ends of the same lease.
    pub fn is_same(&self, other: &Lease) -> bool {
        (&self.who, self.since) == (&other.who, other.since)
    }

    /// How long it goes on. Zero: it is over.
    pub fn left(&self, now: Timestamp) -> Duration {
        Duration::try_from(self.until.duration_since(now)).unwrap_or(Duration::ZERO)
    }
}

impl fmt::Display for Lease {
    /// The tag's value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}|{:.0}|{:.0}", self.who, self.until, self.since)
    }
}

pub(super) fn whole(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

/// In whole seconds, and never beyond what a time can be.
pub(super) fn later(at: Timestamp, by: Duration) -> Timestamp {
    let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
    whole(at.saturating_add(by).unwrap_or(Timestamp::MAX))
}

/// The link to an instance. None: no address is known that the template names.
pub fn link(template: &str, instance: &Instance) -> Option<String> {
    let values =
        [instance.public_address.as_deref(), instance.private_address.as_deref(), Some(instance.id.0.as_str())];
    PLACES.iter().zip(values).try_fold(template.to_owned(), |link, (place, value)| match link.contains(place) {
        true => value.map(|value| link.replace(place, value)),
        false => Some(link),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::ports::InstanceState;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn instance() -> Instance {
        Instance::new("i-1", InstanceState::Running, at(0))
    }

    #[test]
    fn a_tag_is_read_as_it_was_written() {
        let anna = Lease { who: "anna o'neill".to_owned(), since: at(5), until: at(3605) };
        assert_eq!(anna.to_string(), "anna o'neill|1970-01-01T01:00:05Z|1970-01-01T00:00:05Z");
        assert_eq!(Lease::of(&instance().with_tag(LEASE_TAG, &anna.to_string())), Some(anna));
        assert_eq!(Lease::of(&instance().with_tag(LEASE_TAG, "")), None);
    }

    #[test]
    fn what_cannot_be_read_is_a_lease_without_an_end() {
        for value in ["anna", "anna|", "anna|tomorrow|", "anna|tomorrow|1970-01-01T00:00:05Z"] {
            let lease = Lease::of(&instance().with_tag(LEASE_TAG, value)).unwrap();
            assert_eq!((lease.who.as_str(), lease.is_over(at(1 << 33))), ("anna", false), "{value}");
        }
    }

    #[test]
    fn a_link_needs_the_address_that_it_names() {
        let bare = instance();
        let known = Instance { public_address: Some("203.0.113.9".to_owned()), ..bare.clone() };
        assert_eq!(link("https://{public_address}:8443/{id}", &known).as_deref(), Some("https://203.0.113.9:8443/i-1"));
        assert_eq!(link("https://{public_address}/", &bare), None);
        assert_eq!(link("ssh://{private_address}", &known), None);
    }
}
