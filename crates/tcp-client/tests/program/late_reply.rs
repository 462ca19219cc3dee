//! The end of standard input is told to the peer, and its reply is awaited, however late it comes.

use std::fs::{File, read};
use std::io::Write as _;
use std::process::Stdio;

use crate::support::{Peer, Running, command, read_to_end, start};

/// The server answers only when it has seen the end of the request, so no sleep is needed to be late.
#[test]
fn a_reply_after_the_end_of_input_is_printed() {
    let server = Peer::listen();
    let mut client = start(&["127.0.0.1", &server.addr.port().to_string()]);
    client.write(b"request");
    client.close_stdin();
    let mut peer = server.accept();
    assert_eq!(read_to_end(&mut peer), b"request");
    peer.write_all("reply: 你好\n".as_bytes()).unwrap();
    drop(peer);
    let done = client.finish();
    done.silent();
    assert_eq!(done.stdout, "reply: 你好\n".as_bytes());
}

/// What standard output is says nothing about standard input: both are read and written in any pairing.
#[test]
fn the_reply_goes_to_a_file_while_the_request_comes_from_a_pipe() {
    let server = Peer::listen();
    let path = std::env::temp_dir().join(format!("tcp-client-test-{}.out", std::process::id()));
    let file = File::create(&path).unwrap();
    let mut client = Running::start(command(&[&server.target()]).stdout(Stdio::from(file)));
    client.write(b"request");
    client.close_stdin();
    let mut peer = server.accept();
    assert_eq!(read_to_end(&mut peer), b"request");
    peer.write_all(b"reply").unwrap();
    drop(peer);
    client.finish().silent();
    let written = read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(written, b"reply");
}
