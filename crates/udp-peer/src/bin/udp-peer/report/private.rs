//! What is told of connections, and of what is said on them.

use std::fmt::Arguments;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

use arq::{CloseCode, Counts, End, PublicKey, Stats};
use cli::output;
use cli::values::time_of_day;
use proto::sanitize::line_of_bytes;
use serde::Serialize;
use serde_json::json;
use transfer::Teller;
use udp_peer::Unreachable;

use super::{Report, bytes_of, shown};
use crate::args::Mode;
use crate::failures::of_end;
use crate::private::meeting::Known;
use crate::private::own_key::in_words;

/// What a transfer tells goes where the rest goes.
impl Teller for Report {
    fn is_json(&self) -> bool {
        self.events.is_some()
    }

    fn event(&self, name: &str, body: &impl Serialize) {
        Self::event(self, name, body);
    }

    fn note(&self, line: Arguments<'_>) {
        if self.verbose {
            self.say(line);
        }
    }
}

/// How much of a line that was not confirmed is shown, in bytes.
const SHOWN_OF_LINE: usize = 200;

impl Report {
    /// We have a key of our own from now on.
    pub(crate) fn made_key(&self, path: &Path, key: &PublicKey) {
        let (key, path) = (in_words(key), path.display().to_string());
        self.event("key_made", &json!({"key": key, "file": path}));
        self.say(format_args!("made a key for us: {key}\n  its secret half is in {path}"));
    }

    /// Our key was asked for.
    pub(crate) fn own_key(&self, path: &Path, key: &PublicKey) {
        let key = in_words(key);
        if self.events.is_some() {
            let path = path.display().to_string();
            return self.event("key", &json!({"key": key, "file": path}));
        }
        output::or_exit(writeln!(io::stdout(), "{key}"));
    }

    /// A key was given to be remembered.
    pub(crate) fn pinned(&self, address: &str, key: &PublicKey, known: Known, file: Option<&Path>) {
        let file = file.map(|file| file.display().to_string());
        let event = json!({"peer": address, "key": in_words(key), "file": file});
        self.event("pinned", &event);
        let file = file.unwrap_or_default();
        self.say(match known {
            Known::Homeless => format!("{address}: there is no home to remember its key in"),
            Known::First => format!("{address}: remembered in {file}"),
            Known::Pinned | Known::Before => format!("{address}: this key was remembered already"),
        });
    }

    /// There is a connection with the peer.
    pub(crate) fn connected(
        &self,
        peer: SocketAddr,
        key: &PublicKey,
        known: Known,
        file: Option<&Path>,
    ) {
        self.is_away_told.store(false, Ordering::Relaxed);
        let (peer, key) = (shown(peer), in_words(key));
        self.event("connected", &json!({"peer": peer, "key": key, "known": known.name()}));
        match known {
            Known::First => {
                let file = file.map(|file| file.display().to_string()).unwrap_or_default();
                self.say(format_args!(
                    "first meeting with {peer}: its key is {key}\n  remembered in {file}; \
                     `udp-peer key` shows it there, so that you can compare"
                ));
            }
            Known::Homeless => self.say(format_args!(
                "warning: {peer} has the key {key}, and there is no home to remember it in"
            )),
            Known::Before | Known::Pinned if self.verbose || self.mode == Mode::Chat => {
                self.say(format_args!("connected with {peer}, whose key is known"));
            }
            Known::Before | Known::Pinned => {}
        }
    }

    /// Somebody has connected to us whom we did not call.
    pub(crate) fn came(&self, from: SocketAddr, key: &PublicKey) {
        let (from, key) = (shown(from), in_words(key));
        self.event("connected", &json!({"peer": from, "key": key}));
        self.say(format_args!("{} {from} connected: {key}", time_of_day(SystemTime::now())));
    }

    /// Somebody has called who is not meant.
    pub(crate) fn stranger(&self, from: SocketAddr, key: &PublicKey) {
        let (from, key) = (shown(from), in_words(key));
        self.event("stranger", &json!({"from": from, "key": key}));
        self.say(format_args!("{from} was refused: its key is another one, {key}"));
    }

    /// What a connection has counted, once it is over.
    pub(crate) fn stats(&self, peer: SocketAddr, stats: &Stats) {
        let peer = shown(peer);
        let Stats { sent, sent_bytes, again_bytes, lost, late, probes, .. } = *stats;
        let Stats { received, received_bytes, repeats, unopened, .. } = *stats;
        let event = json!({
            "peer": peer, "sent": sent, "sent_bytes": sent_bytes, "again_bytes": again_bytes,
            "lost": lost, "late": late, "probes": probes, "received": received,
            "received_bytes": received_bytes, "repeats": repeats, "unopened": unopened,
        });
        self.event("stats", &event);
        if self.verbose {
            self.say(format_args!("with {peer}: {stats}"));
        }
    }

    /// What became of the first packets of all who called, once nobody is waited for any more.
    pub(crate) fn handshakes(&self, counts: &Counts, half_open: usize) {
        let Counts { computed, cookies, refused, wrong_key, unreadable, astray } = *counts;
        let event = json!({
            "computed": computed, "cookies": cookies, "refused": refused, "wrong_key": wrong_key,
            "unreadable": unreadable, "astray": astray, "half_open": half_open,
        });
        self.event("handshakes", &event);
        if cookies + refused > 0 {
            self.say(format_args!(
                "many called at once: {computed} handshakes were begun, {cookies} callers had to show \
                 that they are where they say, {refused} were turned away"
            ));
        }
    }

