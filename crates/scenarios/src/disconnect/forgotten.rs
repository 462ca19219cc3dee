//! The client has gone, and the server's program does not close: while it lives, and when it ends.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use netlab::{Lab, Packet, Record, Rule, TcpSocket, TcpState, Wire};

use crate::findings::{Check, Story};
use crate::observe::{Observer, Seen, Watch, knobs, lifelines};
use crate::stage::{PORT, SOON, Stage, Trouble, sockets, until};

/// How long the forgotten socket is watched at least.
const SILENCE: Duration = Duration::from_secs(2);

/// The client's kernel has forgotten the connection so long after the silence: after `tcp_fin_timeout`, or 3.5 times the
/// retransmission timeout where that is longer.
const FORGOTTEN_WITHIN: Duration = Duration::from_secs(4);

const PEER: (&str, &str) = ("forgotten-peer", "sockets of it that the client's kernel still has");

const FIN: (&str, &str) = ("forgotten-fin", "FINs of the server in that time, and after close()");

/// Plays a server that forgets a descriptor.
///
/// A bare server: ours closes what has ended, also in `--mode hold`.
pub(super) fn while_it_lives(stage: &Stage) -> Result<Story, Trouble> {
    let lab = lab(stage)?;
    if stage.level.has_namespaces() {
        // Else its half of the closed connection stays for a minute.
        stage.turn(&lab, "client", "net.ipv4.tcp_fin_timeout", "1")?;
    }
    let failed = || Trouble::io("serve a client");
    let port = if stage.level.has_namespaces() { PORT } else { 0 };
    let address = SocketAddr::new(lab.host("server").address().into(), port);
    let listener = lab.host("server").run(move || TcpListener::bind(address)).map_err(failed())?;
    let address = listener.local_addr().map_err(failed())?;
    let watch = Watch::begin(&lab, address.port())?;
    let args = ["--on-eof", "close"];
    let mut client = stage.client(&lab, "client", "client", address, &args)?;
    client.say("hello")?;
    let (mut forgotten, _) = listener.accept().map_err(failed())?;
    echo_once(&mut forgotten).map_err(failed())?;
    let port = client.local_port()?;
    client.expect("data")?;
    client.close_input();
    client.exit()?;
    let end = forgotten.read(&mut [0; 64]).map_err(failed())?;
    // From here on nobody touches `forgotten`: it is one of many in a list, say.
    let peers = wait_for_silence(&lab, address, port)?;
    let ours = server_end(&lab, address, port)?;
    let fins_before = fins(&lab, address.port());
    drop(forgotten);
    until("the end of the server's socket", || {
        Ok(server_end(&lab, address, port)?.is_none().then_some(()))
    })?;
    let seen = watch.end(&lab)?;

    let mut story = Story {
        name: "forgotten".into(),
        says: "the client has gone, and the server's program forgets to close".into(),
        belief: "close() may be left out, the socket closes by itself".into(),
        set_up: vec![
            format!(
                "server: a bare socket on {address} that reads the end and keeps the descriptor"
            ),
            format!("client: tcp-client {} {address}", args.join(" ")),
            knobs(&lab, "client", &["net.ipv4.tcp_fin_timeout"]),
        ],
        lifelines: lifelines(&lab, "client", "server", address.port()),
        ..Story::default()
    };
    let state = ours.as_ref().map_or("gone".to_owned(), |socket| socket.state.to_string());
    let held = ours.as_ref().is_some_and(|socket| socket.inode != 0);
    let timers = usize::from(ours.as_ref().is_some_and(|socket| socket.timer.is_some()));
    let reset = seen.segments(|_, tcp| tcp.flags.rst && tcp.source_port == port);
    story.explanation = while_in_words(&state, timers, peers, !reset.is_empty());
    story.checks = vec![
        Check::equal("forgotten-read", "bytes that the server reads last: the end", 0, end),
        Check::equal("forgotten-state", "its socket, two seconds later", "CLOSE-WAIT", &state),
        Check::equal("forgotten-held", "whether a descriptor still holds it", true, held),
        Check::equal("forgotten-timer", "timers that would change that", 0, timers),
    ];
    story.checks.push(match peers {
        Some(peers) => Check::equal(PEER.0, PEER.1, 0, peers),
        None => Check::skipped(PEER.0, PEER.1, "needs a sysctl of its own: level L0 or L1"),
    });
    story.checks.push(check_fins(&lab, FIN, fins_before, fins(&lab, address.port())));
    draw(seen, port, &mut story);
    Ok(story)
}

