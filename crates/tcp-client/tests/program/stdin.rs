//! Standard input that is closed, empty, or cannot be read.

use std::fs::File;
use std::io::{ErrorKind, Read as _, Write as _};
use std::process::{Command, Stdio};

use crate::support::{PROGRAM, Peer, Running, command, read_to_end};

/// As cron and some service managers start programs.
#[test]
fn a_closed_one_is_an_empty_one() {
    let server = Peer::listen();
    let mut shell = Command::new("sh");
    shell.args(["-c", "exec \"$0\" \"$1\" <&-", PROGRAM, &server.target()]);
    let client = Running::start(shell.stdout(Stdio::piped()).stderr(Stdio::piped()));
    let mut peer = server.accept();
    assert_eq!(read_to_end(&mut peer), b"");
    peer.write_all(b"reply").unwrap();
    drop(peer);
    let done = client.finish();
    done.silent();
    assert_eq!(done.stdout, b"reply");
}

#[test]
fn dev_null_is_an_empty_one() {
    let server = Peer::listen();
    let client = Running::start(command(&[&server.target()]).stdin(Stdio::null()));
    assert_eq!(read_to_end(&mut server.accept()), b"");
    client.finish().silent();
}

#[test]
fn a_file_is_sent_whole() {
    let server = Peer::listen();
    let file = File::open(PROGRAM).unwrap();
    let client = Running::start(command(&[&server.target()]).stdin(Stdio::from(file)));
    assert!(read_to_end(&mut server.accept()) == std::fs::read(PROGRAM).unwrap());
    client.finish().silent();
}

/// A FIN would tell the peer that it has got everything.
#[test]
fn one_that_cannot_be_read_is_an_error_for_the_peer_too() {
    let server = Peer::listen();
    let directory = File::open("/").unwrap();
    let client =
        Running::start(command(&["--json", &server.target()]).stdin(Stdio::from(directory)));
    let mut peer = server.accept();
    assert_eq!(peer.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    let done = client.finish();
    done.failed(1, "cannot read standard input: is a directory");
    assert_eq!(done.end()["ending"], "Io");
}
