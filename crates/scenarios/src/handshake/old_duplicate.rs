//! A SYN arrives that its sender knows nothing of: an old duplicate, or a forged one.

use std::net::SocketAddrV4;
use std::time::Duration;

use netlab::inject::{Limits, Segment};
use netlab::{Record, Rule, TcpState};

use crate::findings::{Check, Story};
use crate::observe::{Observer, Watch, lifelines};
use crate::stage::{PORT, SOON, Stage, Trouble, sockets_in};

/// A port of the client from which nobody talks any more.
const OLD_PORT: u16 = 40_007;

const CHECKS: [(&str, &str); 4] = [
    ("duplicate-segments", "what is on the wire"),
    ("duplicate-accepted", "connections that tcp-server has been given"),
    ("duplicate-left", "what is left of it in the server's kernel"),
    ("duplicate-counted", "half-open connections that a RST ended (EmbryonicRsts)"),
];

/// Plays the story.
pub(super) fn play(stage: &Stage) -> Result<Story, Trouble> {
    let mut story = Story {
        name: "old-duplicate".into(),
        says: "a SYN arrives late, when its sender has long forgotten it".into(),
        belief: "who sends a SYN wants a connection".into(),
        explanation: vec![
            "This is what the third segment is for first of all (RFC 9293, 3.5, figure 8). A network may deliver \
             a SYN late or twice, and anybody may write a SYN with somebody else's address. The server cannot \
             tell; but who is said to have asked can, and answers with a RST. With two steps a program \
             would now serve nobody."
                .into(),
        ],
        ..Story::default()
    };
    let lab = stage.lab(&["client", "server"])?;
    let Some(wire) = lab.wire() else {
        let why = "needs a wire: level L0 or L1";
        story.checks = Check::all_skipped(&CHECKS, why);
        return Ok(story);
    };
    wire.add(Rule::delay("5 ms each way", Duration::from_millis(5)));
    let args = ["--mode", "lines", "--idle", "0"];
    let server = stage.server(&lab, "server", "tcp-server", PORT, &args)?;
    let watch = Watch::begin(&lab, server.address.port())?;
    let failed = || Trouble::io("send an old SYN");
    let limits = Limits { frames: 1, per_second: 1 };
    let mut injector = lab.injector("client", "server", limits).map_err(failed())?;
    let syn = Segment {
        from: SocketAddrV4::new(lab.host("client").address(), OLD_PORT),
        to: SocketAddrV4::new(lab.host("server").address(), server.address.port()),
        sequence: 1_000,
        acknowledgement: None,
    };
    injector.send(syn).map_err(failed())?;
    let is_reset = |record: &Record| {
        let tcp = record.packet.as_ref().and_then(|packet| packet.tcp());
        tcp.is_some_and(|tcp| tcp.flags.rst) && record.delivered().is_some()
    };
    wire.wait_for(SOON, is_reset);
    // The RST is handed over when its delivery is recorded; who comes after it shows what it left.
    let mut next = stage.client(&lab, "client", "client", server.address, &["--check"])?;
    next.exit()?;
    let first_open = server.actor.expect("open")?;
    let half_open = sockets_in(&lab, "server", TcpState::SynRecv)?;
    let mut seen = watch.end(&lab)?;

    story.set_up = vec![
        format!("server: tcp-server {} {}", args.join(" "), server.address),
        format!("client: nobody; a frame on its link says SYN from port {OLD_PORT}"),
        "        then tcp-client --check, which must be the server's first connection".into(),
    ];
    story.lifelines = lifelines(&lab, "client", "server", server.address.port());
    let of_it = seen.segments(|_, tcp| [tcp.source_port, tcp.destination_port].contains(&OLD_PORT));
    let flags = of_it.iter().filter_map(|record| Some(record.packet.as_ref()?.tcp()?.flags));
    let flags = flags.map(|flags| flags.to_string()).collect::<Vec<_>>().join(" / ");
    let [segments, accepted, left, counted] = CHECKS;
    let before = first_open["conn"].as_u64().map_or(0, |number| number - 1);
    story.checks = vec![
        Check::equal(segments.0, segments.1, "SYN / SYN, ACK / RST".to_owned(), flags),
        Check::equal(accepted.0, accepted.1, 0, before),
        Check::equal(left.0, left.1, 0, half_open),
        Check::equal(counted.0, counted.1, 1, seen.moved("server", "TcpExtEmbryonicRsts")),
    ];
    let mut observer = Observer::new(&seen.records);
    observer.name(OLD_PORT, "nobody");
    let hidden = seen.hide_where(|record| {
        let ports = record.packet.as_ref().and_then(netlab::Packet::ports);
        ports.is_none_or(|(from, to)| ![from, to].contains(&OLD_PORT))
    });
    story.not_drawn = Some(format!("{hidden} packets of the client that came after it"));
    seen.put_into(&mut story, &observer);
    story.queue.clear();
    Ok(story)
}
