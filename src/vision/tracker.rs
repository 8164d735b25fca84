//! From frames to readings. In: frames in order. Out: hands. Finds them by palm detection, follows them by their
//! landmarks, and decides when to search again.

use std::time::Duration;

use image::RgbImage;

use super::fingers::{self, Fingers};
use super::handedness::Handedness;
use super::landmark::{Estimate, LandmarkReader};
use super::model::ModelError;
use super::motion::{Area, Life, Motion, Thumbnail};
use super::pace;
use super::palm::{Palm, PalmDetector};
use super::roi::Roi;
use super::settings::Settings;
use crate::camera::Frame;
use crate::hand::{Due, Hand, Reading, Side, palm_centre, palm_width};

/// The zoom when nothing was found at full size: palms that fill the picture are larger than any in the training data.
const ZOOM_OUT: f32 = 0.6;

/// A rejected palm is tried again after this time, or when its score has risen by this much.
const REJECTED_FOR: Duration = Duration::from_secs(1);
const REJECTED_RISE: f32 = 0.2;

/// Below this presence there was clearly no hand at a palm, but a face or a shirt: it is tried again later only,
/// whatever moves meanwhile. A hand that comes to its place raises its score. Trying such palms was half of the cost of
/// watching a person without a hand.
const NO_HAND: f32 = 0.01;
const NO_HAND_FOR: Duration = Duration::from_secs(3);

/// Folds of a shirt look like a palm here and there: below this score, no palm is tried within a palm's size of a place
/// where there was clearly none. Of 832 labelled hands, 25 have a lower one.
const WEAK_PALM: f32 = 0.25;

/// A palm of at least this score that is not the palm of the hand that it leads to, or whose hand has at least this
/// presence, may be a hand that hides behind another one. Then a fresh look is not sure, and no fist begins a gesture.
const HIDDEN_PALM: f32 = 0.3;
const HIDDEN_PRESENCE: f32 = 0.3;

/// Reads hands in consecutive frames.
pub struct Tracker {
    palms: PalmDetector,
    landmarks: LandmarkReader,
    settings: Settings,
    mirrored: bool,
    followed: Vec<Followed>,
    rejected: Vec<Rejected>,
    motion: Motion,
    /// This frame's picture, and that of the last frame that was read.
    now: Thumbnail,
    read: Thumbnail,
    /// What changed between those two.
    changes: Vec<f32>,
    last: Option<Duration>,
    last_read: Option<Duration>,
    last_search: Option<Duration>,
    /// When something last moved that did not move before.
    moved: Option<Duration>,
    /// Consecutive searches that found nothing.
    fruitless: u32,
    /// Whether a followed hand was lost since the last search.
    lost: bool,
    /// Whether the last search found palms of what may be a hidden hand.
    hidden: bool,
    /// Whether the last two readings were sure and showed the same.
    settled: bool,
}

/// How a frame was looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    /// Only where hands were before.
    Followed,
    /// Everywhere else too.
    Searched,
    /// As if there had been no frame before.
    Fresh,
}

/// A hand that was in the last frame.
struct Followed {
    estimate: Estimate,
    /// Read once per estimate.
    fingers: Fingers,
    side: Handedness,
    /// Where it is read in the next frame.
    roi: Roi,
}

impl Followed {
    fn new(estimate: Estimate, side: Handedness) -> Followed {
        let fingers = fingers::read(&estimate.landmarks, &estimate.features);
        Followed { fingers, side, roi: Roi::of_landmarks(&estimate.landmarks), estimate }
    }

    /// Whether a fresh look has found this hand.
    fn is_now(&self, found: &Estimate) -> bool {
        self.estimate.is_same_hand(found) || self.was_outrun(found)
    }

    /// Whether `found` is this hand, which moved so fast that its old square covered only half of it, so that the
    /// estimate there is off. Two hands this close to each other are a person's left and right.
    fn was_outrun(&self, found: &Estimate) -> bool {
        let palm = palm_width(&self.estimate.landmarks).max(palm_width(&found.landmarks));
        let apart = palm_centre(&self.estimate.landmarks).distance(palm_centre(&found.landmarks));
        apart < palm && self.side.is_right() == (found.right > 0.5)
    }
}

/// A palm that turned out not to be a hand: a face, a pattern. Trying one costs as much as following a hand.
struct Rejected {
    palm: Palm,
    at: Duration,
    /// The presence of a hand there.
    presence: f32,
}

impl Rejected {
    fn is_no_hand(&self) -> bool {
        self.presence < NO_HAND
    }

    fn lasts(&self, now: Duration) -> bool {
        let long = if self.is_no_hand() { NO_HAND_FOR } else { REJECTED_FOR };
        now.saturating_sub(self.at) < long
    }

    fn is_of(&self, palm: &Palm) -> bool {
        let (old, size) = (&self.palm, palm.size.max_element());
        let reach = if self.is_no_hand() && palm.score < WEAK_PALM { size } else { size / 3.0 };
        palm.centre.distance(old.centre) < reach
            && (0.7..1.4).contains(&(old.size.max_element() / size))
            && palm.score < old.score + REJECTED_RISE
    }
}

impl Tracker {
    pub fn new(palms: PalmDetector, landmarks: LandmarkReader, settings: Settings, mirrored: bool) -> Tracker {
        Tracker {
            palms,
            landmarks,
            settings,
            mirrored,
            followed: Vec::new(),
            rejected: Vec::new(),
            motion: Motion::default(),
            now: Thumbnail::default(),
            read: Thumbnail::default(),
            changes: Vec::new(),
            last: None,
            last_read: None,
            last_search: None,
            moved: None,
            fruitless: 0,
            lost: false,
            hidden: false,
            settled: false,
        }
    }

