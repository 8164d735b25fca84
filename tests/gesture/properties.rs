//! The rules against random histories of hands, times and interruptions. The machine must do the same as a slow model
//! of the rules that looks back over the whole history each time, and must never panic.

use std::{cell::Cell, time::Duration};

use glam::Vec3;
use handwave::{
    command::Gesture,
    config::Config,
    gesture::{
        Begin, Settings,
        machine::{Machine, Phase, Transition},
        shape::{SIZE, Shape},
    },
    hand::{Hand, Reading, Side},
};
use proptest::{
    prelude::*,
    test_runner::{Config as Runs, FailurePersistence, FileFailurePersistence, TestRunner},
};

/// Cases that failed once are kept here and tried before all others: the run that finds one adds its line.
const SEEDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/gesture/properties.seeds");

fn kept() -> Runs {
    let seeds: Box<dyn FailurePersistence> = Box::new(FileFailurePersistence::Direct(SEEDS));
    Runs { failure_persistence: Some(seeds), ..Runs::default() }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    NoHand,
    Small,
    Unsure,
    Two,
    /// A right hand that hangs.
    Lowered(u8),
    Shown(Side, u8),
}

impl Kind {
    /// The side of the one hand.
    fn side(self) -> Option<Side> {
        match self {
            Kind::Unsure | Kind::Lowered(_) => Some(Side::Right),
            Kind::Shown(side, _) => Some(side),
            Kind::NoHand | Kind::Small | Kind::Two => None,
        }
    }

