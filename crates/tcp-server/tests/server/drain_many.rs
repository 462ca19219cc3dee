//! SIGTERM under 5000 connections, and under 500 over TLS: all are answered, none is cut, and the exit is
//! clean.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use tcp_server::program::make_room;
use tokio::io::AsyncWriteExt as _;

use crate::support::connect;
use crate::support::library::read_to_end;
use crate::support::program::Program;
use crate::support::way::Way;

const CLIENTS: usize = 5000;

#[test]
fn five_thousand_get_what_they_asked_for_and_a_fin() {
    make_room(CLIENTS);
    let mut program =
        Program::start(&["--max-conns", "6000", "--backlog", "4096", "--drain", "20s"]);
    let mut clients: Vec<TcpStream> = Vec::with_capacity(CLIENTS);
    for _ in 0..CLIENTS {
        let mut client = connect(&program.addr);
        // So that all are served, and none waits in the backlog, whose end is a reset.
        client.write_all(b"a").unwrap();
        client.read_exact(&mut [0]).unwrap();
        clients.push(client);
    }
    // What they say now is under way when the server is asked to stop.
    let request = [b'b'; 1000];
    for client in &mut clients {
        client.write_all(&request).unwrap();
    }
    let start = Instant::now();
    program.signal(Signal::SIGTERM);
    for (number, client) in clients.iter_mut().enumerate() {
        let mut answer = Vec::new();
        // Whoever is cut gets a reset, or less.
        let read = client.read_to_end(&mut answer);
        assert!(read.is_ok(), "{number}: {read:?}");
        assert!(answer == request, "{number}: {} bytes", answer.len());
    }
    let took = start.elapsed();
    assert!(took < Duration::from_secs(20), "it waited for its deadline: {took:?}");
    drop(clients);
    program.event("open");
    let left = program.wait();
    assert_eq!(left.code, 0, "{}", left.stderr);
    assert_eq!(left.end()["served"], CLIENTS);
    let endings = left.endings();
    assert_eq!(endings.len(), CLIENTS);
    // Who was silent for long enough was told goodbye; nobody was in the middle of something.
    assert!(endings.iter().all(|&ending| ending == "Shutdown" || ending == "PeerFin"));
}

#[tokio::test]
async fn five_hundred_over_tls_get_what_they_asked_for_and_the_end() {
    const CLIENTS: usize = 500;
    make_room(CLIENTS);
    let mut program = Program::over(Way::Tls, &["--backlog", "4096", "--drain", "20s"]);
    let mut clients = Vec::with_capacity(CLIENTS);
    for _ in 0..CLIENTS {
        let mut client = Way::Tls.dial(&program.addr).await;
        client.assert_echoes("a").await;
        clients.push(client.stream);
    }
    let request = [b'b'; 1000];
    for client in &mut clients {
        client.write_all(&request).await.unwrap();
        client.flush().await.unwrap();
    }
    program.signal(Signal::SIGTERM);
    for client in &mut clients {
        // An end without a word is an error.
        assert!(read_to_end(client).await == request);
    }
    drop(clients);
    program.event("open");
    let left = program.wait();
    assert_eq!((left.code, &left.end()["served"]), (0, &CLIENTS.into()), "{}", left.stderr);
    let endings = left.endings();
    assert_eq!(endings.len(), CLIENTS);
    assert!(endings.iter().all(|&ending| ending == "Shutdown" || ending == "Tls"), "{endings:?}");
}