    /// The connection is over.
    pub(crate) fn disconnected(&self, peer: SocketAddr, end: &End) {
        let peer = shown(peer);
        let (name, words) = match end {
            End::Closed => ("closed", None),
            End::ClosedByPeer { code, .. } if *code == CloseCode::Done.number() => {
                ("left", (self.mode != Mode::Send).then(|| format!("{peer} has left")))
            }
            End::ClosedByPeer { .. } => ("closed_by_peer", None),
            End::Silence => {
                ("silence", Some(format!("{peer} has gone: nothing was heard of it for too long")))
            }
            other => ("broken", Some(format!("{peer}: {}", of_end(other)))),
        };
        self.event("disconnected", &json!({"peer": peer, "end": name, "reason": of_end(end)}));
        if let Some(words) = words {
            match self.mode {
                Mode::Recv => {
                    self.say(format_args!("{} {words}", time_of_day(SystemTime::now())));
                }
                _ => self.say(words),
            }
        }
    }

    /// A line of a peer.
    pub(crate) fn message(&self, from: SocketAddr, key: &PublicKey, line: &[u8]) {
        self.received.fetch_add(1, Ordering::Relaxed);
        let (from, bytes) = (shown(from), line.len());
        if self.events.is_some() {
            let text = String::from_utf8_lossy(line);
            let event = json!({"from": from, "key": in_words(key), "bytes": bytes, "text": text});
            return self.event("message", &event);
        }
        let text = line_of_bytes(line);
        let shown = if self.mode == Mode::Recv {
            let time = time_of_day(SystemTime::now());
            let colon = if line.is_empty() { "" } else { ": " };
            format!("{time} {from} {}{colon}{text}\n", bytes_of(bytes as u64))
        } else {
            format!("{from}: {text}\n")
        };
        self.write(|| {
            let mut stdout = io::stdout().lock();
            stdout.write_all(shown.as_bytes())?;
            stdout.flush()
        });
    }

    /// The peer has a line.
    pub(crate) fn confirmed(&self, to: SocketAddr, bytes: usize) {
        self.event("confirmed", &json!({"to": shown(to), "bytes": bytes}));
    }

    /// A line waits until the peer is there.
    pub(crate) fn waiting(&self, to: SocketAddr, bytes: usize) {
        let to = shown(to);
        self.event("waiting", &json!({"to": to, "bytes": bytes}));
        if self.verbose {
            self.say(format_args!("this line waits until {to} is there"));
        }
    }

    /// The peer is not known to have a line, and it is not sent again.
    pub(crate) fn unconfirmed(&self, to: SocketAddr, line: &[u8]) {
        self.count_unconfirmed(1);
        let to = shown(to);
        let text = String::from_utf8_lossy(line);
        self.event("unconfirmed", &json!({"to": to, "bytes": line.len(), "text": text}));
        let (line, more) = match line.get(..SHOWN_OF_LINE) {
            Some(start) => (start, "..."),
            None => (line, ""),
        };
        self.say(format_args!("not confirmed: {}{more}", line_of_bytes(line)));
    }

    pub(crate) fn count_unconfirmed(&self, lines: usize) {
        self.unconfirmed.fetch_add(lines as u64, Ordering::Relaxed);
    }

    /// The connection of somebody broke who may come back.
    pub(crate) fn waiting_for(&self, from: SocketAddr, why: &str) {
        let from = shown(from);
        let text = format!("the connection from {from} broke: {why}; waiting for it to come back");
        self.event("notice", &json!({"kind": "broken", "text": text}));
        self.say(text);
    }

    /// Nobody answers yet; it goes on.
    pub(crate) fn no_answer_yet(&self, to: SocketAddr) {
        let to = shown(to);
        self.event("no_answer", &json!({"peer": to}));
        if !self.is_away_told.swap(true, Ordering::Relaxed) {
            self.say(format_args!("{to} does not answer; calling on"));
        }
    }

    /// An answer that the peer was not reached, which is told once until it is.
    pub(crate) fn unreachable_once(&self, unreachable: Unreachable) {
        if self.is_away_told.swap(true, Ordering::Relaxed) {
            self.unreachable.fetch_add(1, Ordering::Relaxed);
        } else {
            self.unreachable(unreachable);
        }
    }

    /// The peer is elsewhere now.
    pub(crate) fn moved(&self, to: SocketAddr) {
        let to = shown(to);
        self.event("moved", &json!({"peer": to}));
        self.say(format_args!("the peer is at {to} now"));
    }

    /// A line is longer than any may be.
    pub(crate) fn too_long_for_peer(&self, to: SocketAddr, bytes: usize, limit: usize) {
        let why = format!("the peer takes {limit} bytes, and it has {bytes}");
        self.not_sent(to, bytes as u64, "too_long", why);
    }

    /// A line was read, and the connection had ended.
    pub(crate) fn too_late(&self, to: SocketAddr, bytes: usize) {
        self.not_sent(to, bytes as u64, "ended", "the connection has ended".to_owned());
    }
}
