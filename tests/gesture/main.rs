//! The gesture rules as tests: each rule in the gesture language, and all of them against random histories.

mod due;
mod language;
mod properties;
mod rules;

#[test]
fn settings_that_make_no_sense_are_refused() {
    use handwave::config::{Config, SHIPPED};
    for (good, bad) in [
        ("hold_launch = 0.8", "hold_launch = -0.8"),
        ("hold_launch = 0.8", "hold_launch = nan"),
        ("agree = 0.8", "agree = 1.1"),
        ("agree = 0.8", "agree = nan"),
        ("readings_min = 5", "readings_min = -5"),
        ("begin = \"fist\"", "begin = \"hand\""),
        ("fist_readings = 3", "fist_readings = 0"),
        ("fist_time = 0.2", "fist_time = 1.5"),
        ("fist_near = 2.0", "fist_near = nan"),
        ("upright = 60.0", "upright = 181"),
        ("take_back_rest = 3.0", "take_back_rest = 0"),
        ("picture_after = 30.0", "picture_after = 0"),
    ] {
        assert!(SHIPPED.contains(good), "{good}");
        let refusal = Config::parse(&SHIPPED.replace(good, bad), "my.toml").expect_err(bad).to_string();
        let key = good.split(' ').next().unwrap();
        assert!(refusal.contains(&format!("`gesture.{key}`")), "{refusal}");
    }
}
