//! What is told: datagrams and events on standard output, the story on standard error.

mod pings;
mod private;
mod welcome;

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Instant, SystemTime};

use cli::failure::io_words;
use cli::values::time_of_day;
use cli::{CommonArgs, Events, Exit, Failure, Format, output};
use proto::Address;
use proto::sanitize::line_of_bytes;
use serde::Serialize;
use udp_peer::{Received, SendError, Unreachable, What};

use crate::args::Mode;

/// The program and the version of its events.
pub(crate) const SCHEMA: &str = "udp-peer/1";

/// Where the story goes, and what there was in it.
#[derive(Debug)]
pub(crate) struct Report {
    mode: Mode,
    /// Whether it is about connections, and not about datagrams.
    is_reliable: bool,
    events: Option<Events>,
    verbose: bool,
    quiet: bool,
    started: Instant,
    sent: AtomicU64,
    not_sent: AtomicU64,
    received: AtomicU64,
    lost: AtomicU64,
    unreachable: AtomicU64,
    /// Lines that were sent and not confirmed.
    unconfirmed: AtomicU64,
    /// Whether it was told that the peer is not reached, since it was last.
    is_away_told: AtomicBool,
    /// Whether the reader of standard output has gone, and the program goes on.
    is_unread: AtomicBool,
}

#[derive(Serialize)]
struct Listening {
    addr: String,
    mode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<String>,
}

#[derive(Serialize)]
struct Datagram<'a> {
    from: String,
    bytes: usize,
    text: &'a str,
    cut: bool,
    /// How many of the bytes are in `text`, where that is not all.
    #[serde(skip_serializing_if = "Option::is_none")]
    kept: Option<usize>,
}

#[derive(Serialize)]
struct Sent {
    to: String,
    bytes: usize,
}

#[derive(Serialize)]
struct NotSent {
    to: String,
    bytes: u64,
    kind: &'static str,
    why: String,
}

#[derive(Serialize)]
struct UnreachableEvent {
    peer: String,
    what: &'static str,
}

#[derive(Serialize)]
struct Lost {
    count: u32,
    total: u64,
}

#[derive(Serialize)]
struct End {
    ok: bool,
    exit: u8,
    sent: u64,
    not_sent: u64,
    received: u64,
    lost: u64,
    unreachable: u64,
    /// Where lines are kept until they are confirmed.
    #[serde(skip_serializing_if = "Option::is_none")]
    unconfirmed: Option<u64>,
    seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Failure>,
}

impl Report {
    pub(crate) fn new(mode: Mode, is_reliable: bool, common: CommonArgs) -> Self {
        let json = common.format() == Format::Json;
        Self {
            mode,
            is_reliable,
            events: json.then(|| Events::stdout(SCHEMA)),
            verbose: common.verbose > 0,
            quiet: common.quiet,
            started: Instant::now(),
            sent: AtomicU64::new(0),
            not_sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            unreachable: AtomicU64::new(0),
            unconfirmed: AtomicU64::new(0),
            is_away_told: AtomicBool::new(false),
            is_unread: AtomicBool::new(false),
        }
    }

    /// Whether what happens is told as events.
    pub(crate) fn tells_events(&self) -> bool {
        self.events.is_some()
    }

    /// Whether there is something to say when all is over.
    pub(crate) fn has_last_word(&self) -> bool {
        self.events.is_some() || self.verbose
    }

    pub(crate) fn count_of_not_sent(&self) -> u64 {
        self.not_sent.load(Ordering::Relaxed)
    }

