//! The command line, and what follows from it.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use cli::{CommonArgs, Exit, Failure, Format, values};
use proto::address::is_local;
use proto::{Address, AddressError, sanitize};
use tcp_server::limits::BACKLOG;
use tcp_server::modes::Share;
use tcp_server::program::TlsArgs;
use tcp_server::{BindOptions, Limits};
use transfer::Folder;

use crate::limit_args::LimitArgs;
use crate::place::Place;

const EXAMPLES: &str = "\
EXAMPLES
  tcp-server                         echo on 127.0.0.1:7878; try it with nc 127.0.0.1 7878
  tcp-server -m lines :9000          count the bytes and characters of each line
  tcp-server 0.0.0.0:7878            let other machines in
  tcp-server unix:/tmp/echo.sock     a Unix socket; nc -U /tmp/echo.sock
  tcp-server -p 0 --json             any free port, told in the first event
  tcp-server -m hold --backlog 5     accept one connection for each line on standard input
  tcp-server -m chat                 talk with one client at a time: nc 127.0.0.1 7878
  tcp-server -m files --dir inbox    take and give the files of a folder
  tcp-server -m stdio :9000 > copy   one client to standard output, and input to it, as nc -l 9000
  tcp-server --metrics 9100          figures for Prometheus at http://127.0.0.1:9100/metrics
  tcp-server --tls                   the same over TLS, by a certificate of its own
";

const AFTER: &str = "\
Connections that find --max-conns reached wait in the backlog. The first Ctrl-C (or SIGTERM, SIGHUP) \
stops accepting and lets the connections finish, the second one ends them. SIGUSR1 makes it say how it is \
doing. With --cert, SIGHUP reads the certificate anew instead. Times of day are in UTC.

Exit code: 0 stopped, 1 failed, 2 could not start, 130 or 143 ended by a second signal.";

/// Listen for stream connections, serve each, and say how each one ended.
#[derive(Debug, Parser)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag that is there or is not")]
#[command(name = "tcp-server", version, before_long_help = EXAMPLES, after_long_help = AFTER)]
#[command(max_term_width = 100)]
pub(crate) struct Args {
    /// `HOST:PORT`, `[::1]:PORT` or `unix:PATH` [default: 127.0.0.1:7878]
    #[arg(
        value_name = "ADDR",
        help = "HOST:PORT, [::1]:PORT or unix:PATH [default: 127.0.0.1:7878]"
    )]
    addr: Option<String>,

    /// echo|discard|chargen|lines|frames|stdio|hold|chat|files
    ///
    /// echo, the default, sends back the bytes that come, discard reads them, chargen sends lines of characters for as
    /// long as they are read, lines answers each line with `N bytes, M characters: TEXT`, frames sends back
    /// the project's frames, hold reads nothing and accepts one connection for each line on standard input,
    /// and chat lets you talk with one client at a time: what you type goes to the client, /next takes the
    /// next one, q ends. stdio sends standard input to the first client and writes what that sends to
    /// standard output, as `nc -l` does, and ends with it; the end of either is told to the other side,
    /// which may go on. files takes files into --dir from `tcp-client send-file`, and gives those that are
    /// there to `tcp-client recv-file`. [default: echo]
    #[arg(short, long, value_enum, default_value_t, hide_possible_values = true)]
    #[arg(hide_default_value = true)]
    pub(crate) mode: Mode,

    /// Listen on this port of 127.0.0.1; 0 takes any free one
    ///
    /// It is short for the address. [default: 7878]
    #[arg(short, long, value_name = "N", conflicts_with = "addr", allow_negative_numbers = true)]
    port: Option<u16>,

    /// How many may wait to be accepted
    ///
    /// This is what listen(2) is told; the kernel cuts it to net.core.somaxconn, and on Linux one more
    /// gets in.
    #[arg(long, value_name = "N", default_value_t = BACKLOG, allow_negative_numbers = true)]
    pub(crate) backlog: u32,

    /// Files: the folder of `--mode files`, which must be there [no default]
    ///
    /// Names are made safe, nothing that is there is written over, and no symbolic link is followed.
    #[arg(long, value_name = "DIR", hide_short_help = true, required_if_eq("mode", "files"))]
    pub(crate) dir: Option<PathBuf>,

    /// Files: which way they may go
    #[arg(
        long,
        value_enum,
        default_value_t,
        value_name = "WAY",
        hide_short_help = true,
        requires = "dir"
    )]
    share: ShareArg,

    /// Serve so many at a time [default: 1024; chat: 1]
    ///
    /// The others wait in the kernel's backlog. For files the default is 64.
    #[arg(long, value_name = "N", value_parser = connections, allow_negative_numbers = true)]
    max_conns: Option<usize>,

    #[command(flatten)]
    limits: LimitArgs,

    /// Probe a silent peer so often [default: off]
    ///
    /// Sets `TCP_KEEPIDLE` and `TCP_KEEPINTVL`, in whole seconds. After three probes without an answer
    /// the peer is given up.
    #[arg(long, value_name = "DUR", value_parser = keepalive, allow_negative_numbers = true)]
    keepalive: Option<Duration>,

    /// Time to finish in after Ctrl-C
    ///
    /// Connections that are silent for half a second end at once, others may go on for so long.
    #[arg(long, value_name = "DUR", default_value = "10s", value_parser = values::duration)]
    #[arg(allow_negative_numbers = true)]
    drain: Duration,

    /// Serve one connection, then exit
    #[arg(short = '1', long)]
    once: bool,

    /// Figures for Prometheus, on this port of 127.0.0.1 [default: none]
    ///
    /// 0 takes any free port. They are at /metrics, for everybody who can connect; another address than one
    /// of this machine needs --metrics-for-all too.
    #[arg(long, value_name = "[ADDR:]PORT", hide_short_help = true)]
    metrics: Option<String>,

    /// Let other machines read the figures
    ///
    /// There is neither a password nor encryption.
    #[arg(long, requires = "metrics", hide_short_help = true)]
    metrics_for_all: bool,

    /// What nc needs to listen, and what keeps it from hanging: both are so here.
    #[arg(short = 'l', hide = true)]
    listen: bool,
    #[arg(short = 'N', hide = true)]
    half_close: bool,
    /// What nc needs to serve more than one client.
    #[arg(short = 'k', hide = true)]
    keep_open: bool,

    /// Bind without SO_REUSEADDR
    ///
    /// Then the port of a server that has just ended is refused while connections that it closed are in
    /// TIME_WAIT.
    #[arg(long)]
    pub(crate) no_reuse_addr: bool,

    #[command(flatten)]
    pub(crate) tls: TlsArgs,

    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

