//! A run's state as the page is sent it. In: a state. Out: JSON. Pure: times come in as values.

use std::collections::{BTreeMap, BTreeSet};

use glam::Vec3Swizzles;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::people::Person;
use crate::clouds::Mode;
use crate::command::{Action, CommandId, Source};
use crate::daemon::journal::Entry;
use crate::daemon::state::{CameraState, PuppetState, RunState};
use crate::event::{Event, Stamped};
use crate::fleet::ports::{InstanceState, LEASE_TAG};
use crate::fleet::{FleetState, Member};
use crate::gesture::machine::Phase;
use crate::hand::Reading;
use crate::policy::follow::PolicyState;
use crate::view::phases::{self, Icon, Ring};

/// Landmarks are whole thousandths of the picture's width and height.
const THOUSANDTHS: f32 = 1000.0;
/// A pause ends where the hands are, not here.
const ELSEWHERE: &str = "The p key in handwave's window or terminal goes on";

/// Whether what changes is real, and where it is then.
pub fn mode(mode: &Mode) -> Value {
    match mode {
        Mode::DryRun => json!({"live": false}),
        Mode::Live { account, region } => json!({"live": true, "account": account, "region": region}),
    }
}

/// The fleet. `failing_since` is since when the cloud has not answered, where it has not.
pub fn fleet(state: &FleetState, failing_since: Option<Timestamp>) -> Value {
    let observed = state.observed.as_ref();
    let members = observed.map_or(&[][..], |observed| &observed.instances);
    json!({
        "seen": observed.is_some(),
        "count": state.count(),
        "min": state.limits.min,
        "max": state.limits.max,
        "settled": state.settled,
        "trouble": state.trouble,
        "failing_since": failing_since,
        "lacks_balancer": observed.is_some_and(|observed| observed.lacks_balancer),
        "strangers": observed.map_or(&[][..], |observed| &observed.strangers),
        // In the order in which a decrease takes them; what `min` keeps is left out.
        "can_go": state.victims(usize::MAX),
        "instances": members.iter().map(|member| instance(member, state)).collect::<Vec<_>>(),
    })
}

fn instance(member: &Member, state: &FleetState) -> Value {
    let of = &member.instance;
    json!({
        "id": of.id,
        "lifecycle": member.lifecycle().to_string(),
        "state": ec2_name(of.state),
        "launched": of.launched,
        "born": of.born(),
        "type": of.kind,
        "zone": of.zone,
        "subnet": of.subnet,
        "image": of.image,
        "key_pair": of.key_pair,
        "private_address": of.private_address,
        "public_address": of.public_address,
        // Whose lease it is, its holder and the operators ask for.
        "tags": of.tags.iter().filter(|(key, _)| *key != LEASE_TAG).collect::<BTreeMap<_, _>>(),
        "leased": member.lease().is_some(),
        "reason": of.reason,
        "health": member.health.map(|health| health.to_string()),
        "why": member.why,
        "counts": member.counts(),
        "described": member.described,
        "moving": state.moving.contains(&of.id),
    })
}

fn ec2_name(state: InstanceState) -> &'static str {
    match state {
        InstanceState::Pending => "pending",
        InstanceState::Running => "running",
        InstanceState::ShuttingDown => "shutting-down",
        InstanceState::Terminated => "terminated",
        InstanceState::Stopping => "stopping",
        InstanceState::Stopped => "stopped",
    }
}

