//! How long `check` takes: one experiment, and a large file.
//!
//! `cargo bench -p squall-experiments --bench check`
#![forbid(unsafe_code)]
#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "it measures time, and decides nothing")]

use squall_experiments::text::SourceFile;
use squall_experiments::written::{Parameters, Purpose, read};
use std::hint::black_box;
use std::time::{Duration, Instant};

const EXAMPLE: &str = include_str!("../tests/examples/slow-payments-opens-breaker.yaml");
/// So many experiments make about a megabyte.
const MANY: usize = 500;

fn main() {
    // `cargo test` runs this too, with no word of its own; `cargo bench` says so.
    if !std::env::args().any(|argument| argument == "--bench") {
        println!("benchmarks run with `just bench`");
        return;
    }
    let many: Vec<String> = (0..MANY)
        .map(|number| EXAMPLE.replace("name: slow-payments-opens-breaker", &format!("name: experiment-{number}")))
        .collect();
    println!("| check | median | a second |\n|---|---|---|");
    row("one experiment", EXAMPLE.to_owned(), 1_000);
    row("500 experiments in one file", many.join("---\n"), 20);
}

/// Reads a file so often, and prints the median.
fn row(what: &str, text: String, times: usize) {
    let file = SourceFile { path: "bench.yaml".into(), text };
    let mut took: Vec<Duration> = (0..times)
        .map(|_| {
            let began = Instant::now();
            let (documents, problems) =
                black_box(read(black_box(std::slice::from_ref(&file)), &Parameters::default(), Purpose::Run));
            let took = began.elapsed();
            assert!(documents.experiments.iter().all(|read| read.experiment.is_some()) && problems.is_empty());
            took
        })
        .collect();
    took.sort();
    let median = took[times / 2].as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a file's length")]
    let mebibytes = file.text.len() as f64 / f64::from(1 << 20);
    println!("| {what} | {:.2} ms | {:.0} MiB |", median * 1e3, mebibytes / median);
}
