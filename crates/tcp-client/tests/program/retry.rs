//! `--retry`: the server comes later.

use std::io::Write as _;

use crate::support::{LIMIT, Peer, run, start, unused_port};

/// The port is bound and refuses; the server listens only when the client has failed once.
#[test]
fn a_server_that_comes_late_is_found() {
    let (socket, addr) = unused_port();
    let mut client = start(&["-v", "--retry", "1000", "--retry-delay", "20ms", &addr.to_string()]);
    client.close_stdin();
    client.stderr.wait_for("attempt 2");
    socket.listen(1).unwrap();
    let server = Peer::on(socket.into());
    server.accept().write_all(b"at last").unwrap();
    let done = client.finish();
    assert_eq!(done.code, 0, "{done:?}");
    assert_eq!(done.stdout, b"at last");
    assert!(done.stderr.contains(&format!("connected to {addr} from 127.0.0.1:")));
    assert!(done.stderr.contains("(attempt "), "{}", done.stderr);
}

#[test]
fn it_gives_up_after_as_many_attempts_as_it_was_given() {
    let (_bound, addr) = unused_port();
    let done = run(&["-r", "2", "--retry-delay", "1ms", "--json", "-v", &addr.to_string()]);
    done.failed(1, "connection refused (nothing listens there), after 3 attempts");
    assert_eq!(done.stderr.matches("; attempt ").count(), 2, "{}", done.stderr);
    assert_eq!(done.events().len(), 1);
}

/// Waiting does not make an address ours.
#[test]
fn what_waiting_cannot_mend_is_not_tried_again() {
    let (_bound, addr) = unused_port();
    let limit = LIMIT.as_secs().to_string();
    let done = run(&["-r", "9", "--retry-delay", &limit, "-s", "192.0.2.1", &addr.to_string()]);
    done.failed(2, "cannot connect from 192.0.2.1:0");
}
