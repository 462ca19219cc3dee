//! The limits that an operator sets: each flag does what it says, and each end has its name.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::support::frames::{data, split_goodbye};
use crate::support::program::Program;
use crate::support::{connect, eventually, proc};

/// What a client gets until the end, which may be a reset.
fn all(client: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = client.read_to_end(&mut bytes);
    bytes
}

#[track_caller]
fn check(args: &[&str], says: &[u8], ending: &str, detail: &str) {
    let mut program = Program::start(args);
    let mut client = connect(&program.addr);
    client.write_all(says).unwrap();
    all(&mut client);
    program.event("open");
    let closed = program.event("closed");
    assert_eq!(closed["ending"], ending, "{args:?}: {closed}");
    assert!(closed["detail"].as_str().unwrap().contains(detail), "{args:?}: {closed}");
}

#[test]
fn max_line_message_time_and_max_frame_end_who_exceeds_them() {
    let long = [&[b'x'; 101][..], b"\n"].concat();
    check(&["-m", "lines", "--max-line", "100"], &long, "Protocol", "limit of 100 bytes");
    let args = ["-m", "lines", "--message-time", "200ms"];
    check(&args, b"never ends", "Protocol", "within 200ms");
    let args = ["-m", "frames", "--message-time", "200ms"];
    check(&args, &data(1, &[0; 9])[..20], "Protocol", "within 200ms");
    let args = ["-m", "frames", "--max-frame", "1K"];
    check(&args, &data(1, &[0; 1024]), "Protocol", "1024");
}

#[test]
fn a_frame_of_max_frame_is_taken_and_told_of_one_that_is_longer() {
    let mut program = Program::start(&["-m", "frames", "--max-frame", "1K"]);
    let mut client = connect(&program.addr);
    let fits = data(1, &vec![7; 1024 - 36]);
    client.write_all(&fits).unwrap();
    client.write_all(&data(1, &vec![7; 1024])).unwrap();
    let (echoed, goodbye) = split_goodbye(&all(&mut client));
    assert!(echoed == fits);
    assert_eq!(goodbye.unwrap().ending, "Protocol");
    program.event("open");
}

#[test]
fn write_time_ends_who_does_not_read() {
    let mut program = Program::start(&["-m", "chargen", "--write-time", "300ms"]);
    let _client = connect(&program.addr);
    program.event("open");
    assert_eq!(program.event("closed")["ending"], "TooSlow");
}

/// A connection holds the frame that it waits for, and the room of a read; nothing beyond.
#[test]
fn memory_of_a_connection_is_bounded_by_max_frame() {
    const CLIENTS: usize = 64;
    const FRAME: usize = 1024 * 1024;
    let program = Program::start(&["-m", "frames"]);
    let mut frame = data(1, &vec![0; FRAME - 36]);
    assert_eq!(frame.len(), FRAME + 4);
    // All but the end of it, so that all of it has to be kept.
    frame.truncate(FRAME);
    let before = proc::resident(program.pid());
    let mut clients: Vec<TcpStream> = (0..CLIENTS).map(|_| connect(&program.addr)).collect();
    for client in &mut clients {
        client.write_all(&frame).unwrap();
    }
    // It has read everything: the kernel has nothing left for it.
    let at = program.addr.clone();
    eventually("everything is read", || (unread(&at) == 0).then_some(()));
    let grown = proc::resident(program.pid()).saturating_sub(before);
    let bound = CLIENTS * (FRAME + proto::limits::MAX_READ_CHUNK) + 8 * 1024 * 1024;
    assert!(grown >= CLIENTS * FRAME / 2, "it does not hold what it should: {grown}");
    assert!(grown <= bound, "{} KiB for each connection", grown / CLIENTS / 1024);
}

/// How many bytes wait in the sockets of a server, by `/proc/net/tcp`.
fn unread(addr: &str) -> usize {
    let port = addr.rsplit(':').next().unwrap().parse::<u16>().unwrap();
    let local = format!(":{port:04X}");
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let waits = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let is_open = fields.get(3) == Some(&"01");
        let is_ours = fields[1].ends_with(&local) || fields[2].ends_with(&local);
        let (sent, received) = fields[4].split_once(':')?;
        let count = |hex: &str| usize::from_str_radix(hex, 16).unwrap();
        (is_open && is_ours).then(|| count(sent) + count(received))
    };
    table.lines().skip(1).filter_map(waits).sum()
}

/// An hour is long for a test, and a `Duration` of it is no more than a promise; that it can be turned off
/// is seen by who stays.
#[test]
fn idle_is_off_with_zero_and_ends_who_is_silent_else() {
    let mut program = Program::start(&["--idle", "200ms"]);
    let _silent = connect(&program.addr);
    program.event("open");
    assert_eq!(program.event("closed")["ending"], "Idle");
    let program = Program::start(&["--idle", "0"]);
    let mut silent = connect(&program.addr);
    silent.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    silent.read(&mut [0]).unwrap_err();
}
