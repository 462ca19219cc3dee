//! UDP beside TCP, on the same links: the first byte of an answer, and a lot of bytes.

mod bulk;
mod first_byte;

use std::time::Duration;

use netlab::{Lab, Rule};

use self::bulk::Bulk;
use super::peer::skipped;
use crate::claims::Race;
use crate::findings::{Check, Story, Table};
use crate::stage::{Stage, Trouble};

/// One way of the link with delay.
const DELAY: Duration = Duration::from_millis(20);

/// What the slow link carries.
const RATE: u64 = 10_000_000;

/// Bytes that may wait for it: what a home router has.
const QUEUE: usize = 64 * 1024;

/// What is carried over the slow link.
const BYTES: usize = 500_000;

/// What is carried over the fast one. The wire's rings have room for it, so that it misses nothing.
const BYTES_FAST: usize = 4_000_000;

/// Who is faster by less than this is not called so: a machine that others use varies by more.
const CLEARLY: f64 = 0.75;

const CHECKS: [(&str, &str); 8] = [
    ("race-first-tcp", "over TCP, from connect() to the first byte of the answer"),
    ("race-first-udp", "over UDP, from send() to the first byte of the answer"),
    ("race-slow-tcp", "over a link of 10 Mbit/s, TCP: all 500,000 bytes are there"),
    ("race-slow-udp", "the same over UDP, sent no faster than the link"),
    (
        "race-slow-flood",
        "the same over UDP, sent as fast as the program can: datagrams that arrive, of 358",
    ),
    (
        "race-slow-flood-lost",
        "of these sent, those that arrived and those that the link or a host dropped, together",
    ),
    ("race-fast-tcp", "over a link without a limit, TCP: bytes that arrive"),
    ("race-fast-udp", "over UDP: datagrams that arrived or that a host's kernel dropped, together"),
];

