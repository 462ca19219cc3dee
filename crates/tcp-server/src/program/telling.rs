//! What every server tells: who came and went, how it is doing, and how it ended.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use cli::values::time_of_day;
use cli::{CommonArgs, Events, Exit, Failure, Format, Voice};
use proto::sanitize;
use serde::Serialize;

use crate::accept::Refused;
use crate::program::Tally;
use crate::serve::{Closed, Summary};
use crate::stream::Peer;

/// Tells the story of a server: to a person on standard error, or as events on standard output.
///
/// It waits for nobody who reads it; see [`cli::voice`].
#[derive(Debug)]
pub struct Telling {
    voice: Voice,
    out: Out,
    tally: Arc<Tally>,
}

#[derive(Debug)]
enum Out {
    /// Text on standard error.
    Text { quiet: bool },
    /// One object a line on standard output.
    Json(Events),
}

#[derive(Serialize)]
struct Open {
    conn: u64,
    peer: String,
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
    /// What the client of a plain server spoke, where that is known to be something else.
    #[serde(skip_serializing_if = "Option::is_none")]
    spoke: Option<&'a str>,
}

#[derive(Serialize)]
struct RefusedEvent {
    peer: String,
    count: u64,
    limit: usize,
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

impl Telling {
    /// Tells as the command line asks for. `schema` is the name and version of the events.
    ///
    /// Where that cannot be, it is said, and the program ends with what is given.
    pub fn start(common: &CommonArgs, schema: &'static str) -> Result<Self, Exit> {
        let voice = Voice::start(common).map_err(|failure| {
            failure.print();
            failure.exit()
        })?;
        let out = match common.format() {
            Format::Text => Out::Text { quiet: common.quiet },
            Format::Json => Out::Json(voice.events(schema)),
        };
        Ok(Self { voice, out, tally: Arc::default() })
    }

    /// Whether a person is told, and no program.
    pub fn is_text(&self) -> bool {
        matches!(self.out, Out::Text { .. })
    }

    /// Tells an event, or a person `text` as it is.
    pub fn tell(&self, event: &str, fields: &impl Serialize, text: impl FnOnce() -> String) {
        match &self.out {
            Out::Json(events) => events.emit(event, fields),
            Out::Text { quiet: false } => self.voice.story(&text()),
            Out::Text { quiet: true } => {}
        }
    }

    /// The same with a line for the person that begins with the time, and in which nothing of a peer's is
    /// obeyed by a terminal: a peer chooses the path of its Unix socket, its name, and what is cited.
    pub fn tell_line(&self, event: &str, fields: &impl Serialize, line: impl FnOnce() -> String) {
        self.tell(event, fields, || with_time(&sanitize::line(&line())));
    }

    /// Says something to the person, where one is told.
    pub fn say(&self, text: &str) {
        if let Out::Text { quiet: false } = self.out {
            self.voice.story(text);
        }
    }

    /// Tells an event, or gives a person data on standard output.
    pub fn give(&self, event: &str, fields: &impl Serialize, data: impl FnOnce() -> String) {
        match &self.out {
            Out::Json(events) => events.emit(event, fields),
            Out::Text { .. } => self.voice.data(&data()),
        }
    }

    /// What is counted, for who shows it elsewhere.
    pub fn tally(&self) -> &Arc<Tally> {
        &self.tally
    }

    /// Somebody has asked how the server is doing, so it is told also where nothing else is.
    pub fn stats(&self) {
        let stats = self.tally.stats();
        match &self.out {
            Out::Json(events) => events.emit("stats", &stats),
            Out::Text { .. } => self.voice.story(&with_time(&stats.in_words())),
        }
    }

    /// A connection was accepted.
    pub fn opened(&self, conn: u64, peer: &Peer) {
        self.tally.opened();
        self.tell_line("open", &Open { conn, peer: peer.to_string() }, || {
            format!("conn={conn} peer={peer} open")
        });
    }

    /// Connections were refused, because their address has as many as it may have.
    pub fn refused(&self, refused: &Refused) {
        let Refused { peer, count, limit, within, .. } = refused;
        let event = RefusedEvent {
            peer: peer.to_string(),
            count: *count,
            limit: *limit,
            seconds: micros(*within),
        };
        self.tell_line("refused", &event, || {
            let why = format!("its address has {limit} already (--max-conns-per-addr)");
            match count {
                1 => format!("peer={peer} refused: {why}"),
                count => {
                    let seconds = within.as_secs_f64();
                    format!("{count} refused within {seconds:.0}s, last peer={peer}: {why}")
                }
            }
        });
    }

    /// A connection has ended; `name` is what its client went by, where it had a name.
    pub fn closed(&self, closed: &Closed, name: Option<&str>) {
        self.tally.closed(closed);
        let Closed { id, peer, ending, received, sent, lasted, began_with_tls, .. } = closed;
        let event = ClosedEvent {
            conn: *id,
            peer: peer.to_string(),
            name,
            ending: ending.name(),
            detail: ending.to_string(),
            received: *received,
            sent: *sent,
            seconds: micros(*lasted),
            spoke: began_with_tls.then_some("TLS"),
        };
        self.tell_line("closed", &event, || {
            let name = name.map(|name| format!("name=\"{name}\" ")).unwrap_or_default();
            let seconds = lasted.as_secs_f64();
            let spoke =
                if *began_with_tls { "  (it spoke TLS, and this is a plain port)" } else { "" };
            format!(
                "conn={id} peer={peer} {name}{ending}  recv={received} sent={sent} dur={seconds:.2}s{spoke}"
            )
        });
    }

    /// No more are accepted, and `connections` have so long to finish. `doing` says what they do.
    pub fn draining(&self, doing: &str, connections: usize, limit: Duration) {
        let event = Draining { connections, seconds: limit.as_secs_f64() };
        self.tell("draining", &event, || {
            let plural = if connections == 1 { "" } else { "s" };
            format!(
                "{doing} {connections} connection{plural}, at most {limit:?} \
                 (Ctrl-C again stops now)\n"
            )
        });
    }

    /// The program ends, with the failure beside what it has done where there is one; nothing comes after
    /// this.
    pub fn end(&self, served: Result<(Summary, Option<Failure>), Failure>) -> Exit {
        let (summary, failure) = match served {
            Ok((summary, failure)) => (Some(summary), failure),
            Err(failure) => (None, Some(failure)),
        };
        let exit = failure.as_ref().map_or(Exit::Ok, Failure::exit);
        self.voice.last_words();
        if let Some(failure) = &failure {
            self.voice.story(&failure.to_string());
        }
        match (&self.out, summary) {
            (Out::Json(events), _) => {
                let served = summary.map_or(0, |summary| summary.served);
                let (ok, exit) = (failure.is_none(), exit.code());
                events.emit("end", &End { ok, exit, served, error: failure.as_ref() });
            }
            (Out::Text { .. }, Some(Summary { served, cut, .. })) => {
                let cut = match cut {
                    0 => String::new(),
                    cut => format!(", {cut} of them cut off"),
                };
                self.say(&with_time(&format!("stopped  served={served}{cut}")));
            }
            (Out::Text { .. }, None) => {}
        }
        self.voice.finish();
        exit
    }
}

/// In seconds. A microsecond is as exact as the time stamps are.
fn micros(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e6
}

fn with_time(line: &str) -> String {
    format!("{} {line}\n", time_of_day(SystemTime::now()))
}