/// The hands, and what comes of them: what the window shows, but for the picture.
pub fn hands(state: &RunState) -> Value {
    // Keys that move a drawn hand are pressed elsewhere.
    let row = phases::row(&RunState { puppet: PuppetState::None, ..state.clone() });
    let remedy = match state.phase {
        Phase::Paused => ELSEWHERE.to_owned(),
        _ => row.remedy,
    };
    let (camera, lost) = match &state.camera {
        CameraState::None => ("none", None),
        CameraState::Starting => ("starting", None),
        CameraState::Watching => ("watching", None),
        CameraState::Lost(why) => ("lost", Some(why)),
    };
    json!({
        "camera": camera,
        "lost": lost,
        "light": state.light.map(|light| light.to_string()),
        "headline": row.headline,
        "remedy": remedy,
        "icon": row.icon.map(icon),
        "announced": row.announced.then_some(row.line),
        "ring": ring(row.ring),
        "size": state.reading.as_ref().map(|reading| reading.size),
        "hands": state.reading.as_ref().map_or(Vec::new(), landmarks),
    })
}

fn icon(icon: Icon) -> &'static str {
    match icon {
        Icon::Pause => "pause",
        Icon::Tick => "tick",
        Icon::Back => "back",
        Icon::Cross => "cross",
    }
}

fn ring(ring: Ring) -> Value {
    match ring {
        Ring::None => Value::Null,
        Ring::Ready { side } => json!({"kind": "ready", "side": side}),
        Ring::Filling { side, done } => json!({"kind": "filling", "side": side, "done": hundredths(done)}),
        Ring::Emptying { side, title, victims, left, of } => json!({
            "kind": "emptying",
            "side": side,
            "title": title,
            "victims": victims,
            "left": hundredths(left.as_secs_f32()),
            "of": hundredths(of.as_secs_f32()),
        }),
    }
}

/// No more digits than can be seen, so that what looks the same is the same.
fn hundredths(number: f32) -> f64 {
    f64::from((number * 100.0).round()) / 100.0
}

fn landmarks(reading: &Reading) -> Vec<Value> {
    #[derive(Serialize)]
    struct Shown {
        side: crate::hand::Side,
        fingers: u8,
        sure: bool,
        raised: [bool; 5],
        points: Vec<[i32; 2]>,
    }
    let (width, height) = (reading.size.0.max(1) as f32, reading.size.1.max(1) as f32);
    let shown = reading.hands.iter().map(|hand| {
        let points = hand.landmarks.iter().map(|point| {
            let at = point.xy() / glam::Vec2::new(width, height) * THOUSANDTHS;
            // A conversion from a float saturates, and makes 0 of what is no number.
            [at.x.round() as i32, at.y.round() as i32]
        });
        let (side, fingers, sure, raised) = (hand.side, hand.fingers(), hand.sure, hand.raised);
        json!(Shown { side, fingers, sure, raised, points: points.collect() })
    });
    shown.collect()
}

/// The policies; null where none is followed.
pub fn policy(state: Option<&PolicyState>) -> Value {
    state.map_or(Value::Null, |state| {
        let PolicyState { decision, held, is_paused, is_paused_by_page } = state;
        json!({"decision": decision, "held": held, "paused": is_paused, "paused_by_page": is_paused_by_page})
    })
}

/// An event with its number and its sentence.
pub fn event(entry: &Entry) -> Value {
    #[derive(Serialize)]
    struct Shown<'a> {
        number: u64,
        text: String,
        #[serde(flatten)]
        stamped: &'a Stamped,
    }
    json!(Shown { number: entry.number, text: entry.stamped.event.to_string(), stamped: &entry.stamped })
}

/// Whose eyes events are for. They are shown in their order, as what became of a command is hidden with it.
pub struct Sight {
    /// None: somebody who looks without a sign-in.
    person: Option<Person>,
    /// Commands that are nobody else's business.
    hidden: BTreeSet<CommandId>,
}

impl Sight {
    pub fn of(person: Option<Person>) -> Sight {
        Sight { person, hidden: BTreeSet::new() }
    }

