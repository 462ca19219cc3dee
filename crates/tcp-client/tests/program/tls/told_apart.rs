//! A side that speaks plain where the other one speaks TLS, and what cannot be asked for.

use std::io::Write as _;
use std::path::Path;

use super::Home;
use crate::support::{Peer, Running, command, run_with_input, unused_port};

#[test]
fn a_server_that_speaks_plain_is_told_apart() {
    let home = Home::new();
    let check = |greeting: &'static [u8], args: &[&str], code: i32, why: &str| {
        let peer = Peer::listen();
        let target = peer.target();
        let answering = std::thread::spawn(move || {
            let mut stream = peer.accept();
            stream.write_all(greeting).unwrap();
            // Until the client is gone.
            let _ = std::io::Read::read_to_end(&mut stream, &mut Vec::new());
        });
        let done = home.run(&[args, &[&target]].concat(), b"hello");
        done.failed(code, why);
        answering.join().unwrap();
    };
    check(b"220 mail.example ESMTP\r\n", &["--tls"], 1, "the peer does not speak TLS");
    let silent = &["--tls", "-w", "300ms"];
    check(b"", silent, 124, "within 300ms (connected, no answer: it may speak plain)");
    check(b"", &["-z", "--tls", "-w", "300ms"], 124, "no answer: it may speak plain");
    assert!(!home.file().exists());
}

/// The alert is the answer of a server of TLS to what is none. It is no reason where what was sent was TLS:
/// then it is somebody else's, who has a client of his own below him.
#[test]
fn a_plain_client_is_told_that_the_server_speaks_tls() {
    const ALERT: [u8; 7] = [0x15, 3, 3, 0, 2, 2, 10];
    let home = Home::new();
    let answered = |input: &[u8]| {
        let peer = Peer::listen();
        let target = peer.target();
        let answering = std::thread::spawn(move || {
            let mut stream = peer.accept();
            crate::support::read_to_end(&mut stream);
            stream.write_all(&ALERT).unwrap();
        });
        let done = home.run(&[&target], input);
        answering.join().unwrap();
        assert_eq!(done.stdout, ALERT);
        done
    };
    let done = answered(b"hello");
    done.failed(1, "speaks TLS, and refused what was plain after 5 bytes sent, 7 bytes received");
    assert!(done.stderr.contains("hint: --tls speaks it too"), "{done:?}");
    assert_eq!(answered(&[0x16, 3, 1, 0, 1, 1]).code, 0);
}

#[test]
fn what_cannot_be_asked_for_is_told() {
    let (_reserved, addr) = unused_port();
    let addr = addr.to_string();
    for (args, why) in [
        (&["--tls-ca", "/nowhere.pem"][..], "cannot read /nowhere.pem: no such file"),
        (&["--tls-name", "two words"], "is no name that a certificate can be for"),
        (&["--tls-cert", "/nowhere.pem"], "required arguments were not provided"),
        (&["--tls-ca", "x", "--tls-pin", "sha256:00"], "64 hexadecimal digits"),
    ] {
        run_with_input(&[args, &[&addr]].concat(), b"").failed(2, why);
    }
    let mut homeless = command(&["--tls", &addr]);
    homeless.env_remove("HOME").env_remove("XDG_CONFIG_HOME");
    Running::start(&mut homeless).finish().failed(2, "there is no home");
    assert!(!Path::new("sockeye").exists());
}
