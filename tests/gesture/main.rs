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
    ] {
        assert!(SHIPPED.contains(good));
        assert!(toml::from_str::<Config>(&SHIPPED.replace(good, bad)).is_err(), "{bad}");
    }
}