    /// The hands in the next frame, or none if the reading would repeat the last one: all hands are sure and nothing
    /// changes near them. What is `due` is always read.
    pub fn read_if_new(&mut self, frame: &Frame, due: Option<Due>) -> Result<Option<Reading>, ModelError> {
        if !is_empty(&frame.picture) {
            self.now.take(&frame.picture);
        }
        let due = due.filter(|due| due.has_come(frame.time));
        if due.is_some() || self.is_news(frame) {
            return self.read_now(frame, due).map(Some);
        }
        self.last = Some(frame.time);
        Ok(None)
    }

    /// The hands in the next frame, by a fresh look if one is `due`.
    pub fn read(&mut self, frame: &Frame, due: Option<Due>) -> Result<Reading, ModelError> {
        if !is_empty(&frame.picture) {
            self.now.take(&frame.picture);
        }
        self.read_now(frame, due.filter(|due| due.has_come(frame.time)))
    }

    fn is_news(&mut self, frame: &Frame) -> bool {
        let (Some(last), Some(last_read)) = (self.last, self.last_read) else { return true };
        // If time stands still or runs back, the frame is read too.
        if !self.settled || self.lost || self.followed.is_empty() || is_empty(&frame.picture) || frame.time <= last {
            return true;
        }
        self.now.changes_since(&self.read, &mut self.changes);
        pace::is_time(&self.settings, frame.time.saturating_sub(last_read), frame.time - last)
            || self.areas(&frame.picture).iter().any(|hand| hand.changed(&self.changes))
    }

    /// Expects `now` to hold this frame's picture; `due` has come.
    fn read_now(&mut self, frame: &Frame, due: Option<Due>) -> Result<Reading, ModelError> {
        if is_empty(&frame.picture) {
            self.forget();
            return Ok(self.reading(frame, Look::Followed));
        }
        if self.last.is_some_and(|last| frame.time < last) {
            self.forget();
        }
        self.last = Some(frame.time);
        self.last_read = Some(frame.time);
        self.read.clone_from(&self.now);
        let (before, mut known) = (self.signs(), self.followed.len());
        let reading = if due.is_some_and(|due| due.fresh) {
            self.notice_life(frame);
            let followed = std::mem::take(&mut self.followed);
            self.search_afresh(&frame.picture)?;
            let mut reading = self.reading(frame, Look::Fresh);
            let turned = self.go_on(followed);
            self.remember_sides(frame);
            for (at, hand) in reading.hands.iter_mut().enumerate() {
                hand.sure &= !self.hidden && !turned.contains(&at);
            }
            reading
        } else {
            self.lost |= self.follow(&frame.picture)?;
            known = self.followed.len();
            let searched = self.wants_search(frame);
            if searched {
                self.rejected.retain(|old| old.lasts(frame.time));
                // If nothing is found for a while, every third search is for a hand that fills the picture.
                let zoom = if self.fruitless % 3 == 2 { ZOOM_OUT } else { 1.0 };
                self.search(&frame.picture, zoom)?;
            }
            self.remember_sides(frame);
            self.reading(frame, if searched { Look::Searched } else { Look::Followed })
        };
        if reading.searched {
            let since = self.last_search.replace(frame.time).map_or(Duration::ZERO, |last| frame.time - last);
            self.fruitless = if self.followed.is_empty() { self.fruitless.wrapping_add(1) } else { 0 };
            // Where a hand has come or gone, what moved is no habit: the next hand may come there.
            self.motion.searched(&self.now, since, self.followed.len() > known || self.lost);
            self.lost = false;
        }
        self.settled = reading.hands.iter().all(|hand| hand.sure) && self.signs() == before;
        Ok(reading)
    }

    /// The hands in a picture that is unrelated to the one before.
    pub fn read_cold(&mut self, frame: &Frame) -> Result<Reading, ModelError> {
        self.forget();
        if is_empty(&frame.picture) {
            return Ok(self.reading(frame, Look::Followed));
        }
        self.search_afresh(&frame.picture)?;
        Ok(self.reading(frame, Look::Fresh))
    }

    /// Forgets all frames so far: the next one starts a new sequence.
    pub fn forget(&mut self) {
        self.followed.clear();
        self.rejected.clear();
        self.motion = Motion::default();
        self.last = None;
        self.last_read = None;
        self.last_search = None;
        self.moved = None;
        self.fruitless = 0;
        self.lost = false;
        self.hidden = false;
        self.settled = false;
    }

    /// The newest frame's own estimate of each hand in its reading, in the same order, without averaging: for
    /// measurements.
    pub fn estimates(&self) -> impl Iterator<Item = &Estimate> {
        self.followed.iter().map(|hand| &hand.estimate)
    }

    /// Reads the hands where they were in the last frame; true if one of them is gone.
    fn follow(&mut self, picture: &RgbImage) -> Result<bool, ModelError> {
        let before = std::mem::take(&mut self.followed);
        let count = before.len();
        for hand in before {
            if !hand.roi.is_sound() {
                continue;
            }
            let estimate = self.landmarks.read(picture, &hand.roi)?;
            if estimate.presence >= self.settings.presence_following && !self.knows(&estimate) {
                let side = hand.side.with(estimate.right);
                self.followed.push(Followed::new(estimate, side));
            }
        }
        Ok(self.followed.len() < count)
    }

