//! A `udp-peer` that runs, and peers for it.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tests::{Directory, Finished, LIMIT, Running, piped};

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_udp-peer");

/// Starts the program with pipes for standard input, output and error.
pub(crate) fn start(args: &[&str]) -> Running {
    Running::start(&mut command(args))
}

/// The program, with a home in which nobody is known and no key can be made: a test that needs one says so
/// ([`Home`]).
pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = piped(PROGRAM, args);
    command.env("XDG_CONFIG_HOME", "/proc/no-home").env("HOME", "/proc/no-home");
    command
}

/// A home of somebody: a folder for his key and for those that he knows. It is removed when this is
/// dropped.
#[derive(Debug)]
pub(crate) struct Home(Directory);

impl Home {
    pub(crate) fn new() -> Self {
        Self(Directory::new())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn key_file(&self) -> PathBuf {
        self.0.join("sockeye/udp-peer.key")
    }

    pub(crate) fn known_peers(&self) -> PathBuf {
        self.0.join("sockeye/known_peers")
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = piped(PROGRAM, args);
        command.env("XDG_CONFIG_HOME", self.path());
        command
    }

    pub(crate) fn start(&self, args: &[&str]) -> Running {
        Running::start_with_limit(&mut self.command(args), PATIENT)
    }

    /// Runs the program on this input to its end.
    pub(crate) fn run(&self, args: &[&str], input: &[u8]) -> Finished {
        let mut program = self.start(args);
        let _ = std::io::Write::write_all(&mut program.take_stdin(), input);
        program.finish()
    }

    /// Starts the program with events, and gives it with the address of its end.
    pub(crate) fn start_with_events(&self, args: &[&str]) -> (Running, String) {
        let mut program = self.start(&with_json(args));
        let addr = listening(&mut program, args[0]);
        (program, addr)
    }

    /// Our own key, as others are shown it.
    pub(crate) fn key(&self) -> String {
        let done = self.run(&["key"], b"");
        assert_eq!(done.code, 0, "{done:?}");
        done.stdout_text().trim_end().to_owned()
    }
}

/// How long anything may take where a peer has to be given up for silent first: that takes 30 s.
pub(crate) const PATIENT: Duration = Duration::from_secs(90);

/// Runs the program on this input to its end.
pub(crate) fn run(args: &[&str], input: &[u8]) -> Finished {
    let mut program = start(args);
    // A program that refuses its command line reads nothing.
    let _ = std::io::Write::write_all(&mut program.take_stdin(), input);
    program.finish()
}

/// Starts the program with events, and gives it with the address of its end.
pub(crate) fn start_with_events(args: &[&str]) -> (Running, String) {
    let mut program = start(&with_json(args));
    let addr = listening(&mut program, args[0]);
    (program, addr)
}

fn with_json<'a>(args: &[&'a str]) -> Vec<&'a str> {
    let (command, options) = args.split_first().unwrap();
    [&[*command, "--json"], options].concat()
}

fn listening(program: &mut Running, mode: &str) -> String {
    let listening = take(program, "listening");
    assert_eq!(listening["mode"], *mode);
    listening["addr"].as_str().unwrap().to_owned()
}

/// Starts `udp-peer recv` on a free port of the loopback.
pub(crate) fn receiver(options: &[&str]) -> (Running, String) {
    start_with_events(&[&["recv", "--port", "0"], options].concat())
}

/// Takes the first event of this name that was not taken yet.
#[track_caller]
pub(crate) fn take(program: &mut Running, event: &str) -> Value {
    program.stdout.take_event(|found| found["event"] == event)
}

/// Takes the next datagram, which must have this text.
#[track_caller]
pub(crate) fn take_text(program: &mut Running, text: &str) -> Value {
    let datagram = take(program, "datagram");
    assert_eq!(datagram["text"], text, "{datagram}");
    datagram
}

/// Takes the next line of a connection, which must have this text.
#[track_caller]
pub(crate) fn take_message(program: &mut Running, text: &str) -> Value {
    let message = take(program, "message");
    assert_eq!(message["text"], text, "{message}");
    message
}

/// A socket of this process whose reads have a time limit.
pub(crate) fn peer() -> UdpSocket {
    peer_on("127.0.0.1:0".parse().unwrap())
}

pub(crate) fn peer_on(addr: SocketAddr) -> UdpSocket {
    let peer = UdpSocket::bind(addr).unwrap();
    peer.set_read_timeout(Some(LIMIT)).unwrap();
    peer
}

pub(crate) fn addr_of(peer: &UdpSocket) -> String {
    peer.local_addr().unwrap().to_string()
}

/// The next datagram that comes to a socket of this process.
#[track_caller]
pub(crate) fn receive(peer: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buf = vec![0; 65_536];
    let (len, from) = loop {
        match peer.recv_from(&mut buf) {
            // A wait with a time limit is not taken up again after a signal, see signal(7).
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            received => break received.unwrap(),
        }
    };
    buf.truncate(len);
    (buf, from)
}

/// A port on which nothing receives, and on which nothing will while this is kept: a socket that is
/// connected to itself takes nobody else's datagrams, and nobody else gets its port.
pub(crate) fn deaf_port() -> (UdpSocket, String) {
    let deaf = peer();
    deaf.connect(deaf.local_addr().unwrap()).unwrap();
    let addr = addr_of(&deaf);
    (deaf, addr)
}

/// Two free addresses for a chat, each on an address of the loopback of its own, where no other test asks
/// for a port: they are bound by the programs, and not by us.
pub(crate) fn two_addresses(test: u8) -> (String, String) {
    let [one, other] = [1, 2].map(|end| peer_on(SocketAddr::from(([127, 77, test, end], 0))));
    (addr_of(&one), addr_of(&other))
}
