//! What rules do to datagrams on the real kernel, and what the recording says of it.

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::time::Duration;

use netlab::{Lab, LabOptions, Level, Record, Rule, Transport, Verdict};

use super::{LIMIT, PORT, lab};

/// A socket of the client that talks to one of the server.
fn sockets(lab: &Lab) -> (UdpSocket, UdpSocket) {
    let address = SocketAddr::from((lab.host("server").address(), PORT));
    let receiver = lab.host("server").run(move || UdpSocket::bind(address)).unwrap();
    receiver.set_read_timeout(Some(LIMIT)).unwrap();
    let sender = lab.host("client").run(|| UdpSocket::bind("0.0.0.0:0")).unwrap();
    sender.connect(address).unwrap();
    (sender, receiver)
}

/// Sends datagrams numbered from 1 and gives the numbers that arrive, in their order.
fn arrivals(lab: &Lab, count: u8, len: usize) -> Vec<u8> {
    let (sender, receiver) = sockets(lab);
    let wire = lab.wire().unwrap();
    let before = wire.records().len();
    for number in 1..=count {
        sender.send(&vec![number; len]).unwrap();
    }
    let last = |record: &Record| record.frame.last() == Some(&count);
    wire.wait_for(LIMIT, last).expect("the last datagram");
    assert!(wire.settle(LIMIT));
    let delivered = |record: &&Record| record.delivered().is_some();
    let expected = wire.records()[before..].iter().filter(delivered).count();
    let mut buffer = [0; 2000];
    let mut receive = || {
        assert_eq!(receiver.recv(&mut buffer).unwrap(), len);
        buffer[0]
    };
    (0..expected).map(|_| receive()).collect()
}

pub(super) fn lost_doubled_and_reordered(level: Level) {
    let lab = lab(level);
    let wire = lab.wire().unwrap();
    let client = lab.host("client").id();
    wire.add(Rule::delay("2 ms", Duration::from_millis(2)));
    wire.add(Rule::drop("the third is lost").from(client).only([3]));
    // The fourth that it sees: one was lost before it.
    wire.add(Rule::duplicate("one comes twice").from(client).only([4]));
    wire.add(Rule::reorder("the first is held back", 2, LIMIT).from(client).only([1]));
    assert_eq!(arrivals(&lab, 8, 100), [2, 4, 1, 5, 5, 6, 7, 8]);

    let records = wire.records();
    let told: Vec<String> = records
        .iter()
        .map(|record| {
            let number = record.frame.last().unwrap();
            let copy = record.copy_of.map(|n| format!(" copy of #{n}")).unwrap_or_default();
            let dropped = if record.verdict == Verdict::Dropped { " dropped" } else { "" };
            format!("#{} {number}{copy}{dropped}: {}", record.number, record.rule.as_ref().unwrap())
        })
        .collect();
    assert_eq!(
        told[..6],
        [
            "#1 1: the first is held back",
            "#2 2: 2 ms",
            "#3 3 dropped: the third is lost",
            "#4 4: 2 ms",
            "#5 5: 2 ms",
            "#6 5 copy of #5: one comes twice",
        ]
    );
    // The recording has them in the order in which they arrived.
    let mut arrived: Vec<_> =
        records.iter().filter_map(|r| Some((r.delivered()?, *r.frame.last()?))).collect();
    arrived.sort();
    let arrived: Vec<u8> = arrived.into_iter().map(|(_, number)| number).collect();
    assert_eq!(arrived, [2, 4, 1, 5, 5, 6, 7, 8]);
    assert_eq!((wire.missed(), wire.left_out(), wire.failure()), (0, 0, None));
}

pub(super) fn a_rate_is_kept(level: Level) {
    let lab = lab(level);
    let wire = lab.wire().unwrap();
    // A frame of 1,000 bytes (42 of them headers) takes 8 ms; as many as five wait or are on the link.
    wire.add(Rule::rate("1 Mbit/s", 1_000_000, 5000).from(lab.host("client").id()));
    let arrived = arrivals(&lab, 12, 958);
    let records = wire.records();
    let dropped = records.iter().filter(|r| r.verdict == Verdict::Dropped);
    assert!(dropped.clone().all(|r| r.rule.as_deref() == Some("1 Mbit/s")));
    assert_eq!(arrived[..5], [1, 2, 3, 4, 5]);
    assert_eq!(dropped.count() + arrived.len(), 12);
    let first = records[0].sent;
    let delivered = records.iter().filter_map(Record::delivered);
    for (place, at) in (1..).zip(delivered) {
        let due = Duration::from_millis(8) * place;
        assert!(at.since(first) >= due, "packet {place} came after {:?}", at.since(first));
    }
}

pub(super) fn the_same_seed_loses_the_same(level: Level) {
    let play = |seed| {
        let lab =
            Lab::with(level, &["client", "server"], LabOptions { seed, ..LabOptions::default() })
                .unwrap();
        lab.wire().unwrap().add(Rule::drop("a third is lost").chance(0.33));
        arrivals(&lab, 60, 10)
    };
    let first = play(7);
    // Six standard deviations.
    assert!((18..=60).contains(&first.len()), "{first:?}");
    assert_eq!(first, play(7));
    assert_ne!(first, play(8));
}

pub(super) fn parts_and_errors_are_read(level: Level) {
    let lab = lab(level);
    let (sender, receiver) = sockets(&lab);
    sender.send(&[7; 4000]).unwrap();
    assert_eq!(receiver.recv(&mut [0; 5000]).unwrap(), 4000);
    drop(receiver);
    sender.send(b"nobody").unwrap();
    let is_error = |record: &Record| {
        let transport = record.packet.as_ref().map(|packet| &packet.transport);
        matches!(transport, Some(Transport::Icmp { .. }))
    };
    let wire = lab.wire().unwrap();
    let error = wire.wait_for(LIMIT, is_error).expect("an error").packet.unwrap();
    let ports = (sender.local_addr().unwrap().port(), PORT);
    assert_eq!(error.transport, Transport::Icmp { kind: 3, code: 3, about: Some(ports) });
    let parts: Vec<_> = wire
        .records()
        .into_iter()
        .filter_map(|record| match record.packet?.transport {
            Transport::Fragment { offset, len, more, ports, .. } => {
                Some((offset, len, more, ports))
            }
            _ => None,
        })
        .collect();
    let expected =
        [(0, 1480, true, Some(ports)), (1480, 1480, true, None), (2960, 1048, false, None)];
    assert_eq!(parts, expected);
}

/// How long the threads of this process that are called "wire" have run.
fn time_of_wires() -> Duration {
    let tasks = fs::read_dir("/proc/self/task").unwrap().map(|task| task.unwrap().path());
    let is_wire = |task: &PathBuf| {
        fs::read_to_string(task.join("comm")).is_ok_and(|name| name.trim_end() == "wire")
    };
    let time = |task: PathBuf| {
        // Nanoseconds on a core are the first number (Documentation/scheduler/sched-stats.rst).
        let text = fs::read_to_string(task.join("schedstat")).unwrap();
        Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
    };
    tasks.filter(is_wire).map(time).sum()
}

pub(super) fn a_wire_that_carries_nothing_sleeps(level: Level) {
    let lab = lab(level);
    assert_eq!(arrivals(&lab, 1, 10), [1]);
    let before = time_of_wires();
    let (_sender, receiver) = sockets(&lab);
    receiver.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    assert!(receiver.recv(&mut [0]).is_err(), "nobody has sent anything");
    let busy = time_of_wires().saturating_sub(before);
    assert!(busy < Duration::from_millis(20), "it was busy for {busy:?} of 200 ms");
}
