//! Scaling by CPU. In: the load of each instance that has warmed up, from 0 to 100, or none where it was not measured.
//! Out: a need.
//!
//! An instance that was not measured counts as idle where the question is whether to grow, and as busy where it is
//! whether to shrink, as in Kubernetes' Horizontal Pod Autoscaler.

use super::need::{Fleet, Measured, Need};
use super::settings::{Cpu, CpuRule};

/// Less than any measurement can tell: 3 x 80 / 60 is 4 and not 5, 66 is within a tenth of 60.
const HAIR: f64 = 1e-9;

/// Every load of the warmed-up instances, none where it is missing.
pub fn need(settings: &Cpu, loads: &[Option<f64>], fleet: Fleet) -> Measured {
    let measured: Vec<f64> = loads.iter().flatten().copied().filter(|load| (0.0..=100.0).contains(load)).collect();
    let (n, missing) = (loads.len(), loads.len() - measured.len());
    if n == 0 {
        return Measured::new(Need::Unknown, "cpu: no instance has been in service for the warm-up");
    }
    if measured.is_empty() {
        return Measured::new(Need::Unknown, format!("cpu: none of {n} is measured"));
    }
    let sum: f64 = measured.iter().sum();
    let (low, high) = (sum / n as f64, (sum + 100.0 * missing as f64) / n as f64);
    let mean = sum / measured.len() as f64;
    let of = if missing == 0 { format!("{n}") } else { format!("{} of {n}", measured.len()) };
    let (need, goal) = match settings.rule {
        CpuRule::Target => (track(settings, n, low, high, fleet), format!("target {:.0} %", settings.target)),
        CpuRule::Thresholds => {
            (step(settings, n, low, high, fleet), format!("{:.0} to {:.0} %", settings.lower, settings.upper))
        }
    };
    Measured::new(need, format!("cpu: the mean of {of} is {mean:.0} %, {goal}"))
}

/// ceil(n x mean / target), and n where the mean is within the tolerance of the target: the formula of the Horizontal
/// Pod Autoscaler.
fn track(settings: &Cpu, n: usize, low: f64, high: f64, fleet: Fleet) -> Need {
    let wanted = |mean: f64| {
        let ratio = mean / settings.target;
        let wanted = (n as f64 * ratio - HAIR).ceil().max(0.0) as usize;
        if (ratio - 1.0).abs() <= settings.tolerance + HAIR { n } else { wanted }
    };
    let (out_to, in_to) = (wanted(low), wanted(high));
    if fleet.warming > 0 {
        // They take load that nobody has measured.
        Need::AtLeast(out_to)
    } else if out_to == in_to || in_to < n {
        // Fewer may do even if those that are missing are busy.
        Need::Exactly(in_to)
    } else {
        Need::AtLeast(out_to)
    }
}

/// One more above the upper threshold, one fewer below the lower one unless that would lead above the upper one again.
fn step(settings: &Cpu, n: usize, low: f64, high: f64, fleet: Fleet) -> Need {
    let Fleet { count, warming } = fleet;
    let with_one_fewer = high * n as f64 / n.saturating_sub(1).max(1) as f64;
    if warming > 0 {
        // The last step's effect is not measured yet.
        Need::AtLeast(count)
    } else if low > settings.upper {
        Need::AtLeast(count + 1)
    } else if high < settings.lower && with_one_fewer <= settings.upper {
        Need::Exactly(count.saturating_sub(1))
    } else if low == high {
        Need::Exactly(count)
    } else {
        Need::AtLeast(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn of(rule: CpuRule, loads: &[Option<f64>], fleet: Fleet) -> Need {
        let settings = Cpu { rule, ..Config::shipped().policy.cpu };
        need(&settings, loads, fleet).need
    }

    fn target(loads: &[Option<f64>]) -> Need {
        of(CpuRule::Target, loads, Fleet { count: loads.len(), warming: 0 })
    }

    #[test]
    fn the_mean_is_brought_to_the_target() {
        // 240 and 235 over a target of 60.
        assert_eq!(target(&[Some(80.0); 3]), Need::Exactly(4));
        assert_eq!(target(&[Some(80.0), Some(80.0), Some(75.0)]), Need::Exactly(4));
        assert_eq!(target(&[Some(20.0); 3]), Need::Exactly(1));
        assert_eq!(target(&[Some(0.0); 3]), Need::Exactly(0));
        // Within a tenth of the target nothing is wanted.
        for load in [54.0, 66.0] {
            assert_eq!(target(&[Some(load); 3]), Need::Exactly(3));
        }
        assert_eq!(target(&[Some(67.0); 3]), Need::Exactly(4));
    }

    #[test]
    fn what_is_missing_is_idle_for_growing_and_busy_for_shrinking() {
        // 200 at least, which is more than three times 66; 300 at most.
        assert_eq!(target(&[Some(100.0), Some(100.0), None]), Need::AtLeast(4));
        assert_eq!(target(&[Some(70.0), None]), Need::AtLeast(2));
        // 130 at most: three will do even so.
        assert_eq!(target(&[Some(10.0), Some(10.0), Some(10.0), None]), Need::Exactly(3));
        assert_eq!(target(&[Some(10.0), None]), Need::AtLeast(1));
        assert_eq!(target(&[None, None]), Need::Unknown);
        assert_eq!(target(&[]), Need::Unknown);
        for nonsense in [f64::NAN, -1.0, 101.0, f64::INFINITY] {
            assert_eq!(target(&[Some(nonsense)]), Need::Unknown);
        }
    }

    #[test]
    fn what_warms_up_takes_load_that_is_not_measured() {
        let fleet = Fleet { count: 4, warming: 2 };
        assert_eq!(of(CpuRule::Target, &[Some(20.0); 2], fleet), Need::AtLeast(1));
        assert_eq!(of(CpuRule::Thresholds, &[Some(99.0); 2], fleet), Need::AtLeast(4));
    }

    #[test]
    fn thresholds_take_one_step() {
        let step = |loads: &[Option<f64>]| of(CpuRule::Thresholds, loads, Fleet { count: 3, warming: 0 });
        assert_eq!(step(&[Some(81.0); 3]), Need::AtLeast(4));
        assert_eq!(step(&[Some(80.0); 3]), Need::Exactly(3));
        assert_eq!(step(&[Some(30.0); 3]), Need::Exactly(3));
        assert_eq!(step(&[Some(29.0); 3]), Need::Exactly(2));
        assert_eq!(step(&[Some(29.0), Some(29.0), None]), Need::AtLeast(3));
        assert_eq!(step(&[Some(99.0), Some(99.0), None]), Need::AtLeast(3));
    }
}