    /// The palm's width and the hand's turn, of the one hand or of both.
    fn pose(self) -> Option<(f32, f32)> {
        match self {
            Kind::NoHand => None,
            Kind::Small => Some((20.0, 0.0)),
            Kind::Lowered(_) => Some((PALM, LOWERED)),
            Kind::Unsure | Kind::Two | Kind::Shown(..) => Some((PALM, 0.0)),
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    /// Readings of one kind, some of them replaced by another: how many, the microseconds between them, and the stride
    /// of searches. The hand sways by that many pixels now and then; a negative number is a drift. Before it come
    /// readings of its fist: how many, and how many pixels aside. Fresh looks come where they are due, or by a stride
    /// of their own, and may see something else. Every so many readings another hand may be half hidden.
    Run {
        kind: Kind,
        noise: Kind,
        noise_every: usize,
        readings: usize,
        period: u64,
        search_every: usize,
        sway: f32,
        fist: (usize, f32),
        looks: Option<usize>,
        afresh: Option<Kind>,
        hidden_every: Option<usize>,
    },
    Jump {
        micros: i64,
    },
    Lost,
    Pause,
    Resume,
}

/// One reading of a history.
#[derive(Clone, Copy, Debug)]
struct Past {
    time: Duration,
    kind: Kind,
    searched: bool,
    fresh: bool,
    hidden: bool,
    x: f32,
    /// Whether an interruption came just before it.
    broken: bool,
}

/// The history so far, and the rules applied to it.
struct Oracle {
    settings: Settings,
    history: Vec<Past>,
    /// The start of the part of the history that may belong to a hold.
    begin: usize,
    /// The start of the part that may hold the next gesture's fist.
    fists: usize,
    paused: bool,
    broken: bool,
    /// The last reading's time, while the clock runs on.
    clock: Option<Duration>,
    /// Where the last gesture fired or was taken back, or where watching began, until the release.
    done: Option<usize>,
    /// The countdown's fingers and start, and the fists since.
    counting: Option<(u8, Duration, usize)>,
    /// The last reading of one hand: when, whose, where.
    hand: Option<(Duration, Side, f32)>,
    stays: Vec<Stay>,
}

/// A hand that stays: its pose and place, since when, and when it was seen last.
#[derive(Clone, Copy, PartialEq)]
struct Stay {
    pose: (f32, f32),
    x: f32,
    since: Duration,
    seen: Duration,
    is_picture: bool,
}

const PALM: f32 = 60.0;
const LOWERED: f32 = 120.0;

type Event = (&'static str, u8);

impl Oracle {
    fn interrupt(&mut self) -> Option<Event> {
        self.broken = true;
        self.start_again();
        self.counting.take().map(|(fingers, ..)| {
            self.done = Some(self.history.len());
            ("taken back", fingers)
        })
    }

    /// What was seen before counts no more.
    fn start_again(&mut self) {
        (self.begin, self.fists) = (self.history.len(), self.history.len());
        if self.settings.begin == Begin::Any && self.counting.is_none() {
            self.done = self.done.or(Some(self.history.len()));
        }
    }

    fn read(&mut self, mut reading: Past) -> Option<Event> {
        if self.clock.is_some_and(|clock| reading.time < clock) {
            self.stays.clear();
        }
        let moved = self.takes_for_picture(&mut reading);
        let came = self.judge_in_time(reading, moved);
        self.hand = reading.kind.side().map(|side| (reading.time, side, reading.x)).or(self.hand);
        came
    }

    /// Rule 1: a hand that stays is no hand. Whether a picture moved.
    fn takes_for_picture(&mut self, reading: &mut Past) -> bool {
        let (now, x) = (reading.time, reading.x);
        self.stays.retain(|stay| stay.is_picture || now <= stay.seen + Duration::from_secs(1));
        let Some(pose) = reading.kind.pose() else { return false };
        let noise = self.settings.picture_noise * pose.0;
        if let Some(stay) = self.stays.iter_mut().find(|stay| stay.pose == pose && (stay.x - x).abs() <= noise) {
            stay.seen = now;
            stay.is_picture |= now - stay.since >= self.settings.picture_after;
            if stay.is_picture {
                reading.kind = Kind::NoHand;
            }
            return false;
        }
        let moves = |stay: &Stay| stay.seen != now && (stay.x - x).abs() <= stay.pose.0;
        let moved = self.stays.iter().any(|stay| stay.is_picture && moves(stay));
        self.stays.retain(|stay| stay.is_picture || !moves(stay));
        self.stays.push(Stay { pose, x, since: now, seen: now, is_picture: false });
        moved
    }

    fn judge_in_time(&mut self, reading: Past, moved: bool) -> Option<Event> {
        let clock = self.clock.replace(reading.time);
        let broken = clock.is_some_and(|clock| reading.time < clock || reading.time - clock > self.settings.disarm_gap);
        let taken_back = if broken { self.interrupt() } else { None };
        if moved && self.settings.begin == Begin::Any && self.counting.is_none() {
            self.done = self.done.or(Some(self.history.len()));
        }
        let repeated = clock == Some(reading.time);
        if !repeated {
            self.history.push(Past { broken: std::mem::take(&mut self.broken), ..reading });
        }
        if taken_back.is_some() {
            self.done = Some(self.history.len() - 1);
        }
        taken_back.or_else(|| self.judge(reading, repeated))
    }

    fn judge(&mut self, reading: Past, repeated: bool) -> Option<Event> {
        let after = self.history.len();
        if let Some((fingers, since, fists)) = &mut self.counting {
            let fingers = *fingers;
            let rests = self.hand.is_none_or(|(then, side, x)| {
                let passed = reading.time.saturating_sub(then).as_secs_f32();
                passed == 0.0
                    || Some(side) != reading.kind.side()
                    || (reading.x - x).abs() < self.settings.take_back_rest * PALM * passed
            });
            *fists += usize::from(rests && matches!(reading.kind, Kind::Shown(_, 0) | Kind::Lowered(0)));
            let taken_back = *fists >= self.settings.take_back_readings || reading.kind == Kind::Two;
            if !taken_back && reading.time - *since < self.settings.countdown {
                return None;
            }
            (self.counting, self.done, self.fists) = (None, Some(after), after);
            return Some((if taken_back { "taken back" } else { "retire" }, fingers));
        }
        if repeated {
            return None;
        }
        if let Some(done) = self.done {
            if self.released(&self.history[done..]) {
                (self.done, self.begin) = (None, after);
            }
            return None;
        }
        let Kind::Shown(side, fingers @ 1..) = reading.kind else { return None };
        if self.paused || self.held(side, fingers).is_none_or(|first| !self.has_fist(first, side)) {
            return None;
        }
        (self.begin, self.fists) = (after, after);
        match side {
            Side::Left => {
                self.done = Some(after);
                Some(("launch", fingers))
            }
            Side::Right => {
                self.counting = Some((fingers, reading.time, 0));
                Some(("countdown", fingers))
            }
        }
    }

    /// Rules 1 and 2: the first reading of the complete hold of this sign that the history ends with.
    fn held(&self, side: Side, fingers: u8) -> Option<usize> {
        let (s, history) = (&self.settings, &self.history[self.begin..]);
        let now = history.last().unwrap().time;
        let hold = if side == Side::Left { s.hold_launch } else { s.hold_retire };
        let first = history.iter().rposition(|past| past.time + hold <= now)?;
        let window = &history[first..];
        let agreeing: Vec<_> = window.iter().filter(|past| past.kind == Kind::Shown(side, fingers)).collect();
        let apart = agreeing.iter().flat_map(|a| agreeing.iter().map(|b| (a.x - b.x).abs())).fold(0.0, f32::max);
        let is_held = window[0].kind == Kind::Shown(side, fingers)
            && window.len() >= s.readings_min
            && window.windows(2).all(|pair| pair[1].time - pair[0].time <= s.gap)
            && agreeing.len() as f64 / window.len() as f64 >= f64::from(s.agree) - 1e-6
            && apart <= s.still * PALM
            && agreeing.windows(2).all(|pair| (pair[1].x - pair[0].x).abs() <= s.jump * PALM)
            && confirmed(&agreeing, window[0].time, hold)
            && !window.iter().any(|past| past.searched && past.kind == Kind::Two);
        is_held.then_some(self.begin + first)
    }

    /// Rule 7: whether the hold that starts with this reading has its fist.
    fn has_fist(&self, first: usize, side: Side) -> bool {
        let (s, hold) = (&self.settings, &self.history[first]);
        let second_hand = |past: &Past| past.searched && past.kind == Kind::Two;
        let searched = self.history[..first].iter().rposition(second_hand).map_or(0, |index| index + 1);
        let in_view: Vec<_> =
            (self.fists..self.history.len()).filter(|&i| self.history[i].kind.side().is_some()).collect();
        let away = |pair: &&[usize]| self.history[pair[1]].time - self.history[pair[0]].time > s.gap;
        let back = in_view.windows(2).filter(away).map(|pair| pair[1]).max().unwrap_or(0);
        let covering = |past: &Past| past.hidden && matches!(past.kind, Kind::Shown(_, 0));
        let alone = self.history.iter().rposition(covering).map_or(0, |index| index + 1);
        let since = searched.max(alone).max(back).max(self.fists);
        let its = |past: &&Past| {
            past.kind == Kind::Shown(side, 0)
                && hold.time - past.time <= s.fist_within
                && (hold.x - past.x).abs() <= s.fist_near * PALM
        };
        let fists: Vec<_> = self.history.get(since..first).unwrap_or_default().iter().filter(its).collect();
        let runs = fists.chunk_by(|one, next| next.time - one.time <= s.gap);
        let mut long = runs.filter(|run| run.len() >= s.fist_readings);
        s.begin == Begin::Any || long.any(|run| run[run.len() - 1].time - run[0].time >= s.fist_time)
    }

    /// Rule 4: whether the history ends with an unbroken release.
    fn released(&self, history: &[Past]) -> bool {
        let lowered = |past: &Past| matches!(past.kind, Kind::NoHand | Kind::Small | Kind::Shown(_, 0));
        let now = history.last().unwrap().time;
        (0..history.len()).rev().any(|first| {
            let release = &history[first..];
            release.iter().all(lowered)
                && release[1..].iter().all(|past| !past.broken)
                && release.windows(2).all(|pair| pair[1].time.saturating_sub(pair[0].time) <= self.settings.gap)
                && now.saturating_sub(release[0].time) >= self.settings.release
        })
    }
}

/// Rule 1: whether two fresh looks are among these agreeing readings, one in the hold's middle half and one at its end.
fn confirmed(agreeing: &[&Past], begin: Duration, hold: Duration) -> bool {
    let looks: Vec<_> = agreeing.iter().filter(|past| past.fresh).map(|past| past.time - begin).collect();
    let late = hold.saturating_sub(Duration::from_millis(250));
    let pairs = looks.iter().enumerate().flat_map(|(i, middle)| looks[i + 1..].iter().map(move |end| (middle, end)));
    pairs.into_iter().any(|(middle, end)| *middle >= hold / 4 && *middle <= hold / 4 * 3 && *end >= late)
}

fn hands(kind: Kind, x: f32) -> Vec<Hand> {
    let hand = |side, fingers| Shape { x, ..Shape::new(side, fingers) };
    match kind {
        Kind::NoHand => vec![],
        Kind::Small => vec![Shape { palm: 20.0, ..hand(Side::Left, 3) }.hand()],
        Kind::Unsure => vec![Shape { sure: false, ..hand(Side::Right, 2) }.hand()],
        Kind::Two => vec![hand(Side::Left, 5).hand(), hand(Side::Right, 2).hand()],
        Kind::Lowered(fingers) => vec![Shape { roll: LOWERED, ..hand(Side::Right, fingers) }.hand()],
        Kind::Shown(side, fingers) => vec![hand(side, fingers).hand()],
    }
}

fn kind() -> impl Strategy<Value = Kind> {
    let side = || prop_oneof![Just(Side::Left), Just(Side::Right)];
    prop_oneof![
        2 => Just(Kind::NoHand),
        1 => Just(Kind::Small),
        1 => Just(Kind::Unsure),
        1 => Just(Kind::Two),
        1 => prop_oneof![Just(0), Just(2)].prop_map(Kind::Lowered),
        2 => side().prop_map(|side| Kind::Shown(side, 0)),
        // Few counts, so that repetitions are frequent.
        8 => (side(), 2u8..=3).prop_map(|(side, fingers)| Kind::Shown(side, fingers)),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let period = prop_oneof![
        8 => 10_000u64..120_000,
        2 => Just(50_000u64),
        1 => 190_000u64..280_000,
        1 => prop::sample::select(vec![0u64, 300_000, 300_001, 500_000, 500_001]),
    ];
    let sway = prop_oneof![3 => Just(0f32), 1 => -80f32..40.0];
    let fist = (0usize..12, prop_oneof![4 => Just(0f32), 1 => -150f32..150.0]);
    let looks = (
        prop_oneof![4 => Just(None), 1 => (1usize..20).prop_map(Some)],
        prop::option::weighted(0.1, kind()),
        prop::option::weighted(0.1, 1usize..30),
    );
    let run = (kind(), kind(), 1usize..40, 1usize..60, period, 1usize..40, sway, fist, looks);
    prop_oneof![
        20 => run.prop_map(|(kind, noise, noise_every, readings, period, search_every, sway, fist, (looks, afresh, hidden_every))| {
            let noise_every = noise_every + 3;
            Step::Run { kind, noise, noise_every, readings, period, search_every, sway, fist, looks, afresh, hidden_every }
        }),
        2 => prop_oneof![-600_000i64..900_000, Just(0), Just(500_000), Just(500_001)].prop_map(|micros| Step::Jump { micros }),
        1 => Just(Step::Lost),
        1 => Just(Step::Pause),
        2 => Just(Step::Resume),
    ]
}

fn event(outcome: Transition) -> Event {
    match outcome {
        Transition::CountingDown(gesture) => ("countdown", gesture.fingers),
        Transition::Fired(gesture) if gesture.side == Side::Left => ("launch", gesture.fingers),
        Transition::Fired(gesture) => ("retire", gesture.fingers),
        Transition::TakenBack { gesture, .. } => ("taken back", gesture.fingers),
    }
}

/// What a history of steps causes.
fn play(steps: &[Step], begin: Begin, picture_after: Duration) -> Result<Vec<Event>, TestCaseError> {
    let settings = Settings { begin, picture_after, ..Config::shipped().gesture };
    let mut machine = Machine::new(settings.clone(), true);
    let mut oracle = Oracle {
        done: (begin == Begin::Any).then_some(0),
        settings,
        history: Vec::new(),
        begin: 0,
        fists: 0,
        paused: false,
        broken: false,
        clock: None,
        counting: None,
        hand: None,
        stays: Vec::new(),
    };
    let (mut time, mut events) = (5_000_000i64, Vec::new());
    let mut compare = |got: Option<Transition>, wanted: Option<Event>, at: i64| {
        prop_assert_eq!(got.map(event), wanted, "at {} us", at);
        events.extend(wanted);
        Ok(())
    };
    for step in steps {
        match *step {
            Step::Jump { micros } => time = (time + micros).max(0),
            Step::Lost => {
                (oracle.clock, oracle.hand) = (None, None);
                oracle.stays.clear();
                compare(machine.camera_lost(), oracle.interrupt(), time)?;
            }
            Step::Pause => {
                oracle.paused = true;
                compare(machine.pause(), oracle.interrupt(), time)?;
            }
            Step::Resume => {
                if std::mem::take(&mut oracle.paused) {
                    oracle.start_again();
                }
                machine.resume();
            }
            Step::Run {
                kind,
                noise,
                noise_every,
                readings,
                period,
                search_every,
                sway,
                fist,
                looks,
                afresh,
                hidden_every,
            } => {
                let fists = if let Kind::Shown(_, 1..) = kind { fist.0 } else { 0 };
                for index in 0..fists + readings {
                    time += period as i64;
                    let now = Duration::from_micros(time as u64);
                    let fresh = looks.map_or_else(
                        || machine.due().is_some_and(|due| due.fresh && due.has_come(now)),
                        |every| index % every == every - 1,
                    );
                    let searched = fresh || index % search_every == search_every - 1;
                    let (kind, x) = match (index.checked_sub(fists), kind) {
                        (None, Kind::Shown(side, _)) => (Kind::Shown(side, 0), fist.1),
                        (index, kind) => {
                            let index = index.unwrap_or_default();
                            let kind = if index % noise_every == noise_every - 1 { noise } else { kind };
                            let aside = match sway {
                                ..0.0 => -sway * index as f32 / readings as f32,
                                _ if index % 7 == 6 => sway,
                                _ => 0.0,
                            };
                            (kind, aside)
                        }
                    };
                    let (x, kind) = (300.0 + x, afresh.filter(|_| fresh).unwrap_or(kind));
                    let hidden = hidden_every.is_some_and(|every| index % every == every - 1);
                    let past = Past { time: now, kind, searched, fresh, hidden, x, broken: false };
                    let reading = Reading { time: now, size: SIZE, hands: hands(kind, x), searched, fresh, hidden };
                    compare(machine.see(&reading), oracle.read(past), time)?;
                    if let Phase::Holding { progress, .. } = machine.phase() {
                        prop_assert!((0.0..=1.0).contains(&progress));
                    }
                }
            }
        }
    }
    Ok(events)
}

#[test]
fn no_gesture_without_its_hold_its_release_and_its_countdown_and_none_missed() {
    // 1024, or PROPTEST_CASES.
    let cases = 4 * Runs::default().cases;
    let mut runner = TestRunner::new(Runs { cases, ..kept() });
    let counts = ["launch", "countdown", "retire", "taken back"].map(|name| (name, Cell::new(0)));
    let again = Cell::new(0);
    let begin = prop_oneof![2 => Just(Begin::Fist), 1 => Just(Begin::Any)];
    // These hands do not shake: they soon are pictures, or never.
    let picture_after = prop_oneof![3 => Just(3600), 1 => 3u64..9].prop_map(Duration::from_secs);
    let history = (prop::collection::vec(step(), 1..30), begin, picture_after);
    let result = runner.run(&history, |(steps, begin, picture_after)| {
        let events = play(&steps, begin, picture_after)?;
        for (name, count) in &counts {
            count.set(count.get() + events.iter().filter(|(event, _)| event == name).count());
        }
        again.set(again.get() + usize::from(events.iter().filter(|(event, _)| *event == "launch").count() > 1));
        Ok(())
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
    // Histories in which nothing happens would prove nothing.
    for (name, count) in &counts {
        println!("{name}: {}", count.get());
        assert!(count.get() >= cases as usize / 20, "only {} {name}", count.get());
    }
    assert!(again.get() >= cases as usize / 100, "only {} histories with two launches", again.get());
}

/// A machine that begins with any sign, after a release that ends at that time.
fn released(end: Duration) -> Machine {
    let mut machine = Machine::new(Settings { begin: Begin::Any, ..Config::shipped().gesture }, true);
    for before in [400u64, 200, 0] {
        let time = end - Duration::from_millis(before);
        assert_eq!(
            machine.see(&Reading { time, size: SIZE, hands: vec![], searched: true, fresh: true, hidden: false }),
            None
        );
    }
    machine
}

#[test]
fn a_gesture_says_how_long_it_was_held_and_how_sure_it_is() {
    let mut machine = released(Duration::from_millis(500));
    let fired = (0u64..5).find_map(|index| {
        // Every fifth reading is unsure, and its confidence is ignored.
        let sure = index % 5 != 1;
        let confidence = if sure { 0.5 + 0.25 * (index % 2) as f32 } else { 0.0 };
        let hand = Hand { confidence, sure, ..Shape::new(Side::Left, 4).hand() };
        machine.see(&Reading {
            time: Duration::from_millis(550 + 250 * index),
            size: SIZE,
            hands: vec![hand],
            searched: true,
            fresh: true,
            hidden: false,
        })
    });
    let Some(Transition::Fired(gesture)) = fired else { panic!("{fired:?}") };
    assert_eq!(gesture, Gesture { side: Side::Left, fingers: 4, confidence: 0.5625, hold: Duration::from_secs(1) });
}

fn any_hand() -> impl Strategy<Value = Hand> {
    let number = prop_oneof![4 => -50f32..700.0, 1 => any::<f32>(), 1 => Just(f32::NAN), 1 => Just(f32::INFINITY), 1 => Just(f32::MAX)];
    let points = prop::collection::vec((number.clone(), number.clone(), number), 21);
    let confidence = prop_oneof![3 => 0f32..=1.0, 1 => any::<f32>()];
    (points, any::<[bool; 5]>(), any::<bool>(), any::<bool>(), confidence).prop_map(
        |(points, raised, left, sure, confidence)| {
            let landmarks = std::array::from_fn(|i| Vec3::from(points[i]));
            Hand { side: if left { Side::Left } else { Side::Right }, landmarks, raised, sure, confidence }
        },
    )
}

fn any_reading() -> impl Strategy<Value = Reading> {
    let time = prop_oneof![4 => (0u64..5_000).prop_map(Duration::from_millis), 1 => any::<Duration>(), 1 => Just(Duration::MAX)];
    let size = prop_oneof![4 => Just(SIZE), 1 => any::<(u32, u32)>(), 1 => Just((0, 0))];
    (time, size, prop::collection::vec(any_hand(), 0..3), any::<[bool; 3]>()).prop_map(
        |(time, size, hands, [searched, fresh, hidden])| Reading { time, size, hands, searched, fresh, hidden },
    )
}

proptest! {
    #![proptest_config(kept())]

    #[test]
    fn noise_at_any_time_makes_no_gesture_and_no_panic(readings in prop::collection::vec(any_reading(), 0..60)) {
        let mut machine = Machine::new(Settings { begin: Begin::Any, ..Config::shipped().gesture }, true);
        for reading in &readings {
            prop_assert_eq!(machine.see(reading), None);
            machine.phase();
        }
    }

    #[test]
    fn a_hand_that_no_picture_holds_makes_no_gesture(hand in any_hand(), scale in 1e3f32..1e30) {
        let mut machine = released(Duration::from_millis(500));
        let landmarks = hand.landmarks.map(|point| point * scale);
        let hand = Hand { landmarks, sure: true, raised: [true; 5], ..hand };
        for index in 0..60 {
            let reading = Reading { time: Duration::from_millis(550 + 50 * index), size: SIZE, hands: vec![hand.clone()], searched: true, fresh: true, hidden: false };
            prop_assert_eq!(machine.see(&reading), None);
        }
    }

    #[test]
    fn a_confidence_that_is_no_share_makes_no_gesture(confidence in prop_oneof![-9f32..-0.001, 1.001f32..9.0, Just(f32::NAN)]) {
        let mut machine = released(Duration::from_millis(500));
        let hand = Hand { confidence, ..Shape::new(Side::Left, 3).hand() };
        for index in 0..60 {
            let reading = Reading { time: Duration::from_millis(550 + 50 * index), size: SIZE, hands: vec![hand.clone()], searched: true, fresh: true, hidden: false };
            prop_assert_eq!(machine.see(&reading), None);
        }
    }

    #[test]
    fn time_that_stands_still_or_runs_back_makes_no_gesture(fingers in 1u8..=5, steps in prop::collection::vec(0u64..100, 100)) {
        let mut machine = released(Duration::from_secs(60));
        let mut time = Duration::from_secs(60);
        for step in steps {
            time -= Duration::from_millis(step);
            for side in [Side::Left, Side::Right] {
                let hands = vec![Shape::new(side, fingers).hand()];
                prop_assert_eq!(machine.see(&Reading { time, size: SIZE, hands, searched: true, fresh: true, hidden: false }), None);
            }
        }
    }
}
