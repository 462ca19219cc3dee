//! A socket that has a port and does not listen.

use std::net::SocketAddr;
use std::time::Duration;

use netlab::Rule;
use socket2::{Domain, Socket, Type};

use crate::findings::{Check, Story};
use crate::observe::{Observer, Watch, lifelines};
use crate::stage::{PORT, Stage, Trouble};

use super::step::{outcome, outcome_of_client, own_address};

/// Plays the story; gives back whether the client was refused.
///
/// A bare socket: our server always listens.
pub(super) fn play(stage: &Stage) -> Result<(Story, bool), Trouble> {
    let lab = stage.lab(&["client", "server"])?;
    if let Some(wire) = lab.wire() {
        wire.add(Rule::delay("5 ms each way", Duration::from_millis(5)));
    }
    let host = lab.host("server");
    let port = if stage.level.has_namespaces() { PORT } else { 0 };
    let address = SocketAddr::new(host.address().into(), port);
    let failed = || Trouble::io("bind a socket");
    let bound = host.run(move || {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.bind(&address.into())?;
        Ok(socket)
    });
    let socket = bound.map_err(failed())?;
    let address = own_address(&socket).map_err(failed())?;
    let watch = Watch::begin(&lab, address.port())?;
    let mut first = stage.failing_client(&lab, "client", "client 1", &[&address.to_string()])?;
    let refused = outcome_of_client(&first)?;
    first.exit()?;
    let accepted = outcome(&socket.accept());
    socket.listen(1).map_err(Trouble::io("listen"))?;
    let second = stage.client(&lab, "client", "client 2", address, &[])?;
    let connected = outcome_of_client(&second)?;
    let port = second.local_port()?;
    let seen = watch.end(&lab)?;

    let mut story = Story {
        name: "no-listen".into(),
        says: "a server binds and does not listen; later it does".into(),
        belief: "without listen() a TCP connection cannot be made".into(),
        set_up: vec![
            format!("server: a bare socket: bind() to {address}, accept(); then listen(1)"),
            format!("client: tcp-client {address}, before and after listen()"),
        ],
        lifelines: lifelines(&lab, "client", "server", address.port()),
        explanation: vec![
            "A SYN is for a listener. A socket that is only bound keeps others from the port and is found by \
             no packet, so the kernel answers as if nobody were there: RST, which connect() reports as \
             ECONNREFUSED. For the client there is no difference to a port that nobody has."
                .into(),
        ],
        ..Story::default()
    };
    let is_refused = refused == "ECONNREFUSED";
    story.checks = vec![
        Check::equal("no-listen-connect", "connect() before listen()", "ECONNREFUSED", &refused),
        Check::equal("no-listen-accept", "accept() before listen()", "EINVAL", &accepted),
        Check::equal("no-listen-after", "connect() after listen()", "OK", &connected),
    ];
    let (id, says) = ("no-listen-resets", "RSTs with which the server's kernel answered");
    story.checks.push(if lab.wire().is_some() {
        let from = address.port();
        let resets = seen.segments(|_, tcp| tcp.source_port == from && tcp.flags.rst).len();
        Check::equal(id, says, 1, resets)
    } else {
        Check::skipped(id, says, "needs a recording: level L0 or L1")
    });
    let mut observer = Observer::new(&seen.records);
    observer.name(port, "client 2");
    let first_syn = seen.segments(|_, tcp| tcp.flags.is_first_syn() && tcp.source_port != port);
    if let Some(tcp) = first_syn.first().and_then(|r| r.packet.as_ref()).and_then(|p| p.tcp()) {
        observer.name(tcp.source_port, "client 1");
    }
    seen.put_into(&mut story, &observer);
    Ok((story, is_refused))
}
