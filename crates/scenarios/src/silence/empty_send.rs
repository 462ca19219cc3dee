//! An empty message in a stream: a call that succeeds, and nothing else.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use netlab::{Lab, Rule};

use crate::findings::{Check, Story};
use crate::observe::{Observer, Watch, lifelines};
use crate::stage::{PORT, SOON, Stage, Trouble};

/// Plays the story; gives back whether the empty message was received.
///
/// Bare sockets: our programs refuse to send nothing.
pub(super) fn play(stage: &Stage) -> Result<(Story, bool), Trouble> {
    let lab = stage.lab(&["client", "server"])?;
    if let Some(wire) = lab.wire() {
        wire.add(Rule::delay("5 ms each way", std::time::Duration::from_millis(5)));
    }
    let failed = || Trouble::io("talk over a bare connection");
    let port = if stage.level.has_namespaces() { PORT } else { 0 };
    let address = (lab.host("server").address(), port);
    let listener = lab.host("server").run(move || TcpListener::bind(address)).map_err(failed())?;
    let address = listener.local_addr().map_err(failed())?;
    let watch = Watch::begin(&lab, address.port())?;
    let (mut client, mut server) = connect(&lab, &listener).map_err(failed())?;
    let port = client.local_addr().map_err(failed())?.port();

    let empty = client.write(b"").map_err(failed())?;
    // What is sent next shows what was sent before: a stream keeps its order.
    client.write_all(b"x").map_err(failed())?;
    let mut buffer = [0; 64];
    let first = server.read(&mut buffer).map_err(failed())?;
    let seen = watch.end(&lab)?;

    let mut story = Story {
        name: "empty-send".into(),
        says: "an empty message is sent over TCP, then one of a single byte".into(),
        belief: "an empty message is never received".into(),
        set_up: vec![format!("bare sockets: send(\"\"), then send(\"x\"), to {address}")],
        lifelines: lifelines(&lab, "client", "server", address.port()),
        explanation: vec![
            "A stream has bytes and no messages. A call that adds no byte succeeds, sends no packet, and \
             wakes nobody. A read of zero bytes means something else: the other side is done. That is why \
             chat programs refuse empty input: it is not lost, it was never sent."
                .into(),
        ],
        ..Story::default()
    };
    story.checks = vec![
        Check::equal("empty-accepted", "bytes that the empty send reports", 0, empty),
        Check::equal("empty-stream", "what the first read gets", "x", as_text(&buffer[..first])),
    ];
    let (id, says) = ("empty-packets", "packets with data that the client sent");
    story.checks.push(if lab.wire().is_some() {
        let sent = |tcp: &netlab::Tcp| tcp.source_port == port && tcp.len > 0;
        Check::equal(id, says, 1, seen.segments(|_, tcp| sent(tcp)).len())
    } else {
        Check::skipped(id, says, "needs a recording: level L0 or L1")
    });
    let mut observer = Observer::new(&seen.records);
    observer.name(port, "client");
    seen.put_into(&mut story, &observer);
    Ok((story, first == 0))
}

fn connect(lab: &Lab, listener: &TcpListener) -> io::Result<(TcpStream, TcpStream)> {
    let address = listener.local_addr()?;
    let client = lab.host("client").run(move || TcpStream::connect(address))?;
    let (server, _) = listener.accept()?;
    server.set_read_timeout(Some(SOON))?;
    client.set_nodelay(true)?;
    Ok((client, server))
}

fn as_text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or("no text")
}
