//! A server that is asked to stop lets its clients finish, and they see an ordinary end.

use tests::{Running, Server, piped, program};

#[test]
fn the_client_ends_with_the_server() {
    let server = Server::start(&["--mode", "echo", "--drain", "5s"]);
    let args = ["--json", server.addr()];
    let mut client = Running::start(&mut piped(program("tcp-client"), &args));
    client.write(b"hello\n");
    client.stdout.wait_for("hello");
    let stopped = server.stop();
    assert_eq!(stopped.end()["served"], 1);
    // Its standard input is still open.
    let done = client.finish();
    assert_eq!(done.code, 0, "{done:?}");
    assert_eq!((&done.end()["ending"], &done.end()["received"]), (&"PeerFin".into(), &6.into()));
}

/// With `--once` the server ends after its client, and says so last.
#[test]
fn a_server_for_one_client_ends_after_it() {
    let server = Server::start(&["--once"]);
    let mut client = Running::start(&mut piped(program("tcp-client"), &[server.addr()]));
    client.write(b"only me\n");
    client.close_stdin();
    client.finish().silent();
    let done = server.running.finish();
    assert_eq!(done.code, 0, "{done:?}");
    let names: Vec<_> =
        done.events().iter().map(|event| event["event"].as_str().unwrap().to_owned()).collect();
    assert_eq!(names, ["listening", "open", "closed", "end"]);
}