    fn wants_search(&mut self, frame: &Frame) -> bool {
        let life = self.notice_life(frame);
        let after = pace::search_after(&self.settings, life, !self.followed.is_empty(), self.lost);
        self.last_search.is_none_or(|last| frame.time.saturating_sub(last) >= after)
    }

    /// How lively the scene is, or was a moment ago.
    fn notice_life(&mut self, frame: &Frame) -> Life {
        let areas = self.areas(&frame.picture);
        let mut life = self.motion.since_search(&self.now, &areas);
        let since = |then: Duration| frame.time.saturating_sub(then);
        let lately = self.moved.is_some_and(|moved| since(moved) < pace::AFTERMATH);
        if life == Life::Moving {
            if !lately {
                self.fruitless = 0;
                self.rejected.retain(Rejected::is_no_hand);
            }
            self.moved = Some(frame.time);
        } else if lately {
            life = Life::Moving;
        }
        life
    }

    /// Finds the hands of a picture that stands alone, and reads each one's fingers twice. Expects that none is
    /// followed.
    fn search_afresh(&mut self, picture: &RgbImage) -> Result<(), ModelError> {
        for zoom in [1.0, ZOOM_OUT] {
            self.rejected.clear();
            self.search(picture, zoom)?;
            if !self.followed.is_empty() {
                break;
            }
        }
        self.read_again(picture)
    }

    /// Reads each hand's fingers once more, in its mirror image.
    fn read_again(&mut self, picture: &RgbImage) -> Result<(), ModelError> {
        for hand in &mut self.followed {
            let again = self.landmarks.read_again(picture, &hand.estimate, self.settings.presence_following)?;
            let Some(again) = again else { continue };
            let both = hand.fingers.with(fingers::read(&again.landmarks, &again.features));
            if both.raised != hand.fingers.raised {
                // The square around a fist may cut off fingers that are raised.
                hand.roi = Roi::of_landmarks(&again.landmarks);
            }
            hand.fingers = both;
        }
        Ok(())
    }

    /// After a fresh look, goes on with the hands that were followed before: their sides are still averages, and one
    /// that the look has missed is not lost yet. Answers which of the look's hands were known by the other side: one
    /// frame alone is not sure of that.
    fn go_on(&mut self, before: Vec<Followed>) -> Vec<usize> {
        let mut unknown: Vec<_> = (0..self.followed.len()).collect();
        let mut turned = Vec::new();
        for old in before {
            // Two hands that were followed are not one now.
            match unknown.iter().position(|&new| old.is_now(&self.followed[new].estimate)) {
                Some(at) => {
                    let at = unknown.swap_remove(at);
                    let new = &mut self.followed[at];
                    if !old.side.agrees_with(new.estimate.right) {
                        turned.push(at);
                    }
                    new.side = old.side.with(new.estimate.right);
                    if old.fingers.raised == new.fingers.raised && old.estimate.is_same_hand(&new.estimate) {
                        // The look confirms what the old square shows. Another square may show something else.
                        new.roi = old.roi;
                    }
                }
                None => self.followed.push(old),
            }
        }
        self.followed.truncate(self.settings.hands_most);
        turned
    }

    fn remember_sides(&mut self, frame: &Frame) {
        for hand in &mut self.followed {
            hand.side.remember(frame.time);
        }
    }

    /// Detects palms and adds the hands among them that are not followed yet.
    fn search(&mut self, picture: &RgbImage, zoom: f32) -> Result<(), ModelError> {
        let rejected = self.rejected.len();
        // Which followed hands are still where they were expected, and which other hands there are.
        let (mut there, mut others) = (vec![false; self.followed.len()], Vec::<Estimate>::new());
        self.hidden = false;
        for palm in self.palms.detect(picture, zoom)? {
            if let Some(known) = self.followed.iter().position(|hand| palm.is_of(&hand.estimate.landmarks)) {
                there[known] = true;
                continue;
            }
            let is_palm = palm.score >= HIDDEN_PALM;
            if others.iter().any(|other| palm.is_of(&other.landmarks)) {
                continue;
            }
            if let Some(old) = self.rejected[..rejected].iter().find(|old| old.is_of(&palm)) {
                self.hidden |= is_palm && old.presence >= HIDDEN_PRESENCE;
                continue;
            }
            let estimate = self.estimate_twice(picture, &palm)?;
            if estimate.presence < self.settings.presence {
                self.hidden |= is_palm && estimate.presence >= HIDDEN_PRESENCE;
                let at = self.last.unwrap_or_default();
                self.rejected.push(Rejected { palm, at, presence: estimate.presence });
            } else if let Some(known) = self.followed.iter().position(|hand| hand.estimate.is_same_hand(&estimate)) {
                there[known] = true;
            } else if others.iter().any(|other| other.is_same_hand(&estimate)) {
                self.hidden |= is_palm;
            } else {
                others.push(estimate);
            }
        }
        for found in others {
            // Only a hand that is not where it was expected can be somewhere else.
            let mut gone = self.followed.iter_mut().zip(&mut there).filter(|(_, there)| !**there);
            match gone.find(|(hand, _)| hand.was_outrun(&found)) {
                Some((hand, there)) => (*hand, *there) = (Followed::new(found, hand.side), true),
                None => {
                    let side = Handedness::new(found.right);
                    self.followed.push(Followed::new(found, side));
                }
            }
        }
        // Keep the nearest hands: those of people in the background are small.
        self.followed.sort_by(|a, b| palm_width(&b.estimate.landmarks).total_cmp(&palm_width(&a.estimate.landmarks)));
        self.followed.truncate(self.settings.hands_most);
        Ok(())
    }

