//! The window. In: a run's states and pictures as they come. Out: pixels on a screen, keys.
//!
//! It runs on the main thread, which some systems demand, next to the thread that makes the states. A display that is
//! missing or lost is an error that the run survives.

mod display;
mod error;
mod keys;

use std::time::{Duration, Instant};

use image::RgbImage;
use minifb::{ScaleMode, WindowOptions};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch;

use super::overlay::Overlay;
use crate::daemon::keys::Key;
use crate::daemon::state::RunState;
use display::Display;
use keys::Keys;

pub use error::WindowError;

/// What a window shows, and where its keys go.
pub struct Feed {
    /// The window ends when their sender does.
    pub states: watch::Receiver<RunState>,
    /// The camera's pictures. To publish one without allocating: `sender.send_modify(|shown|
    /// shown.clone_from(&picture))`.
    pub pictures: watch::Receiver<RgbImage>,
    pub keys: UnboundedSender<Key>,
}

const TITLE: &str = "handwave";
const SIZE: (usize, usize) = (1280, 720);
const FPS: usize = 30;
/// A larger window's picture is drawn with this many pixels and scaled up.
const MOST_PIXELS: f32 = 1600.0 * 900.0;
/// How often an unchanged picture is shown again: the system does not say when another window covered it.
const REFRESH: Duration = Duration::from_millis(250);

/// Whether a window can be opened: opens one for a moment.
pub fn try_to_open() -> Result<(), WindowError> {
    let mut display = Display::prepare()?;
    let window = minifb::Window::new(TITLE, SIZE.0, SIZE.1, WindowOptions::default()).map_err(absent)?;
    display.guard(&window)
}

fn absent(error: minifb::Error) -> WindowError {
    WindowError::Absent(error.to_string())
}

/// Shows a window until the states end or somebody closes it, which is a [`Key::Quit`]. Blocks.
pub fn show(mut feed: Feed) -> Result<(), WindowError> {
    let mut display = Display::prepare()?;
    let options = WindowOptions { resize: true, scale_mode: ScaleMode::AspectRatioStretch, ..WindowOptions::default() };
    let mut window = minifb::Window::new(TITLE, SIZE.0, SIZE.1, options).map_err(absent)?;
    display.guard(&window)?;
    window.set_target_fps(FPS);
    let keys = Keys::default();
    window.set_input_callback(Box::new(keys.clone()));

    let mut screen = Screen::default();
    loop {
        let news = feed.news();
        let size = canvas_size(window.get_size());
        if news != News::None || screen.size != size {
            screen.draw(&mut feed, size);
        }
        if screen.is_due() {
            // It fails only if the buffer is too small, which a drawing never is.
            let _ = window.update_with_buffer(&screen.pixels, size.0 as usize, size.1 as usize);
        } else {
            window.update();
        }
        if display.is_lost() {
            // Closing the window would call the lost display once more.
            std::mem::forget(window);
            return Err(WindowError::Lost);
        }
        let closed = (!window.is_open()).then_some(Key::Quit);
        for key in keys.take(window.is_active()).into_iter().chain(closed) {
            // An error means that the run has ended; the states end too.
            let _ = feed.keys.send(key);
        }
        if closed.is_some() || news == News::Last {
            return Ok(());
        }
    }
}

/// Whether a feed has something that was not drawn yet.
#[derive(Debug, PartialEq)]
enum News {
    None,
    Some,
    /// The run has ended; the last one says how.
    Last,
}

impl Feed {
    fn news(&self) -> News {
        match self.states.has_changed() {
            Err(_) => News::Last,
            Ok(false) if !self.pictures.has_changed().unwrap_or(false) => News::None,
            Ok(_) => News::Some,
        }
    }
}

/// What the window shows, and the pixels of it.
#[derive(Default)]
struct Screen {
    overlay: Overlay,
    picture: RgbImage,
    size: (u32, u32),
    /// Red, green, blue in the lower three bytes.
    pixels: Vec<u32>,
    /// When it was last shown; None after it was drawn.
    shown: Option<Instant>,
}

impl Screen {
    fn draw(&mut self, feed: &mut Feed, size: (u32, u32)) {
        // A copy, so that the camera does not wait for the drawing.
        self.picture.clone_from(&feed.pictures.borrow_and_update());
        let state = feed.states.borrow_and_update().clone();
        let drawing = self.overlay.draw(&state, &self.picture, size);
        drawing.pack(&mut self.pixels);
        self.size = size;
        self.shown = None;
    }

    /// Whether it is time to show it; if so, it counts as shown now.
    fn is_due(&mut self) -> bool {
        let due = self.shown.is_none_or(|shown| shown.elapsed() >= REFRESH);
        if due {
            self.shown = Some(Instant::now());
        }
        due
    }
}

/// The size to draw at: the window's, or for a very large window the same shape with fewer pixels.
fn canvas_size((width, height): (usize, usize)) -> (u32, u32) {
    let (width, height) = (width.max(1) as f32, height.max(1) as f32);
    let scale = (MOST_PIXELS / (width * height)).sqrt().min(1.0);
    (((width * scale) as u32).max(1), ((height * scale) as u32).max(1))
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::unbounded_channel;

    use super::*;
    use crate::gesture::machine::Phase;
    use crate::gesture::why::Why;
    use crate::view::tests::state;

    #[test]
    fn what_was_shown_last_is_drawn_before_the_end() {
        let (states_in, states) = watch::channel(state(Phase::Paused));
        let (pictures_in, pictures) = watch::channel(RgbImage::default());
        let mut feed = Feed { states, pictures, keys: unbounded_channel().0 };
        assert_eq!(feed.news(), News::None);
        pictures_in.send_replace(RgbImage::new(64, 48));
        assert_eq!(feed.news(), News::Some);
        let mut screen = Screen::default();
        screen.draw(&mut feed, (64, 48));
        let before = screen.pixels.clone();
        assert_eq!(feed.news(), News::None);
        states_in.send_replace(state(Phase::Idle(Why::Quit)));
        drop((states_in, pictures_in));
        assert_eq!(feed.news(), News::Last);
        screen.draw(&mut feed, (64, 48));
        assert_ne!(screen.pixels, before);
    }

    #[test]
    fn a_large_window_is_drawn_smaller_in_its_own_shape() {
        assert_eq!(canvas_size((1280, 720)), (1280, 720));
        assert_eq!(canvas_size((0, 0)), (1, 1));
        let (width, height) = canvas_size((3840, 2160));
        assert_eq!((width, height), (1600, 900));
    }
}
