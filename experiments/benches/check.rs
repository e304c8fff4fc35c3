//! How long `check` takes: one experiment, and a large file.
//!
//! `cargo bench -p squall-experiments --bench check`
#![forbid(unsafe_code)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use squall_experiments::text::SourceFile;
use squall_experiments::written::{Parameters, Purpose, read};
use std::hint::black_box;

const EXAMPLE: &str = include_str!("../tests/examples/slow-payments-opens-breaker.yaml");
/// So many experiments make about a megabyte.
const MANY: usize = 500;

fn check(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("check");
    let many: Vec<String> = (0..MANY)
        .map(|number| EXAMPLE.replace("name: slow-payments-opens-breaker", &format!("name: experiment-{number}")))
        .collect();
    for (name, text) in [("one experiment", EXAMPLE.to_owned()), ("500 experiments in one file", many.join("---\n"))] {
        group.throughput(Throughput::Bytes(text.len() as u64));
        let file = SourceFile { path: "bench.yaml".into(), text };
        let (documents, problems) = read(std::slice::from_ref(&file), &Parameters::default(), Purpose::Run);
        assert!(documents.experiments.iter().all(|read| read.experiment.is_some()) && problems.is_empty());
        group.bench_function(name, |bencher| {
            bencher.iter(|| read(black_box(std::slice::from_ref(&file)), &Parameters::default(), Purpose::Run));
        });
    }
    group.finish();
}

criterion_group!(benches, check);
criterion_main!(benches);