/// `--share`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum ShareArg {
    /// Clients send files, and get those that are there.
    #[default]
    Both,
    /// Clients send files, and get none.
    Take,
    /// Clients get files, and send none.
    Give,
}

/// How many may agree on TLS at a time where one is served: 16.
const HANDSHAKES: usize = 16;

/// How many transfers go on at a time, unless the person says otherwise: each has a thread, and a disk that
/// it shares with the others.
const TRANSFERS: usize = 64;

/// How many files are open for a transfer at most, its socket and what its thread waits with among them.
const OPEN_OF_TRANSFER: usize = 65 + 3;

/// What a connection gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// The bytes that it sends
    #[default]
    Echo,
    /// Nothing; everything is read
    Discard,
    /// Lines of characters, as long as they are read
    Chargen,
    /// An answer to each line: N bytes, M characters: TEXT
    Lines,
    /// The frames that it sends
    Frames,
    /// Standard input; what it sends goes to standard output
    Stdio,
    /// Nothing is read; one connection is accepted for each line on standard input
    Hold,
    /// The lines of the person at the server, one client at a time
    Chat,
    /// The files of a folder, or a place for its own
    Files,
}

impl Mode {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::Discard => "discard",
            Self::Chargen => "chargen",
            Self::Lines => "lines",
            Self::Frames => "frames",
            Self::Stdio => "stdio",
            Self::Hold => "hold",
            Self::Chat => "chat",
            Self::Files => "files",
        }
    }
}

impl Args {
    /// Whether an address was given.
    pub(crate) fn has_address(&self) -> bool {
        self.addr.is_some() || self.port.is_some()
    }

    /// Where to listen.
    pub(crate) fn address(&self) -> Result<Address, Failure> {
        let text = match (&self.addr, self.port) {
            (Some(addr), _) => addr.clone(),
            (None, Some(port)) => format!(":{port}"),
            (None, None) => ":7878".to_owned(),
        };
        text.parse().map_err(|error: AddressError| {
            let failure = Failure::new(Exit::Usage, "bad_address", error.to_string());
            match error {
                AddressError::Port(_) => failure.hint("a port is a number from 0 to 65535"),
                AddressError::NoPort(host) => {
                    failure.hint(format!("with the default port: tcp-server {host}:7878"))
                }
                AddressError::Brackets(_) => failure.hint("for example: tcp-server '[::1]:7878'"),
                _ => failure,
            }
        })
    }

