//! What the program tells: a story for a person on standard error, or events for a program on standard
//! output.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use cli::values::time_of_day;
use cli::{Events, Exit, Failure, Format, Voice};
use proto::{Address, address::is_local, sanitize};
use relay::{Event, Observer};
use serde::Serialize;
use tcp_server::program::Tally;
use tcp_server::{Closed, Peer, Summary};

use crate::args::Serve;

/// The program and the version of its events.
pub(crate) const SCHEMA: &str = "relay/1";

/// Tells the story as it was asked for.
#[derive(Debug)]
pub(crate) struct Story {
    voice: Voice,
    out: Out,
    tally: Tally,
    /// The names of the connections, for what is told at their ends.
    names: Mutex<HashMap<u64, Arc<str>>>,
}

#[derive(Debug)]
enum Out {
    /// Text on standard error.
    Text { quiet: bool },
    /// One object a line on standard output.
    Json(Events),
}

#[derive(Serialize)]
struct Listening {
    addr: String,
    max_people: usize,
}

#[derive(Serialize)]
struct Open {
    conn: u64,
    peer: String,
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

#[derive(Serialize)]
struct ClosedEvent<'a> {
    conn: u64,
    peer: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    ending: &'a str,
    detail: String,
    received: u64,
    sent: u64,
    seconds: f64,
}

#[derive(Serialize)]
struct Draining {
    connections: usize,
    seconds: f64,
}

#[derive(Serialize)]
struct End<'a> {
    ok: bool,
    exit: u8,
    served: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a Failure>,
}

impl Story {
    pub(crate) fn new(voice: Voice, args: &Serve) -> Self {
        let out = match args.common.format() {
            Format::Text => Out::Text { quiet: args.common.quiet },
            Format::Json => Out::Json(voice.events(SCHEMA)),
        };
        Self { voice, out, tally: Tally::default(), names: Mutex::default() }
    }

    /// The relay listens: from now on clients get in.
    pub(crate) fn listening(&self, address: &Address, args: &Serve) {
        match &self.out {
            Out::Json(events) => events.emit(
                "listening",
                &Listening { addr: address.to_string(), max_people: args.max_people },
            ),
            Out::Text { .. } => self.say(&first_screen(address)),
        }
    }

    /// Somebody has asked how the relay is doing, so it is told also where nothing else is.
    #[expect(clippy::disallowed_methods, reason = "the program is none of the pure parts")]
    pub(crate) fn stats(&self) {
        let stats = self.tally.stats();
        match &self.out {
            Out::Json(events) => events.emit("stats", &stats),
            Out::Text { .. } => {
                let time = time_of_day(SystemTime::now());
                self.voice.story(&format!("{time} {}\n", stats.in_words()));
            }
        }
    }

    /// The program ends; nothing comes after this.
    pub(crate) fn end(&self, summary: Option<Summary>, result: Result<(), &Failure>) -> Exit {
        let exit = result.map_or_else(Failure::exit, |()| Exit::Ok);
        let served = summary.map_or(0, |summary| summary.served);
        self.voice.last_words();
        if let Err(failure) = result {
            self.voice.story(&failure.to_string());
        }
        match (&self.out, summary) {
            (Out::Json(events), _) => events.emit(
                "end",
                &End { ok: result.is_ok(), exit: exit.code(), served, error: result.err() },
            ),
            (Out::Text { .. }, Some(summary)) => {
                let cut = match summary.cut {
                    0 => String::new(),
                    cut => format!(", {cut} of them cut off"),
                };
                self.line(&format!("stopped  served={served}{cut}"));
            }
            (Out::Text { .. }, None) => {}
        }
        self.voice.finish();
        exit
    }

    fn say(&self, text: &str) {
        if let Out::Text { quiet: false } = self.out {
            self.voice.story(text);
        }
    }

    /// A line with the time, in which nothing of a peer's is obeyed by a terminal.
    #[expect(clippy::disallowed_methods, reason = "the program is none of the pure parts")]
    fn line(&self, text: &str) {
        let text = sanitize::line(text);
        self.say(&format!("{} {text}\n", time_of_day(SystemTime::now())));
    }
}

