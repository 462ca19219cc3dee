//! A client and a server that both wait for the other to begin.

use std::thread;
use std::time::Duration;

use netlab::{Rule, TcpState};

use crate::findings::{Check, Story};
use crate::observe::{Observer, Watch, knobs, lifelines};
use crate::stage::{PORT, Stage, Trouble, sockets, until};

/// How long the silence is watched.
const SILENCE: Duration = Duration::from_secs(2);

/// Plays the story; gives back whether both were still waiting at its end.
pub(super) fn play(stage: &Stage) -> Result<(Story, bool), Trouble> {
    let lab = stage.lab(&["client", "server"])?;
    if let Some(wire) = lab.wire() {
        wire.add(Rule::delay("5 ms each way", Duration::from_millis(5)));
    }
    let args = ["--mode", "lines", "--idle", "0"];
    let server = stage.server(&lab, "server", "tcp-server", PORT, &args)?;
    let watch = Watch::begin(&lab, server.address.port())?;
    let client = stage.client(&lab, "client", "client", server.address, &[])?;
    let port = client.local_port()?;
    server.actor.expect("open")?;
    // The handshake is over for both kernels, so what follows is nobody's but the programs'.
    let connection = || {
        // Both ports: on a loopback that others use, one of them may be somebody else's as well.
        let ports = [port, server.address.port()];
        let of_it = |s: &netlab::TcpSocket| {
            ports.contains(&s.local.port()) && ports.contains(&s.remote.port())
        };
        let mut both = sockets(&lab, "client")?;
        if stage.level.has_namespaces() {
            both.extend(sockets(&lab, "server")?);
        }
        both.retain(of_it);
        Ok::<_, Trouble>(both)
    };
    until("a connection at both ends", || {
        let established = connection()?.iter().filter(|s| s.state == TcpState::Established).count();
        Ok((established == 2).then_some(()))
    })?;
    let silent_since = lab.clock().now();
    // The silence itself is what is shown.
    thread::sleep(SILENCE);
    let ends = connection()?;
    let seen = watch.end(&lab)?;
    let said = client.events("data").len() + client.events("end").len();
    let closed = server.actor.events("closed").len();

    let mut story = Story {
        name: "both-receive".into(),
        says: "the client waits for the server to speak, the server for the client".into(),
        belief: "two sides that both receive wait for ever".into(),
        set_up: vec![
            format!("server: tcp-server {} {}", args.join(" "), server.address),
            format!("client: tcp-client {}, with nothing to say", server.address),
            knobs(&lab, "server", &["net.ipv4.tcp_keepalive_time"]),
        ],
        lifelines: lifelines(&lab, "client", "server", server.address.port()),
        explanation: vec![
            "Nothing is under way, so no timer runs: neither kernel will ever do anything by itself. An idle \
             limit in the program ends such a connection, or keepalive, which asks only whether the other \
             side is there, and both of these are."
                .into(),
        ],
        ..Story::default()
    };
    let established = ends.iter().filter(|end| end.state == TcpState::Established).count();
    let timers = ends.iter().filter(|end| end.timer.is_some()).count();
    story.checks = vec![
        Check::equal(
            "both-wait",
            "ends of the connection that stand after two seconds",
            2,
            established,
        ),
        Check::equal("both-timers", "timers that would change that", 0, timers),
        Check::equal("both-heard", "things that either program has heard", 0, said + closed),
    ];
    let (id, says) = ("both-packets", "packets in these two seconds");
    story.checks.push(if lab.wire().is_some() {
        let packets = seen.segments(|record, _| record.sent > silent_since).len();
        Check::equal(id, says, 0, packets)
    } else {
        Check::skipped(id, says, "needs a recording: level L0 or L1")
    });
    let both_wait = established == 2 && said + closed == 0;
    let mut observer = Observer::new(&seen.records);
    observer.name(port, "client");
    seen.put_into(&mut story, &observer);
    Ok((story, both_wait))
}