/// Plays a server that hangs and is killed.
pub(super) fn when_it_ends(stage: &Stage) -> Result<Story, Trouble> {
    let lab = lab(stage)?;
    let mut server = stage.server(&lab, "server", "tcp-server", PORT, &["--idle", "0"])?;
    let address = server.address;
    let watch = Watch::begin(&lab, address.port())?;
    let mut client = stage.client(&lab, "client", "client", address, &[])?;
    client.say("hello")?;
    client.expect("data")?;
    let port = client.local_port()?;
    let failed = || Trouble::io("stop the server");
    server.actor.program.stop().map_err(failed())?;
    client.close_input();
    let hangs = until("the client's FIN", || {
        let socket = server_end(&lab, address, port)?;
        Ok(socket.filter(|socket| socket.state == TcpState::CloseWait))
    })?;
    // The kernel alone acknowledges that, a little later.
    until("the acknowledgement of it", || {
        let socket = client_end(&lab, address, port)?;
        Ok(socket.filter(|socket| socket.state == TcpState::FinWait2))
    })?;
    let fins_before = fins(&lab, address.port());
    server.actor.program.kill().map_err(failed())?;
    let end = client.expect("end")?;
    let seen = watch.end(&lab)?;

    let mut story = Story {
        name: "exited".into(),
        says: "the server hangs with the client's FIN in its socket, and is killed".into(),
        belief: "close() may be left out, the socket closes by itself".into(),
        set_up: vec![
            format!("server: tcp-server --idle 0 {address}, stopped by SIGSTOP, then kill -9"),
            format!("client: tcp-client {address}, whose input ends"),
        ],
        lifelines: lifelines(&lab, "client", "server", address.port()),
        ..Story::default()
    };
    let ending = end["ending"].as_str().unwrap_or("not told").to_owned();
    story.explanation = vec![end_in_words(&ending)];
    story.checks = vec![
        Check::equal(
            "exited-hangs",
            "the server's socket while the program hangs",
            TcpState::CloseWait,
            hangs.state,
        ),
        Check::equal("exited-client", "what the client sees when it is killed", "PeerFin", &ending),
    ];
    let says = ("exited-fin", "FINs of the server while it hangs, and after the kill");
    story.checks.push(check_fins(&lab, says, fins_before, fins(&lab, address.port())));
    draw(seen, port, &mut story);
    Ok(story)
}

/// What became of the forgotten socket, as far as it was seen: its state and its timers, the sockets that
/// the client's kernel still had of it, and whether that answered the late FIN with a RST.
fn while_in_words(state: &str, timers: usize, peers: Option<usize>, reset: bool) -> Vec<String> {
    let mut says = format!(
        "A FIN closes the client's direction. The other one is the server's, and only its program can say \
         that it is done. Two seconds later the server's socket was {state}"
    );
    says += match (state, timers) {
        ("CLOSE-WAIT", 0) => {
            ", without a timer, and so it stays for as long as the program has the descriptor."
        }
        _ => ".",
    };
    match peers {
        Some(0) => {
            says += " The client's kernel does not wait for that: after tcp_fin_timeout (60 s by default) it \
                     forgets the connection";
            says += if reset { ", and it answered the late FIN with a RST." } else { "." };
        }
        Some(_) => {
            says += " The client's kernel still had its half, which it forgets after tcp_fin_timeout (60 s \
                     by default).";
        }
        None => {}
    }
    let many = "Each client that comes and goes leaves one behind, until accept() fails with EMFILE. Many \
                sockets in CLOSE-WAIT are therefore a fault of the program on this side, never of the \
                network. Languages that close for one (Rust at the end of a scope, Python with the last \
                reference) do it when the program lets go, not when the client does.";
    let mut all = vec![says];
    all.extend((state == "CLOSE-WAIT").then(|| many.to_owned()));
    all
}

