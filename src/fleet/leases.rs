//! Leases: instances that are reserved for one person until a given time. In: the fleet as observed, the settings, the
//! wall's time. Out: what a command for a lease writes, which leases end and how, which end soon, how long activity lets
//! one go on. Pure: no clock, no I/O.
//!
//! ```text
//!     (in the warm pool, kept for them, or launched) --tag who|until|since--> leased --until--> retired
//!                                                 ^                                  |
//!                                                 +--the same person-- kept, stopped <-- lease.then = "stop"
//! ```

use std::time::Duration;

use jiff::Timestamp;

use super::lease::{Lease, later, whole};
use super::observed::{Member, Observed};
use super::ports::LEASE_TAG;
use super::settings::{Lease as Settings, Then};
use super::stage::Stage;
use crate::command::InstanceId;
use crate::settings::in_words;

/// How long before its end a person is warned.
pub const WARNING: Duration = Duration::from_secs(300);
/// A tag's value has room for 256 characters, with two times.
const LONGEST_NAME: usize = 128;
/// Activity moves an end by at least this share of `lease.lasts`, so that it is not written over and over.
const STEPS: u32 = 12;

/// What a command for a lease writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// A lease for an instance that is to be started, with the value of its tag before, or to be launched.
    Grant { start: Option<(InstanceId, String)>, lease: Lease },
    /// The instance's lease from now on.
    Write(InstanceId, Lease),
}

/// What a lease is granted by.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    pub settings: &'a Settings,
    /// Those of the warm pool that can be started.
    pub ready: &'a [InstanceId],
    pub now: Timestamp,
}

/// The instances that are leased and serve, or are to.
pub fn running(observed: &Observed) -> impl Iterator<Item = (&Member, Lease)> {
    observed.instances.iter().filter(|member| member.counts()).filter_map(|member| Some((member, member.lease()?)))
}

/// A lease for this person. An error is a sentence without its full stop.
pub fn grant(who: &str, lasts: Duration, observed: &Observed, terms: Terms<'_>) -> Result<Work, String> {
    let Terms { settings, ready, now } = terms;
    if settings.at_most == 0 {
        return Err("nothing is leased here: set lease.at_most in config.toml".to_owned());
    }
    check_name(who)?;
    if lasts.is_zero() || lasts > settings.longest {
        let longest = in_words(settings.longest);
        return Err(format!("a lease lasts from 1 s to lease.longest, which is {longest}: ask for less"));
    }
    if let Some((member, lease)) = running(observed).find(|(_, lease)| lease.who == who) {
        return Err(format!(
            "{who} has {} already, until {:.0}: extend that, or release it first",
            member.id(),
            lease.until
        ));
    }
    let leased = running(observed).count();
    if leased >= settings.at_most {
        return Err(format!("{leased} leased, and lease.at_most is {}: wait until one ends", settings.at_most));
    }
    let kept = observed.instances.iter().find(|member| is_kept_for(member, who));
    let value = |member: &Member| member.instance.tags.get(LEASE_TAG).cloned().unwrap_or_default();
    let start = kept.map(|member| (member.id().clone(), value(member)));
    let start = start.or_else(|| ready.first().map(|id| (id.clone(), String::new())));
    Ok(Work::Grant { start, lease: Lease::new(who, lasts, now) })
}

/// Whether a person finds on it what they left there.
fn is_kept_for(member: &Member, who: &str) -> bool {
    let is_theirs = member.lease().is_some_and(|lease| lease.who == who);
    is_theirs && member.stage() == Some(Stage::Ready) && member.described && !member.instance.is_retiring()
}

/// A name that a tag can hold, and a person can read.
fn check_name(who: &str) -> Result<(), String> {
    let is_good = !who.trim().is_empty()
        && who.trim() == who
        && who.chars().count() <= LONGEST_NAME
        && !who.contains('|')
        && !who.chars().any(char::is_control);
    let why = format!("{who:?} is no name for a lease: write 1 to {LONGEST_NAME} characters on one line, without |");
    if is_good { Ok(()) } else { Err(why) }
}

