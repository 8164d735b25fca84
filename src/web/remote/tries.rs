//! Slows the guessing of passwords. In: tries to sign in, when each began, and which succeeded. Out: whether a try may
//! be made, or how long to wait. Pure.
//!
//! Failed tries are counted by account and by address, so that neither many names from one place nor many places at one
//! name are quick. Whoever guesses at somebody's account must not keep them out: an address from which an account was
//! signed in to waits for its own failures alone.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// Failures that nobody waits for: people mistype.
const FREE: u32 = 5;
/// The wait after one failure more; each further one doubles it.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Failures are forgotten after so long without another one.
const REMEMBERED: Duration = Duration::from_secs(15 * 60);
/// Accounts and addresses whose failures are kept at once. Beyond them all wait but those who have been in.
const MOST: usize = 10_000;

#[derive(Debug, Default)]
pub struct Tries {
    failures: HashMap<Of, Failures>,
    /// Where an account was signed in to from.
    known: HashSet<(String, IpAddr)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Of {
    Account(String),
    Address(IpAddr),
}

#[derive(Debug)]
struct Failures {
    count: u32,
    last: Instant,
}

impl Tries {
    /// Begins a try. It counts as failed until it has succeeded, so that many at once are no way around. Or answers how
    /// long to wait: a try that is not made counts nowhere.
    pub fn begin(&mut self, account: &str, address: IpAddr, now: Instant) -> Result<(), Duration> {
        let is_known = self.known.contains(&(account.to_owned(), network(address)));
        let mut counted = vec![Of::Address(network(address))];
        if !is_known {
            counted.push(Of::Account(account.to_owned()));
        }
        let wait = counted.iter().map(|of| self.wait(of, now)).max().unwrap_or_default();
        if !wait.is_zero() {
            return Err(wait);
        }
        if self.failures.len() >= MOST {
            self.failures.retain(|_, failures| now.saturating_duration_since(failures.last) < REMEMBERED);
        }
        if self.failures.len() >= MOST && !is_known {
            return Err(LONGEST_WAIT);
        }
        for of in counted {
            let failures = self.failures.entry(of).or_insert(Failures { count: 0, last: now });
            let is_old = now.saturating_duration_since(failures.last) >= REMEMBERED;
            *failures = Failures { count: if is_old { 1 } else { failures.count.saturating_add(1) }, last: now };
        }
        Ok(())
    }

    /// Takes this try's failure back, and no other: whoever has an account must not clear the way for guesses.
    pub fn succeeded(&mut self, account: &str, address: IpAddr) {
        let address = network(address);
        let mut counted = vec![Of::Address(address)];
        if self.known.insert((account.to_owned(), address)) {
            counted.push(Of::Account(account.to_owned()));
        }
        for of in counted {
            if let Some(failures) = self.failures.get_mut(&of) {
                failures.count = failures.count.saturating_sub(1);
            }
        }
    }

    fn wait(&self, of: &Of, now: Instant) -> Duration {
        let Some(Failures { count, last }) = self.failures.get(of) else { return Duration::ZERO };
        let passed = now.saturating_duration_since(*last);
        if *count < FREE || passed >= REMEMBERED {
            return Duration::ZERO;
        }
        let wait = FIRST_WAIT.saturating_mul(1 << (count - FREE).min(16)).min(LONGEST_WAIT);
        wait.saturating_sub(passed)
    }
}

/// An address as one customer has it: of IPv6 a whole /64.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    fn other(n: u8) -> IpAddr {
        IpAddr::from([198, 51, 100, n])
    }

    /// How long until the next try is let through, after so many.
    fn wait_after(tries: &mut Tries, n: usize, account: &str, address: IpAddr, now: &mut Instant) -> Duration {
        for _ in 0..n {
            if let Err(wait) = tries.begin(account, address, *now) {
                *now += wait;
                assert_eq!(tries.begin(account, address, *now), Ok(()), "the wait is enough");
            }
        }
        tries.begin(account, address, *now).err().unwrap_or_default()
    }

    #[test]
    fn waits_double_after_five_failures_up_to_a_minute_and_are_forgotten() {
        let mut now = Instant::now();
        for (n, seconds) in [(5, 1), (6, 2), (7, 4), (8, 8), (10, 32), (11, 60), (40, 60)] {
            let mut tries = Tries::default();
            assert_eq!(wait_after(&mut tries, n, "anna", HERE, &mut now), Duration::from_secs(seconds), "{n}");
            assert_eq!(tries.begin("anna", HERE, now + REMEMBERED), Ok(()));
            assert_eq!(tries.begin("anna", HERE, now + REMEMBERED), Ok(()), "it begins anew");
        }
    }

    #[test]
    fn neither_many_names_nor_many_addresses_are_a_way_around() {
        let (mut tries, now) = (Tries::default(), Instant::now());
        let names = (0..20).filter(|n| tries.begin(&format!("user{n}"), HERE, now).is_ok()).count();
        assert_eq!(names, FREE as usize);
        let places = (0..20).filter(|n| tries.begin("anna", other(*n), now).is_ok()).count();
        assert_eq!(places, FREE as usize);
        let [one, next]: [IpAddr; 2] = ["2001:db8::1", "2001:db8::ffff:1"].map(|text| text.parse().unwrap());
        assert_eq!((network(one), network(HERE)), (network(next), HERE));
    }

    #[test]
    fn a_try_that_was_not_made_counts_nowhere() {
        let (mut tries, mut now) = (Tries::default(), Instant::now());
        let wait = wait_after(&mut tries, 5, "anna", HERE, &mut now);
        for _ in 0..100 {
            assert_eq!(tries.begin("anna", HERE, now), Err(wait));
        }
    }

    #[test]
    fn nobody_keeps_others_out_of_where_they_have_been_in() {
        let (mut tries, mut now) = (Tries::default(), Instant::now());
        tries.begin("anna", HERE, now).unwrap();
        tries.succeeded("anna", HERE);
        wait_after(&mut tries, 20, "anna", other(1), &mut now);
        assert!(tries.begin("anna", other(2), now).is_err());
        assert_eq!(tries.begin("anna", HERE, now), Ok(()));
    }

    #[test]
    fn who_has_an_account_does_not_clear_the_way_for_guesses() {
        let (mut tries, now) = (Tries::default(), Instant::now());
        let mut made = 0;
        for _ in 0..20 {
            made += usize::from(tries.begin("anna", HERE, now).is_ok());
            if tries.begin("mallory", HERE, now).is_ok() {
                tries.succeeded("mallory", HERE);
            }
        }
        assert_eq!(made, FREE as usize);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let (mut tries, now) = (Tries::default(), Instant::now());
        tries.begin("ben", HERE, now).unwrap();
        tries.succeeded("ben", HERE);
        for n in 0..2 * MOST as u32 {
            let _ = tries.begin(&format!("user{n}"), IpAddr::from(n.to_be_bytes()), now);
        }
        assert!(tries.failures.len() <= MOST + 1, "{}", tries.failures.len());
        assert_eq!(tries.begin("anna", other(1), now), Err(LONGEST_WAIT));
        assert_eq!(tries.begin("ben", HERE, now), Ok(()));
        assert_eq!(tries.begin("anna", other(1), now + REMEMBERED), Ok(()));
    }
}
