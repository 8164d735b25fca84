//! Leases: instances that are reserved for one person until a given time. In: the fleet as observed, the settings, the
//! wall's time. Out: what a command for a lease writes, which leases end and how, which end soon, how long activity
//! lets one go on. Pure: no clock, no I/O.
//!
//! ```text
//!     (in the warm pool, kept for them, or launched) --tag who|until|since--> leased --until--> retired
//!                                                 ^                                  |
//!                                                 +--the same person-- kept, stopped <-- lease.then = "stop"
//! ```
//!
//! Nothing ends before this process has seen the fleet for as long as a warning takes, but for what a person released.

use std::time::Duration;

use jiff::Timestamp;

use super::lease::{Lease, later};
use super::observed::{Member, Observed};
use super::ports::LEASE_TAG;
use super::settings::{Lease as Settings, Then};
use super::stage::{PoolTag, Stage};
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

/// Those whose holder has them now: they serve, or somebody else has stopped them.
fn held(observed: &Observed, now: Timestamp) -> impl Iterator<Item = (&Member, Lease)> {
    let is_held = |member: &Member| {
        let is_out = matches!(member.stage(), None | Some(Stage::Serving | Stage::Starting | Stage::StoppedByOthers));
        is_out && !member.is_ending() && !member.instance.is_retiring()
    };
    let leased = observed.instances.iter().filter(move |member| is_held(member));
    leased.filter_map(|member| Some((member, member.lease()?))).filter(move |(_, lease)| !lease.is_over(now))
}

/// A lease for this person. An error is a sentence without its full stop.
pub fn grant(who: &str, lasts: Duration, observed: &Observed, terms: Terms<'_>) -> Result<Work, String> {
    let Terms { settings, ready, now } = terms;
    if settings.at_most == 0 {
        return Err("nothing is leased here: set lease.at_most in config.toml".to_owned());
    }
    check_name(who)?;
    check_length(lasts, settings)?;
    if let Some((member, lease)) = held(observed, now).find(|(_, lease)| lease.who == who) {
        let stopped = if member.counts() { "" } else { ", which is stopped" };
        let (id, until) = (member.id(), lease.until);
        return Err(format!("{who} has {id} already, until {until:.0}{stopped}: extend that, or release it first"));
    }
    let theirs = |member: &&Member| !member.instance.is_retiring() && member.lease().is_some_and(|of| of.who == who);
    let mut own = observed.instances.iter().filter(theirs);
    if let Some(member) = own.clone().find(|member| member.stage() == Some(Stage::Returning)) {
        return Err(format!("{}, which {who} had, is still being stopped: ask again in a minute", member.id()));
    }
    let leased = held(observed, now).count();
    if leased >= settings.at_most {
        return Err(format!("{leased} leased, and lease.at_most is {}: wait until one ends", settings.at_most));
    }
    // Somebody may have started it, and stopped it again.
    let is_kept =
        |member: &&Member| matches!(member.stage(), Some(Stage::Ready | Stage::Unprepared)) && member.described;
    let value = |member: &Member| member.instance.tags.get(LEASE_TAG).cloned().unwrap_or_default();
    let start = own.find(is_kept).map(|member| (member.id().clone(), value(member)));
    let start = start.or_else(|| ready.first().map(|id| (id.clone(), String::new())));
    Ok(Work::Grant { start, lease: Lease::new(who, lasts, now) })
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

fn check_length(lasts: Duration, settings: &Settings) -> Result<(), String> {
    let longest = in_words(settings.longest);
    let why = format!("a lease lasts from 1 s to lease.longest, which is {longest}: ask for less");
    if lasts.is_zero() || lasts > settings.longest { Err(why) } else { Ok(()) }
}

/// A longer lease of this instance, and why it is shorter than asked for, if it is. An error is a sentence without its
/// full stop.
pub fn extend(
    id: &InstanceId,
    lasts: Duration,
    observed: &Observed,
    terms: Terms<'_>,
) -> Result<(Work, Option<String>), String> {
    check_length(lasts, terms.settings)?;
    let Some(member) = observed.get(id) else { return Err(format!("{id} is not in the fleet")) };
    let lease = member.lease().filter(|lease| member.counts() && !lease.is_released());
    let lease = lease.ok_or_else(|| format!("{id} is not leased: it is {}", member.lifecycle()))?;
    let (asked, longest) = (later(terms.now, lasts), later(lease.since, terms.settings.longest));
    let until = asked.min(longest);
    let bound = format!("and no lease goes on for more than {} (lease.longest)", in_words(terms.settings.longest));
    if until <= lease.until {
        let told = if lease.until >= longest { bound.as_str() } else { "which is later than asked for" };
        return Err(format!("the lease of {id} ends at {:.0}, {told}", lease.until));
    }
    let short = (until < asked).then(|| format!("it ends at {until:.0}, {bound}"));
    Ok((Work::Write(id.clone(), Lease { until, ..lease }), short))
}

/// The end of an instance's lease, whatever the instance does. An error is a sentence without its full stop.
pub fn release(id: &InstanceId, observed: &Observed, terms: Terms<'_>) -> Result<Work, String> {
    let Some(member) = observed.get(id) else { return Err(format!("{id} is not in the fleet")) };
    let lease = member.lease().filter(|_| !member.is_ending() && !member.instance.is_retiring());
    let lease = lease.ok_or_else(|| format!("{id} is not leased: it is {}", member.lifecycle()))?;
    let end = match member.counts() {
        true => lease.released(terms.now),
        // What is stopped, and perhaps kept, is not kept any longer.
        false => Lease { until: Timestamp::UNIX_EPOCH, since: Timestamp::UNIX_EPOCH, ..lease },
    };
    Ok(Work::Write(id.clone(), end))
}

/// How a lease ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    Retire,
    /// Stopped, and kept for the person.
    Keep,
    /// It never served: it is the warm pool's again.
    Free,
}

