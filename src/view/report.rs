//! A run told in the terminal. In: its journal and its states. Out: lines that stay (events, and why nothing happens)
//! and the live line below them.

use tokio::select;
use tokio::sync::watch;
use tokio::time::Instant;

use super::narrator::Narrator;
use super::terminal::Terminal;
use super::text;
use crate::daemon::journal::{Delivery, Subscription};
use crate::daemon::state::RunState;

/// Reports until the journal ends, then takes the live line away.
pub async fn report(
    terminal: Terminal,
    mut narrator: Narrator,
    mut journal: Subscription,
    mut states: watch::Receiver<RunState>,
) {
    let started = Instant::now();
    let say = |sentence: &str| terminal.tell(&format!("{:6.1} s  {sentence}", started.elapsed().as_secs_f32()));
    let mut show = |state: &RunState| {
        narrator.see(state).iter().for_each(|sentence| say(sentence));
        terminal.live(&text::live_line(state));
    };
    loop {
        select! {
            biased;
            delivery = journal.next() => match delivery {
                Some(Delivery::Event(entry)) => say(&entry.stamped.event.to_string()),
                Some(Delivery::Missed(n)) => say(&format!("{n} events came too fast to be shown; --events keeps all.")),
                None => break,
            },
            Ok(()) = states.changed() => {
                let state = states.borrow_and_update().clone();
                show(&state);
            }
        }
    }
    // How the run ended is worth a line even where it ended at once.
    let last = states.borrow_and_update().clone();
    show(&last);
    terminal.live("");
}
