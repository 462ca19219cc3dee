//! Finding and stamping frames: the loops of `bench framing`, measured by criterion.
//!
//! See `bench::framing` for what is timed. Criterion measures one contender after the other; the ratios
//! in `docs/benchmarks.md` come from `cargo xtask bench framing`, where they take turns.

use bench::framing::{Contender, Framing, PAYLOADS, Runs, work_name};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn framing(c: &mut Criterion) {
    for runs in [Runs::Alone, Runs::Of64] {
        for payload in PAYLOADS {
            let mut group = c.benchmark_group(format!("framing/{}", work_name(runs, payload)));
            for contender in Contender::ALL {
                let mut framing = Framing::new(contender, payload, runs);
                group.throughput(Throughput::ElementsAndBytes {
                    elements: framing.frames() as u64,
                    bytes: framing.bytes() as u64,
                });
                group.bench_function(contender.name(), |b| b.iter_custom(|n| framing.time(n)));
            }
        }
    }
}

criterion_group!(benches, framing);
criterion_main!(benches);
