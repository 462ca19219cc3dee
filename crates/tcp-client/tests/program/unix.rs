//! Unix sockets: `unix:PATH`.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;

use socket2::SockRef;

use crate::support::{LIMIT, run, run_with_input, start};

/// A path of its own for each test, removed at its end.
struct Path(PathBuf);

impl Path {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("tcp-client-{}-{name}", std::process::id())))
    }

    fn target(&self) -> String {
        format!("unix:{}", self.0.display())
    }
}

impl Drop for Path {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn a_server_is_talked_to_as_over_tcp() {
    let path = Path::new("talk");
    let listener = UnixListener::bind(&path.0).unwrap();
    SockRef::from(&listener).set_read_timeout(Some(LIMIT)).unwrap();
    let echo = std::thread::spawn(move || {
        let (mut peer, _) = listener.accept().unwrap();
        peer.set_read_timeout(Some(LIMIT)).unwrap();
        let mut text = String::new();
        peer.read_to_string(&mut text).unwrap();
        peer.write_all(text.to_uppercase().as_bytes()).unwrap();
    });
    let done = run_with_input(&["--json", &path.target()], b"hello");
    echo.join().unwrap();
    done.silent();
    let events = done.events();
    assert_eq!((&events[0]["peer"], &events[0]["local"]), (&path.target().into(), &"unix:".into()));
    assert_eq!(events[1]["text"], "HELLO");
    assert_eq!(done.end()["ending"], "PeerFin");
}

#[test]
fn a_path_that_is_not_there() {
    let path = Path::new("missing");
    let done = run(&[&path.target()]);
    let target = path.target();
    done.failed(1, &format!("cannot connect to {target}: no such file or directory (no server"));
    assert!(done.stderr.contains(&format!("tcp-server {target}")));
}

#[test]
fn a_socket_that_its_server_left_behind() {
    let path = Path::new("stale");
    drop(UnixListener::bind(&path.0).unwrap());
    run(&[&path.target()]).failed(1, "connection refused (the socket is there, but nobody listens");
}

#[test]
fn a_server_that_makes_its_socket_late_is_found() {
    let path = Path::new("late");
    let mut client = start(&["-v", "-r", "1000", "--retry-delay", "20ms", &path.target()]);
    client.close_stdin();
    client.stderr.wait_for("attempt 2");
    let listener = UnixListener::bind(&path.0).unwrap();
    SockRef::from(&listener).set_read_timeout(Some(LIMIT)).unwrap();
    drop(listener.accept().unwrap());
    assert_eq!(client.finish().code, 0);
}

/// A Unix socket that does not block has no way to wait for room in a queue; the time limit holds anyway.
#[test]
fn a_full_queue_is_waited_for_until_the_time_limit() {
    let path = Path::new("full");
    let listener = UnixListener::bind(&path.0).unwrap();
    SockRef::from(&listener).listen(0).unwrap();
    let filling = UnixStream::connect(&path.0).unwrap();
    let done = run(&["-w", "200ms", &path.target()]);
    done.failed(124, "within 200ms (its queue is full, and nobody accepts)");
    drop((listener, filling));
}

#[test]
fn what_is_of_ip_alone_is_refused() {
    let done = run(&["-4", "unix:/tmp/x"]);
    done.failed(2, "mean nothing to a Unix socket");
}