/// What the client saw when the server's process ended.
fn end_in_words(ending: &str) -> String {
    if ending != "PeerFin" {
        return format!("When the process ended, its client saw this: {ending}.");
    }
    "A program that hangs is one that forgets: CLOSE-WAIT. When the process ends, in whatever way, its kernel \
     closes every descriptor that no other process has (do_exit, exit_files), and its client reads the end of \
     the stream at last. That is the grain of truth: a short program may leave close() out, a server that \
     lives for weeks may not."
        .to_owned()
}

fn lab(stage: &Stage) -> Result<Lab, Trouble> {
    let lab = stage.lab(&["client", "server"])?;
    if let Some(wire) = lab.wire() {
        wire.add(Rule::delay("5 ms each way", Duration::from_millis(5)));
    }
    Ok(lab)
}

fn echo_once(socket: &mut TcpStream) -> io::Result<()> {
    socket.set_read_timeout(Some(SOON))?;
    let mut buffer = [0; 64];
    let length = socket.read(&mut buffer)?;
    socket.write_all(&buffer[..length])
}

/// Waits for the silence to pass, and for the client's kernel to forget; says how many sockets that has
/// then, where it can be told.
fn wait_for_silence(lab: &Lab, server: SocketAddr, port: u16) -> Result<Option<usize>, Trouble> {
    // The silence itself is what is shown.
    thread::sleep(SILENCE);
    if !lab.level().has_namespaces() {
        return Ok(None);
    }
    let deadline = Instant::now() + FORGOTTEN_WITHIN;
    loop {
        let peers = usize::from(client_end(lab, server, port)?.is_some());
        if peers == 0 || Instant::now() > deadline {
            return Ok(Some(peers));
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// The server's end of the connection in its kernel, if it is still there.
fn server_end(lab: &Lab, server: SocketAddr, port: u16) -> Result<Option<TcpSocket>, Trouble> {
    let is_it = |socket: &TcpSocket| socket.local == server && socket.remote.port() == port;
    Ok(sockets(lab, "server")?.into_iter().find(is_it))
}

/// The client's end of the connection in its kernel, if it is still there.
fn client_end(lab: &Lab, server: SocketAddr, port: u16) -> Result<Option<TcpSocket>, Trouble> {
    let is_it = |socket: &TcpSocket| socket.local.port() == port && socket.remote == server;
    Ok(sockets(lab, "client")?.into_iter().find(is_it))
}

/// How many FINs this port has sent so far; one that was sent again counts once.
fn fins(lab: &Lab, port: u16) -> usize {
    let records = lab.wire().map(Wire::records).unwrap_or_default();
    let is_fin = |record: &Record| {
        let tcp = record.packet.as_ref().and_then(Packet::tcp);
        tcp.is_some_and(|tcp| tcp.flags.fin && tcp.source_port == port)
    };
    usize::from(records.iter().any(is_fin))
}

/// A check that the FIN left when it was said to, and not before.
fn check_fins(lab: &Lab, (id, says): (&str, &str), before: usize, after: usize) -> Check {
    if lab.wire().is_none() {
        return Check::skipped(id, says, "needs a recording: level L0 or L1");
    }
    Check::equal(id, says, "0, 1".to_owned(), format!("{before}, {}", after - before))
}

fn draw(seen: Seen, port: u16, story: &mut Story) {
    let mut observer = Observer::new(&seen.records);
    observer.name(port, "client");
    seen.put_into(story, &observer);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_client_s_half_only_what_was_seen_is_said() {
        let told = |peers, reset| while_in_words("CLOSE-WAIT", 0, peers, reset).join(" ");
        assert!(told(Some(0), true).contains("answered the late FIN with a RST"));
        assert!(!told(Some(0), false).contains("RST"));
        assert!(told(Some(1), false).contains("still had its half"));
        assert!(!told(None, false).contains("client's kernel"));
        let closed = while_in_words("gone", 0, None, false).join(" ");
        assert!(closed.contains("was gone.") && !closed.contains("CLOSE-WAIT"), "{closed}");
    }
}
