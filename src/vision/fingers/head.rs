//! The learned heads. In: what one of them was trained on, a hand's measures or the landmark model's features. Out:
//! each finger's log odds of being raised. models/train_fingers.py makes their numbers.

use super::measures;
use crate::vision::landmark;

const FINGERS: usize = 5;

/// Reads measures.
pub const OF_MEASURES: Head<{ measures::COUNT }> = Head(include_bytes!("../../../models/fingers-by-measures.bin"));
/// Reads features.
pub const OF_FEATURES: Head<{ landmark::FEATURES }> = Head(include_bytes!("../../../models/fingers-by-features.bin"));

/// A hidden layer of tanh units. Its numbers, little-endian f32: for each input its weights for the units, then the
/// units' biases, for each unit its weights for the fingers, and the fingers' biases.
pub struct Head<const INPUTS: usize>(&'static [u8]);

impl<const INPUTS: usize> Head<INPUTS> {
    /// Each finger's log odds of being raised, thumb first.
    pub fn odds(&self, inputs: &[f32; INPUTS]) -> [f32; FINGERS] {
        let number = |bytes: &[u8; 4]| f32::from_le_bytes(*bytes);
        let (numbers, _) = self.0.as_chunks();
        let units = (numbers.len() - FINGERS) / (INPUTS + 1 + FINGERS);
        let (weights, rest) = numbers.split_at(INPUTS * units);
        let (biases, rest) = rest.split_at(units);
        let (fingers, last) = rest.split_at(units * FINGERS);
        let mut sums: Vec<f32> = biases.iter().map(number).collect();
        // Input by input, as the sums of all units then grow together, in vectors.
        for (input, weights) in inputs.iter().zip(weights.chunks_exact(units)) {
            sums.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += number(weight) * input);
        }
        let mut odds: [f32; FINGERS] = std::array::from_fn(|finger| number(&last[finger]));
        for (sum, weights) in sums.iter().zip(fingers.chunks_exact(FINGERS)) {
            odds.iter_mut().zip(weights).for_each(|(odds, weight)| *odds += sum.tanh() * number(weight));
        }
        odds
    }
}