/// When a lease is ended. `from` is since when this process sees the fleet without a break: an end that came before, or
/// soon after, is put off, so that it is warned of and that use is measured first.
pub fn effective(lease: &Lease, from: Timestamp) -> Timestamp {
    if lease.is_released() { lease.until } else { lease.until.max(later(from, WARNING)) }
}

/// Until when what is stopped is kept for its person.
pub fn kept_until(lease: &Lease, settings: &Settings) -> Timestamp {
    if lease.until == Timestamp::UNIX_EPOCH { lease.until } else { later(lease.until, settings.keep) }
}

/// Those whose lease is over, and what becomes of them.
pub fn ended(observed: &Observed, settings: &Settings, from: Timestamp, now: Timestamp) -> Vec<(InstanceId, End)> {
    let end = |member: &Member| {
        let lease = member.lease().filter(|lease| now >= effective(lease, from))?;
        if !member.described || member.instance.is_retiring() || member.is_ending() {
            return None;
        }
        let is_kept = now < kept_until(&lease, settings);
        let was_out = PoolTag::of(&member.instance) != Some(PoolTag::Warm);
        match member.stage() {
            Some(Stage::Serving | Stage::Starting) if settings.then == Then::Stop => Some(End::Keep),
            Some(Stage::Serving | Stage::Starting) => Some(End::Retire),
            // What somebody else has stopped is left alone as long as it is kept.
            Some(Stage::StoppedByOthers) => (settings.then == Then::Retire || !is_kept).then_some(End::Retire),
            // It is finishing its requests.
            Some(Stage::Returning) => None,
            Some(Stage::Ready | Stage::Unprepared | Stage::Preparing) if !was_out => Some(End::Free),
            // What is kept costs its volumes alone: one that somebody has started is stopped again.
            Some(Stage::Preparing) if is_kept => Some(End::Keep),
            Some(Stage::Ready | Stage::Unprepared) if is_kept => None,
            Some(Stage::Ready | Stage::Unprepared | Stage::Preparing) | None => Some(End::Retire),
        }
    };
    observed.instances.iter().filter_map(|member| Some((member.id().clone(), end(member)?))).collect()
}

