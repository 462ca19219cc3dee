//! A `udp-peer` that runs, and peers for it.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};

use serde_json::Value;
use tests::{Finished, LIMIT, Running, piped};

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_udp-peer");

/// Starts the program with pipes for standard input, output and error.
pub(crate) fn start(args: &[&str]) -> Running {
    Running::start(&mut piped(PROGRAM, args))
}

/// Runs the program on this input to its end.
pub(crate) fn run(args: &[&str], input: &[u8]) -> Finished {
    let mut program = start(args);
    // A program that refuses its command line reads nothing.
    let _ = std::io::Write::write_all(&mut program.take_stdin(), input);
    program.finish()
}

/// Starts the program with events, and gives it with the address of its end.
pub(crate) fn start_with_events(args: &[&str]) -> (Running, String) {
    let (command, options) = args.split_first().unwrap();
    let mut program = start(&[&[*command, "--json"], options].concat());
    let listening = take(&mut program, "listening");
    assert_eq!(listening["schema"], "udp-peer/1");
    assert_eq!(listening["mode"], *command);
    (program, listening["addr"].as_str().unwrap().to_owned())
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
