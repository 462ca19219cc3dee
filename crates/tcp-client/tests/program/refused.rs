//! Nothing listens there.

use crate::support::{run, unused_port};

#[test]
fn a_refusal_names_the_address_the_cause_and_a_cure() {
    let (_bound, addr) = unused_port();
    let done = run(&[&addr.to_string()]);
    done.failed(
        1,
        &format!("cannot connect to {addr}: connection refused (nothing listens there)"),
    );
    assert!(
        done.stderr
            .contains(&format!("hint: start a server in another terminal: tcp-server {addr}"))
    );
    assert_eq!(done.stdout, b"");
}

#[test]
fn the_last_event_has_the_same_code_and_words() {
    let (_bound, addr) = unused_port();
    let done = run(&["--json", &addr.to_string()]);
    done.failed(1, "connection refused");
    let end = done.end();
    assert_eq!(end["schema"], "tcp-client/1");
    assert_eq!(end["error"]["kind"], "connection_refused");
    assert_eq!(end["error"]["os_error"], 111);
    assert!(done.stderr.contains(end["error"]["message"].as_str().unwrap()));
}

#[test]
fn a_host_of_several_addresses_is_told_with_the_last_that_was_tried() {
    let (_bound, addr) = unused_port();
    let done = run(&["-4", "localhost", &addr.port().to_string()]);
    done.failed(
        1,
        &format!("cannot connect to localhost:{} ({addr}): connection refused", addr.port()),
    );
}
