//! The learned head. In: a hand's measures. Out: each finger's log odds of being raised. models/train_fingers.py makes
//! its numbers.

use super::measures;

/// For each hidden unit its weights, its bias and its weights for the five fingers; then the fingers' own biases.
/// Little-endian f32.
const NUMBERS: &[u8] = include_bytes!("../../../models/fingers.bin");
const FINGERS: usize = 5;

/// Each finger's log odds of being raised, thumb first.
pub fn odds(measures: &[f32; measures::COUNT]) -> [f32; FINGERS] {
    let number = |bytes: &[u8; 4]| f32::from_le_bytes(*bytes);
    let (numbers, _) = NUMBERS.as_chunks();
    let (units, biases) = numbers.split_at(numbers.len() - FINGERS);
    let mut odds: [f32; FINGERS] = std::array::from_fn(|finger| number(&biases[finger]));
    for unit in units.chunks_exact(measures::COUNT + 1 + FINGERS) {
        let (weights, rest) = unit.split_at(measures::COUNT);
        let sum = weights.iter().zip(measures).map(|(weight, measure)| number(weight) * measure).sum::<f32>();
        let active = (sum + number(&rest[0])).tanh();
        odds.iter_mut().zip(&rest[1..]).for_each(|(odds, weight)| *odds += active * number(weight));
    }
    odds
}
