//! The demo `handshake`, with a knob turned the wrong way: its checks can fail.

use crate::{events, failed_checks, has_namespaces, scenarios};

/// A server that never sends its SYN, ACK again forgets the client, and its late data meets a RST.
#[test]
fn a_server_that_answers_once_loses_the_client() {
    if !has_namespaces() {
        return;
    }
    let answers_once = ["run", "handshake", "--json", "--set", "tcp_synack_retries=0"];
    let finished = scenarios(&answers_once);
    assert_eq!(finished.code, 1, "{}", finished.stderr);
    let events = events(&finished);
    assert_eq!(failed_checks(&events), ["third-again", "third-reply"]);
}
