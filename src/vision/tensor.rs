//! A model's input tensor: planar RGB (channel, row, column), each value in [0, 1].

/// The red, the green and the blue plane of a tensor of 3 x `side` x `side`.
pub fn planes(tensor: &mut [f32], side: usize) -> [&mut [f32]; 3] {
    let (red, rest) = tensor.split_at_mut(side * side);
    let (green, blue) = rest.split_at_mut(side * side);
    [red, green, blue]
}

/// One pixel of a tensor, its channels from 0 to 255.
#[cfg(test)]
pub fn pixel(tensor: &[f32], side: usize, x: usize, y: usize) -> [f32; 3] {
    std::array::from_fn(|channel| tensor[(channel * side + y) * side + x] * 255.0)
}

/// Asserts that a pixel is as expected, within rounding.
#[cfg(test)]
#[track_caller]
pub fn assert_near(ours: [f32; 3], expected: [f32; 3]) {
    assert!(ours.iter().zip(expected).all(|(a, b)| (a - b).abs() < 0.6), "{ours:?} is not {expected:?}");
}