/// A longer lease of this instance. An error is a sentence without its full stop.
pub fn extend(id: &InstanceId, lasts: Duration, observed: &Observed, terms: Terms<'_>) -> Result<Work, String> {
    let lease = leased(id, observed)?;
    if lease.is_over(terms.now) {
        return Err(format!("the lease of {id} is over: lease again"));
    }
    let longest = later(lease.since, terms.settings.longest);
    let until = later(terms.now, lasts).min(longest);
    if until <= lease.until {
        let told = match lease.until >= longest {
            true => format!("and no lease goes on for more than {} (lease.longest)", in_words(terms.settings.longest)),
            false => "which is later than asked for".to_owned(),
        };
        return Err(format!("the lease of {id} ends at {:.0}, {told}", lease.until));
    }
    Ok(Work::Write(id.clone(), Lease { until, ..lease }))
}

/// The end of an instance's lease; of one that is stopped and kept for a person, the end of that. An error is a sentence
/// without its full stop.
pub fn release(id: &InstanceId, observed: &Observed, terms: Terms<'_>) -> Result<Work, String> {
    let kept = observed.get(id).filter(|member| member.stage() == Some(Stage::Ready)).and_then(Member::lease);
    let (lease, until) = match kept {
        Some(lease) => (lease, Timestamp::UNIX_EPOCH),
        None => (leased(id, observed)?, whole(terms.now)),
    };
    let until = until.min(lease.until);
    Ok(Work::Write(id.clone(), Lease { until, ..lease }))
}

fn leased(id: &InstanceId, observed: &Observed) -> Result<Lease, String> {
    let Some(member) = observed.get(id) else { return Err(format!("{id} is not in the fleet")) };
    let lease = member.lease().filter(|_| member.counts());
    lease.ok_or_else(|| format!("{id} is not leased: it is {}", member.lifecycle()))
}

/// How a lease ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    Retire,
    /// Stopped, and kept for the person.
    Keep,
}

/// Those whose lease is over, and what becomes of them.
pub fn ended(observed: &Observed, settings: &Settings, now: Timestamp) -> Vec<(InstanceId, End)> {
    let end = |member: &Member| {
        let lease = member.lease().filter(|lease| lease.is_over(now))?;
        let is_changeable = member.described && !member.instance.is_retiring() && !member.is_ending();
        let kept_until = later(lease.until, settings.keep);
        match member.stage().filter(|_| is_changeable) {
            Some(Stage::Serving | Stage::Starting) if settings.then == Then::Stop => Some(End::Keep),
            Some(Stage::Serving | Stage::Starting) => Some(End::Retire),
            // Somebody else has stopped it, which is not undone.
            Some(Stage::StoppedByOthers) => None,
            // It is finishing its requests.
            Some(Stage::Returning) => None,
            Some(_) if settings.then == Then::Stop && now < kept_until => None,
            Some(_) => Some(End::Retire),
            None => (is_changeable && member.is_alive()).then_some(End::Retire),
        }
    };
    observed.instances.iter().filter_map(|member| Some((member.id().clone(), end(member)?))).collect()
}

/// Those whose lease ends soon.
pub fn ending(observed: &Observed, now: Timestamp) -> Vec<(InstanceId, Lease)> {
    let soon = running(observed).filter(|(_, lease)| !lease.is_over(now) && lease.left(now) <= WARNING);
    soon.map(|(member, lease)| (member.id().clone(), lease)).collect()
}

/// Whether somebody uses a leased instance, and by what that is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Used {
    /// At this time.
    Yes(Timestamp, String),
    No,
    /// Nobody knows, for this reason.
    Unknown(String),
}