    /// The socket is there: from now on what is sent to it is received.
    pub(crate) fn listening(&self, local: SocketAddr, peer: Option<SocketAddr>) {
        let (addr, peer) = (shown(local), peer.map(shown));
        if self.events.is_some() {
            return self.event("listening", &Listening { addr, mode: self.mode.name(), peer });
        }
        // Who only pipes lines through it wants no welcome.
        if matches!(self.mode, Mode::Recv | Mode::RecvFile | Mode::Echo)
            || self.verbose
            || io::stdin().is_terminal()
        {
            let version = env!("CARGO_PKG_VERSION");
            let line = if self.is_reliable {
                "each line is kept until the peer has it, and nobody else can read it"
            } else {
                "each line is a datagram"
            };
            let story = match (self.mode, peer) {
                (Mode::RecvFile, _) => welcome::how_to_send_files(local),
                (Mode::Recv, _) if self.is_reliable => welcome::how_to_send_reliably(local),
                (Mode::Recv, _) => welcome::how_to_send(local),
                (Mode::Echo, _) => format!(
                    "{addr}\n  try it:  udp-peer ping {} {}\n  it answers pings and nothing else.  \
                     Ctrl-C stops.",
                    welcome::ip_here(local),
                    local.port()
                ),
                (Mode::Ping, peer) => {
                    format!("{addr} to {}\n  Ctrl-C ends", peer.unwrap_or_default())
                }
                (Mode::Send, peer) => format!(
                    "{addr} to {}\n  {line}; \"q\" or Ctrl-D ends",
                    peer.unwrap_or_default()
                ),
                (Mode::Chat | Mode::Key | Mode::SendFile, peer) => {
                    let peer = peer.unwrap_or_default();
                    let plain = if self.is_reliable { "" } else { " --plain" };
                    format!(
                        "{addr} with {peer}\n  the other end:  udp-peer chat {peer} {addr}{plain}\n  \
                         {line}; \"q\" or Ctrl-D ends"
                    )
                }
            };
            self.say(format_args!("udp-peer {version}  {}  {story}", self.mode.name()));
        }
    }

    /// The kernel has given less than was asked for.
    pub(crate) fn small_buffer(&self, wanted: usize, got: usize) {
        self.say(format_args!(
            "warning: the receive buffer has {got} bytes and not {wanted} (net.core.rmem_max)"
        ));
    }

    /// A datagram came, of which this was kept; what was lost before it is told first.
    pub(crate) fn datagram(&self, received: &Received, kept: &[u8]) {
        self.lost(received.lost_before);
        self.received.fetch_add(1, Ordering::Relaxed);
        let (from, bytes, cut) = (shown(received.from), received.len, received.is_cut());
        if self.events.is_some() {
            let text = &String::from_utf8_lossy(kept);
            let kept = cut.then_some(kept.len());
            return self.event("datagram", &Datagram { from, bytes, text, cut, kept });
        }
        let line = kept.strip_suffix(b"\n").unwrap_or(kept);
        let text = line_of_bytes(line.strip_suffix(b"\r").unwrap_or(line));
        let cut = if cut { format!(" (cut to {})", kept.len()) } else { String::new() };
        let line = if self.mode == Mode::Recv {
            let time = time_of_day(SystemTime::now());
            let colon = if kept.is_empty() { "" } else { ": " };
            format!("{time} {from} {}{cut}{colon}{text}\n", bytes_of(bytes as u64))
        } else {
            let text = if kept.is_empty() { "(an empty datagram)".into() } else { text };
            let cut =
                if cut.is_empty() { cut } else { format!(" {}{cut}", bytes_of(bytes as u64)) };
            format!("{from}{cut}: {text}\n")
        };
        self.write(|| {
            let mut stdout = io::stdout().lock();
            stdout.write_all(line.as_bytes())?;
            stdout.flush()
        });
    }

    /// So many datagrams were lost on the last few inches.
    pub(crate) fn lost(&self, count: u32) {
        if count == 0 {
            return;
        }
        let total = self.lost.fetch_add(count.into(), Ordering::Relaxed) + u64::from(count);
        self.event("lost", &Lost { count, total });
        let words = if count == 1 { "1 datagram was" } else { &format!("{count} datagrams were") };
        self.say(format_args!("warning: {words} lost in the receive buffer, because it was full"));
    }

    /// An answer that something did not arrive.
    pub(crate) fn unreachable(&self, unreachable: Unreachable) {
        self.unreachable.fetch_add(1, Ordering::Relaxed);
        let peer = shown(unreachable.peer);
        let (what, words) = match unreachable.what {
            What::Port => {
                ("port", format!("{peer} answered: port unreachable (nothing receives there)"))
            }
            What::Protocol => {
                ("protocol", format!("{peer} answered: protocol unreachable (it speaks no UDP)"))
            }
            _ => ("host", format!("{peer} is not reached: a machine on the way refuses")),
        };
        self.event("unreachable", &UnreachableEvent { peer, what });
        self.say(words);
    }

