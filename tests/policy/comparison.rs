//! A small form of `make policies`: the goals hold under two of its loads.

#[path = "../../examples/policies/contest.rs"]
mod contest;

use contest::{CONTENDERS, LOADS, Score, missed, play};

#[test]
fn ours_interrupts_nothing_launches_little_and_is_not_worse_than_all_peers() {
    for name in ["steady", "batches"] {
        let load = LOADS.iter().find(|load| load.name == name).unwrap();
        let scores: Vec<Score> = CONTENDERS.iter().map(|contender| play(contender, load)).collect();
        let names = CONTENDERS.iter().map(|contender| contender.name);
        let told: Vec<String> = names.zip(&scores).map(|(name, score)| format!("{name}: {score}")).collect();
        assert_eq!(missed(load, &scores), [""; 0], "{told:#?}");
        assert!(scores.iter().all(|score| score.hours > 1.0), "{told:#?}");
    }
}