/// Those whose lease ends soon, with the end as it will be.
pub fn ending(observed: &Observed, from: Timestamp, now: Timestamp) -> Vec<(InstanceId, Lease)> {
    let ends = running(observed).filter(|(_, lease)| !lease.is_released());
    let ends = ends.map(|(member, lease)| (member.id().clone(), Lease { until: effective(&lease, from), ..lease }));
    ends.filter(|(_, lease)| !lease.is_over(now) && lease.left(now) <= WARNING).collect()
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
    if lease.is_released() || !(is_last || by >= settings.lasts / STEPS) || by.is_zero() {
        return None;
    }
    Some((Duration::try_from(until.duration_since(now)).ok()?, why))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::ports::{Instance, InstanceState, POOL_TAG, RETIRING_TAG};

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
            Ok((Work::Write(_, lease), short)) => Ok((lease.until.as_second(), short.is_some())),
            Ok(other) => panic!("{other:?}"),
            Err(why) => Err(why),
        };
        assert_eq!(extended(HOUR, 1800), Ok((5400, false)));
        assert_eq!(extended(4 * HOUR, 1800), Ok((4 * 3600, true)));
        assert!(extended(9 * HOUR, 1800).unwrap_err().contains("ask for less"));
        assert!(extended(HOUR / 4, 1800).unwrap_err().contains("later than asked for"));
        assert_eq!(extended(HOUR, 3700), Ok((7300, false)), "as long as it is not ended");
        assert!(extend(&"i-2".into(), HOUR, &all, terms(&settings, &[], 0)).unwrap_err().contains("is not leased"));
        let released = release(&"i-1".into(), &all, terms(&settings, &[], 1800)).unwrap();
        assert_eq!(released, Work::Write("i-1".into(), lease("anna", 1800, 1800)));
        let gone = fleet(&[instance("i-1", Some(&lease("anna", 1800, 1800)))]);
        let why = extend(&"i-1".into(), HOUR, &gone, terms(&settings, &[], 1800)).unwrap_err();
        assert!(why.contains("is not leased"), "{why}");
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
            ended(&fleet(std::slice::from_ref(instance)), &settings, at(0), at(now)).first().map(|(_, end)| *end)
        };
        for (instance, stopped) in [(&cold, End::Retire), (&pooled, End::Keep)] {
            assert_eq!(end(instance, Then::Retire, 3599), None);
            assert_eq!(end(instance, Then::Retire, 3600), Some(End::Retire));
            assert_eq!(end(instance, Then::Stop, 3600), Some(stopped));
        }
        assert_eq!(end(&kept, Then::Stop, 7199), None);
        assert_eq!(end(&kept, Then::Stop, 7200), Some(End::Retire));
        assert_eq!(end(&kept, Then::Retire, 3600), None, "what is kept stays so, whatever is set now");
        let started = Instance { state: InstanceState::Running, launched: at(9), ..kept.clone() };
        assert_eq!(end(&started, Then::Stop, 3600), Some(End::Keep), "it is stopped again");
        let never_served = kept.clone().with_tag(POOL_TAG, "warm");
        assert_eq!(end(&never_served, Then::Retire, 3600), Some(End::Free));
        let given_up = kept.clone().with_tag(LEASE_TAG, &lease("anna", 0, 0).to_string());
        assert_eq!(end(&given_up, Then::Stop, 1), Some(End::Retire));
        // Somebody else has stopped it; it is retired already.
        let by_others = Instance { state: InstanceState::Stopped, ..pooled.clone() };
        assert_eq!(end(&by_others, Then::Stop, 7199), None);
        assert_eq!(end(&by_others, Then::Retire, 3600), Some(End::Retire));
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
        assert_eq!(until(busy(3700), 3700).map(|(until, _)| until), Some(7300), "as long as it is not ended");
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
        let warned = |now| ending(&all, at(0), at(now)).len();
        assert_eq!([3299, 3300, 3599, 3600].map(warned), [0, 1, 1, 0]);
    }

    #[test]
    fn an_end_that_nobody_saw_coming_is_put_off_and_warned_of() {
        let all = fleet(&[instance("i-1", Some(&lease("anna", 0, 3600)))]);
        let settings = settings();
        let at_a_start =
            |from, now| (ended(&all, &settings, at(from), at(now)).len(), ending(&all, at(from), at(now)).len());
        assert_eq!(at_a_start(9000, 9000), (0, 1));
        assert_eq!(at_a_start(9000, 9299), (0, 1));
        assert_eq!(at_a_start(9000, 9300), (1, 0));
        // It ends soon after this process came.
        assert_eq!(at_a_start(3500, 3600), (0, 1));
        assert_eq!(at_a_start(3500, 3800), (1, 0));
    }

    #[test]
    fn what_is_still_being_stopped_is_waited_for_and_what_is_stopped_holds_its_place() {
        let settings = Settings { at_most: 1, ..settings() };
        let anna = lease("anna", 0, 3600);
        let returning = instance("i-1", Some(&anna)).with_tag(POOL_TAG, "back@1970-01-01T00:00:00Z");
        let asked = |instance: Instance, who, now| grant(who, HOUR, &fleet(&[instance]), terms(&settings, &[], now));
        assert!(asked(returning, "anna", 3700).unwrap_err().contains("is still being stopped"));
        let stopped = Instance { state: InstanceState::Stopped, ..instance("i-1", Some(&anna)) };
        assert!(
            asked(stopped.clone(), "anna", 10).unwrap_err().contains("until 1970-01-01T01:00:00Z, which is stopped")
        );
        assert!(asked(stopped.clone(), "bert", 10).unwrap_err().contains("lease.at_most is 1"));
        let all = fleet(&[stopped]);
        assert!(release(&"i-1".into(), &all, terms(&settings, &[], 10)).is_ok());
        assert_eq!(ended(&all, &settings, at(0), at(3600)), [("i-1".into(), End::Retire)]);
    }
}
