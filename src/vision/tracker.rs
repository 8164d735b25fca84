//! Frames to readings: finds hands by palm detection, follows them by their landmarks, and decides when to search.

use std::time::Duration;

use image::RgbImage;

use super::landmark::{LandmarkReader, Look};
use super::model::ModelError;
use super::motion::Motion;
use super::palm::{Palm, PalmDetector};
use super::roi::Roi;
use crate::camera::Frame;
use crate::gesture::fingers;
use crate::hand::{Hand, Reading, Side, palm_width};

/// Thresholds and paces, each with its reason in config.toml's `[vision]`.
#[derive(Clone, Debug)]
pub struct Params {
    pub presence: f32,
    pub keep: f32,
    pub most_hands: usize,
    pub search_following: Duration,
    pub search_moving: Duration,
    pub search_still: Duration,
    pub mirrored: bool,
}

/// How far a picture is shrunk when nothing was found at full size: palms that fill the picture are larger than any
/// that the model was trained on.
const ZOOM_OUT: f32 = 0.6;

/// How much one frame's handedness weighs against what was seen before: a flip must last to be believed.
const SIDE_PACE: f32 = 0.2;

/// Reads hands in frames that follow each other.
pub struct Tracker {
    palms: PalmDetector,
    landmarks: LandmarkReader,
    params: Params,
    motion: Motion,
    followed: Vec<Followed>,
    last: Option<Duration>,
    last_search: Option<Duration>,
    searches: u32,
}

/// A hand that was in the last frame.
struct Followed {
    look: Look,
    /// P(right hand), averaged over the frames.
    right: f32,
}

impl Tracker {
    pub fn new(palms: PalmDetector, landmarks: LandmarkReader, params: Params) -> Tracker {
        Tracker {
            palms,
            landmarks,
            params,
            motion: Motion::default(),
            followed: Vec::new(),
            last: None,
            last_search: None,
            searches: 0,
        }
    }

    /// The hands in the next frame of a sequence.
    pub fn read(&mut self, frame: &Frame) -> Result<Reading, ModelError> {
        if self.last.is_some_and(|last| frame.time < last) {
            self.forget();
        }
        self.last = Some(frame.time);
        let lost = self.follow(&frame.picture)?;
        let searched = self.wants_search(frame, lost);
        if searched {
            self.last_search = Some(frame.time);
            self.searches = self.searches.wrapping_add(1);
            // With nothing found for a while, look at every third turn for a hand that fills the picture.
            let zoom = if self.followed.is_empty() && self.searches.is_multiple_of(3) { ZOOM_OUT } else { 1.0 };
            self.search(&frame.picture, zoom)?;
        }
        Ok(self.reading(frame, searched))
    }

    /// The hands in a picture that has nothing to do with the one before.
    pub fn read_cold(&mut self, frame: &Frame) -> Result<Reading, ModelError> {
        self.forget();
        self.search(&frame.picture, 1.0)?;
        if self.followed.is_empty() {
            self.search(&frame.picture, ZOOM_OUT)?;
        }
        Ok(self.reading(frame, true))
    }

    fn forget(&mut self) {
        self.followed.clear();
        self.last_search = None;
    }

    /// Looks where the hands were in the last frame; true where one of them is gone.
    fn follow(&mut self, picture: &RgbImage) -> Result<bool, ModelError> {
        let before = std::mem::take(&mut self.followed);
        let count = before.len();
        for hand in before {
            let roi = Roi::of_landmarks(&hand.look.landmarks);
            if !roi.is_sound() {
                continue;
            }
            let look = self.landmarks.read(picture, &roi)?;
            if look.presence >= self.params.keep && !self.knows(&look) {
                let right = hand.right + (look.right - hand.right) * SIDE_PACE;
                self.followed.push(Followed { look, right });
            }
        }
        Ok(self.followed.len() < count)
    }

    fn wants_search(&mut self, frame: &Frame, lost: bool) -> bool {
        let Some(last) = self.last_search else {
            self.motion.remember(&frame.picture);
            return true;
        };
        let passed = frame.time.saturating_sub(last);
        let wanted = if self.followed.is_empty() {
            passed >= self.params.search_still
                || passed >= self.params.search_moving && (lost || self.motion.since_remembered(&frame.picture))
        } else {
            passed >= if lost { self.params.search_moving } else { self.params.search_following }
        };
        if wanted {
            self.motion.remember(&frame.picture);
        }
        wanted
    }

    /// Detects palms and adds the hands among them that are not followed yet.
    fn search(&mut self, picture: &RgbImage, zoom: f32) -> Result<(), ModelError> {
        for palm in self.palms.detect(picture, zoom)? {
            if self.followed.iter().any(|hand| palm.is_of(&hand.look.landmarks)) {
                continue;
            }
            let look = self.look_twice(picture, &palm)?;
            if look.presence >= self.params.presence && !self.knows(&look) {
                let right = look.right;
                self.followed.push(Followed { look, right });
            }
        }
        // The nearest hands matter; those of people in the background are small.
        self.followed.sort_by(|a, b| palm_width(&b.look.landmarks).total_cmp(&palm_width(&a.look.landmarks)));
        self.followed.truncate(self.params.most_hands);
        Ok(())
    }

    /// The landmarks of a palm, read again on the square made from the first ones, which fits better; the first are
    /// kept where the second look lost the hand.
    fn look_twice(&mut self, picture: &RgbImage, palm: &Palm) -> Result<Look, ModelError> {
        let roi = Roi::of_palm(palm);
        if !roi.is_sound() {
            return Ok(Look::NOTHING);
        }
        let first = self.landmarks.read(picture, &roi)?;
        let roi = Roi::of_landmarks(&first.landmarks);
        if !roi.is_sound() || first.presence < 0.1 {
            return Ok(first);
        }
        let second = self.landmarks.read(picture, &roi)?;
        Ok(if second.presence < first.presence / 2.0 { first } else { second })
    }

    fn knows(&self, look: &Look) -> bool {
        self.followed.iter().any(|hand| hand.look.is_same_hand(look))
    }

    fn reading(&self, frame: &Frame, searched: bool) -> Reading {
        let hands = self.followed.iter().map(|hand| self.hand(hand)).collect();
        Reading { time: frame.time, size: frame.picture.dimensions(), hands, searched }
    }

    fn hand(&self, followed: &Followed) -> Hand {
        let right = (followed.right > 0.5) != self.params.mirrored;
        let fingers = fingers::read(&followed.look.landmarks);
        Hand {
            side: if right { Side::Right } else { Side::Left },
            landmarks: followed.look.landmarks,
            raised: fingers.raised,
            sure: fingers.sure,
            confidence: followed.look.presence,
        }
    }
}
