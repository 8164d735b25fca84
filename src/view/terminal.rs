//! The terminal: lines that stay, one live line below them, and keys. In: sentences. Out: text on stderr, and the keys
//! that are typed.
//!
//! Where stderr is no terminal there is no live line, and the lines are plain. Results go to stdout, never through
//! here.

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use crossterm::terminal::{self, Clear, ClearType};
use crossterm::{cursor, queue, style};
use jiff::Timestamp;
use tokio::sync::mpsc::UnboundedSender;
use tracing_subscriber::fmt::MakeWriter;

use crate::daemon::keys::Key;

/// A handle to the terminal. Clones write to the same one. The log writes through it too, so that it does not break the
/// live line.
#[derive(Clone)]
pub struct Terminal(Arc<Mutex<State>>);

/// How much is written, and in which format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    Full,
    /// No live line, and only the lines that a person must know.
    Quiet,
    /// For programs: each line is a JSON object, as the log's are; no live line.
    Json,
}

struct State {
    manner: Manner,
    /// What the live line shows now.
    live: String,
    /// Raw mode: lines need a carriage return of their own.
    raw: bool,
}

impl Terminal {
    pub fn new(manner: Manner) -> Terminal {
        Terminal(Arc::new(Mutex::new(State { manner, live: String::new(), raw: false })))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a line that stays, above the live line: something that a person must know.
    pub fn line(&self, text: &str) {
        let mut state = self.lock();
        let text = match state.manner {
            Manner::Json => {
                serde_json::json!({"timestamp": Timestamp::now(), "level": "INFO", "message": text}).to_string()
            }
            Manner::Full | Manner::Quiet => text.to_owned(),
        };
        // A closed terminal is no reason to stop.
        let _ = state.print(&text);
    }

    /// The same for something that is good to know.
    pub fn tell(&self, text: &str) {
        let quiet = self.lock().manner == Manner::Quiet;
        if !quiet {
            self.line(text);
        }
    }

    /// Shows `text` as the live line, cut to the terminal's width; empty takes the line away.
    pub fn live(&self, text: &str) {
        let mut state = self.lock();
        if state.manner != Manner::Full || !io::stderr().is_terminal() || state.live == text {
            return;
        }
        state.live = text.into();
        let _ = state.draw_live();
    }

    /// Reads keys until the guard is dropped, which restores the terminal. None: this is no terminal that can be typed
    /// in.
    ///
    /// Raw mode makes Escape and single letters readable. The panic hook restores the terminal too, so that the panic's
    /// message can be read.
    pub fn keys(&self, keys: UnboundedSender<Key>) -> Option<RawMode> {
        if !io::stdin().is_terminal() || !io::stderr().is_terminal() || terminal::enable_raw_mode().is_err() {
            return None;
        }
        self.lock().raw = true;
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let _ = queue!(io::stderr(), cursor::MoveToColumn(0), Clear(ClearType::CurrentLine));
            let _ = terminal::disable_raw_mode();
            before(panic);
        }));
        let state = self.clone();
        std::thread::spawn(move || {
            while state.lock().raw {
                match event::poll(Duration::from_millis(50)) {
                    Ok(false) => {}
                    Ok(true) => {
                        let key = event::read().ok().and_then(meaning);
                        if key.is_some_and(|key| keys.send(key).is_err()) {
                            break;
                        }
                    }
                    Err(_) => break,
                }
            }
        });
        Some(RawMode(self.clone()))
    }
}

/// Keys are read one by one until this is dropped, which removes the live line and restores the terminal.
pub struct RawMode(Terminal);

impl Drop for RawMode {
    fn drop(&mut self) {
        self.0.live("");
        self.0.lock().raw = false;
        let _ = terminal::disable_raw_mode();
    }
}

/// What a key means. Repeats of a held key are ignored: they would quit at once, or toggle the pause.
fn meaning(event: Event) -> Option<Key> {
    let Event::Key(key) = event else { return None };
    if key.kind != KeyEventKind::Press {
        return None;
    }
    match key.code {
        KeyCode::Esc | KeyCode::Char('q') => Some(Key::Quit),
        KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => Some(Key::Quit),
        KeyCode::Char('p' | ' ') => Some(Key::Pause),
        KeyCode::Char(c) => Key::of_puppet(c),
        _ => None,
    }
}

impl State {
    fn print(&mut self, text: &str) -> io::Result<()> {
        let mut out = io::stderr().lock();
        if self.live.is_empty() {
            write!(out, "{text}{}", self.line_end())?;
        } else {
            queue!(out, cursor::MoveToColumn(0), Clear(ClearType::CurrentLine))?;
            write!(out, "{text}{}", self.line_end())?;
            self.draw_live()?;
        }
        out.flush()
    }

    fn draw_live(&self) -> io::Result<()> {
        let mut out = io::stderr().lock();
        let width = terminal::size().map_or(80, |(columns, _)| usize::from(columns)).saturating_sub(1);
        let text: String = self.live.chars().take(width).collect();
        queue!(out, cursor::MoveToColumn(0), Clear(ClearType::CurrentLine), style::Print(text))?;
        out.flush()
    }

    fn line_end(&self) -> &'static str {
        if self.raw { "\r\n" } else { "\n" }
    }
}

/// For the log: one line at a time.
impl<'a> MakeWriter<'a> for Terminal {
    type Writer = Lines;

    fn make_writer(&'a self) -> Lines {
        Lines { terminal: self.clone(), text: Vec::new() }
    }
}

/// Collects what is written, and prints it as one line when dropped.
pub struct Lines {
    terminal: Terminal,
    text: Vec<u8>,
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        let text = String::from_utf8_lossy(&self.text);
        if !text.trim().is_empty() {
            // A closed terminal is no reason to stop.
            let _ = self.terminal.lock().print(text.trim_end());
        }
    }
}
