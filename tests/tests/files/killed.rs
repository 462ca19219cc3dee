//! `kill -9` of either side in the middle of a file: the same command goes on from there.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use nix::sys::signal::Signal;
use tests::{Running, Server, noise};

use crate::support::{Directory, fetch, run, send, server, wait_until};

const SIZE: usize = 4 << 20;

/// The longest block of a file in a frame.
const BLOCK: u64 = 64 * 1024;

/// How many moments are tried for each side and each way.
const MOMENTS: u64 = 25;

/// Moments of chance, always the same ones: after how many bytes of the file.
fn moments() -> impl Iterator<Item = u64> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    std::iter::repeat_with(move || {
        // xorshift64.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % SIZE as u64
    })
    .take(usize::try_from(MOMENTS).unwrap())
}

/// How much of the file has come into a folder.
fn come(folder: &Directory) -> u64 {
    let part = folder.part().and_then(|part| part.metadata().ok());
    let whole = folder.path().join("file").metadata().ok();
    part.or(whole).map_or(0, |metadata| metadata.len())
}

/// Goes on, and holds that no more crosses than was missing, and one block.
#[track_caller]
fn goes_on(command: std::process::Command, folder: &Directory, bytes: &[u8]) {
    let missing = SIZE as u64 - come(folder);
    let finished = run(command);
    assert_eq!(finished.code, 0, "{finished:?}");
    let crossed = finished.end()["bytes"].as_u64().unwrap();
    assert!(crossed <= missing + BLOCK, "{missing} bytes were missing, {crossed} crossed");
    assert!(fs::read(folder.path().join("file")).unwrap() == bytes);
    assert_eq!(folder.list(), ["file"]);
}

#[track_caller]
fn kill(victim: Running) {
    // It fails where the transfer was over in this moment.
    victim.signal(Signal::SIGKILL);
    victim.finish();
}

fn file(out: &Directory, bytes: &[u8]) -> std::path::PathBuf {
    out.write("file", bytes)
}

#[test]
fn the_sender_is_killed() {
    let (out, bytes) = (Directory::new(), noise(SIZE));
    let file = file(&out, &bytes);
    for moment in moments() {
        let inbox = Directory::new();
        let server = server(&inbox, &[]);
        let client = Running::start(&mut send(server.addr(), &[&file], &[]));
        wait_until("so much has come", || come(&inbox) > moment);
        kill(client);
        goes_on(send(server.addr(), &[&file], &["-r", "9"]), &inbox, &bytes);
    }
}

#[test]
fn the_server_that_receives_is_killed() {
    let (out, bytes) = (Directory::new(), noise(SIZE));
    let file = file(&out, &bytes);
    for moment in moments() {
        let inbox = Directory::new();
        let first = server(&inbox, &[]);
        let client = Running::start(&mut send(first.addr(), &[&file], &["-r", "0"]));
        wait_until("so much has come", || come(&inbox) > moment);
        kill(first.running);
        client.finish();
        let second = server(&inbox, &[]);
        goes_on(send(second.addr(), &[&file], &[]), &inbox, &bytes);
    }
}

#[test]
fn the_client_that_receives_is_killed() {
    let (out, bytes) = (Directory::new(), noise(SIZE));
    file(&out, &bytes);
    let server = server(&out, &[]);
    for moment in moments() {
        let inbox = Directory::new();
        let client = Running::start(&mut fetch(server.addr(), &inbox, &[]));
        wait_until("so much has come", || come(&inbox) > moment);
        kill(client);
        goes_on(fetch(server.addr(), &inbox, &[]), &inbox, &bytes);
    }
}

#[test]
fn the_server_that_sends_is_killed() {
    let (out, bytes) = (Directory::new(), noise(SIZE));
    file(&out, &bytes);
    for moment in moments() {
        let inbox = Directory::new();
        let first = server(&out, &[]);
        let client = Running::start(&mut fetch(first.addr(), &inbox, &["-r", "0"]));
        wait_until("so much has come", || come(&inbox) > moment);
        kill(first.running);
        client.finish();
        let second = server(&out, &[]);
        goes_on(fetch(second.addr(), &inbox, &[]), &inbox, &bytes);
    }
}

/// A server on this port, which an earlier one had.
#[track_caller]
fn server_at(port: &str, folder: &Path) -> Server {
    let folder = folder.to_str().unwrap();
    Server::start_at(&["--port", port, "--mode", "files", "--dir", folder])
}

