//! A second reader, in another language and from `docs/protocol.md` alone (`reader.py`), agrees with what
//! the endpoints say.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arq::limits::COOKIE_FROM;
use arq::{Config, Identity, Order, Stats, Time};
use bytes::Bytes;
use fastrand::Rng;
use ring::digest::{SHA256, digest};

use crate::node::{Datagram, Drop, Fate, Node, Reorder};
use crate::peer::Peer;
use crate::ring::{Ring, bob_at};
use crate::scenarios::another_port;
use crate::{Scenario, ms};

/// The secret of somebody who is not there, and is called all the same.
const NOBODY: [u8; 32] = [9; 32];

type Log = Arc<Mutex<Vec<(&'static str, Vec<u8>)>>>;

/// Notes what a side sends, before anything can happen to it.
struct Tap(&'static str, Log);

impl Node for Tap {
    fn pass(&mut self, now: Time, _: &mut Rng, datagram: Datagram) -> Fate {
        self.1.lock().unwrap().push((self.0, datagram.bytes.clone()));
        vec![(now, datagram)]
    }
}

/// An exchange with losses, reordering, other addresses, other keys and a call that expects the key of
/// somebody else, and what the endpoints said of it before they closed.
struct Exchange {
    ring: Ring,
    log: Log,
    /// Ann's, then Bob's.
    stats: [Stats; 2],
    /// How many datagrams there had been.
    until: usize,
}

impl Exchange {
    /// Where Bob is busy he asks Ann for a cookie.
    fn new(seed: u64, is_busy: bool) -> Self {
        let scenario = Scenario {
            way: |rng, there| {
                let mut way = another_port(rng, there);
                way.insert(0, Box::new(Drop::new(0.05, 2)));
                way.insert(0, Box::new(Reorder { chance: 0.05, by: ms(40) }));
                way
            },
            // Long enough for the next key.
            during: Duration::from_secs(150),
            limit: Duration::from_secs(400),
            keepalive: true,
            ..Scenario::default()
        };
        let mut ring = scenario.ring(seed, &mut Rng::with_seed(seed));
        if is_busy {
            make_busy(&mut ring.bob);
        }
        let nobody = Identity::from_secret(&NOBODY).public();
        ring.ann.endpoint.connect(Time::ZERO, bob_at(), Some(nobody)).unwrap();
        let log = Log::default();
        ring.there.insert(0, Box::new(Tap("ann", Arc::clone(&log))));
        ring.back.insert(0, Box::new(Tap("bob", Arc::clone(&log))));
        // With nothing under way the log has all that was sent.
        let is_done =
            |ring: &Ring| ring.ann.is_done() && ring.bob.is_done() && ring.under_way.is_empty();
        assert!(ring.run(scenario.limit, is_done));
        assert_eq!(ring.ann.wrong_keys, 1);
        let stats = |peer: &Peer| peer.endpoint.stats(peer.connection.unwrap()).unwrap();
        let stats = [stats(&ring.ann), stats(&ring.bob)];
        let until = log.lock().unwrap().len();
        ring.ann.close(ring.now);
        let is_over = |ring: &Ring| !ring.ann.endpoint.is_busy() && !ring.bob.endpoint.is_busy();
        assert!(ring.run(2 * scenario.limit, is_over));
        Self { ring, log, stats, until }
    }

    /// What the reader is told: the keys, and the datagrams.
    fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("key nobody {}", hex(&NOBODY))];
        for (name, peer) in [("ann", &self.ring.ann), ("bob", &self.ring.bob)] {
            let drawn = peer.drawn.lock().unwrap();
            // The first thing that each draws is its identity.
            lines.push(format!("key {name} {}", hex(&drawn[0])));
            lines.extend(drawn.iter().map(|bytes| format!("drawn {name} {}", hex(bytes))));
        }
        let log = self.log.lock().unwrap();
        lines.extend(log.iter().map(|(name, bytes)| format!("{name} {}", hex(bytes))));
        lines
    }

    /// What was said, as the reader writes it.
    fn said(&self) -> BTreeSet<String> {
        let mut said = BTreeSet::new();
        for (name, peer) in [("ann", &self.ring.ann), ("bob", &self.ring.bob)] {
            for (channel, messages) in &peer.sent {
                let flags = u8::from(channel.order == Order::Unordered);
                said.extend(messages.iter().enumerate().map(|(number, message)| {
                    let (channel, hash) = (channel.number, hash(message));
                    format!("message {name} ({flags}, {channel}) {number} {hash}")
                }));
            }
            let once = peer.unreliable_sent.iter();
            said.extend(once.map(|message| format!("once {name} 1 {}", hash(message))));
        }
        said
    }
}