    /// A palm's landmarks, estimated again on the square around the first ones, which fits better. Keeps the first
    /// estimate if the second loses the hand.
    fn estimate_twice(&mut self, picture: &RgbImage, palm: &Palm) -> Result<Estimate, ModelError> {
        let roi = Roi::of_palm(palm);
        if !roi.is_sound() {
            return Ok(Estimate::NOTHING);
        }
        let first = self.landmarks.read(picture, &roi)?;
        let roi = Roi::of_landmarks(&first.landmarks);
        if !roi.is_sound() || first.presence < 0.1 {
            return Ok(first);
        }
        let second = self.landmarks.read(picture, &roi)?;
        Ok(if second.presence < first.presence / 2.0 { first } else { second })
    }

    fn knows(&self, estimate: &Estimate) -> bool {
        self.followed.iter().any(|hand| hand.estimate.is_same_hand(estimate))
    }

    fn areas(&self, picture: &RgbImage) -> Vec<Area> {
        self.followed.iter().map(|hand| Area::of(&hand.estimate.landmarks, picture)).collect()
    }

    /// The fingers that each followed hand raises.
    fn signs(&self) -> Vec<[bool; 5]> {
        self.followed.iter().map(|hand| hand.fingers.raised).collect()
    }

    fn reading(&self, frame: &Frame, look: Look) -> Reading {
        let hands = self.followed.iter().map(|hand| self.hand(hand)).collect();
        let (searched, fresh) = (look != Look::Followed, look == Look::Fresh);
        Reading { time: frame.time, size: frame.picture.dimensions(), hands, searched, fresh, hidden: self.hidden }
    }

    fn hand(&self, followed: &Followed) -> Hand {
        let right = followed.side.is_right() != self.mirrored;
        Hand {
            side: if right { Side::Right } else { Side::Left },
            landmarks: followed.estimate.landmarks,
            raised: followed.fingers.raised,
            sure: followed.fingers.sure && followed.side.is_sure(),
            confidence: followed.estimate.presence,
        }
    }
}

