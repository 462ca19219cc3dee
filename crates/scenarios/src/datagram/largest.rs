//! The largest datagram, and one byte more.

use std::process::Command;

use nix::errno::Errno;

use super::peer::{ANY, Receiver, bare_socket, is_fragment, skipped};
use crate::findings::{Check, Story};
use crate::observe::{Observer, Watch, lifelines};
use crate::stage::{Actor, Stage, Trouble};

/// The length of an IPv4 packet has 16 bits: 65,535 bytes, less 20 of the IP header and 8 of UDP's.
const LARGEST: usize = 65_507;

/// What fits into 1,500 bytes behind an IP header, in units of eight.
const PART: usize = 1480;

const PARTS: (&str, &str) = ("largest-parts", "parts of it on a link of 1,500 bytes");

pub(super) fn play(stage: &Stage) -> Result<Story, Trouble> {
    let lab = stage.lab(&["client", "server"])?;
    let receiver = Receiver::start(stage, &lab, &[])?;
    let to = receiver.address;
    let watch = Watch::begin(&lab, to.port())?;
    let mut command = Command::new(stage.programs.join("udp-peer"));
    command.args(["send", "--json", "--quiet", &to.to_string()]);
    let mut sender = Actor::start(&lab, "client", "sender", command)?;
    for line in ["x".repeat(LARGEST), "x".repeat(LARGEST + 1)] {
        sender.say(&line)?;
    }
    sender.say("q")?;
    sender.exit()?;
    receiver.hears(&lab, 1);
    let arrived = receiver.datagrams().first().map_or(0, |e| e["bytes"].as_u64().unwrap_or(0));
    let refused = sender.expect("not_sent")?;
    let socket = bare_socket(&lab, "client", ANY)?;
    let one_more = match socket.send_to(&vec![b'x'; LARGEST + 1], to) {
        Ok(len) => format!("{len} bytes sent"),
        Err(error) => format!("{:?}", Errno::from_raw(error.raw_os_error().unwrap_or(0))),
    };
    let seen = watch.end(&lab)?;

    let mut story = Story {
        name: "largest".into(),
        says: format!("a datagram of {LARGEST} bytes is sent, and one of {}", LARGEST + 1),
        belief: "a datagram may be as long as one likes".into(),
        set_up: vec![
            format!("server: udp-peer recv {to}"),
            format!("client: udp-peer send {to}, lines of {LARGEST} and {} bytes", LARGEST + 1),
            format!("client: a bare socket, send_to() with {} bytes", LARGEST + 1),
        ],
        lifelines: lifelines(&lab, "client", "server", to.port()),
        explanation: vec![
            "The length of an IPv4 packet is a number of 16 bits, so a datagram carries at most 65,507 bytes, \
             whatever the link takes. One more is refused before anything is sent: EMSGSIZE. udp-peer says it in \
             words, and goes on."
                .into(),
            "It arrives here because the wire loses nothing: 45 packets have to arrive for one datagram.".into(),
        ],
        ..Story::default()
    };
    story.checks = vec![
        Check::equal(
            "largest-arrives",
            "bytes that arrive in one datagram",
            LARGEST as u64,
            arrived,
        ),
        Check::equal(
            "largest-one-more",
            "what send_to() says to one byte more",
            "EMSGSIZE".to_owned(),
            one_more,
        ),
        Check::equal(
            "largest-told",
            "what udp-peer send says of that line",
            "too_long",
            refused["kind"].as_str().unwrap_or("?"),
        ),
    ];
    let parts = seen.records.iter().filter(|record| is_fragment(record)).count();
    story.checks.extend(match lab.wire() {
        Some(_) => vec![Check::equal(PARTS.0, PARTS.1, (LARGEST + 8).div_ceil(PART), parts)],
        None => skipped(&[PARTS]),
    });
    let observer = Observer::new(&seen.records);
    seen.put_into(&mut story, &observer);
    // The first and the last of them say it all.
    if parts > 4 {
        story.not_drawn = Some(format!("{} more parts", parts - 4));
        story.packets.drain(2..parts - 2);
    }
    Ok(story)
}
