//! What a person tells a run by a key, in the terminal or in the window.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// Escape, q or Ctrl-C.
    Quit,
    /// p or space.
    Pause,
    /// What the puppet is to show: 0 to 5 fingers, `l` the left hand, `r` the right hand, `n` none.
    Puppet(char),
}

impl Key {
    /// The puppet's key that this character is, if it is one.
    pub fn of_puppet(c: char) -> Option<Key> {
        matches!(c, '0'..='5' | 'l' | 'r' | 'n').then_some(Key::Puppet(c))
    }
}
