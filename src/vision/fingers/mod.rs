//! Tells raised fingers. In: a hand's landmarks, and the features that the landmark model made them of. Out: which
//! fingers are raised, and whether that is sure. Pure. Of the landmarks it uses angles and relative distances only, so
//! the hand's rotation in the picture and its side do not matter.
//!
//! Three scores are added: a learned head's on the landmarks, which is better on hands like those in its training data;
//! a geometric rule's, which generalises to hands unlike them; and a learned head's on the features, which hold what
//! the landmarks have lost. The sum is decoded into the likeliest combination of fingers, rather than finger by finger
//! (docs/reading-hands.md has the figures).

mod head;
mod measures;
mod rule;

use glam::Vec3Swizzles;

use crate::hand::{Landmarks, landmark::*};

/// Which fingers are raised, thumb first, and whether all five are sure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fingers {
    pub raised: [bool; 5],
    pub sure: bool,
}

impl Fingers {
    /// What two readings of one hand tell together, the second one of its mirror image: what one of them is sure of,
    /// unless the other is sure of another count. A fist does not speak against raised fingers: the model loses fingers
    /// more often than it sees some that are not there.
    pub fn with(self, other: Fingers) -> Fingers {
        let count = |fingers: &Fingers| fingers.raised.iter().filter(|up| **up).count();
        match (self.sure, other.sure) {
            (true, true) if count(&self) == 0 => other,
            (true, true) if count(&other) == 0 || count(&other) == count(&self) => self,
            (true, true) => Fingers { sure: false, ..self },
            (false, true) => other,
            (_, false) => self,
        }
    }
}

/// The weight of one margin beyond the rule's limit, in the head's unit (log odds).
const RULE_WEIGHT: f32 = 0.5;
/// The rule's score is clamped to this many margins.
const RULE_MOST: f32 = 3.0;
/// The weight of the features' head.
const FEATURES_WEIGHT: f32 = 0.5;
/// A finger whose score is closer to zero than this is not sure.
const SURE: f32 = 1.5;
/// A palm is seen from its edge if its knuckles, index to little finger, span less than this share of wrist to middle
/// knuckle. Its fingers then hide each other, and a reading would be confident but wrong. Palms that face the camera
/// measure 0.66 to 0.75, rendered ones turned by 50 degrees 0.54 (medians).
const EDGE_ON: f32 = 0.5;
/// How long each finger but the thumb is in the picture when all are raised, index first, as shares of the palm
/// (medians of open hands in the labelled pictures). Only their ratios count.
const LENGTHS: [f32; 4] = [0.86, 0.95, 0.87, 0.70];
/// A raised finger that looks shorter than this share of what the longest raised one suggests points towards the
/// camera, or is bent, which the landmarks then hardly show. In labelled pictures that were read rightly the least is
/// 0.65.
const SHORT: f32 = 0.65;
/// The penalty, in log odds, for a folded finger between two raised ones. A hand can do it, but where the landmarks say
/// little another sign is likelier. Less than [`SURE`], so that it never overrules a sure finger.
const GAP: f32 = 1.0;