    /// What clap cannot check.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        let usage = |message: &str| Failure::new(Exit::Usage, "usage", message);
        if self.mode == Mode::Stdio && self.keep_open {
            return Err(usage("-m stdio serves one client")
                .hint("another one each time: while tcp-server -m stdio; do :; done"));
        }
        if self.mode == Mode::Stdio && self.common.format() == Format::Json {
            return Err(usage("-m stdio needs standard output for what the client sends")
                .hint("leave out --json; who comes and how it ends is told on standard error"));
        }
        Ok(())
    }

    /// After how many connections it ends.
    pub(crate) fn at_most(&self) -> Option<u64> {
        (self.once || self.mode == Mode::Stdio).then_some(1)
    }

    /// Where the figures are to be had.
    pub(crate) fn metrics(&self) -> Result<Option<Address>, Failure> {
        let Some(text) = &self.metrics else { return Ok(None) };
        let address: Address = text.parse().map_err(|error: AddressError| {
            Failure::new(Exit::Usage, "bad_address", format!("--metrics: {error}"))
                .hint("for example --metrics 9100, or --metrics '[::1]:9100'")
        })?;
        if let Address::Unix(_) = address {
            return Err(Failure::new(
                Exit::Usage,
                "usage",
                "--metrics wants a port, as Prometheus does",
            ));
        }
        if !is_local(&address) && !self.metrics_for_all {
            let message = format!("--metrics {address} would show the figures to other machines");
            return Err(Failure::new(Exit::Usage, "not_local", message)
                .hint("--metrics-for-all allows it; there is neither a password nor encryption")
                .hint("--metrics PORT is for this machine alone"));
        }
        Ok(Some(address))
    }

    /// How many are served at a time. The person at the server talks with one of them.
    pub(crate) fn max_conns(&self) -> usize {
        let default = match self.mode {
            // The first who agrees on TLS is the client, and one who is slow to must not keep him out.
            Mode::Stdio if self.tls.is_on() => HANDSHAKES,
            Mode::Chat | Mode::Stdio => 1,
            Mode::Files => TRANSFERS,
            _ => Limits::default().connections,
        };
        self.max_conns.unwrap_or(default)
    }

    /// How many files are open for its connections at most.
    pub(crate) fn open_files(&self) -> usize {
        let each = if self.mode == Mode::Files { OPEN_OF_TRANSFER } else { 1 };
        self.max_conns().saturating_mul(each)
    }

    /// Which way files may go.
    pub(crate) fn share(&self) -> Share {
        match self.share {
            ShareArg::Both => Share::Both,
            ShareArg::Take => Share::Take,
            ShareArg::Give => Share::Give,
        }
    }

    /// The folder of `--mode files`, open; none in another mode.
    pub(crate) fn folder(&self) -> Result<Option<Folder>, Failure> {
        let Some(dir) = &self.dir else { return Ok(None) };
        if self.mode != Mode::Files {
            return Err(Failure::new(Exit::Usage, "usage", "--dir is for --mode files"));
        }
        let shown = sanitize::line_of_bytes(dir.as_os_str().as_encoded_bytes());
        let folder = Folder::open(dir).map_err(|error| {
            let failure =
                Failure::from_io(Exit::Usage, &format!("cannot open the folder {shown}"), &error);
            match error.kind() {
                io::ErrorKind::NotFound => failure.hint(format!("make it: mkdir -p {shown}")),
                _ => failure,
            }
        })?;
        if self.share().takes() {
            folder.check_writable().map_err(|error| {
                let doing = format!("cannot make files in {shown}");
                Failure::from_io(Exit::Usage, &doing, &error)
                    .hint("--share give only gives the files that are there")
            })?;
        }
        Ok(Some(folder))
    }

    pub(crate) fn bind_options(&self) -> BindOptions {
        BindOptions {
            backlog: self.backlog,
            reuse_addr: !self.no_reuse_addr,
            ..BindOptions::default()
        }
    }

    /// What a server that listens at these places allows its peers.
    pub(crate) fn limits(&self, places: &[Place]) -> Limits {
        let is_local = places.iter().all(Place::is_local);
        let limits = self.limits.of(self.mode, self.max_conns(), is_local);
        Limits { drain: self.drain, keepalive: self.keepalive, ..limits }
    }
}

