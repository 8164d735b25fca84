//! The window's keys. In: presses, releases and characters as the system tells them. Out: [`Key`]s, one for each press.
//!
//! The state of the keys at each frame would miss a tap that is shorter than a frame, so events are gathered.

use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;

use minifb::{InputCallback, Key as Code};

use crate::daemon::keys::Key;

/// Clones share one queue.
#[derive(Clone, Default)]
pub struct Keys(Rc<RefCell<State>>);

#[derive(Default)]
struct State {
    down: HashSet<u8>,
    typed: Vec<Key>,
    active: bool,
}

impl Keys {
    /// What was typed since the last time. `active`: whether the window has the keyboard.
    pub fn take(&self, active: bool) -> Vec<Key> {
        let mut state = self.0.borrow_mut();
        // A key released while another window has the keyboard is not reported.
        if state.active && !active {
            state.down.clear();
        }
        state.active = active;
        std::mem::take(&mut state.typed)
    }
}

impl InputCallback for Keys {
    /// For puppet keys, as the keyboard's layout defines them. Repeats of a held key do no harm to a puppet.
    fn add_char(&mut self, code: u32) {
        let key = char::from_u32(code).and_then(Key::of_puppet);
        self.0.borrow_mut().typed.extend(key);
    }

    /// For the other keys: repeats of a held key come as presses without releases.
    fn set_key_state(&mut self, code: Code, pressed: bool) {
        let mut state = self.0.borrow_mut();
        if !pressed {
            state.down.remove(&(code as u8));
        } else if state.down.insert(code as u8) {
            state.typed.extend(meaning(code));
        }
    }
}

fn meaning(code: Code) -> Option<Key> {
    match code {
        Code::Escape | Code::Q => Some(Key::Quit),
        Code::P | Code::Space => Some(Key::Pause),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tap_within_a_frame_counts_and_a_repeat_does_not() {
        let mut keys = Keys::default();
        for pressed in [true, false, true, true, true] {
            keys.set_key_state(Code::P, pressed);
        }
        assert_eq!(keys.take(true), [Key::Pause, Key::Pause]);
        keys.set_key_state(Code::P, true);
        assert_eq!(keys.take(true), [], "still held");
    }

    #[test]
    fn a_key_that_went_up_elsewhere_can_be_pressed_again() {
        let mut keys = Keys::default();
        keys.set_key_state(Code::Q, true);
        assert_eq!(keys.take(true), [Key::Quit]);
        keys.take(false);
        keys.set_key_state(Code::Q, true);
        assert_eq!(keys.take(true), [Key::Quit]);
    }

    #[test]
    fn characters_drive_the_puppet() {
        let mut keys = Keys::default();
        "0l9x".chars().for_each(|c| keys.add_char(c.into()));
        assert_eq!(keys.take(true), [Key::Puppet('0'), Key::Puppet('l')]);
    }
}
