//! `chargen`: characters without end, whole lines at the end, and a peer that listens in its own time.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::Shutdown;

use nix::sys::signal::Signal;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::library::read_to_end;
use crate::support::program::Program;
use crate::support::way::Way;
use crate::support::{connect, soon};

/// The line of RFC 864, section 3, with this number.
fn line(number: usize) -> Vec<u8> {
    let printable: Vec<u8> = (b' '..=b'~').collect();
    let mut line: Vec<u8> = (0..72).map(|at| printable[(number + at) % printable.len()]).collect();
    line.extend_from_slice(b"\r\n");
    line
}

#[test]
fn every_line_begins_one_character_later() {
    let program = Program::start(&["-m", "chargen"]);
    let mut reader = BufReader::new(connect(&program.addr));
    // Over the end of the pattern, and over that of what is written at once.
    for number in 0..2000 {
        let mut read = Vec::new();
        reader.read_until(b'\n', &mut read).unwrap();
        assert_eq!(read.escape_ascii().to_string(), line(number).escape_ascii().to_string());
    }
}

#[test]
fn what_the_peer_says_is_read_and_its_end_does_not_end_the_lines() {
    let mut program = Program::start(&["-m", "chargen"]);
    let mut client = connect(&program.addr);
    client.write_all(&vec![b'x'; 100_000]).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut read = vec![0; 20 << 20];
    client.read_exact(&mut read).unwrap();
    drop(client);
    program.event("open");
    let closed = program.event("closed");
    // It has closed in order, whatever the lines met that were under way then.
    assert_eq!((&closed["ending"], &closed["received"]), (&"PeerFin".into(), &100_000.into()));
}

#[test]
fn a_server_that_stops_ends_with_a_whole_line_and_fin() {
    let mut program = Program::start(&["-m", "chargen"]);
    let mut client = connect(&program.addr);
    client.read_exact(&mut [0; 74]).unwrap();
    program.event("open");
    program.signal(Signal::SIGTERM);
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).unwrap();
    assert!(rest.ends_with(b"\r\n") && rest.len() % 74 == 0, "{} bytes", rest.len());
    let left = program.wait();
    assert_eq!((left.code, left.endings()), (0, vec!["Shutdown"]));
}

/// The same over every transport, with the word of TLS behind the last line.
#[tokio::test]
async fn lines_come_whole_and_end_whole_over_every_transport() {
    for way in Way::ALL {
        let mut program = Program::over(way, &["-m", "chargen"]);
        let mut client = way.dial(&program.addr).await.stream;
        client.write_all(&[b'x'; 10_000]).await.unwrap();
        client.flush().await.unwrap();
        let mut lines = vec![0; 74 * 200];
        soon("the lines", client.read_exact(&mut lines)).await.unwrap();
        let expected: Vec<u8> = (0..200).flat_map(line).collect();
        assert!(lines == expected, "{way:?}");
        program.event("open");
        program.signal(Signal::SIGTERM);
        let rest = read_to_end(&mut client).await;
        assert!(rest.ends_with(b"\r\n") && rest.len() % 74 == 0, "{way:?}: {} bytes", rest.len());
        drop(client);
        let left = program.wait();
        assert_eq!((left.code, left.endings()), (0, vec!["Shutdown"]), "{way:?}");
    }
}
