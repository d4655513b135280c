//! What the embedded catalog costs a process that starts: `cargo bench --bench catalog`.
//!
//! Everything is read once per process, so each sample is a process of its own: this program, run again.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a measurement for developers"
)]

use std::env;
use std::process::Command;
use std::time::Instant;

use leastwise::catalog::Catalog;

/// Set in the processes that are measured.
const SAMPLE: &str = "LEASTWISE_BENCH_SAMPLE";
const SAMPLES: usize = 51;

/// The steps, in the order a process takes them.
const STEPS: [&str; 5] = [
    "open the catalog (unpack the headings of all services)",
    "map the first event (the curated tables, one block, one service)",
    "map another event of the same service",
    "map an event of another service (another block)",
    "read every action of every service",
];

fn main() {
    if env::var_os(SAMPLE).is_some() {
        return sample();
    }
    let mut times: Vec<Vec<u64>> = vec![Vec::new(); STEPS.len()];
    for _ in 0..SAMPLES {
        let output = Command::new(env::current_exe().unwrap()).env(SAMPLE, "1").output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        for (step, line) in times.iter_mut().zip(text.lines()) {
            step.push(line.parse().unwrap());
        }
    }
    println!("medians of {SAMPLES} processes, in microseconds");
    for (step, mut times) in STEPS.iter().zip(times) {
        times.sort_unstable();
        println!("{:>8}  {step} (slowest {})", times[times.len() / 2], times[times.len() - 1]);
    }
}

/// One process: each step once, its time on a line.
fn sample() {
    let mut start = Instant::now();
    let mut lap = || {
        println!("{}", start.elapsed().as_micros());
        start = Instant::now();
    };
    let catalog = Catalog::embedded();
    lap();
    for (source, event) in [
        ("s3.amazonaws.com", "GetObject"),
        ("s3.amazonaws.com", "PutObject"),
        ("ec2.amazonaws.com", "RunInstances"),
    ] {
        assert_eq!(catalog.map(source, event).verdict, "mapped");
        lap();
    }
    assert_eq!(catalog.all().filter(|id| catalog.info(*id).is_some()).count(), catalog.n_actions());
    lap();
}