    /// The kernel has taken a datagram.
    pub(crate) fn sent(&self, to: SocketAddr, bytes: usize) {
        self.sent.fetch_add(1, Ordering::Relaxed);
        self.event("sent", &Sent { to: shown(to), bytes });
        if self.verbose {
            self.say(format_args!("sent {} to {}", bytes_of(bytes as u64), shown(to)));
        }
    }

    /// An empty line, or one of blanks, was typed where it was surely meant for nobody.
    pub(crate) fn empty_line(&self, to: SocketAddr, bytes: usize) {
        self.not_sent(to, bytes as u64, "empty", "there is nothing in it".to_owned());
    }

    /// A line was too long for a datagram.
    pub(crate) fn too_long(&self, to: SocketAddr, bytes: u64, limit: usize) {
        let what = if self.is_reliable { "a message" } else { "a datagram" };
        let why = format!("{what} takes {limit} bytes, and it has {bytes}");
        self.not_sent(to, bytes, "too_long", why);
    }

    /// The kernel did not take a datagram.
    pub(crate) fn refused(&self, to: SocketAddr, bytes: usize, error: &SendError) {
        let (kind, why) = match error {
            SendError::Io { source, .. } => ("refused", io_words(source)),
            other => ("refused", other.to_string()),
        };
        self.not_sent(to, bytes as u64, kind, why);
    }

    fn not_sent(&self, to: SocketAddr, bytes: u64, kind: &'static str, why: String) {
        self.not_sent.fetch_add(1, Ordering::Relaxed);
        self.say(format_args!("this line was not sent: {why}"));
        self.event("not_sent", &NotSent { to: shown(to), bytes, kind, why });
    }

    /// The program ends; nothing comes after this.
    pub(crate) fn end(&self, exit: Exit, error: Option<Failure>) {
        if let Some(failure) = &error {
            failure.print();
        }
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let end = End {
            ok: exit == Exit::Ok,
            exit: exit.code(),
            sent: count(&self.sent),
            not_sent: count(&self.not_sent),
            received: count(&self.received),
            lost: count(&self.lost),
            unreachable: count(&self.unreachable),
            unconfirmed: self.is_reliable.then(|| count(&self.unconfirmed)),
            // Microseconds are what the clock is good for; more digits would be noise.
            seconds: (self.started.elapsed().as_secs_f64() * 1e6).round() / 1e6,
            error,
        };
        let whole_story = self.mode == Mode::Recv && self.events.is_none() && end.error.is_none();
        if self.verbose || whole_story {
            let End { sent, received, lost, .. } = end;
            let sent =
                if self.mode == Mode::Recv { String::new() } else { format!("sent={sent} ") };
            let time = time_of_day(SystemTime::now());
            self.say(format_args!("{time} stopped  {sent}received={received} lost={lost}"));
        }
        self.event("end", &end);
    }

    fn event(&self, name: &str, body: &impl Serialize) {
        if let Some(events) = &self.events {
            self.write(|| events.try_emit(name, body));
        }
    }

    /// Writes to standard output, and ends the program where that cannot be done.
    ///
    /// A chat goes on where only its reader has gone: what is typed is still said.
    fn write(&self, write: impl FnOnce() -> io::Result<()>) {
        if self.is_unread.load(Ordering::Relaxed) {
            return;
        }
        match write() {
            Err(error) if self.mode == Mode::Chat && error.kind() == io::ErrorKind::BrokenPipe => {
                self.is_unread.store(true, Ordering::Relaxed);
                self.say("nobody reads standard output any more; what you say is still sent");
            }
            done => output::or_exit(done),
        }
    }

    /// A line for everybody who did not ask for silence. Where nobody can read it, nobody misses it.
    fn say(&self, line: impl Display) {
        if !self.quiet {
            let _ = writeln!(io::stderr().lock(), "{line}");
        }
    }
}

/// An address as people write it: one of IPv4 that came through a socket of IPv6 is one of IPv4.
fn shown(addr: SocketAddr) -> String {
    match (addr.ip().to_canonical(), addr) {
        // The zone of a link-local address belongs to it.
        (ip, SocketAddr::V6(v6)) if ip.is_ipv6() => v6.to_string(),
        (ip, _) => Address::from(SocketAddr::new(ip, addr.port())).to_string(),
    }
}

/// Bytes of a datagram, exactly.
fn bytes_of(count: u64) -> String {
    if count == 1 { "1 byte".to_owned() } else { format!("{count} bytes") }
}
