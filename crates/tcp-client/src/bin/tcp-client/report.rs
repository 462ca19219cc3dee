//! What is told: events on standard output, the story on standard error.

use std::fmt::{Arguments, Display};
use std::io::{self, Write as _};
use std::time::Duration;

use cli::values::bytes_in_words;
use cli::{CommonArgs, Events, Exit, Failure, Format, output};
use serde::Serialize;
use tcp_client::connect::{Agreed, Cause};
use tcp_client::{ConnectError, Connected, Talked};
use transfer::Teller;

/// What a transfer tells goes where the rest goes.
impl Teller for Report {
    fn is_json(&self) -> bool {
        Self::is_json(self)
    }

    fn event(&self, name: &str, body: &impl Serialize) {
        Self::event(self, name, body);
    }

    fn note(&self, line: Arguments<'_>) {
        Self::note(self, line);
    }
}

/// The program and the version of its events.
pub(crate) const SCHEMA: &str = "tcp-client/1";

/// Where the story goes.
#[derive(Debug)]
pub(crate) struct Report {
    events: Option<Events>,
    verbose: bool,
    quiet: bool,
}

/// There is a connection.
#[derive(Serialize)]
pub(crate) struct ConnectedEvent {
    peer: String,
    local: String,
    seconds: f64,
    attempt: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<AgreedEvent>,
}

/// What was agreed on.
#[derive(Serialize)]
struct AgreedEvent {
    version: &'static str,
    fingerprint: String,
    /// Whether an authority that this machine trusts vouches for the server, where that was asked.
    vouched_for: bool,
    seconds: f64,
}

/// The last event.
#[derive(Debug, Serialize)]
pub(crate) struct End {
    ok: bool,
    exit: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    ending: Option<&'static str>,
    sent: u64,
    received: u64,
    /// What had been read from standard input and was not sent.
    unsent: u64,
    seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Failure>,
}

impl Report {
    pub(crate) fn new(common: CommonArgs) -> Self {
        let json = common.format() == Format::Json;
        Self {
            events: json.then(|| Events::stdout(SCHEMA)),
            verbose: common.verbose > 0,
            quiet: common.quiet,
        }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.events.is_some()
    }

    pub(crate) fn is_verbose(&self) -> bool {
        self.verbose
    }

    /// Ends the program where standard output cannot be written.
    pub(crate) fn event(&self, name: &str, body: &impl Serialize) {
        output::or_exit(self.try_event(name, body));
    }

    pub(crate) fn try_event(&self, name: &str, body: &impl Serialize) -> io::Result<()> {
        self.events.as_ref().map_or(Ok(()), |events| events.try_emit(name, body))
    }

    /// A line for whoever asked for more.
    pub(crate) fn note(&self, line: impl Display) {
        if self.verbose {
            // Where nobody can read it, there is nobody to tell.
            let _ = writeln!(io::stderr().lock(), "{line}");
        }
    }

    /// A line for everybody who did not ask for silence.
    pub(crate) fn warn(&self, line: impl Display) {
        if !self.quiet {
            let _ = writeln!(io::stderr().lock(), "warning: {line}");
        }
    }

    pub(crate) fn connected(&self, connected: &Connected) {
        self.event("connected", &self.note_connected(connected));
    }

    /// Notes a connection, and gives the event of it.
    pub(crate) fn note_connected(&self, connected: &Connected) -> ConnectedEvent {
        let Connected { peer, local, elapsed, attempt, unreached, agreed, .. } = connected;
        for other in unreached {
            self.note(format_args!("not reached: {other}"));
        }
        let again = if *attempt > 1 { format!(" (attempt {attempt})") } else { String::new() };
        self.note(format_args!(
            "connected to {peer} from {local} after {}{again}",
            milliseconds(*elapsed)
        ));
        if let Some(agreed) = agreed {
            let took = milliseconds(agreed.elapsed);
            self.note(format_args!("{} after {took}", agreed_in_words(agreed)));
        }
        ConnectedEvent {
            peer: peer.to_string(),
            local: local.to_string(),
            seconds: seconds(*elapsed),
            attempt: *attempt,
            tls: agreed.map(|agreed| AgreedEvent {
                version: agreed.version,
                fingerprint: agreed.seen.fingerprint.to_string(),
                vouched_for: agreed.seen.is_vouched_for,
                seconds: seconds(agreed.elapsed),
            }),
        }
    }

    pub(crate) fn waiting(&self, error: &ConnectError, wait: Duration) {
        let next = error.attempt + 1;
        self.note(format_args!("{error}; attempt {next} in {}", milliseconds(wait)));
    }

    /// Each address of a name that was tried in vain, where there were several.
    pub(crate) fn unreached(&self, error: &ConnectError) {
        if let Cause::Unreached(all) = &error.cause
            && all.len() > 1
        {
            for one in all {
                self.note(format_args!("not reached: {one}"));
            }
        }
    }

    pub(crate) fn summary(&self, talked: &Talked) {
        let Talked { ending, sent, received, elapsed, .. } = talked;
        let (sent, received) = (bytes(*sent), bytes(*received));
        let elapsed = elapsed.as_secs_f64();
        self.note(format_args!(
            "{sent} sent, {received} received in {elapsed:.2} seconds, {ending}"
        ));
    }
}

impl End {
    /// The end of a run that took so long, with the conversation that it came to.
    pub(crate) fn new(
        exit: Exit,
        elapsed: Duration,
        talked: Option<&Talked>,
        error: Option<Failure>,
    ) -> Self {
        Self {
            ok: exit == Exit::Ok,
            exit: exit.code(),
            ending: talked.map(|talked| talked.ending.name()),
            sent: talked.map_or(0, |talked| talked.sent),
            received: talked.map_or(0, |talked| talked.received),
            unsent: talked.map_or(0, |talked| talked.unsent),
            seconds: seconds(talked.map_or(elapsed, |talked| talked.elapsed)),
            error,
        }
    }
}

/// `TLS 1.3 by the certificate sha256:…`
pub(crate) fn agreed_in_words(agreed: &Agreed) -> String {
    format!("{} by the certificate {}", agreed.version, agreed.seen.fingerprint)
}

/// A short time: `0.2 ms`.
pub(crate) fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

/// Bytes in the closing line, which people compare with `wc -c`: exact, and in units where they help.
fn bytes(count: u64) -> String {
    let words = bytes_in_words(count);
    if words.contains("byte") { words } else { format!("{count} bytes ({words})") }
}

fn seconds(time: Duration) -> f64 {
    // Microseconds are what the clock is good for; more digits would be noise.
    (time.as_secs_f64() * 1e6).round() / 1e6
}