pub(super) fn play(stage: &Stage) -> Result<(Story, Option<Race>), Trouble> {
    let mut story = Story {
        name: "race".into(),
        says: "the same question and the same bytes, over UDP and over TCP, on the same links".into(),
        belief: "UDP is faster than TCP".into(),
        explanation: vec![
            "The first byte: UDP sends the question at once, TCP shakes hands before. That is one round trip, \
             40 ms here, and it is paid once for each connection."
                .into(),
            "A full link: neither is faster than the link. TCP finds its speed and sends again what did not fit. \
             UDP sends as fast as the program likes; what does not fit into the queue is gone. Sent no faster than \
             the link carries, it is as fast as TCP, but the program had to know the link's speed."
                .into(),
            "A fast link: here the two systems are the limit. TCP hands over large pieces with each call, UDP one \
             datagram of 1,400 bytes. Which is faster depends on the machine, and on what the receiver's buffer \
             drops, or the sender's device: UdpRcvbufErrors, UdpSndbufErrors."
                .into(),
        ],
        ..Story::default()
    };
    let lab = stage.lab(&["client", "server"])?;
    let Some(wire) = lab.wire() else {
        story.checks = skipped(&CHECKS);
        return Ok((story, None));
    };
    wire.add(Rule::delay("20 ms each way", DELAY));
    let tcp_first = best(|| first_byte::over_tcp(&lab))?;
    let udp_first = best(|| first_byte::over_udp(&lab))?;

    wire.replace("20 ms each way", Rule::delay("5 ms each way", DELAY / 4));
    wire.add(Rule::rate("10 Mbit/s", RATE, QUEUE).from(lab.host("client").id()));
    let (one, other) = (bulk::over_tcp(&lab, BYTES)?, bulk::over_tcp(&lab, BYTES)?);
    let slow_tcp = if one.time < other.time { one } else { other };
    let slow_paced = bulk::over_udp(&lab, BYTES, Some(RATE))?;
    let slow_flood = bulk::over_udp(&lab, BYTES, None)?;

    wire.remove("10 Mbit/s");
    wire.remove("5 ms each way");
    let fast_tcp = bulk::over_tcp(&lab, BYTES_FAST)?;
    let fast_udp = bulk::over_udp(&lab, BYTES_FAST, None)?;
    if wire.missed() > 0 {
        return Err(Trouble::Recording(format!("{} packets were missed", wire.missed())));
    }

    let round_trip = 2.0 * DELAY.as_secs_f64();
    let least = BYTES as f64 * 8.0 / RATE as f64;
    let [c1, c2, c3, c4, c5, c6, c7, c8] = CHECKS;
    let seconds = |(id, says): (&str, &str), least: f64, most: f64, measured: Option<Duration>| {
        Check::seconds_until(id, says, least..=most, measured.map(|time| time.as_secs_f64()))
    };
    story.checks = vec![
        seconds(c1, 2.0 * round_trip, 3.0 * round_trip, tcp_first),
        seconds(c2, round_trip, 1.9 * round_trip, udp_first),
        seconds(c3, least, 4.0 * least, slow_tcp.all_after(BYTES)),
        seconds(c4, least, 2.0 * least, slow_paced.all_after(BYTES)),
        Check::within(c5.0, c5.1, 1..=slow_flood.sent / 2, slow_flood.arrived),
        Check::equal(c6.0, c6.1, slow_flood.sent, slow_flood.arrived + slow_flood.dropped()),
        Check::equal(c7.0, c7.1, BYTES_FAST, fast_tcp.bytes),
        Check::equal(c8.0, c8.1, fast_udp.sent, fast_udp.arrived + fast_udp.dropped()),
    ];
    story.tables = vec![
        Table {
            says: "the first byte of an answer, over a link of 20 ms each way".into(),
            columns: ["over", "after"].map(str::to_owned).to_vec(),
            rows: vec![
                vec!["TCP".into(), in_words(tcp_first)],
                vec!["UDP".into(), in_words(udp_first)],
            ],
        },
        Table {
            says: "a lot of bytes, counted at the receiver".into(),
            columns: ["link", "over", "last byte after", "arrived", "lost", "Mbit/s that arrived"]
                .map(str::to_owned)
                .to_vec(),
            rows: vec![
                slow_tcp.row("10 Mbit/s", "TCP"),
                slow_paced.row("10 Mbit/s", "UDP, at the link's speed"),
                slow_flood.row("10 Mbit/s", "UDP, as fast as it can"),
                fast_tcp.row("no limit", "TCP"),
                fast_udp.row("no limit", "UDP, as fast as it can"),
            ],
        },
    ];
    story.set_up = set_up(&lab);
    let clearly =
        |one: Duration, other: Duration| one.as_secs_f64() < CLEARLY * other.as_secs_f64();
    let wins = |udp: &Bulk, tcp: &Bulk| udp.is_whole() && clearly(udp.time, tcp.time);
    let race = Race {
        first_byte: udp_first.zip(tcp_first).map(|(udp, tcp)| clearly(udp, tcp)),
        slow_link: wins(&slow_paced, &slow_tcp) || wins(&slow_flood, &slow_tcp),
        fast_link: wins(&fast_udp, &fast_tcp),
    };
    Ok((story, Some(race)))
}

/// The best of three: a machine that others use makes a time longer, and never shorter.
fn best(
    measure: impl Fn() -> Result<Option<Duration>, Trouble>,
) -> Result<Option<Duration>, Trouble> {
    Ok([measure()?, measure()?, measure()?].into_iter().flatten().min())
}

fn in_words(time: Option<Duration>) -> String {
    time.map_or("never".to_owned(), |time| format!("{:.1} ms", time.as_secs_f64() * 1e3))
}

fn set_up(lab: &Lab) -> Vec<String> {
    let knob = lab.host("client").sysctl("net.ipv4.tcp_congestion_control").unwrap_or_default();
    vec![
        "bare sockets on both sides: our programs measure no times; of several times the best counts".into(),
        format!("TCP with {knob}; datagrams of {} bytes", bulk::DATAGRAM),
        format!(
            "wire: 20 ms each way; then 5 ms and 10 Mbit/s with a queue of {QUEUE} bytes; then nothing"
        ),
    ]
}
