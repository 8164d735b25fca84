//! Tells pictures of hands from hands: a photo on the wall does not move at all, a real hand always does a little. In:
//! readings. Out: which of their hands are pictures (rule 1).

use std::time::Duration;

use glam::{Vec2, Vec3Swizzles};

use super::settings::Settings;
use crate::hand::{Hand, Reading, palm_centre, palm_width};

/// A hand that is not seen for longer than this did not stay where it was. A picture that people walk past comes back.
const UNSEEN: Duration = Duration::from_secs(1);
/// The most places that are watched; of those that are no pictures, the one that was not seen for the longest time goes
/// first. More than hands pass through within a second.
const MOST: usize = 64;

/// Where hands have stayed.
#[derive(Debug, Default)]
pub struct Pictures {
    places: Vec<Place>,
}

/// A hand that has not moved by more than noise.
#[derive(Debug)]
struct Place {
    /// As it was first seen.
    points: [Vec2; 21],
    palm: f32,
    /// The furthest that it may be from `points`, in pixels.
    noise: f32,
    since: Duration,
    seen: Duration,
    is_picture: bool,
}

impl Place {
    fn has(&self, hand: &Hand) -> bool {
        let distances = self.points.iter().zip(&hand.landmarks).map(|(point, landmark)| point.distance(landmark.xy()));
        distances.sum::<f32>() <= self.noise * self.points.len() as f32
    }

    /// Whether a hand that is elsewhere is so near that it may be this one, moved.
    fn is_near(&self, hand: &Hand) -> bool {
        let points = self.points.map(|point| point.extend(0.0));
        palm_centre(&points).distance(hand.palm_centre()) <= self.palm
    }
}

impl Pictures {
    pub fn clear(&mut self) {
        self.places.clear();
    }

    /// Adds a reading, which must not be earlier than the one before. Returns whether a picture seems to have moved: it
    /// was a hand all along, or the camera was pushed.
    pub fn see(&mut self, reading: &Reading, settings: &Settings) -> bool {
        let time = reading.time;
        self.places.retain(|place| place.is_picture || time.saturating_sub(place.seen) <= UNSEEN);
        let mut strays = Vec::new();
        for hand in &reading.hands {
            match self.places.iter_mut().find(|place| place.has(hand)) {
                Some(place) => {
                    place.seen = time;
                    place.is_picture |= time.saturating_sub(place.since) >= settings.picture_after;
                }
                None => strays.push(hand),
            }
        }
        let is_stray = |place: &Place| place.seen != time && strays.iter().any(|hand| place.is_near(hand));
        let moved = self.places.iter().any(|place| place.is_picture && is_stray(place));
        // What moves starts again, also if it comes back.
        self.places.retain(|place| place.is_picture || !is_stray(place));
        strays.into_iter().for_each(|hand| self.watch(hand, time, settings));
        moved
    }

    /// Whether this hand is a picture.
    pub fn have(&self, hand: &Hand) -> bool {
        self.places.iter().any(|place| place.is_picture && place.has(hand))
    }

    fn watch(&mut self, hand: &Hand, time: Duration, settings: &Settings) {
        let palm = palm_width(&hand.landmarks);
        let points = hand.landmarks.map(|landmark| landmark.xy());
        // One with impossible numbers is nowhere.
        if points.iter().all(|point| point.is_finite()) {
            let noise = settings.picture_noise * palm;
            self.places.push(Place { points, palm, noise, since: time, seen: time, is_picture: false });
        }
        if self.places.len() > MOST {
            let by_age = |(_, place): &(usize, &Place)| (place.is_picture, place.seen);
            let oldest = self.places.iter().enumerate().min_by_key(by_age).map(|(index, _)| index);
            oldest.map(|index| self.places.swap_remove(index));
        }
    }
}
