//! A run's summary. In: its events, and the fleet as the run left it. Out: what was done, and what is left to do.

use std::fmt;

use crate::clouds::Mode;
use crate::command::list;
use crate::event::Event;
use crate::fleet::FleetState;

/// Counts of what happened, and the fleet at the end.
#[derive(Debug, Default, PartialEq)]
pub struct Summary {
    pub gestures: usize,
    pub taken_back: usize,
    pub cut: usize,
    pub refused: usize,
    pub launched: usize,
    pub terminated: usize,
    pub fleet: Option<(Mode, FleetState)>,
}

impl Summary {
    pub fn count(&mut self, event: &Event) {
        match event {
            Event::Gesture(_) => self.gestures += 1,
            Event::TakenBack { .. } => self.taken_back += 1,
            Event::Cut { .. } => self.cut += 1,
            Event::Refused { .. } => self.refused += 1,
            Event::Launched(of) | Event::Starting(of) => self.launched += of.instances.len(),
            Event::Terminated { of, .. } => self.terminated += of.instances.len(),
            _ => {}
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Summary { gestures, taken_back, cut, refused, launched, terminated, fleet } = self;
        write!(f, "Gestures: {gestures}, taken back: {taken_back}. Commands cut: {cut}, refused: {refused}. ")?;
        write!(f, "Instances launched: {launched}, terminated: {terminated}.")?;
        match fleet {
            Some((mode, fleet)) => {
                let what = if *mode == Mode::DryRun { "simulated fleet" } else { "fleet" };
                write!(f, "\nThe {what}: {fleet}")?;
                left_under_way(mode, fleet).map_or(Ok(()), |left| write!(f, "\n{left}"))
            }
            None => Ok(()),
        }
    }
}

/// What quitting leaves half done, and what finishes it. None: nothing is half done.
fn left_under_way(mode: &Mode, fleet: &FleetState) -> Option<String> {
    let under_way = fleet.under_way().into_iter();
    let who: Vec<_> = under_way.map(|(life, ids)| format!("{} {life} ({})", ids.len(), list(&ids))).collect();
    let finished = match mode {
        Mode::DryRun => "It ends with the simulated fleet",
        Mode::Live { .. } => "The next start finishes it, or `handwave fleet settle --live` does",
    };
    (!who.is_empty()).then(|| format!("Left under way: {}. {finished}.", who.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::Limits;
    use crate::fleet::Observed;
    use crate::fleet::ports::{Health, Instance, InstanceState, RETIRING_TAG, Standing};

    #[test]
    fn what_is_left_is_told_with_who_finishes_it() {
        let limits = Limits { min: 1, max: 5 };
        let mut fleet = FleetState { settled: true, ..FleetState::unknown(limits) };
        assert_eq!(left_under_way(&Mode::DryRun, &fleet), None);
        let instance = |id: &str, state, retiring: bool| {
            let instance = Instance::new(id, state, jiff::Timestamp::UNIX_EPOCH);
            if retiring { instance.with_tag(RETIRING_TAG, "") } else { instance }
        };
        let (running, pending) = (InstanceState::Running, InstanceState::Pending);
        let instances = vec![
            instance("i-1", running, false),
            instance("i-2", running, true),
            instance("i-3", pending, false),
            instance("i-4", InstanceState::ShuttingDown, true),
        ];
        let standings = [("i-1", Health::InService), ("i-2", Health::Draining)];
        let standings = standings.map(|(id, health)| (id.into(), Standing::new(health)));
        fleet.observed = Some(Observed::join(instances, standings.into()));
        let who = "Left under way: 1 launching (i-3), 1 draining (i-2).";
        assert_eq!(left_under_way(&Mode::DryRun, &fleet).unwrap(), format!("{who} It ends with the simulated fleet."));
        let live = Mode::Live { account: "111122223333".into(), region: "eu-central-1".into() };
        let finished = "The next start finishes it, or `handwave fleet settle --live` does.";
        assert_eq!(left_under_way(&live, &fleet).unwrap(), format!("{who} {finished}"));
    }
}
