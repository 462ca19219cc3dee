//! What the program tells beside what every server tells.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use proto::{Address, sanitize};
use serde::Serialize;
use tcp_server::accept::{AcceptFault, Refused};
use tcp_server::modes::Ear;
use tcp_server::program::{Secured, SecuredEvent, Telling};
use tcp_server::{Closed, Connection, Counts, Ending, Limits, Observer, Peer};

use crate::args::Args;
use crate::first_screen::first_screens;
use crate::keyboard;
use crate::place::Place;

/// The name and version of the events.
pub(crate) const SCHEMA: &str = "tcp-server/1";

/// Tells the story as it was asked for.
#[derive(Debug)]
pub(crate) struct Story {
    pub(crate) telling: Telling,
    /// The connection that has its turn to talk with the person at the server.
    talking: Mutex<Option<u64>>,
    /// How the last connection ended, and whose it was.
    last: Mutex<Option<(Peer, Ending)>>,
}

#[derive(Serialize)]
struct Listening<'a> {
    addr: String,
    /// What a service manager calls the socket that it has handed over.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    mode: &'a str,
    /// Whether IPv4 clients are taken at an address of IPv6.
    #[serde(skip_serializing_if = "Option::is_none")]
    dual_stack: Option<bool>,
    /// A socket that was handed over listens already, and does not say what listen(2) was told.
    #[serde(skip_serializing_if = "Option::is_none")]
    backlog: Option<u32>,
    max_conns: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_conns_per_addr: Option<usize>,
    /// Where the figures for Prometheus are.
    #[serde(skip_serializing_if = "Option::is_none")]
    metrics: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<SecuredEvent>,
}

#[derive(Serialize)]
struct Said<'a> {
    conn: u64,
    peer: String,
    text: &'a str,
}

#[derive(Serialize)]
struct Notice<'a> {
    kind: &'a str,
    text: &'a str,
}

impl Story {
    pub(crate) fn new(telling: Telling) -> Self {
        Self { telling, talking: Mutex::default(), last: Mutex::default() }
    }

    /// The server listens: from now on clients get in. Each place is an event of its own.
    pub(crate) fn listening(
        &self,
        places: &[Place],
        args: &Args,
        limits: &Limits,
        metrics: Option<&Address>,
        tls: Option<&Secured>,
    ) {
        let metrics = metrics.map(|address| format!("http://{address}/metrics"));
        let screens = first_screens(places, args, metrics.as_deref(), tls);
        for (place, screen) in places.iter().zip(screens) {
            let event = Listening {
                addr: place.address.to_string(),
                name: place.name.as_deref(),
                mode: args.mode.name(),
                dual_stack: place.is_dual_stack.then_some(true),
                backlog: (!place.is_handed_over).then_some(args.backlog),
                max_conns: limits.connections,
                max_conns_per_addr: limits.per_address,
                metrics: metrics.as_deref(),
                tls: tls.map(Secured::event),
            };
            self.telling.tell("listening", &event, || screen);
        }
    }

    /// How the last connection ended, and whose it was.
    pub(crate) fn last(&self) -> Option<(Peer, Ending)> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A word to the person at the server.
    pub(crate) fn notice(&self, kind: &str, text: &str) {
        self.telling.tell("notice", &Notice { kind, text }, || format!("{text}\n"));
    }

    /// The connection whose turn it is to talk with the person at the server.
    pub(crate) fn talking_to(&self) -> Option<u64> {
        *self.hold_turn()
    }

    /// The same, while the guard is held: no turn begins or ends meanwhile.
    pub(crate) fn hold_turn(&self) -> MutexGuard<'_, Option<u64>> {
        self.talking.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Story {
    fn counting(&self, conn: u64, counts: &Arc<Counts>) {
        self.telling.tally().counting(conn, counts);
    }

    fn refusing(&self) {
        self.telling.tally().refusing();
    }

    fn refused(&self, refused: &Refused) {
        self.telling.refused(refused);
    }

    fn accept_failed(&self, fault: AcceptFault) {
        self.telling.tally().accept_failed(fault);
    }

    fn opened(&self, conn: u64, peer: &Peer) {
        self.telling.opened(conn, peer);
    }

    fn closed(&self, closed: &Closed) {
        let last = (closed.peer.clone(), closed.ending.clone());
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(last);
        self.telling.closed(closed, None);
    }

    fn draining(&self, connections: usize, limit: Duration) {
        self.telling.draining("draining", connections, limit);
    }
}

/// What the clients say to the person at the server is data: it goes to standard output.
impl Ear for Story {
    fn turn(&self, connection: &Connection) {
        let is_typed = keyboard::is_there();
        let was_line = {
            // Nothing is read between the two: see `Person::read`.
            let mut talking = self.hold_turn();
            *talking = Some(connection.id());
            is_typed && keyboard::throw_away()
        };
        if !is_typed {
            return;
        }
        // A line that was begun stays on the screen, and must not look as if it went on.
        self.telling.say("\n");
        if was_line {
            self.notice("not_sent", "not sent: what was typed before this turn");
        }
        let peer = connection.peer().to_string();
        let peer = sanitize::line(&peer);
        let text = format!("you talk with {peer} now; a line that was begun before is thrown away");
        self.notice("turn", &text);
    }

    fn heard(&self, connection: &Connection, line: &[u8]) {
        let peer = connection.peer().to_string();
        let text = &String::from_utf8_lossy(line);
        let event = Said { conn: connection.id(), peer: peer.clone(), text };
        self.telling.give("said", &event, || {
            format!("{}: {}\n", sanitize::line(&peer), sanitize::line_of_bytes(line))
        });
    }

    fn not_told(&self, line: &str) {
        self.notice("not_sent", &format!("not sent: {}", sanitize::line(line)));
    }

    fn turn_over(&self) {
        *self.hold_turn() = None;
    }
}
