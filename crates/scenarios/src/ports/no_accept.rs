//! A server that listens and never accepts.

use std::time::Duration;

use netlab::{Rule, TcpSocket, TcpState};

use crate::findings::{Check, Story};
use crate::observe::{Observer, Watch, lifelines};
use crate::stage::{PORT, Stage, Trouble, sockets, until};

/// What the client says, with the line feed that ends it.
const SAID: &str = "hello\n";

/// Plays the story; gives back whether the connection stood and took data.
pub(super) fn play(stage: &Stage) -> Result<(Story, bool), Trouble> {
    let lab = stage.lab(&["client", "server"])?;
    if let Some(wire) = lab.wire() {
        wire.add(Rule::delay("5 ms each way", Duration::from_millis(5)));
    }
    let args = ["--mode", "hold", "--idle", "0"];
    let mut server = stage.server(&lab, "server", "tcp-server", PORT, &args)?;
    let watch = Watch::begin(&lab, server.address.port())?;
    let mut client =
        stage.failing_client(&lab, "client", "client", &[&server.address.to_string()])?;
    client.say(SAID.trim_end())?;
    let port = client.local_port()?;
    let waits = until("bytes that nobody reads", || {
        let is_it = |s: &TcpSocket| {
            s.remote.port() == port && s.local == server.address && s.receive_queue > 0
        };
        Ok(sockets(&lab, "server")?.into_iter().find(is_it))
    })?;
    let accepted = server.actor.events("open").len();
    server.actor.program.kill().map_err(Trouble::io("kill the server"))?;
    let end = client.expect("end")?;
    let seen = watch.end(&lab)?;

    let mut story = Story {
        name: "no-accept".into(),
        says: "a server listens, and never calls accept(); then it ends".into(),
        belief: "without accept() a TCP connection cannot be made".into(),
        set_up: vec![
            format!("server: tcp-server {} {}, told to accept nobody", args.join(" "), server.address),
            format!("client: tcp-client {}, which says \"hello\"", server.address),
        ],
        lifelines: lifelines(&lab, "client", "server", server.address.port()),
        explanation: vec![
            "The server's kernel answers the SYN, completes the handshake, takes the data and acknowledges it, \
             all without the program: accept() only hands over what is complete. The socket has no \
             descriptor yet (its inode is 0), and six bytes wait in it."
                .into(),
            "So a client that is connected, and has sent, knows nothing about the program at the other end. \
             When the listener goes, what waits in its queue is reset (inet_csk_listen_stop), and the six \
             bytes that were acknowledged are lost. Only an answer of the program is a receipt."
                .into(),
        ],
        ..Story::default()
    };
    let stands = waits.state == TcpState::Established;
    let ending = end["ending"].as_str().or_else(|| end["error"]["kind"].as_str());
    story.checks = vec![
        Check::equal(
            "no-accept-stands",
            "the connection in the server's kernel",
            TcpState::Established,
            waits.state,
        ),
        Check::equal(
            "no-accept-unread",
            "bytes that wait in it",
            SAID.len(),
            waits.receive_queue as usize,
        ),
        Check::equal("no-accept-holder", "inode of it: 0 is no descriptor", 0, waits.inode),
        Check::equal("no-accept-accepted", "connections that the program accepted", 0, accepted),
        Check::equal(
            "no-accept-reset",
            "how the client's connection ends when the server does",
            "PeerReset",
            ending.unwrap_or("not told"),
        ),
    ];
    let mut observer = Observer::new(&seen.records);
    observer.name(port, "client");
    seen.put_into(&mut story, &observer);
    Ok((story, stands))
}