#[cfg(test)]
thread_local! {
    /// How often this thread has called [`read`].
    pub static READS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Tells the raised fingers. Landmarks that make no sense give a fist that is not sure.
pub fn read(landmarks: &Landmarks, features: &[f32]) -> Fingers {
    #[cfg(test)]
    READS.set(READS.get() + 1);
    let odds = odds(landmarks, features);
    let raised = most_likely(&odds);
    // A fist hides no finger: it takes a retire back from whatever side it is seen.
    let clear = raised == [false; 5] || !is_edge_on(landmarks) && !has_short_finger(landmarks, raised);
    Fingers { raised, sure: clear && odds.iter().all(|odds| odds.abs() > SURE) }
}

fn is_edge_on(landmarks: &Landmarks) -> bool {
    let distance = |a: usize, b: usize| landmarks[a].xy().distance(landmarks[b].xy());
    distance(INDEX_MCP, LITTLE_MCP) < EDGE_ON * distance(WRIST, MIDDLE_MCP)
}

/// Whether a raised finger looks much shorter than the longest raised one.
fn has_short_finger(landmarks: &Landmarks, raised: [bool; 5]) -> bool {
    let shares = (0..4).filter(|finger| raised[finger + 1]).map(|finger| {
        let knuckle = INDEX_MCP + 4 * finger;
        landmarks[knuckle].xy().distance(landmarks[knuckle + 3].xy()) / LENGTHS[finger]
    });
    let (least, most) = shares.fold((f32::MAX, 0.0_f32), |(least, most), share| (least.min(share), most.max(share)));
    least < SHORT * most
}

/// The likeliest combination of all 32; a fist if none is likelier.
fn most_likely(odds: &[f32; 5]) -> [bool; 5] {
    let (mut likeliest, mut most) = ([false; 5], 0.0);
    for number in 1..32_u8 {
        let raised: [bool; 5] = std::array::from_fn(|finger| number >> finger & 1 == 1);
        let fingers = odds.iter().zip(raised).filter(|(_, up)| *up).map(|(odds, _)| odds).sum::<f32>();
        let likely = if has_gap(&raised) { fingers - GAP } else { fingers };
        // Always false for NaN.
        if likely > most {
            (likeliest, most) = (raised, likely);
        }
    }
    likeliest
}

/// Whether a folded finger is between two raised ones, thumb left out.
fn has_gap(raised: &[bool; 5]) -> bool {
    raised[1..].chunk_by(PartialEq::eq).filter(|run| run[0]).count() > 1
}

/// Each finger's score for being raised, thumb first, about its log odds; NaN where the numbers make no sense. Where
/// the features are unknown, which is where they are not [`FEATURES`](crate::vision::landmark::FEATURES), the landmarks
/// decide.
pub fn odds(landmarks: &Landmarks, features: &[f32]) -> [f32; 5] {
    let measures = measures::of(landmarks);
    // tanh would turn infinity into a number.
    if !measures.iter().chain(features).all(|number| number.is_finite()) {
        return [f32::NAN; 5];
    }
    let (head, rule) = (head::OF_MEASURES.odds(&measures), rule::margins(landmarks));
    let seen = features.try_into().map_or([0.0; 5], |features| head::OF_FEATURES.odds(features));
    std::array::from_fn(|i| head[i] + RULE_WEIGHT * rule[i].clamp(-RULE_MOST, RULE_MOST) + FEATURES_WEIGHT * seen[i])
}

#[cfg(test)]
mod tests {
    use glam::{Quat, Vec2, Vec3};

    use super::*;

    /// A hand with the named fingers raised: thumb first, 1 for a raised one.
    fn hand(fingers: &str) -> Landmarks {
        let mut points = [Vec3::ZERO; 21];
        for (finger, raised) in fingers.bytes().map(|digit| digit == b'1').enumerate() {
            let x = 30.0 * finger as f32 - 60.0;
            let thumb = finger == 0;
            let knuckle = if thumb { Vec3::new(-40.0, -30.0, 0.0) } else { Vec3::new(x, -100.0, 0.0) };
            let out = if thumb { Vec3::new(-0.8, -0.6, 0.0) } else { Vec3::NEG_Y };
            let steps = match (raised, thumb) {
                (true, _) => [out * 32.0, out * 26.0, out * 22.0],
                (false, true) => [Vec3::new(5.0, -30.0, -8.0), Vec3::new(30.0, -14.0, -8.0), Vec3::new(28.0, 4.0, 0.0)],
                (false, false) => [Vec3::new(0.0, -20.0, -20.0), Vec3::new(0.0, 26.0, -8.0), Vec3::new(0.0, 18.0, 8.0)],
            };
            points[1 + 4 * finger] = knuckle;
            for joint in 0..3 {
                points[2 + 4 * finger + joint] = points[1 + 4 * finger + joint] + steps[joint];
            }
        }
        points
    }

    #[test]
    fn plain_hands_are_read() {
        for fingers in ["00000", "01000", "01100", "01110", "01111", "11111"] {
            let read = read(&hand(fingers), &[]);
            assert_eq!(read.raised.map(|up| if up { '1' } else { '0' }).iter().collect::<String>(), fingers);
        }
    }

    #[test]
    fn of_two_readings_one_must_be_sure_and_none_of_another_count() {
        let read = |count: usize, sure| Fingers { raised: std::array::from_fn(|finger| finger < count), sure };
        for sure in [true, false] {
            assert_eq!(read(2, true).with(read(2, sure)), read(2, true));
            assert_eq!(read(2, true).with(read(0, sure)), read(2, true), "a fist has lost the fingers");
            assert_eq!(read(0, sure).with(read(2, true)), read(2, true));
            assert_eq!(read(0, sure).with(read(0, true)), read(0, true));
        }
        assert_eq!(read(2, true).with(read(3, true)), read(2, false));
        assert_eq!(read(2, true).with(read(3, false)), read(2, true));
        assert_eq!(read(2, false).with(read(3, true)), read(3, true));
        assert_eq!(read(2, false).with(read(2, false)), read(2, false));
    }

    #[test]
    fn a_gap_needs_more_to_speak_for_it() {
        let little = |odds| most_likely(&[-5.0, 5.0, -5.0, -5.0, odds])[4];
        assert!(!little(0.9 * GAP) && little(1.1 * GAP));
        let middle = |odds| most_likely(&[-5.0, 5.0, odds, 5.0, -5.0])[2];
        assert!(!middle(-1.1 * GAP) && middle(-0.9 * GAP), "or the folded finger is raised");
        assert!(most_likely(&[0.1, -5.0, 0.1, 5.0, 0.1])[0], "the thumb is apart");
    }

    #[test]
    fn what_is_sure_stays() {
        for number in 0..32 {
            let raised: [bool; 5] = std::array::from_fn(|finger| number >> finger & 1 == 1);
            assert_eq!(most_likely(&raised.map(|up| if up { SURE } else { -SURE })), raised);
        }
    }

    #[test]
    fn neither_turn_nor_side_nor_size_matters() {
        let upright = odds(&hand("01100"), &[]);
        for turn in [-3.0, -1.2, 0.4, 2.0] {
            for mirror in [-1.0, 1.0] {
                let place = |p: Vec3| Quat::from_rotation_z(turn) * (p * Vec3::new(mirror, 1.0, 1.0)) * 0.3 + 200.0;
                let turned = odds(&hand("01100").map(place), &[]);
                assert!(upright.iter().zip(turned).all(|(a, b)| (a - b).abs() < 1e-2), "{upright:?} {turned:?}");
            }
        }
    }

    #[test]
    fn a_hand_seen_from_its_edge_is_unsure() {
        let narrowed = |to: f32| hand("11111").map(|p| (p.xy() * Vec2::new(to, 1.0)).extend(p.z));
        assert!(read(&narrowed(1.0), &[]).sure);
        assert!(!read(&narrowed(0.5), &[]).sure, "45 of 100");
        let fist = hand("00000").map(|p| (p.xy() * Vec2::new(0.5, 1.0)).extend(p.z));
        assert_eq!(read(&fist, &[]), Fingers { raised: [false; 5], sure: true });
    }

    #[test]
    fn a_finger_that_looks_short_is_unsure() {
        let little_at = |share: f32| {
            let mut open = hand("11111");
            (18..21).for_each(|i| open[i] = open[LITTLE_MCP] + share * (open[i] - open[LITTLE_MCP]));
            read(&open, &[])
        };
        assert!(little_at(0.75).sure);
        let short = little_at(0.45);
        assert!(short.raised[4] && !short.sure, "it would pass for raised: {short:?}");
        let all_short = hand("01111").map(|p| p * Vec3::new(1.0, 0.8, 1.0));
        assert!(!has_short_finger(&all_short, [false, true, true, true, true]), "a hand that leans to the camera");
        assert!(!has_short_finger(&all_short, [true, false, false, false, false]), "a thumb has no share");
    }

    #[test]
    fn nonsense_is_an_unsure_fist() {
        let unsure_fist = Fingers { raised: [false; 5], sure: false };
        assert_eq!(read(&[Vec3::ZERO; 21], &[]), unsure_fist);
        for wrong in [f32::NAN, f32::INFINITY, f32::MAX] {
            for (point, axis) in (0..21).flat_map(|point| (0..3).map(move |axis| (point, axis))) {
                let mut points = hand("11111");
                points[point][axis] = wrong;
                assert_eq!(read(&points, &[]), unsure_fist, "{wrong} at {point}, {axis}");
            }
        }
    }
}
