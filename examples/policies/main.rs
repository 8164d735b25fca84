//! Compares what grows and shrinks a fleet of workers by its queue. In: the loads and the contenders of `contest`. Out:
//! a table, in Markdown. `make policies` runs it; paused time makes a day a matter of seconds.

mod contest;

use contest::{CONTENDERS, LOADS, Score, play};

fn main() {
    println!("| load | what | launches | interrupted | instance-hours | p95 wait | over | under |");
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    let mut missed = Vec::new();
    for load in LOADS {
        let scores: Vec<Score> = CONTENDERS.iter().map(|contender| play(contender, load)).collect();
        for (contender, score) in CONTENDERS.iter().zip(&scores) {
            println!("| {} | {} | {score} |", load.name, contender.name);
        }
        missed.extend(contest::missed(load, &scores));
    }
    missed.iter().for_each(|goal| println!("\nMissed: {goal}"));
    if !missed.is_empty() {
        std::process::exit(1);
    }
}
