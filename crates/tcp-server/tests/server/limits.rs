//! The limits that an operator sets: each flag does what it says, and each end has its name.

use std::io::Read as _;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;

use crate::support::frames::{data, split_goodbye};
use crate::support::program::Program;
use crate::support::way::Way;
use crate::support::{connect, eventually, proc};

/// Over whatever a client comes.
async fn check(args: &[&str], says: &[u8], ending: &str, detail: &str) {
    for way in Way::ALL {
        let mut program = Program::over(way, args);
        let mut client = way.dial(&program.addr).await;
        client.stream.write_all(says).await.unwrap();
        client.stream.flush().await.unwrap();
        client.all().await;
        // It would be waited for.
        drop(client);
        program.event("open");
        let closed = program.event("closed");
        assert_eq!(closed["ending"], ending, "{way:?} {args:?}: {closed}");
        assert!(closed["detail"].as_str().unwrap().contains(detail), "{way:?} {args:?}: {closed}");
    }
}

#[tokio::test]
async fn max_line_message_time_and_max_frame_end_who_exceeds_them() {
    let long = [&[b'x'; 101][..], b"\n"].concat();
    check(&["-m", "lines", "--max-line", "100"], &long, "Protocol", "limit of 100 bytes").await;
    let args = ["-m", "lines", "--message-time", "200ms"];
    check(&args, b"never ends", "Protocol", "within 200ms").await;
    let args = ["-m", "frames", "--message-time", "200ms"];
    check(&args, &data(1, &[0; 9])[..20], "Protocol", "within 200ms").await;
    let args = ["-m", "frames", "--max-frame", "1K"];
    check(&args, &data(1, &[0; 1024]), "Protocol", "1024").await;
    check(&["--first-byte", "100ms"], b"", "NoFirstByte", "").await;
    check(&["--idle", "100ms"], b"", "Idle", "").await;
}

/// Who begins no handshake, or does not end it, is not waited for.
#[tokio::test]
async fn handshake_time_ends_who_does_not_come_to_tls() {
    for way in [Way::Tls, Way::TlsOverUnix] {
        let mut program = Program::over(way, &["--handshake-time", "200ms"]);
        let _silent = way.knock(&program.addr).await.unwrap();
        program.event("open");
        let closed = program.event("closed");
        assert_eq!(closed["ending"], "Tls");
        assert_eq!(closed["detail"], "TLS: no handshake within 200ms", "{way:?}");
        way.dial(&program.addr).await.assert_echoes("in time").await;
    }
}

#[tokio::test]
async fn a_frame_of_max_frame_is_taken_and_told_of_one_that_is_longer() {
    for way in Way::ALL {
        let mut program = Program::over(way, &["-m", "frames", "--max-frame", "1K"]);
        let mut client = way.dial(&program.addr).await;
        let fits = data(1, &vec![7; 1024 - 36]);
        client.stream.write_all(&fits).await.unwrap();
        client.stream.write_all(&data(1, &vec![7; 1024])).await.unwrap();
        client.stream.flush().await.unwrap();
        let (echoed, goodbye) = split_goodbye(&client.all().await);
        assert!(echoed == fits, "{way:?}");
        assert_eq!(goodbye.unwrap().ending, "Protocol");
        program.event("open");
    }
}

#[tokio::test]
async fn write_time_ends_who_does_not_read() {
    for way in Way::ALL {
        let mut program = Program::over(way, &["-m", "chargen", "--write-time", "300ms"]);
        let _client = way.dial(&program.addr).await;
        program.event("open");
        assert_eq!(program.event("closed")["ending"], "TooSlow", "{way:?}");
    }
}

/// A connection holds the frame that it waits for, and the room of a read; over TLS a record beside. Nothing
/// beyond.
#[tokio::test]
async fn memory_of_a_connection_is_bounded_by_max_frame() {
    const FRAME: usize = 1024 * 1024;
    // TLS without optimisation takes its time for a mebibyte.
    for (way, count) in [(Way::Tcp, 64), (Way::Tls, 24)] {
        let program = Program::over(way, &["-m", "frames"]);
        let mut frame = data(1, &vec![0; FRAME - 36]);
        assert_eq!(frame.len(), FRAME + 4);
        // All but the end of it, so that all of it has to be kept.
        frame.truncate(FRAME);
        let before = proc::resident(program.pid());
        let mut clients = Vec::new();
        for _ in 0..count {
            clients.push(way.dial(&program.addr).await);
        }
        for client in &mut clients {
            client.stream.write_all(&frame).await.unwrap();
            client.stream.flush().await.unwrap();
        }
        // It has read everything: the kernel has nothing left for it.
        let at = program.addr.clone();
        eventually("everything is read", || (unread(&at) == 0).then_some(()));
        let grown = proc::resident(program.pid()).saturating_sub(before);
        let of_tls = if way.is_tls() { FRAME / 10 } else { 0 };
        let bound = count * (FRAME + of_tls + proto::limits::MAX_READ_CHUNK) + 8 * 1024 * 1024;
        assert!(grown >= count * FRAME / 2, "it does not hold what it should: {grown}");
        assert!(grown <= bound, "{way:?}: {} KiB for each connection", grown / count / 1024);
    }
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
fn idle_is_off_with_zero() {
    let program = Program::start(&["--idle", "0"]);
    let mut silent = connect(&program.addr);
    silent.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    silent.read(&mut [0]).unwrap_err();
}