pub(crate) fn connections(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err("a server serves at least one connection at a time".to_owned()),
    }
}

/// The kernel counts whole seconds, from 1 to 32767 (`MAX_TCP_KEEPIDLE`).
fn keepalive(text: &str) -> Result<Duration, String> {
    let time = values::duration(text)?;
    if time.subsec_nanos() == 0 && (1..=32_767).contains(&time.as_secs()) {
        Ok(time)
    } else {
        Err("the kernel takes whole seconds, from 1s to 32767s".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_short_help_fits_on_a_terminal_of_24_lines_and_80_columns() {
        // Through a pipe it is wrapped for 100 columns: what it needs no wrapping for fits in both.
        for width in [80, 100] {
            let help = Args::command().term_width(width).render_help().to_string();
            let lines: Vec<&str> = help.trim_end().lines().collect();
            // The prompt takes one.
            assert!(lines.len() <= 23, "{} lines:\n{help}", lines.len());
            for line in lines {
                assert!(line.chars().count() <= 80, "{line}");
            }
        }
    }

    #[test]
    fn the_long_help_begins_with_examples() {
        let help = Args::command().render_long_help().to_string();
        assert!(help.starts_with("EXAMPLES\n"), "{help}");
    }

    #[track_caller]
    fn check(args: &[&str], expected: &str) {
        let args = Args::try_parse_from([&["tcp-server"], args].concat());
        let address = args.unwrap().address();
        let address =
            address.map_or_else(|failure| failure.to_string(), |address| address.to_string());
        assert_eq!(address, expected);
    }

    #[test]
    fn an_address_is_taken_from_where_it_is_given() {
        check(&[], "127.0.0.1:7878");
        check(&["-p", "0"], "127.0.0.1:0");
        check(&["9000"], "127.0.0.1:9000");
        check(&["unix:/tmp/x"], "unix:/tmp/x");
        check(
            &["7878x"],
            "error: \"7878x\" is not a port\n  hint: a port is a number from 0 to 65535\n",
        );
        check(
            &["localhost"],
            "error: \"localhost\" names no port\n  hint: with the default port: tcp-server localhost:7878\n",
        );
        check(
            &["::1:7878"],
            "error: \"::1:7878\" is ambiguous: an IPv6 address stands in brackets before its port\n  \
             hint: for example: tcp-server '[::1]:7878'\n",
        );
    }

    #[test]
    fn a_person_talks_with_one_client_at_a_time_unless_told_otherwise() {
        for (args, expected) in [
            (&["-m", "chat"][..], 1),
            (&["-m", "chat", "--max-conns", "5"], 5),
            (&["-m", "stdio"], 1),
            (&["-m", "stdio", "--tls"], 16),
            (&["-m", "lines"], 1024),
        ] {
            let args = Args::try_parse_from([&["tcp-server"], args].concat()).unwrap();
            assert_eq!(args.max_conns(), expected);
        }
    }

    #[test]
    fn a_number_that_is_negative_is_refused_as_such() {
        for (args, why) in [
            (["--backlog", "-1"], "-1 is not in 0..=4294967295"),
            (["--idle", "-1"], "\"-1\" is not a time: it must not be negative"),
            (["--drain", "-0.5"], "\"-0.5\" is not a time: it must not be negative"),
            (["--keepalive", "-1"], "it must not be negative"),
            (["--port", "-1"], "-1 is not in 0..=65535"),
            (["--max-conns", "-1"], "a server serves at least one connection at a time"),
        ] {
            let error = Args::try_parse_from([&["tcp-server"], &args[..]].concat()).unwrap_err();
            assert!(error.to_string().contains(why), "{error}");
        }
        // What only begins with a hyphen is an option that was meant to come next.
        let args = ["tcp-server", "--idle", "--json"];
        let error = Args::try_parse_from(args).unwrap_err().to_string();
        assert!(error.contains("a value is required for '--idle <DUR>'"), "{error}");
        assert!(Args::try_parse_from(["tcp-server", "-1"]).unwrap().once);
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        for args in [
            &["-p", "1", "9000"][..],
            &["--max-conns", "0"],
            &["--keepalive", "500ms"],
            &["--keepalive", "40000"],
            &["-m", "chatter"],
        ] {
            let parsed = Args::try_parse_from([&["tcp-server"], args].concat());
            assert_eq!(parsed.unwrap_err().exit_code(), 2, "{args:?}");
        }
    }
}