#[test]
fn a_client_comes_back_to_a_server_that_is_started_again() {
    let (out, inbox, bytes) = (Directory::new(), Directory::new(), noise(SIZE));
    let file = file(&out, &bytes);
    let first = server(&inbox, &[]);
    let port = first.port();
    let options = ["-r", "50", "--retry-delay", "100ms"];
    let mut client = Running::start(&mut send(first.addr(), &[&file], &options));
    wait_until("something has come", || come(&inbox) > 0);
    kill(first.running);
    let _second = server_at(&port, inbox.path());
    let notice =
        client.stdout.take_event(|event| event["event"] == "notice" || event["event"] == "end");
    let finished = client.finish();
    assert_eq!(finished.code, 0, "{finished:?}");
    assert!(fs::read(inbox.path().join("file")).unwrap() == bytes);
    // Where all was over before the kill, there was nothing to come back for.
    if notice["event"] == "notice" {
        assert!(notice["text"].as_str().unwrap().contains("connecting again in"), "{notice}");
    }
}

/// A cable that is cut tells the server nothing: it still has the old connection when the client is back,
/// and with it the part of the file.
#[test]
fn a_client_that_lost_its_connection_gets_its_part_back() {
    let (out, inbox, bytes) = (Directory::new(), Directory::new(), noise(SIZE));
    let file = file(&out, &bytes);
    let mut server = server(&inbox, &[]);
    let target = server.socket_addr();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    // The first connection is cut towards the client alone, the second one is passed on.
    let cable = std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let mut silent = std::net::TcpStream::connect(target).unwrap();
        let mut back = (silent.try_clone().unwrap(), client.try_clone().unwrap());
        std::thread::spawn(move || std::io::copy(&mut back.0, &mut back.1));
        let mut half = client.by_ref().take(SIZE as u64 / 2);
        std::io::copy(&mut half, &mut silent).unwrap();
        client.shutdown(std::net::Shutdown::Both).unwrap();
        let (mut client, _) = listener.accept().unwrap();
        let mut server = std::net::TcpStream::connect(target).unwrap();
        let mut back = (server.try_clone().unwrap(), client.try_clone().unwrap());
        std::thread::spawn(move || std::io::copy(&mut back.0, &mut back.1));
        std::io::copy(&mut client, &mut server).unwrap();
        server.shutdown(std::net::Shutdown::Write).unwrap();
        silent
    });
    let finished = run(send(&addr, &[&file], &["--retry-delay", "10ms"]));
    assert_eq!(finished.code, 0, "{finished:?}");
    assert_eq!(server.take("closed")["ending"], "Replaced");
    assert!(fs::read(inbox.path().join("file")).unwrap() == bytes);
    assert_eq!(inbox.list(), ["file"]);
    drop(cable.join().unwrap());
}

#[test]
fn ctrl_c_keeps_what_has_come_and_says_so() {
    let (out, inbox, bytes) = (Directory::new(), Directory::new(), noise(16 * SIZE));
    let file = file(&out, &bytes);
    let server = server(&inbox, &[]);
    let args = ["send-file", "--to", server.addr(), file.to_str().unwrap()];
    let client = Running::start(&mut tests::piped(tests::program("tcp-client"), &args));
    wait_until("something has come", || come(&inbox) > 0);
    client.signal(Signal::SIGINT);
    let finished = client.finish();
    assert_eq!(finished.signal, Some(Signal::SIGINT as i32), "{finished:?}");
    assert!(finished.stderr.contains("interrupted: "), "{finished:?}");
    assert!(finished.stderr.contains("the same command goes on from there"), "{finished:?}");
}

#[test]
fn a_server_that_is_asked_to_stop_lets_a_file_come_to_its_end() {
    let (out, inbox, bytes) = (Directory::new(), Directory::new(), noise(4 * SIZE));
    let file = file(&out, &bytes);
    let server = server(&inbox, &[]);
    let client = Running::start(&mut send(server.addr(), &[&file], &["-r", "0"]));
    wait_until("something has come", || come(&inbox) > 0);
    assert_eq!(server.stop().code, 0);
    assert_eq!(client.finish().code, 0);
    assert!(fs::read(inbox.path().join("file")).unwrap() == bytes);
}