/// As many strangers have begun a handshake as are answered without a cookie.
fn make_busy(bob: &mut Peer) {
    let mut stranger = Peer::new(u64::MAX, bob_at(), Config::default(), Vec::new());
    stranger.connect(bob, false);
    let open = stranger.work(Time::ZERO).remove(0);
    for host in 0..u8::try_from(COOKIE_FROM).unwrap() {
        let from = ([10, 0, 0, host], 1).into();
        bob.endpoint.handle_datagram(Time::ZERO, from, &mut open.bytes.clone());
    }
    // The answers go to the strangers, and not to Ann.
    let mut out = Vec::new();
    while bob.endpoint.poll_transmit(Time::ZERO, &mut out).is_some() {}
}

#[test]
fn an_independent_reader_agrees() {
    let python = Command::new("python3").args(["-c", "import cryptography"]).output();
    if !python.is_ok_and(|output| output.status.success()) {
        assert!(std::env::var_os("CI").is_none(), "Python's cryptography must be there in CI");
        eprintln!(
            "skipped: needs python3 with cryptography (sudo apt install python3-cryptography)"
        );
        return;
    }
    let (mut key_changes, mut moves) = (0, 0);
    for seed in 0..6 {
        let is_busy = seed % 2 == 0;
        let exchange = Exchange::new(seed, is_busy);
        let output = read(&exchange.lines());
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "seed {seed}: {error}");
        let text = String::from_utf8(output.stdout).unwrap();
        let (packets, said): (Vec<&str>, Vec<&str>) =
            text.lines().partition(|line| line.starts_with("ann ") || line.starts_with("bob "));
        assert_eq!(packets.len(), exchange.log.lock().unwrap().len());
        assert!(packets[0].starts_with("ann Open "), "{}", packets[0]);
        assert!(packets.iter().any(|packet| packet.contains("close 0 done")));
        let count = |text: &str| packets.iter().filter(|packet| **packet == text).count();
        let counts = exchange.ring.bob.endpoint.counts();
        assert_eq!(count("bob Retry") as u64, counts.cookies, "seed {seed}");
        assert_eq!(count("bob WrongKey") as u64, counts.wrong_key, "seed {seed}");
        assert!(count("bob WrongKey") > 0);
        assert_eq!(count("ann Open again with a cookie") > 0, is_busy, "seed {seed}");
        let said: BTreeSet<String> = said.into_iter().map(str::to_owned).collect();
        assert_eq!(said, exchange.said(), "seed {seed}");
        for (name, stats) in ["ann", "bob"].into_iter().zip(exchange.stats) {
            let packets = packets[..exchange.until].iter();
            let own: Vec<&str> =
                packets.filter_map(|packet| packet.strip_prefix(name)?.strip_prefix(' ')).collect();
            let sent = own.iter().filter(|p| p.starts_with("Data") || p.starts_with("Confirm"));
            assert_eq!(sent.count() as u64, stats.sent, "{name}");
            let phase = own.iter().filter_map(|packet| number_after(packet, "phase ")).max();
            assert_eq!(phase, Some(stats.key_changes), "{name}");
            key_changes += stats.key_changes;
            moves += stats.moves;
        }
    }
    assert!(key_changes > 0 && moves > 0, "{key_changes} keys and {moves} addresses have changed");
    what_is_changed_is_found();
}

/// A reader that finds nothing wrong with anything would agree as well.
fn what_is_changed_is_found() {
    let lines = Exchange::new(0, true).lines();
    let of_kind = |kind: &str| lines.iter().position(|line| line.starts_with(kind)).unwrap();
    let last = lines.len() - 1;
    // An index stands at the same place in an Open and in what answers it.
    let [right, wrong] = ["ann 0801", "bob 0d00"].map(|kind| &lines[of_kind(kind)][12..28]);
    let to_another = lines[of_kind("bob 0d00")].replace(wrong, right);
    for (at, changed, found) in [
        (last, other_digit(&lines[last]), "InvalidTag"),
        (
            of_kind("bob 0c00"),
            other_digit(&lines[of_kind("bob 0c00")]),
            "a cookie that nobody gave",
        ),
        (of_kind("bob 0d00"), to_another, "for nobody, or the wrong one"),
        (0, other_digit(&lines[0]), "KeyError"),
    ] {
        let mut lines = lines.clone();
        lines[at] = changed;
        let output = read(&lines);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && error.contains(found), "{at}: {error}");
    }
}

/// The line with another last digit.
fn other_digit(line: &str) -> String {
    let digit = if line.ends_with('0') { '1' } else { '0' };
    format!("{}{digit}", &line[..line.len() - 1])
}

#[allow(clippy::disallowed_types, reason = "arq opens no file; its test gives one to Python")]
fn read(lines: &[String]) -> Output {
    // A file, because the reader answers while it is told.
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("exchange");
    fs::write(&path, lines.join("\n")).unwrap();
    Command::new("python3")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reader.py"))
        .stdin(fs::File::open(path).unwrap())
        .output()
        .unwrap()
}

fn number_after(text: &str, what: &str) -> Option<u64> {
    let (_, rest) = text.split_once(what)?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn hash(message: &Bytes) -> String {
    hex(digest(&SHA256, message).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
