//! A `tcp-server` that runs.

use std::net::SocketAddr;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::program::program;
use crate::running::{Finished, Running, piped};

/// A `tcp-server` on a free port, whose events can be taken. It is killed when this is dropped.
#[derive(Debug)]
pub struct Server {
    /// The program, to write to its standard input or to send it a signal.
    pub running: Running,
    addr: String,
}

impl Server {
    /// Starts a server with these options on a free port of the loopback, and waits until it listens.
    #[track_caller]
    pub fn start(options: &[&str]) -> Self {
        Self::start_at(&[&["--port", "0"], options].concat())
    }

    /// The same with the address among the options: an IPv6 address, or `unix:PATH`.
    #[track_caller]
    pub fn start_at(options: &[&str]) -> Self {
        let args = [&["--format", "json"], options].concat();
        Self::watch(Running::start(&mut piped(program("tcp-server"), &args)))
    }

    /// Watches one that was started in another way, and waits until it listens.
    #[track_caller]
    pub fn watch(mut running: Running) -> Self {
        let listening = running.stdout.take_event(|_| true);
        assert_eq!(listening["event"], "listening", "{listening}");
        let addr = listening["addr"].as_str().unwrap().to_owned();
        Self { running, addr }
    }

    /// Where it listens, as a client takes it.
    pub fn addr(&self) -> &str {
        &self.addr
    }

    /// Where it listens on IP.
    #[track_caller]
    pub fn socket_addr(&self) -> SocketAddr {
        self.addr.parse().unwrap()
    }

    /// Its port, as a client takes it.
    #[track_caller]
    pub fn port(&self) -> String {
        self.socket_addr().port().to_string()
    }

    /// Takes the first event of this name that was not taken yet, and waits for it.
    #[track_caller]
    pub fn take(&mut self, event: &str) -> Value {
        self.running.stdout.take_event(|found| found["event"] == event)
    }

    /// Takes the event of this name that belongs to the connection of this number.
    #[track_caller]
    pub fn take_of(&mut self, event: &str, conn: &Value) -> Value {
        self.running.stdout.take_event(|found| found["event"] == event && found["conn"] == *conn)
    }

    /// Asks it to stop, and waits until it has: open connections may finish.
    #[track_caller]
    pub fn stop(self) -> Finished {
        self.running.signal(Signal::SIGTERM);
        self.running.finish()
    }
}
