//! The puppet's strings: moves the hand by keys. In: keys that a person presses. Out: the scene that they ask for,
//! reached with the script's speed.

use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::time::Duration;

use super::scene::{Pose, Scene};
use super::script::{MOVE, curl};
use crate::hand::Side;

/// The receiving end; the sender belongs to what reads the keyboard. The script plays until the first key.
pub struct Strings {
    keys: Receiver<char>,
    /// Whether the sender still exists.
    held: bool,
    side: Side,
    fingers: char,
    /// None until the first key.
    motion: Option<Motion>,
}

/// The move to the scene of the newest key.
struct Motion {
    from: Scene,
    to: Scene,
    since: Duration,
}

impl Strings {
    /// Keys: `0` to `5` set the fingers, `l` and `r` the hand that shows them, `n` removes it. Also returns the sender
    /// for keys.
    pub fn new() -> (Strings, Sender<char>) {
        let (sender, keys) = channel();
        (Strings { keys, held: true, side: Side::Left, fingers: '0', motion: None }, sender)
    }

    /// Whether a key may still come.
    pub fn are_held(&self) -> bool {
        self.held
    }

    /// Whether a key has come, which ends the script.
    pub fn are_pulled(&self) -> bool {
        self.motion.is_some()
    }

    /// The scene at `time`; `scripted` is the script's.
    pub fn scene(&mut self, time: Duration, scripted: Scene) -> Scene {
        loop {
            match self.keys.try_recv() {
                Ok(key) => {
                    let from = self.at(time, scripted);
                    self.motion = Some(Motion { to: self.wish(key, from), from, since: time });
                }
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => {
                    self.held = false;
                    break;
                }
            }
        }
        self.at(time, scripted)
    }

    fn at(&self, time: Duration, scripted: Scene) -> Scene {
        let Some(Motion { from, to, since }) = &self.motion else { return scripted };
        from.towards(to, time.saturating_sub(*since).as_secs_f32() / MOVE)
    }

    /// The scene that this key asks for.
    fn wish(&mut self, key: char, now: Scene) -> Scene {
        let empty = Scene { left: None, right: None, ..now };
        match key {
            'l' => self.side = Side::Left,
            'r' => self.side = Side::Right,
            '0'..='5' => self.fingers = key,
            // The next hand starts as a fist.
            _ => {
                self.fingers = '0';
                return empty;
            }
        }
        let pose = curl(self.fingers.encode_utf8(&mut [0; 4])).map(|curl| Pose { curl, ..Pose::open(self.side) });
        match self.side {
            Side::Left => Scene { left: pose, ..empty },
            Side::Right => Scene { right: pose, ..empty },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Presses the keys at `time`, and returns what is shown once the hand is at rest: side and raised fingers.
    fn press(strings: &mut Strings, keys: &Sender<char>, pressed: &str, time: u32) -> Vec<(Side, usize)> {
        pressed.chars().for_each(|key| keys.send(key).unwrap());
        strings.scene(time * MS, Scene::default());
        let scene = strings.scene((time + 400) * MS, Scene::default());
        let hands = [(Side::Left, scene.left), (Side::Right, scene.right)];
        let raised = |pose: Pose| pose.curl.iter().filter(|curl| **curl == 0.0).count();
        hands.into_iter().filter_map(|(side, pose)| Some((side, raised(pose?)))).collect()
    }

    #[test]
    fn every_key_has_its_effect() {
        let (mut strings, keys) = Strings::new();
        assert_eq!(press(&mut strings, &keys, "l", 0), [(Side::Left, 0)], "a hand that means nothing yet");
        assert_eq!(press(&mut strings, &keys, "3", 500), [(Side::Left, 3)]);
        assert_eq!(press(&mut strings, &keys, "r", 1000), [(Side::Right, 3)]);
        assert_eq!(press(&mut strings, &keys, "0", 1500), [(Side::Right, 0)]);
        assert_eq!(press(&mut strings, &keys, "5n", 2000), []);
        assert_eq!(press(&mut strings, &keys, "l", 2500), [(Side::Left, 0)], "not what was shown before");
        assert_eq!(press(&mut strings, &keys, "12345", 3000), [(Side::Left, 5)]);
    }

    #[test]
    fn a_key_moves_the_hand_from_where_it_is() {
        let (mut strings, keys) = Strings::new();
        let scripted = Scene { right: Some(Pose::open(Side::Right)), ..Scene::default() };
        assert_eq!(strings.scene(900 * MS, scripted), scripted);
        keys.send('l').unwrap();
        assert_eq!(strings.scene(1000 * MS, scripted).right, scripted.right);
        let midway = strings.scene(1200 * MS, scripted);
        assert!(midway.right.unwrap().place.y > 0.6 && midway.left.unwrap().place.y > 0.6);
        keys.send('2').unwrap();
        assert_eq!(strings.scene(1200 * MS, scripted).left, midway.left, "no jump");
        let scene = strings.scene(1600 * MS, scripted);
        assert_eq!((scene.right, scene.left.unwrap().curl), (None, [1.0, 0.0, 0.0, 1.0, 1.0]));
    }
}
