//! Pictures of hands before a camera: whatever a gesture begins with, they launch nothing, and they do not block.

mod optional;

use std::time::Duration;

use handwave::camera::clock::Clock;
use handwave::camera::file::Film;
use handwave::camera::puppet::{Puppet, Script};
use handwave::camera::{Camera, Frame, Status};
use handwave::config::Config;
use handwave::gesture::machine::{Machine, Phase, Transition};
use handwave::gesture::why::Why;
use handwave::gesture::{Begin, Settings};
use handwave::vision;
use optional::Missing;

fn main() {
    optional::run(optional::trials![a_photo_on_the_wall_launches_nothing, a_drawn_hand_that_never_moves_is_a_picture]);
}

/// What comes of a camera, with each value of `begin`, and the phase at its end.
fn watch(camera: &mut dyn Camera) -> [(Vec<Transition>, Phase); 2] {
    let mut tracker = vision::open(&Config::shipped().vision, None, false).unwrap();
    let machine = |begin| Machine::new(Settings { begin, ..Config::shipped().gesture }, true);
    let mut machines = [Begin::Fist, Begin::Any].map(|begin| (Vec::new(), machine(begin)));
    let mut frame = Frame::default();
    while camera.read(&mut frame).unwrap() == Status::Fresh {
        let mut due = machines.iter().filter_map(|(_, machine)| machine.due());
        let reading = tracker.read(&frame, due.find(|due| due.fresh && due.has_come(frame.time))).unwrap();
        machines.iter_mut().for_each(|(came, machine)| came.extend(machine.see(&reading)));
    }
    machines.map(|(came, machine)| (came, machine.phase()))
}

/// The film of the collection of cases that went wrong.
fn a_photo_on_the_wall_launches_nothing() -> Result<(), Missing> {
    let path = optional::folder("HANDWAVE_CASES", "cases/hands").join("picture-on-the-wall-launches/poster.mp4");
    let mut film = match Film::open(&path) {
        Err(error) => return Err(Missing(format!("{error}; HANDWAVE_CASES names the folder"))),
        Ok(film) => film,
    };
    let [(fist, why), (any, why_any)] = watch(&mut film);
    assert_eq!((fist, any), (vec![], vec![]));
    assert!(matches!(why, Phase::Holding { hint: Some(Why::NoFist), .. }), "{why:?}");
    assert_eq!(why_any, Phase::Idle(Why::NotReleased));
    Ok(())
}

/// Half a minute of it at ten frames a second.
fn a_drawn_hand_that_never_moves_is_a_picture() -> Result<(), Missing> {
    let seconds = Config::shipped().gesture.picture_after + Duration::from_secs(2);
    let script = Script::parse(&format!("left 5 in 0 for {}", seconds.as_secs())).unwrap();
    for (came, phase) in watch(&mut Puppet::new(script, (640, 480), 10.0, Clock::fast())) {
        assert_eq!((came, phase), (vec![], Phase::Idle(Why::Picture)));
    }
    Ok(())
}
