//! Servers to test: the program, the library over sockets, and the library over a pipe in virtual time.

pub(crate) mod frames;
pub(crate) mod library;
pub(crate) mod pipe;
pub(crate) mod proc;
pub(crate) mod program;
pub(crate) mod way;

use std::future::Future;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// How long anything may take before it counts as stuck. Far more than anything needs on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A blocking client that is never stuck for longer than [`PATIENCE`].
pub(crate) fn connect(addr: &str) -> TcpStream {
    let stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Sends `text` and reads an answer of the same length: what an echo gives back.
#[track_caller]
pub(crate) fn assert_echoes(stream: &mut TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = vec![0; text.len()];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(answer, text.as_bytes());
}

/// The future's value, unless it is stuck.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let Ok(value) = tokio::time::timeout(PATIENCE, future).await else {
        panic!("stuck: {what}");
    };
    value
}

/// Looks again and again until `done` gives a value: for what no event tells, such as files in `/proc`.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, mut done: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = done() {
            return value;
        }
        assert!(start.elapsed() < PATIENCE, "never happened: {what}");
        // Nothing tells when it happens, so it is looked at now and then.
        std::thread::sleep(Duration::from_millis(5));
    }
}
