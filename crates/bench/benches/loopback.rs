//! `tcp-server` in mode `frames` over the loopback device, in one process with its client.
//!
//! | group | what one element is |
//! |---|---|
//! | `loopback/reply` | a frame there and back, one at a time |
//! | `loopback/bulk` | a frame there and back while others are under way |
//!
//! Criterion shows elements per second and bytes per second, headers included, one way. What the server
//! costs beside a bare echo is `cargo xtask bench tcp`.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot set itself up has failed")]

use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use bench::load::{self, Amount, Lane};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use proto::frame::HEADER_LEN;
use tcp_server::modes::Frames;
use tcp_server::{BindOptions, Config, Listener, run, stop_pair};

/// Starts the server, which lives as long as the process.
fn server() -> SocketAddr {
    let (sender, address) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let any = "127.0.0.1:0".parse().unwrap();
            let listener = Listener::bind(&any, &BindOptions::default()).await.unwrap();
            sender.send(listener.local_address().to_string()).unwrap();
            let (_stopper, stop) = stop_pair();
            run(listener, Config::default(), Frames, (), stop).await
        })
    });
    address.recv_timeout(Duration::from_secs(10)).unwrap().parse().unwrap()
}

fn throughput(payload: usize) -> Throughput {
    Throughput::ElementsAndBytes { elements: 1, bytes: (HEADER_LEN + payload) as u64 }
}

fn reply(c: &mut Criterion) {
    let address = server();
    let mut group = c.benchmark_group("loopback/reply");
    for payload in [64, 1024, 64 * 1024] {
        group.throughput(throughput(payload));
        group.bench_function(BenchmarkId::from_parameter(payload), |b| {
            let mut lane = Lane::connect(address, payload).unwrap();
            b.iter(|| {
                lane.send().unwrap();
                lane.receive().unwrap();
            });
        });
    }
}

fn bulk(c: &mut Criterion) {
    let address = server();
    let mut group = c.benchmark_group("loopback/bulk");
    for payload in [64, 1024, 64 * 1024] {
        group.throughput(throughput(payload));
        group.bench_function(BenchmarkId::from_parameter(payload), |b| {
            b.iter_custom(|frames| {
                load::bulk(address, payload, Amount::Frames(frames)).unwrap().elapsed
            });
        });
    }
}

criterion_group!(benches, reply, bulk);
criterion_main!(benches);
