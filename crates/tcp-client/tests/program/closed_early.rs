//! The peer says its last word while we still have something to say.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::process::Stdio;
use std::thread;

use tests::{Directory, noise};

use crate::support::{Peer, Running, command, read_to_end, start};

const SIZE: usize = 16 << 20;

/// A peer that sends its FIN before anything else, and reads to the end, as `nc -l -N < /dev/null` does.
fn only_reads(server: Peer) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut peer = server.accept();
        peer.shutdown(Shutdown::Write).unwrap();
        read_to_end(&mut peer)
    })
}

#[test]
fn a_file_is_sent_to_its_end() {
    let directory = Directory::new();
    let path = directory.join("file");
    let sent = noise(SIZE);
    fs::write(&path, &sent).unwrap();
    for args in [&[][..], &["--on-eof", "keep"], &["--on-close", "reset"], &["--idle", "60s"]] {
        let server = Peer::listen();
        let mut command = command(&[args, &[&server.target()]].concat());
        let client = Running::start(command.stdin(Stdio::from(File::open(&path).unwrap())));
        let reading = only_reads(server);
        client.finish().silent();
        let arrived = reading.join().unwrap();
        assert!(arrived == sent, "{args:?}: {} bytes of {SIZE} arrived", arrived.len());
    }
}

/// The FIN comes in the midst of it: the pipe is full, whoever has the processor.
#[test]
fn a_pipe_is_sent_to_its_end() {
    let server = Peer::listen();
    let mut client = start(&["--json", &server.target()]);
    let sent = noise(SIZE);
    let (mut stdin, typed) = (client.take_stdin(), sent.clone());
    let typing = thread::spawn(move || stdin.write_all(&typed));
    let mut peer = server.accept();
    let mut arrived = vec![0];
    peer.read_exact(&mut arrived).unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    arrived.append(&mut read_to_end(&mut peer));
    let done = client.finish();
    typing.join().unwrap().unwrap();
    assert!(arrived == sent, "{} bytes of {SIZE} arrived", arrived.len());
    assert_eq!(done.code, 0, "{done:?}");
    let end = done.end();
    assert_eq!((&end["ending"], &end["sent"]), (&"PeerFin".into(), &SIZE.into()));
}

/// The peer has no room for what comes, and then closes for good.
#[test]
fn what_could_not_be_sent_is_an_error() {
    let server = Peer::listen();
    let mut command = command(&["--json", "-vv", &server.target()]);
    command.stdin(Stdio::from(File::open("/dev/zero").unwrap()));
    let mut client = Running::start(&mut command);
    let mut peer = server.accept();
    peer.read_exact(&mut [0]).unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    // A reset that came before the FIN was read would be one like any other.
    client.stderr.wait_for("the peer has closed its direction");
    drop(peer);
    let done = client.finish();
    let said =
        format!("error: {} closed before it had taken all of the input after ", server.target());
    assert!(done.stderr.contains(&said), "{done:?}");
    let end = done.end();
    assert_eq!((done.code, &end["ok"], &end["ending"]), (1, &false.into(), &"PeerGone".into()));
    assert_eq!(end["error"]["kind"], "peer_gone");
}

/// All of it fits into the buffers of the two systems, and nobody reads it there. Whether the FIN comes
/// first, the file's end or the reset, is chance.
#[test]
fn what_was_sent_and_refused_is_an_error_too() {
    let directory = Directory::new();
    let path = directory.join("file");
    fs::write(&path, b"in vain").unwrap();
    for _ in 0..20 {
        let server = Peer::listen();
        let mut command = command(&["--json", &server.target()]);
        let client = Running::start(command.stdin(Stdio::from(File::open(&path).unwrap())));
        drop(server.accept());
        let done = client.finish();
        let end = done.end();
        assert_eq!((done.code, &end["ok"]), (1, &false.into()), "{done:?}");
        let kind = end["error"]["kind"].as_str().unwrap();
        assert!(["peer_gone", "connection_reset"].contains(&kind), "{done:?}");
    }
}
