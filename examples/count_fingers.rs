//! The fingers that each hand in a picture raises: `cargo run --example count_fingers [PICTURE]`.

use std::error::Error;
use std::path::PathBuf;

use handwave::camera::file::first_frame;
use handwave::config::Config;
use handwave::vision;

fn main() -> Result<(), Box<dyn Error>> {
    let picture = std::env::args_os().nth(1).map_or("tests/golden/hand.png".into(), PathBuf::from);
    let settings = Config::shipped().vision;
    // The built-in models; the picture is not a mirror's.
    let mut tracker = vision::open(&settings, None, false)?;
    // Cold: the picture has nothing to do with an earlier one.
    let reading = tracker.read_cold(&first_frame(&picture)?)?;
    for hand in &reading.hands {
        println!("{} hand: {} fingers{}", hand.side, hand.fingers(), if hand.sure { "" } else { ", not sure" });
    }
    Ok(())
}