/// Nothing can be cut out of a picture without pixels.
fn is_empty(picture: &RgbImage) -> bool {
    picture.width() == 0 || picture.height() == 0
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::{Arc, Mutex};

    use image::Rgb;

    use super::*;
    use crate::vision::model::Model;
    use crate::vision::{landmark, palm};

    /// A model with prepared outputs that counts its runs.
    #[derive(Clone)]
    struct Told {
        input: Vec<f32>,
        outputs: Arc<Mutex<Vec<Vec<f32>>>>,
        said: Vec<Vec<f32>>,
        runs: Arc<Mutex<usize>>,
        /// The outputs of the next runs, while there are any.
        next: Arc<Mutex<VecDeque<Vec<Vec<f32>>>>>,
    }

    impl Model for Told {
        fn input(&mut self) -> &mut [f32] {
            &mut self.input
        }

        fn run(&mut self) -> Result<&[Vec<f32>], ModelError> {
            *self.runs.lock().unwrap() += 1;
            let next = self.next.lock().unwrap().pop_front();
            self.said = next.unwrap_or_else(|| self.outputs.lock().unwrap().clone());
            Ok(&self.said)
        }
    }

    fn told(side: usize, outputs: Vec<Vec<f32>>) -> Told {
        Told {
            input: vec![0.0; 3 * side * side],
            outputs: Arc::new(Mutex::new(outputs)),
            said: Vec::new(),
            runs: Arc::default(),
            next: Arc::default(),
        }
    }

    /// A hand's points in its square, thumb first. An open one fits its own square, so that following does not drift.
    fn points(raised: [bool; 5]) -> Vec<f32> {
        let mut points = vec![[112.0, 179.2, 0.0]];
        for (finger, raised) in raised.into_iter().enumerate() {
            let (x, base) = (64.0 + 24.0 * finger as f32, if finger == 0 { 107.2 } else { 87.2 });
            points.extend_from_slice(&match (raised, finger) {
                (true, _) => [0.0, 20.0, 40.0, 60.0].map(|up| [x, base - up, 0.0]),
                (false, 0) => [[72.0, 149.2, 0.0], [77.0, 119.2, -8.0], [107.0, 105.2, -16.0], [135.0, 109.2, -16.0]],
                (false, _) => [[x, base, 0.0], [x, 67.2, -20.0], [x, 93.2, -28.0], [x, 111.2, -20.0]],
            });
        }
        points.concat()
    }

    /// The anchor in the picture's middle. The next but one is 13 pixels to the right.
    const MIDDLE: usize = 2 * (12 * 24 + 12);

    /// A tracker with a palm in the picture's middle, and a landmark model that finds a hand wherever it looks.
    struct Bench {
        tracker: Tracker,
        palm: Told,
        landmark: Told,
        at: Duration,
        picture: RgbImage,
    }

    impl Bench {
        fn new(mirrored: bool) -> Bench {
            let mut boxes = vec![0.0; 2016 * 18];
            // Width, height; the wrist below, the middle knuckle above.
            boxes[MIDDLE * 18 + 2..MIDDLE * 18 + 10].copy_from_slice(&[40., 40., 0., 20., 0., 0., 0., -20.]);
            let mut scores = vec![-100.0; 2016];
            scores[MIDDLE] = 5.0;
            let palm = told(palm::SIDE, vec![boxes, scores]);
            let landmark =
                told(landmark::SIDE, vec![points([true; 5]), vec![0.99], vec![0.95], vec![0.0; 63], Vec::new()]);
            let params = palm::Params { threshold: 0.1, overlap: 0.3, most: 4 };
            let tracker = Tracker::new(
                PalmDetector::new(Box::new(palm.clone()), params),
                LandmarkReader::new(Box::new(landmark.clone())),
                Settings::shipped(),
                mirrored,
            );
            let picture = RgbImage::from_pixel(320, 240, Rgb([90; 3]));
            Bench { tracker, palm, landmark, at: Duration::ZERO, picture }
        }

        /// Reads for that many milliseconds, at 50 frames a second.
        fn read_for(&mut self, milliseconds: u64) -> Vec<Reading> {
            let frames = milliseconds / 20;
            (0..frames).map(|_| self.next()).collect()
        }

        fn next(&mut self) -> Reading {
            self.at += Duration::from_millis(20);
            self.tracker.read(&Frame { time: self.at, picture: self.picture.clone() }, None).unwrap()
        }

        fn look(&mut self) -> Reading {
            self.at += Duration::from_millis(20);
            let due = Some(Due { at: self.at, fresh: true });
            self.tracker.read(&Frame { time: self.at, picture: self.picture.clone() }, due).unwrap()
        }

        fn glance(&mut self, due: Option<Due>) -> Option<Reading> {
            self.at += Duration::from_millis(20);
            self.tracker.read_if_new(&Frame { time: self.at, picture: self.picture.clone() }, due).unwrap()
        }

        /// Goes on until just after a reading of a still hand.
        fn settle(&mut self) {
            (0..10).for_each(|_| drop(self.glance(None)));
            while self.glance(None).is_none() {}
            while self.glance(None).is_some() {}
        }

        /// The next reading that has searched the whole picture.
        fn next_search(&mut self) -> Reading {
            loop {
                self.move_something();
                let reading = self.next();
                if reading.searched {
                    return reading;
                }
            }
        }

        fn searches(&self) -> usize {
            *self.palm.runs.lock().unwrap()
        }

        /// The presences in the next runs of the landmark model.
        fn presences(&self, presences: &[f32]) {
            let outputs = self.landmark.outputs.lock().unwrap();
            let with = |presence| [&outputs[..1], &[vec![presence]], &outputs[2..]].concat();
            self.landmark.next.lock().unwrap().extend(presences.iter().map(|&presence| with(presence)));
        }

        /// How many fingers, index first, are raised in the next runs of the landmark model.
        fn raised(&self, counts: &[usize]) {
            let outputs = self.landmark.outputs.lock().unwrap();
            let raised = |count| std::array::from_fn(|finger| (1..=count).contains(&finger));
            let with = |count| [&[points(raised(count))], &outputs[1..]].concat();
            self.landmark.next.lock().unwrap().extend(counts.iter().map(|&count| with(count)));
        }

        fn hand(&self, presence: f32, right: f32) {
            let mut outputs = self.landmark.outputs.lock().unwrap();
            outputs[1] = vec![presence];
            outputs[2] = vec![right];
        }

        /// Adds a palm that many times 13 pixels to the right of the picture's middle.
        fn add_palm(&self, right: usize) {
            let (to, mut outputs) = (MIDDLE + 2 * right, self.palm.outputs.lock().unwrap());
            outputs[0].copy_within(MIDDLE * 18..MIDDLE * 18 + 18, to * 18);
            outputs[1][to] = outputs[1][MIDDLE];
        }

        fn hide_palm(&self, right: usize) {
            self.palm.outputs.lock().unwrap()[1][MIDDLE + 2 * right] = -100.0;
        }

        /// Moves the palm from the picture's middle that many times 13 pixels to the right.
        fn move_palm(&self, right: usize) {
            let (to, mut outputs) = (MIDDLE + 2 * right, self.palm.outputs.lock().unwrap());
            outputs[0].copy_within(MIDDLE * 18..MIDDLE * 18 + 18, to * 18);
            outputs[1].swap(MIDDLE, to);
        }

        /// Moves something bright through the picture.
        fn move_something(&mut self) {
            let x = (self.at.as_millis() / 4 % 300) as u32;
            self.picture = RgbImage::from_pixel(320, 240, Rgb([90; 3]));
            for (dx, y) in (0..20).flat_map(|dx| (0..240).map(move |y| (dx, y))) {
                self.picture.put_pixel(x + dx, y, Rgb([250; 3]));
            }
        }
    }

    #[test]
    fn a_followed_hand_is_searched_around_only_now_and_then() {
        let mut bench = Bench::new(false);
        let readings = bench.read_for(1000);
        assert!(readings.iter().all(|reading| reading.hands.len() == 1));
        assert_eq!(bench.searches(), 2, "at 0 and 0.7 s");
        assert_eq!(readings.iter().filter(|reading| reading.searched).count(), 2);
    }

    #[test]
    fn fingers_are_read_once_an_estimate() {
        let mut bench = Bench::new(false);
        let before = fingers::READS.get();
        let readings = bench.read_for(200);
        assert_eq!((readings.len(), fingers::READS.get() - before), (10, 10), "one hand, ten frames");
    }

    #[test]
    fn a_still_empty_scene_is_searched_slowly_and_a_moving_one_fast() {
        let mut bench = Bench::new(false);
        bench.hand(0.0, 0.5);
        bench.read_for(2000);
        assert_eq!(bench.searches(), 3);
        for _ in 0..50 {
            bench.move_something();
            assert!(bench.next().hands.is_empty());
        }
        assert_eq!(bench.searches(), 3 + 10);
    }

    #[test]
    fn what_always_moves_is_searched_less() {
        let mut bench = Bench::new(false);
        bench.hand(0.0, 0.5);
        let searches = [0, 1].map(|_| {
            let before = bench.searches();
            for frame in 0..150 {
                // A curtain, to and fro within 0.6 s.
                bench.picture = RgbImage::from_pixel(320, 240, Rgb([90; 3]));
                let edge = 40 + 2 * (frame % 30_u32).abs_diff(15);
                (0..240).for_each(|y| (0..edge).for_each(|x| bench.picture.put_pixel(x, y, Rgb([200; 3]))));
                bench.next();
            }
            bench.searches() - before
        });
        assert!(searches[0] > searches[1] && searches[1] <= 11, "three a second in the end: {searches:?}");
    }

    #[test]
    fn a_hand_that_comes_back_to_its_place_is_seen_at_once() {
        let mut bench = Bench::new(false);
        let wall = bench.picture.clone();
        let mut with_hand = wall.clone();
        (100..220).for_each(|x| (30..200).for_each(|y| with_hand.put_pixel(x, y, Rgb([200; 3]))));
        bench.picture = with_hand.clone();
        bench.read_for(1000);
        let score = std::mem::replace(&mut bench.palm.outputs.lock().unwrap()[1][MIDDLE], -100.0);
        (bench.picture, _) = (wall, bench.hand(0.0, 0.5));
        assert!(bench.read_for(900).iter().all(|reading| reading.hands.is_empty()));
        bench.palm.outputs.lock().unwrap()[1][MIDDLE] = score;
        (bench.picture, _) = (with_hand, bench.hand(0.99, 0.95));
        assert_eq!(bench.next().hands.len(), 1, "what moved when it left is no habit");
    }

    #[test]
    fn a_palm_without_a_hand_is_not_looked_at_again_and_again() {
        let mut bench = Bench::new(false);
        bench.hand(0.3, 0.5);
        bench.read_for(1500);
        assert_eq!(bench.searches(), 3);
        assert_eq!(*bench.landmark.runs.lock().unwrap(), 2 * 2, "twice at 0 and at 1.4 s, not at 0.7 s");
    }

    #[test]
    fn a_palm_that_is_clearly_no_hand_is_left_alone_whatever_moves() {
        let score = |bench: &Bench, logit| bench.palm.outputs.lock().unwrap()[1][MIDDLE] = logit;
        let tried = |presence| {
            let mut bench = Bench::new(false);
            score(&bench, 0.2);
            bench.hand(presence, 0.5);
            // Something begins to move about once a second.
            for _ in 0..3 {
                bench.read_for(700);
                (0..10).for_each(|_| {
                    bench.move_something();
                    bench.next();
                });
            }
            bench
        };
        let mut shirt = tried(0.005);
        assert!(*shirt.landmark.runs.lock().unwrap() <= 2, "once at each zoom");
        assert!(*tried(0.3).landmark.runs.lock().unwrap() >= 2 * 3, "what may be a hand is tried again");
        shirt.hand(0.99, 0.95);
        assert!(shirt.next_search().hands.is_empty());
        score(&shirt, 5.0);
        assert_eq!(shirt.next_search().hands.len(), 1, "a hand that comes to its place raises the score");
    }

    #[test]
    fn weak_palms_around_a_place_without_a_hand_are_left_alone() {
        let tries = |logit: f32| {
            let mut bench = Bench::new(false);
            bench.hand(0.001, 0.5);
            bench.palm.outputs.lock().unwrap()[1][MIDDLE] = -1.15;
            bench.next_search();
            let before = *bench.landmark.runs.lock().unwrap();
            bench.move_palm(3);
            bench.palm.outputs.lock().unwrap()[1][MIDDLE + 6] = logit;
            bench.next_search();
            *bench.landmark.runs.lock().unwrap() - before
        };
        assert_eq!(tries(-1.2), 0, "a score of .23, more than half a palm away from one of .24");
        assert_eq!(tries(-0.85), 1, "one of .3 may be a hand");
    }

    #[test]
    fn still_hands_are_read_six_times_a_second() {
        let mut bench = Bench::new(false);
        let read = (0..100).filter(|_| bench.glance(None).is_some()).count();
        assert!((12..=14).contains(&read), "{read} in 2 s");
    }

    #[test]
    fn a_change_near_the_hand_is_read_at_once() {
        let mut bench = Bench::new(false);
        bench.settle();
        for y in 100..140 {
            (150..170).for_each(|x| bench.picture.put_pixel(x, y, Rgb([220; 3])));
        }
        assert!(bench.glance(None).is_some());
    }

    #[test]
    fn a_frame_that_is_due_is_read() {
        let mut bench = Bench::new(false);
        bench.settle();
        assert!(bench.glance(Some(Due { at: bench.at + Duration::from_secs(1), fresh: true })).is_none());
        assert!(bench.glance(Some(Due { at: bench.at, fresh: false })).is_some());
    }

    #[test]
    fn hands_that_are_not_sure_and_empty_scenes_are_always_read() {
        for (presence, right) in [(0.99, 0.6), (0.0, 0.5)] {
            let mut bench = Bench::new(false);
            bench.hand(presence, right);
            assert!((0..50).all(|_| bench.glance(None).is_some()));
        }
    }

    #[test]
    fn a_picture_that_stands_is_read() {
        let mut bench = Bench::new(false);
        bench.settle();
        let standing = Frame { time: bench.at, picture: bench.picture.clone() };
        assert!(bench.tracker.read_if_new(&standing, None).unwrap().is_some());
    }

    #[test]
    fn a_lost_hand_is_searched_for_soon() {
        let mut bench = Bench::new(false);
        bench.read_for(200);
        bench.hand(0.1, 0.5);
        assert!(bench.next().hands.is_empty());
        assert_eq!(bench.searches(), 2, "200 ms after the first, in the frame that lost the hand");
    }

    #[test]
    fn a_fresh_look_sees_a_second_hand_at_once() {
        let mut bench = Bench::new(false);
        bench.read_for(200);
        bench.add_palm(6);
        assert_eq!(bench.next().hands.len(), 1, "no search is due");
        let reading = bench.look();
        assert!(reading.searched && reading.fresh);
        assert_eq!(reading.hands.len(), 2);
    }

    #[test]
    fn a_fresh_look_tries_rejected_palms_again() {
        let mut bench = Bench::new(false);
        bench.hand(0.3, 0.5);
        bench.read_for(20);
        bench.hand(0.99, 0.95);
        assert_eq!(bench.look().hands.len(), 1);
    }

    #[test]
    fn a_fresh_look_reads_each_hand_in_its_mirror_image_too() {
        let look = |counts: [usize; 4]| {
            let mut bench = Bench::new(false);
            bench.read_for(200);
            bench.raised(&counts);
            let reading = bench.look();
            let [hand] = &reading.hands[..] else { panic!("it is one hand") };
            (hand.fingers(), hand.sure)
        };
        assert_eq!(look([2, 2, 2, 2]), (2, true));
        assert_eq!(look([2, 2, 3, 3]), (2, false), "they are sure of different counts");
        assert_eq!(look([0, 0, 0, 2]), (2, true), "its square cut the fingers off");
        assert_eq!(look([2, 2, 0, 0]), (2, true));
        assert_eq!(look([0, 0, 0, 0]), (0, true));
    }

    #[test]
    fn a_hand_whose_fingers_were_cut_off_is_followed_where_they_were_seen() {
        let mut bench = Bench::new(false);
        let is_in_its_own_square = |bench: &Bench| {
            let hand = &bench.tracker.followed[0];
            hand.roi == Roi::of_landmarks(&hand.estimate.landmarks)
        };
        bench.raised(&[0; 4]);
        bench.look();
        assert!(is_in_its_own_square(&bench));
        bench.raised(&[0, 0, 0, 2]);
        bench.look();
        assert!(!is_in_its_own_square(&bench));
        assert_eq!(bench.next().hands.len(), 1);
    }

    #[test]
    fn a_look_that_agrees_leaves_a_followed_hands_square_as_it_was() {
        let square_after = |seen: [usize; 4]| {
            let mut bench = Bench::new(false);
            // Found, and followed once.
            bench.raised(&[2; 3]);
            bench.read_for(40);
            let before = bench.tracker.followed[0].roi;
            bench.raised(&seen);
            bench.look();
            (before, bench.tracker.followed[0].roi)
        };
        let (before, after) = square_after([0, 0, 2, 2]);
        assert_eq!(before, after, "its own square has cut the fingers off");
        let (before, after) = square_after([0, 0, 0, 0]);
        assert_ne!(before, after, "it sees a fist");
    }

    #[test]
    fn a_fresh_look_is_not_sure_where_a_second_hand_may_be_hidden() {
        let mut bench = Bench::new(false);
        bench.read_for(200);
        bench.add_palm(6);
        // Each palm is read twice.
        let mut look = |second: f32| {
            bench.presences(&[0.99, 0.99, second, second]);
            let reading = bench.look();
            reading.hands.iter().map(|hand| hand.sure).collect::<Vec<_>>()
        };
        assert_eq!(look(0.1), [true], "a face");
        assert_eq!(look(0.5), [false], "half a hand");
        assert_eq!(look(0.9), [true, true]);
    }

    #[test]
    fn what_may_be_a_hidden_hand_is_told_until_a_search_no_longer_sees_it() {
        let mut bench = Bench::new(false);
        bench.add_palm(6);
        bench.presences(&[0.99, 0.99, 0.5, 0.5]);
        let reading = bench.next();
        assert!(reading.hidden && reading.hands.len() == 1 && reading.hands[0].sure);
        let searches = bench.searches();
        assert!(bench.read_for(900).iter().all(|reading| reading.hidden));
        assert!(bench.searches() > searches, "a search that leaves the rejected palm alone");
        bench.hide_palm(6);
        bench.read_for(1000);
        assert!(!bench.next().hidden);
    }

    #[test]
    fn a_lost_hand_is_searched_for_until_a_search_has_run() {
        let mut bench = Bench::new(false);
        bench.read_for(40);
        bench.hand(0.1, 0.5);
        let readings = bench.read_for(200);
        assert!(!readings[0].searched && readings[0].hands.is_empty(), "the last search was 40 ms ago");
        let searched: Vec<_> = readings.iter().filter(|reading| reading.searched).collect();
        assert_eq!(searched.len(), 1, "one search is enough");
        assert_eq!(searched[0].time, Duration::from_millis(120), "as soon as one may follow the last one");
    }

    #[test]
    fn a_fresh_look_reads_a_picture_as_if_it_stood_alone() {
        let mut bench = Bench::new(false);
        bench.settle();
        let (searches, looks) = (bench.searches(), *bench.landmark.runs.lock().unwrap());
        bench.hand(0.99, 0.02);
        let fresh = bench.look();
        assert!(fresh.searched && fresh.fresh);
        assert_eq!(fresh.hands[0].side, Side::Left, "no average colours it");
        assert!(!fresh.hands[0].sure, "but one frame is not sure of another side");
        assert_eq!((bench.searches() - searches, *bench.landmark.runs.lock().unwrap() - looks), (1, 4));
        bench.hand(0.99, 0.95);
        let next = bench.next();
        assert!(!next.fresh && next.hands.len() == 1);
        assert_eq!(next.hands[0].side, Side::Right, "and it changes an average no more than any frame");
    }

    #[test]
    fn a_hand_that_a_fresh_look_misses_is_still_followed() {
        let mut bench = Bench::new(false);
        bench.add_palm(3);
        assert_eq!(bench.next().hands.len(), 2);
        bench.hide_palm(3);
        assert_eq!(bench.look().hands.len(), 1);
        assert_eq!(bench.next().hands.len(), 2, "also one so near that it could be the same one, moved");
        bench.hide_palm(0);
        assert!(bench.look().hands.is_empty());
        assert_eq!(bench.next().hands.len(), 2);
    }

    #[test]
    fn a_new_hand_needs_more_presence_than_a_followed_one() {
        let mut bench = Bench::new(false);
        bench.hand(0.7, 0.9);
        assert!(bench.next().hands.is_empty());
        bench.hand(0.9, 0.9);
        assert!(bench.read_for(1500).iter().any(|reading| !reading.hands.is_empty()));
        bench.hand(0.7, 0.9);
        assert_eq!(bench.next().hands.len(), 1);
    }

    #[test]
    fn one_frames_flip_never_changes_a_followed_hands_side() {
        let mut bench = Bench::new(false);
        bench.read_for(200);
        bench.hand(0.99, 0.02);
        let flipped = &bench.next().hands[0];
        assert_eq!((flipped.side, flipped.sure), (Side::Right, true));
        let last = bench.read_for(400).pop().unwrap();
        assert_eq!(last.hands[0].side, Side::Left, "but one that lasts does");
    }

    #[test]
    fn flips_now_and_then_never_change_a_followed_hands_side() {
        let mut bench = Bench::new(false);
        bench.read_for(200);
        for frame in 0..500 {
            bench.hand(0.99, if frame % 3 == 0 { 0.02 } else { 0.95 });
            assert_eq!(bench.next().hands[0].side, Side::Right, "frame {frame}");
        }
    }

    #[test]
    fn a_hand_that_outruns_its_square_is_one() {
        let mut bench = Bench::new(false);
        let before = bench.read_for(300)[0].hands[0].palm_centre();
        bench.move_palm(3);
        let [hand] = &bench.next_search().hands[..] else { panic!("it is one hand") };
        assert!(hand.palm_centre().x > before.x + 35.0, "where it was found, not where it was looked for");
        let mut bench = Bench::new(false);
        bench.read_for(300);
        bench.move_palm(3);
        bench.hand(0.99, 0.02);
        assert_eq!(bench.next_search().hands.len(), 2, "a left hand comes before the right one");
        let mut bench = Bench::new(false);
        bench.read_for(300);
        bench.move_palm(6);
        assert_eq!(bench.next_search().hands.len(), 2, "another person's hand next to it");
        let mut bench = Bench::new(false);
        bench.read_for(300);
        bench.add_palm(3);
        assert_eq!(bench.next_search().hands.len(), 2, "both are there at once");
    }

    #[test]
    fn a_side_that_cannot_be_told_is_not_sure() {
        let mut bench = Bench::new(false);
        assert!(bench.next().hands[0].sure);
        let mut bench = Bench::new(false);
        bench.hand(0.99, 0.68);
        assert!(!bench.next().hands[0].sure);
        let mut bench = Bench::new(false);
        bench.hand(0.99, 0.28);
        assert!(bench.next().hands[0].sure);
    }

    #[test]
    fn a_hand_that_is_known_by_its_side_is_not_soon_sure_of_the_other_one() {
        let mut bench = Bench::new(false);
        bench.read_for(600);
        bench.hand(0.99, 0.02);
        let mut flipped = bench.read_for(600);
        flipped.push(bench.look());
        let left: Vec<_> = flipped.iter().map(|r| &r.hands[0]).filter(|hand| hand.side == Side::Left).collect();
        assert!(left.len() > 3 && left.iter().all(|hand| !hand.sure), "a fresh look among them");
        let last = bench.read_for(2000).pop().unwrap();
        assert_eq!((last.hands[0].side, last.hands[0].sure), (Side::Left, true), "another hand is there");
    }

    #[test]
    fn a_mirrored_picture_swaps_the_sides() {
        assert_eq!(Bench::new(false).next().hands[0].side, Side::Right);
        assert_eq!(Bench::new(true).next().hands[0].side, Side::Left);
    }

    #[test]
    fn time_that_runs_back_starts_a_new_sequence() {
        let mut bench = Bench::new(false);
        bench.at = Duration::from_secs(100);
        bench.next();
        bench.at = Duration::ZERO;
        assert!(bench.next().searched);
    }

    #[test]
    fn a_picture_without_pixels_has_no_hands() {
        let mut bench = Bench::new(false);
        bench.next();
        bench.picture = RgbImage::new(0, 0);
        assert!(bench.next().hands.is_empty());
    }
}
