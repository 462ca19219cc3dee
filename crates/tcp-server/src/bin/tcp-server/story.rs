//! What the program tells beside what every server tells.

use std::io::{self, IsTerminal as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use proto::address::is_local;
use proto::{Address, sanitize};
use serde::Serialize;
use tcp_server::accept::{AcceptFault, Refused};
use tcp_server::modes::Ear;
use tcp_server::program::{Secured, SecuredEvent, Telling};
use tcp_server::{Closed, Connection, Counts, Ending, Limits, Observer, Peer};

use crate::args::{Args, Mode};
use crate::clerk;
use crate::keyboard;

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
    mode: &'a str,
    backlog: u32,
    max_conns: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_conns_per_addr: Option<usize>,
    /// Where the figures for Prometheus are.
    #[serde(skip_serializing_if = "Option::is_none")]
    metrics: Option<String>,
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

    /// The server listens: from now on clients get in.
    pub(crate) fn listening(
        &self,
        address: &Address,
        args: &Args,
        limits: &Limits,
        metrics: Option<&Address>,
        tls: Option<&Secured>,
    ) {
        let event = Listening {
            addr: address.to_string(),
            mode: args.mode.name(),
            backlog: args.backlog,
            max_conns: limits.connections,
            max_conns_per_addr: limits.per_address,
            metrics: metrics.map(|address| format!("http://{address}/metrics")),
            tls: tls.map(Secured::event),
        };
        self.telling.tell("listening", &event, || {
            let figures = event.metrics.as_ref();
            let figures = figures.map(|at| format!("  figures at {at}\n")).unwrap_or_default();
            first_screen(address, args, tls) + &figures
        });
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

/// What a person sees first: where it listens, how to try it, who can connect.
fn first_screen(address: &Address, args: &Args, tls: Option<&Secured>) -> String {
    let (version, mode) = (env!("CARGO_PKG_VERSION"), args.mode.name());
    let over = if tls.is_some() { "  TLS" } else { "" };
    let mut lines = vec![format!("tcp-server {version}  {mode}{over}  listening on {address}")];
    lines.extend(tls.map(Secured::in_words));
    lines.push(match args.mode {
        Mode::Frames => "  it speaks frames; nc is only told that it broke the protocol".to_owned(),
        Mode::Files => clerk::ways_to_share(address, args, tls),
        _ => format!("  try it:  {}", ways_to_connect(address, tls)),
    });
    if args.mode == Mode::Chat {
        lines.push("  what you type goes to the client; /next takes the next one, q ends".into());
    }
    if args.mode == Mode::Stdio {
        lines.push(
            "  the first client gets standard input, and its bytes go to standard output".into(),
        );
    }
    if args.mode == Mode::Hold {
        let line = if io::stdin().is_terminal() { "each Enter" } else { "each line of its input" };
        lines.push(format!("  {line} accepts one connection"));
    }
    let who = match address {
        Address::Unix(_) => "whoever may write to the socket's file can connect".to_owned(),
        Address::Tcp { host, port } if is_local(address) => {
            // A shell may take brackets for a pattern.
            let all = if host.contains(':') {
                format!("'[::]:{port}'")
            } else {
                format!("0.0.0.0:{port}")
            };
            format!("only this machine can connect (tcp-server {all} lets others in)")
        }
        Address::Tcp { .. } => {
            let how = match tls {
                None => "can connect, without password or encryption",
                Some(tls) if tls.wants_certificates() => "can connect if it has a certificate",
                Some(_) => "can connect, encrypted, without password",
            };
            format!("every machine that reaches this one {how}")
        }
    };
    lines.push(format!("  {who}.  Ctrl-C stops.\n"));
    lines.join("\n")
}

fn ways_to_connect(address: &Address, tls: Option<&Secured>) -> String {
    let options = tls.map(|tls| format!("{} ", tls.client_options())).unwrap_or_default();
    // A certificate of the client's own would have to be named to openssl too.
    let between = if tls.is_some() { "\n      or:  " } else { "      or      " };
    match address {
        Address::Tcp { host, port } => {
            let host = match host.as_str() {
                "0.0.0.0" => "127.0.0.1",
                "::" => "::1",
                host => host,
            };
            let first = match tls {
                None => format!("nc {host} {port}"),
                Some(_) if host.contains(':') => {
                    format!("openssl s_client -quiet -connect '[{host}]:{port}'")
                }
                Some(_) => format!("openssl s_client -quiet -connect {host}:{port}"),
            };
            format!("{first}{between}tcp-client {options}{host} {port}")
        }
        Address::Unix(path) => {
            let path = path.display();
            let first = match tls {
                None => format!("nc -U {path}"),
                Some(_) => format!("openssl s_client -quiet -unix {path}"),
            };
            format!("{first}{between}tcp-client {options}{address}")
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[track_caller]
    fn check(args: &[&str], expected: &[&str]) {
        let args = Args::parse_from([&["tcp-server"], args].concat());
        let screen = first_screen(&args.address().unwrap(), &args, None);
        for part in expected {
            assert!(screen.contains(part), "{part}\n{screen}");
        }
    }

    #[test]
    fn the_first_screen_says_where_how_and_who() {
        check(
            &[],
            &[
                "  echo  listening on 127.0.0.1:7878\n",
                "  try it:  nc 127.0.0.1 7878      or      tcp-client 127.0.0.1 7878\n",
                "  only this machine can connect (tcp-server 0.0.0.0:7878 lets others in).  Ctrl-C stops.\n",
            ],
        );
        check(&["0.0.0.0:1"], &["nc 127.0.0.1 1 ", "every machine that reaches this one"]);
        check(&["[::]:1"], &["listening on [::]:1\n", "nc ::1 1 ", "every machine"]);
        check(&["[::1]:1"], &["nc ::1 1 ", "(tcp-server '[::]:1' lets others in)"]);
        check(&["unix:/x"], &["nc -U /x ", "tcp-client unix:/x\n", "write to the socket's file"]);
        check(&["-m", "hold"], &["accepts one connection\n"]);
        check(&["-m", "frames"], &["it speaks frames"]);
    }
}