/// How much longer a lease is to go on for what its instance does, and why. None: as it is.
pub fn extension(lease: &Lease, used: &Used, settings: &Settings, now: Timestamp) -> Option<(Duration, String)> {
    let (at, why) = match used {
        Used::Yes(at, why) => ((*at).min(now), why.clone()),
        Used::No => return None,
        // What nobody knows ends nothing.
        Used::Unknown(why) => (now, format!("whether it is used is not known: {why}")),
    };
    let until = later(at, settings.lasts).min(later(lease.since, settings.longest));
    let by = Duration::try_from(until.duration_since(lease.until)).ok()?;
    let is_last = until == later(lease.since, settings.longest) && !by.is_zero();
    if lease.is_over(now) || !(is_last || by >= settings.lasts / STEPS) || by.is_zero() {
        return None;
    }
    Some((Duration::try_from(until.duration_since(now)).ok()?, why))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::ports::{InstanceState, POOL_TAG, RETIRING_TAG};

    const HOUR: Duration = Duration::from_secs(3600);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn settings() -> Settings {
        Settings { at_most: 2, longest: 4 * HOUR, keep: HOUR, ..Settings::default() }
    }

    fn lease(who: &str, since: i64, until: i64) -> Lease {
        Lease { who: who.to_owned(), since: at(since), until: at(until) }
    }

    fn instance(id: &str, lease: Option<&Lease>) -> Instance {
        let instance = Instance::new(id, InstanceState::Running, at(0));
        lease.map_or(instance.clone(), |lease| instance.with_tag(LEASE_TAG, &lease.to_string()))
    }

    fn fleet(instances: &[Instance]) -> Observed {
        Observed::join(instances.to_vec(), Vec::new())
    }

    fn terms<'a>(settings: &'a Settings, ready: &'a [InstanceId], now: i64) -> Terms<'a> {
        Terms { settings, ready, now: at(now) }
    }

    #[test]
    fn a_lease_takes_what_is_kept_for_the_person_then_what_is_ready_then_a_new_one() {
        let settings = settings();
        let stopped = |id, tag: &Lease| Instance {
            state: InstanceState::Stopped,
            ..instance(id, Some(tag)).with_tag(POOL_TAG, "back@1970-01-01T00:00:00Z")
        };
        let all = fleet(&[stopped("i-1", &lease("bert", 1, 2)), stopped("i-2", &lease("anna", 1, 2))]);
        let ready = ["i-9".into()];
        let granted = |who, ready| match grant(who, HOUR, &all, terms(&settings, ready, 10)) {
            Ok(Work::Grant { start, lease }) => (start.map(|(id, _)| id.0), lease),
            other => panic!("{other:?}"),
        };
        assert_eq!(granted("anna", &ready).0.as_deref(), Some("i-2"));
        assert_eq!(granted("carl", &ready), (Some("i-9".to_owned()), lease("carl", 10, 3610)));
        assert_eq!(granted("carl", &[]).0, None);
    }

    #[test]
    fn what_is_not_granted_says_why() {
        let some = settings();
        let all =
            fleet(&[instance("i-1", Some(&lease("anna", 0, 3600))), instance("i-2", Some(&lease("bert", 0, 3600)))]);
        let refused =
            |who: &str, lasts, settings: &Settings| grant(who, lasts, &all, terms(settings, &[], 10)).unwrap_err();
        let off = Settings { at_most: 0, ..settings() };
        assert_eq!(refused("carl", HOUR, &off), "nothing is leased here: set lease.at_most in config.toml");
        assert!(refused("anna", HOUR, &some).starts_with("anna has i-1 already, until 1970-01-01T01:00:00Z"));
        assert_eq!(refused("carl", HOUR, &some), "2 leased, and lease.at_most is 2: wait until one ends");
        assert!(refused("carl", 5 * HOUR, &some).contains("lease.longest, which is 240 min"));
        for name in ["", " ", " anna", "a|b", "a\nb", &"x".repeat(129)] {
            assert!(refused(name, HOUR, &some).contains("is no name for a lease"), "{name:?}");
        }
    }

    #[test]
    fn an_end_never_moves_back_but_by_a_release_and_not_past_the_longest() {
        let settings = settings();
        let all = fleet(&[instance("i-1", Some(&lease("anna", 0, 3600))), instance("i-2", None)]);
        let extended = |lasts, now| match extend(&"i-1".into(), lasts, &all, terms(&settings, &[], now)) {
            Ok(Work::Write(_, lease)) => Ok(lease.until.as_second()),
            Ok(other) => panic!("{other:?}"),
            Err(why) => Err(why),
        };
        assert_eq!(extended(HOUR, 1800), Ok(5400));
        assert_eq!(extended(9 * HOUR, 1800), Ok(4 * 3600));
        assert!(extended(HOUR / 4, 1800).unwrap_err().contains("later than asked for"));
        assert!(extended(HOUR, 3600).unwrap_err().contains("is over"));
        assert!(extend(&"i-2".into(), HOUR, &all, terms(&settings, &[], 0)).unwrap_err().contains("is not leased"));
        let released = release(&"i-1".into(), &all, terms(&settings, &[], 1800)).unwrap();
        assert_eq!(released, Work::Write("i-1".into(), lease("anna", 0, 1800)));
    }

    #[test]
    fn ends() {
        let over = lease("anna", 0, 3600);
        let (cold, pooled) = (instance("i-1", Some(&over)), instance("i-2", Some(&over)));
        let pooled = pooled.with_tag(POOL_TAG, "serve@1969-12-31T00:00:00Z");
        let kept = Instance {
            state: InstanceState::Stopped,
            ..pooled.clone().with_tag(POOL_TAG, "back@1970-01-01T00:00:00Z")
        };
        let end = |instance: &Instance, then, now| {
            let settings = Settings { then, ..settings() };
            ended(&fleet(std::slice::from_ref(instance)), &settings, at(now)).first().map(|(_, end)| *end)
        };
        for (instance, stopped) in [(&cold, End::Retire), (&pooled, End::Keep)] {
            assert_eq!(end(instance, Then::Retire, 3599), None);
            assert_eq!(end(instance, Then::Retire, 3600), Some(End::Retire));
            assert_eq!(end(instance, Then::Stop, 3600), Some(stopped));
        }
        assert_eq!(end(&kept, Then::Stop, 7199), None);
        assert_eq!(end(&kept, Then::Stop, 7200), Some(End::Retire));
        assert_eq!(end(&kept, Then::Retire, 3600), Some(End::Retire));
        // Somebody else has stopped it; it is retired already.
        let by_others = Instance { state: InstanceState::Stopped, ..pooled.clone() };
        assert_eq!(end(&by_others, Then::Retire, 9999), None);
        assert_eq!(end(&cold.clone().with_tag(RETIRING_TAG, ""), Then::Retire, 9999), None);
    }

    #[test]
    fn activity_lets_it_go_on_and_what_is_not_known_is_activity() {
        let settings = settings();
        let anna = lease("anna", 0, 3600);
        let until = |used: Used, now: i64| {
            let (left, why) = extension(&anna, &used, &settings, at(now))?;
            Some((now + i64::try_from(left.as_secs()).unwrap(), why))
        };
        let busy = |now| Used::Yes(at(now), "its CPU was at 40 %".to_owned());
        assert_eq!(until(busy(1800), 1800), Some((5400, "its CPU was at 40 %".to_owned())));
        assert_eq!(until(busy(200), 200), None, "so little is not worth a call");
        assert_eq!(until(busy(1800), 3500).map(|(until, _)| until), Some(5400));
        assert_eq!(until(busy(3600), 3600), None, "it is over");
        assert_eq!(until(Used::No, 1800), None);
        let unknown = until(Used::Unknown("no answer".to_owned()), 1800);
        assert_eq!(unknown, Some((5400, "whether it is used is not known: no answer".to_owned())));
        let last = Lease { until: at(4 * 3600 - 10), ..anna.clone() };
        let (left, _) = extension(&last, &busy(4 * 3600 - 20), &settings, at(4 * 3600 - 20)).unwrap();
        assert_eq!(left.as_secs(), 20);
        let longest = Lease { until: at(4 * 3600), ..anna };
        assert_eq!(extension(&longest, &busy(4 * 3600 - 5), &settings, at(4 * 3600 - 5)), None);
    }

    #[test]
    fn who_is_to_be_warned() {
        let all = fleet(&[instance("i-1", Some(&lease("anna", 0, 3600))), instance("i-2", None)]);
        let warned = |now| ending(&all, at(now)).len();
        assert_eq!([3299, 3300, 3599, 3600].map(warned), [0, 1, 1, 0]);
    }
}
