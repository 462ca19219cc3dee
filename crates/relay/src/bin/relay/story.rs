//! What the program tells beside what every server tells.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use proto::{Address, address::is_local};
use relay::{Event, Observer};
use serde::Serialize;
use tcp_server::accept::AcceptFault;
use tcp_server::program::{Secured, SecuredEvent, Telling, ways_to_connect, who_from_elsewhere};
use tcp_server::{Closed, Counts, Peer};

use crate::args::Serve;

/// The program and the version of its events.
pub(crate) const SCHEMA: &str = "relay/1";

/// Tells the story as it was asked for.
#[derive(Debug)]
pub(crate) struct Story {
    pub(crate) telling: Telling,
    /// The names of the connections, for what is told at their ends.
    names: Mutex<HashMap<u64, Arc<str>>>,
}

#[derive(Serialize)]
struct Listening {
    addr: String,
    max_people: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<SecuredEvent>,
}

#[derive(Serialize)]
struct Named<'a> {
    conn: u64,
    person: u32,
    name: &'a str,
}

#[derive(Clone, Copy, Serialize)]
struct InRoom<'a> {
    conn: u64,
    name: &'a str,
    room: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ending: Option<&'a str>,
}

impl Story {
    pub(crate) fn new(telling: Telling) -> Self {
        Self { telling, names: Mutex::default() }
    }

    /// The relay listens: from now on clients get in.
    pub(crate) fn listening(&self, address: &Address, args: &Serve, tls: Option<&Secured>) {
        let event = Listening {
            addr: address.to_string(),
            max_people: args.max_people,
            tls: tls.map(Secured::event),
        };
        self.telling.tell("listening", &event, || first_screen(address, tls));
    }

    fn in_room(&self, what: &str, event: InRoom<'_>) {
        self.telling.tell_line(what, &event, || {
            let InRoom { conn, name, room, ending } = event;
            let ending = ending.map(|ending| format!(" ({ending})")).unwrap_or_default();
            format!("conn={conn} \"{name}\" {what} \"{room}\"{ending}")
        });
    }
}

impl tcp_server::Observer for Story {
    fn counting(&self, conn: u64, counts: &Arc<Counts>) {
        self.telling.tally().counting(conn, counts);
    }

    fn accept_failed(&self, fault: AcceptFault) {
        self.telling.tally().accept_failed(fault);
    }

    fn opened(&self, conn: u64, peer: &Peer) {
        self.telling.opened(conn, peer);
    }

    fn closed(&self, closed: &Closed) {
        let name = self.names.lock().unwrap_or_else(PoisonError::into_inner).remove(&closed.id);
        self.telling.closed(closed, name.as_deref());
    }

    fn draining(&self, connections: usize, limit: Duration) {
        self.telling.draining("delivering to", connections, limit);
    }
}

impl Observer for Story {
    fn happened(&self, event: &Event) {
        match event {
            Event::Named { conn, person, name } => {
                let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
                names.insert(*conn, Arc::clone(name));
                let event = Named { conn: *conn, person: *person, name };
                self.telling.tell_line("named", &event, || format!("conn={conn} is \"{name}\""));
            }
            Event::Joined { conn, name, room } => {
                self.in_room("joined", InRoom { conn: *conn, name, room, ending: None });
            }
            Event::Left { conn, name, room, ending } => {
                let ending = ending.as_ref().map(proto::Ending::name);
                self.in_room("left", InRoom { conn: *conn, name, room, ending });
            }
            _ => {}
        }
    }
}

/// What a person sees first: how to take part, and who can.
fn first_screen(address: &Address, tls: Option<&Secured>) -> String {
    let version = env!("CARGO_PKG_VERSION");
    // A fingerprint leaves no room beside it.
    let ways = ways_to_connect(address, tls, "tcp-client chat", "\n  or    ");
    let who = match address {
        Address::Unix(_) => "whoever may write to the socket's file can connect",
        Address::Tcp { host, .. } if is_local(address) && host.contains(':') => {
            "only this machine can connect ('[::]:PORT' --open-to-network lets others in)"
        }
        Address::Tcp { .. } if is_local(address) => {
            "only this machine can connect (0.0.0.0:PORT --open-to-network lets others in)"
        }
        Address::Tcp { .. } => who_from_elsewhere(tls),
    };
    let by = tls.map(|tls| format!("{}\n", tls.in_words())).unwrap_or_default();
    format!(
        "relay {version} ready\n{by}  chat  {address}          {ways}\n  {who}.  Ctrl-C stops.\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(address: &str, expected: &[&str]) {
        let screen = first_screen(&address.parse().unwrap(), None);
        for part in expected {
            assert!(screen.contains(part), "{part}\n{screen}");
        }
    }

    #[test]
    fn the_first_screen_says_where_how_and_who() {
        check(
            "127.0.0.1:7880",
            &[
                " ready\n  chat  127.0.0.1:7880          nc 127.0.0.1 7880 ",
                "tcp-client chat 127.0.0.1 7880\n",
                "  only this machine can connect (0.0.0.0:PORT --open-to-network lets others in).",
            ],
        );
        check("[::1]:1", &["nc ::1 1 ", "('[::]:PORT' --open-to-network lets others in)"]);
        check("0.0.0.0:1", &["nc 127.0.0.1 1 ", "every machine that reaches this one"]);
        check("unix:/x", &["nc -U /x ", "tcp-client chat unix:/x\n", "the socket's file"]);
    }
}