    /// Whether they may see this event: who has signed in, and who tried to, is no business of those who have not. A
    /// lease is that of its holder, and the operators'.
    pub fn may_see(&mut self, entry: &Entry) -> bool {
        let person = self.person.as_ref();
        match &entry.stamped.event {
            Event::SignedIn { .. } | Event::SignInFailed { .. } | Event::SignedOut { .. } => person.is_some(),
            Event::Command(command) => {
                let is_seen = match (&command.action, &command.source) {
                    (Action::Lease { who, .. }, _) => person.is_some_and(|person| person.may_see(who)),
                    (Action::Extend { .. } | Action::Release(_), Source::Web { user, .. }) => {
                        person.is_some_and(|person| person.may_see(user))
                    }
                    (Action::Extend { .. } | Action::Release(_), _) => person.is_some_and(Person::sees_all),
                    _ => true,
                };
                if !is_seen {
                    self.hidden.insert(command.id.clone());
                }
                is_seen
            }
            Event::Refused { command, .. } | Event::Cut { command, .. } => !self.hidden.contains(command),
            event => event.lease().is_none_or(|of| person.is_some_and(|person| person.may_see(&of.who))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::command::Gesture;
    use crate::fleet::Limits;
    use crate::fleet::Observed;
    use crate::fleet::ports::{Health, Instance, Standing};
    use crate::hand::{Hand, Side};

    fn run(phase: Phase) -> RunState {
        let fleet = FleetState::unknown(Limits { min: 1, max: 5 });
        RunState { phase, ..RunState::starting(Mode::DryRun, CameraState::Watching, fleet) }
    }

    #[test]
    fn a_fleet_shows_its_instances_in_peoples_words_and_text_stays_text() {
        let markup = "<img src=x onerror=alert(1)>";
        let instances = ["i-1", "i-2"]
            .map(|id| Instance::new(id, InstanceState::Running, Timestamp::UNIX_EPOCH).with_tag("Name", markup));
        let standings = vec![("i-1".into(), Standing::new(Health::InService))];
        let observed = Some(Observed::join(instances.into(), standings));
        let state = FleetState { observed, ..FleetState::unknown(Limits { min: 1, max: 5 }) };
        let shown = fleet(&state, None);
        assert_eq!((&shown["count"], &shown["can_go"]), (&json!(2), &json!(["i-2"])));
        let [one, other] = [&shown["instances"][0], &shown["instances"][1]];
        assert_eq!((&one["lifecycle"], &one["health"]), (&json!("in service"), &json!("in service")));
        assert_eq!((&other["lifecycle"], &other["state"]), (&json!("registering"), &json!("running")));
        assert_eq!(one["tags"]["Name"], markup);
        assert_eq!(one["launched"], "1970-01-01T00:00:00Z");
    }

    #[test]
    fn a_hold_is_a_ring_and_landmarks_are_shares_of_the_picture() {
        let gesture = Gesture { side: Side::Left, fingers: 3, confidence: 1.0, hold: Duration::from_secs(1) };
        let mut landmarks = [glam::Vec3::new(320.0, 120.0, 0.0); 21];
        landmarks[1] = glam::Vec3::splat(f32::NAN);
        let hand = Hand { side: Side::Left, landmarks, raised: [false; 5], sure: true, confidence: 1.0 };
        let reading = Reading {
            time: Duration::ZERO,
            size: (640, 480),
            hands: vec![hand],
            searched: true,
            fresh: false,
            hidden: false,
        };
        let state = RunState { reading: Some(reading), ..run(Phase::Holding { gesture, progress: 0.456, hint: None }) };
        let shown = hands(&state);
        assert_eq!(shown["ring"], json!({"kind": "filling", "side": "left", "done": 0.46}));
        assert_eq!(shown["hands"][0]["points"][0], json!([500, 250]));
        assert_eq!(shown["hands"][0]["points"][1], json!([0, 0]));
        assert_eq!(shown["headline"], "left 3 - launch 3");
    }

    #[test]
    fn a_run_without_a_camera_says_so() {
        let shown =
            hands(&RunState { camera: CameraState::None, ..run(Phase::Idle(crate::gesture::why::Why::NoPicture)) });
        assert_eq!((&shown["camera"], &shown["headline"]), (&json!("none"), &json!("No camera")));
    }
}