impl tcp_server::Observer for Story {
    fn opened(&self, conn: u64, peer: &Peer) {
        self.tally.opened();
        match &self.out {
            Out::Json(events) => events.emit("open", &Open { conn, peer: peer.to_string() }),
            Out::Text { .. } => self.line(&format!("conn={conn} peer={peer} open")),
        }
    }

    fn closed(&self, closed: &Closed) {
        self.tally.closed(closed);
        let Closed { id, peer, ending, received, sent, lasted, .. } = closed;
        let name = self.names.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
        match &self.out {
            Out::Json(events) => events.emit(
                "closed",
                &ClosedEvent {
                    conn: *id,
                    peer: peer.to_string(),
                    name: name.as_deref(),
                    ending: ending.name(),
                    detail: ending.to_string(),
                    received: *received,
                    sent: *sent,
                    // A microsecond is as exact as the time stamps are.
                    seconds: (lasted.as_secs_f64() * 1e6).round() / 1e6,
                },
            ),
            Out::Text { .. } => {
                let name = name.map(|name| format!("name=\"{name}\" ")).unwrap_or_default();
                self.line(&format!(
                    "conn={id} peer={peer} {name}{ending}  recv={received} sent={sent} dur={:.2}s",
                    lasted.as_secs_f64(),
                ));
            }
        }
    }

    fn draining(&self, connections: usize, limit: Duration) {
        match &self.out {
            Out::Json(events) => {
                events.emit("draining", &Draining { connections, seconds: limit.as_secs_f64() });
            }
            Out::Text { .. } => {
                let plural = if connections == 1 { "" } else { "s" };
                self.say(&format!(
                    "delivering to {connections} connection{plural}, at most {limit:?} \
                     (Ctrl-C again stops now)\n"
                ));
            }
        }
    }
}

impl Observer for Story {
    fn happened(&self, event: &Event) {
        match event {
            Event::Named { conn, person, name } => {
                let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
                names.insert(*conn, Arc::clone(name));
                match &self.out {
                    Out::Json(events) => {
                        events.emit("named", &Named { conn: *conn, person: *person, name });
                    }
                    Out::Text { .. } => self.line(&format!("conn={conn} is \"{name}\"")),
                }
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

impl Story {
    fn in_room(&self, what: &str, event: InRoom<'_>) {
        match &self.out {
            Out::Json(events) => events.emit(what, &event),
            Out::Text { .. } => {
                let InRoom { conn, name, room, ending } = event;
                let ending = ending.map(|ending| format!(" ({ending})")).unwrap_or_default();
                self.line(&format!("conn={conn} \"{name}\" {what} \"{room}\"{ending}"));
            }
        }
    }
}

/// What a person sees first: how to take part, and who can.
fn first_screen(address: &Address) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let nc = match address {
        Address::Tcp { host, port } => {
            let host = match host.as_str() {
                "0.0.0.0" => "127.0.0.1",
                "::" => "::1",
                host => host,
            };
            format!("nc {host} {port}      or      tcp-client chat {host} {port}")
        }
        Address::Unix(path) => {
            format!("nc -U {}      or      tcp-client chat {address}", path.display())
        }
    };
    let who = match address {
        Address::Unix(_) => "whoever may write to the socket's file can connect",
        Address::Tcp { host, .. } if is_local(address) && host.contains(':') => {
            "only this machine can connect ('[::]:PORT' --open-to-network lets others in)"
        }
        Address::Tcp { .. } if is_local(address) => {
            "only this machine can connect (0.0.0.0:PORT --open-to-network lets others in)"
        }
        Address::Tcp { .. } => {
            "every machine that reaches this one can connect, without password or encryption"
        }
    };
    format!("relay {version} ready\n  chat  {address}          {nc}\n  {who}.  Ctrl-C stops.\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(address: &str, expected: &[&str]) {
        let screen = first_screen(&address.parse().unwrap());
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
