//! Judges a picture's light. In: pictures. Out: whether one is too dark or too bright to find hands in.

use std::fmt;

use image::RgbImage;

/// What is wrong with the light.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Light {
    Dark,
    Bright,
}

/// Mean brightnesses, 0 to 255, beyond which the light is bad. `BACK` is the hysteresis, so that a warning does not
/// flicker.
const DARK: u64 = 35;
const BRIGHT: u64 = 225;
const BACK: u64 = 10;
/// The stride, in both directions, of the pixels that are sampled.
const STEP: usize = 8;

impl Light {
    /// What is wrong with this picture's light. `before` is the verdict on the previous picture, for the hysteresis.
    pub fn of(picture: &RgbImage, before: Option<Light>) -> Option<Light> {
        let slack = |light| if before == Some(light) { BACK } else { 0 };
        match mean(picture)? {
            mean if mean < DARK + slack(Light::Dark) => Some(Light::Dark),
            mean if mean > BRIGHT - slack(Light::Bright) => Some(Light::Bright),
            _ => None,
        }
    }
}

/// A picture's mean brightness (of its green channel), 0 to 255. None if it has no pixels.
pub fn mean(picture: &RgbImage) -> Option<u64> {
    let rows = picture.rows().step_by(STEP);
    let green = rows.flat_map(|row| row.step_by(STEP)).map(|pixel| u64::from(pixel.0[1]));
    let (sum, count) = green.fold((0, 0_u64), |(sum, count), value| (sum + value, count + 1));
    sum.checked_div(count)
}

impl fmt::Display for Light {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Light::Dark => "Too dark: more light",
            Light::Bright => "Too bright: less light",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn light(grey: u8, before: Option<Light>) -> Option<Light> {
        Light::of(&RgbImage::from_pixel(64, 48, image::Rgb([grey; 3])), before)
    }

    #[test]
    fn darkness_and_glare_are_told() {
        assert_eq!(light(10, None), Some(Light::Dark));
        assert_eq!(light(120, None), None);
        assert_eq!(light(250, None), Some(Light::Bright));
        assert_eq!(Light::of(&RgbImage::new(0, 0), None), None);
    }

    #[test]
    fn a_warning_does_not_flicker() {
        assert_eq!(light(40, None), None);
        assert_eq!(light(40, Some(Light::Dark)), Some(Light::Dark));
        assert_eq!(light(50, Some(Light::Dark)), None);
        assert_eq!(light(220, Some(Light::Bright)), Some(Light::Bright));
        assert_eq!(light(220, Some(Light::Dark)), None);
    }
}
