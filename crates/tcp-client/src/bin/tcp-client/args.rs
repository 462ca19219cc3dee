//! The command line.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use cli::values::duration;
use cli::{CommonArgs, Exit, Failure};
use proto::{Address, AddressError, address};
use tcp_client::limits::MAX_RETRY_DELAY;
use tcp_client::{ConnectOptions, Family, OnEof, Retry};

use crate::chatting::ChatArgs;
use crate::filing::{RecvArgs, SendArgs};
use crate::secure::{Secure, TlsArgs};

const EXAMPLES: &str = "\
EXAMPLES
  echo hello | tcp-client 127.0.0.1 7878        send a line, print the reply
  tcp-client example.org:80 -C < request.txt    send a file, its lines ended by CR LF
  tcp-client h 7878 < big.tar > copy.tar        both directions at once, byte for byte
  tcp-client -z 10.0.0.9 22 && ssh 10.0.0.9     only see whether somebody listens
  tcp-client -r 20 -w 1s localhost 5432         wait for a server that is starting
  tcp-client unix:/run/app.sock                 talk to a Unix socket
  tcp-client --tls h 7878                       over TLS; the server is known the next time
  tcp-client chat                               talk with others through a relay
  tcp-client send-file report.tar --to h:7878   send files, checked and resumed
  tcp-client recv-file --from h:7878            fetch files
";

const SHORT_EXAMPLES: &str = "\
Examples:
  echo hello | tcp-client 127.0.0.1 7878    send a line, print the reply
  tcp-client h:7878 < big.tar > copy.tar    both directions at once
  tcp-client -z 10.0.0.9 22                 only see whether somebody listens
`--help` tells everything.";

const ENDS: &str = "\
HOW IT ENDS
  At the end of standard input the peer is told so (FIN), and its reply is read to \
the end. When the peer closes, what standard input has is still sent: a file to its \
end, a pipe until it pauses for 50ms, or for 1s once the peer has taken bytes after \
its own end. A terminal at which nobody types ends at once. What the peer refuses is \
an error.

EXIT CODES
  0 done; 1 network or I/O error; 2 usage, or unknown host; 3 the server's certificate is \
not the known one; 124 a time limit that was asked for ran out; 130, 143 ended by \
SIGINT, SIGTERM

TIMES
  500ms, 2s, 1m, or a plain number of seconds";

/// Connect to a stream socket: standard input to the peer, its bytes to stdout.
#[derive(Debug, Parser)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag that is there or is not")]
#[command(
    version,
    before_long_help = EXAMPLES,
    after_help = SHORT_EXAMPLES,
    after_long_help = ENDS,
    arg_required_else_help = true,
    max_term_width = 100,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    // A host may be called `help`; one called `chat` or `send-file` is written with its port.
    disable_help_subcommand = true,
    override_usage = "tcp-client [OPTIONS] HOST PORT | HOST:PORT | PORT | unix:PATH\n       \
                      tcp-client chat|send-file|recv-file --help"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    /// Where to connect: a host and its port, or a port of this machine, or a Unix socket.
    ///
    /// An IPv6 address stands in brackets before its port, or apart from it.
    #[arg(required_unless_present_any = ["port", "listen"], num_args = 1..=2, value_name = "ADDRESS", hide_short_help = true)]
    target: Vec<String>,

    /// Give up connecting after this time.
    ///
    /// The limit holds for one attempt: the look-up of the name and all its addresses together. 0 leaves
    /// it to the kernel, which takes about two minutes.
    #[arg(short = 'w', long, value_parser = duration, default_value = "5s", value_name = "TIME")]
    timeout: Duration,

    /// End after so much silence both ways [default: none].
    #[arg(long, value_parser = duration, value_name = "TIME", hide_short_help = true)]
    idle: Option<Duration>,

    /// End after this time in all [default: none].
    ///
    /// Connecting and the waits between attempts count too.
    #[arg(long, value_parser = duration, value_name = "TIME")]
    deadline: Option<Duration>,

    /// Give the peer up when it acknowledges nothing for so long [default: the kernel's, about 15 minutes].
    ///
    /// Or when it has no room for so long. Sets `TCP_USER_TIMEOUT`; the connection ends with ETIMEDOUT.
    #[arg(long, value_parser = duration, value_name = "TIME", hide_short_help = true)]
    user_timeout: Option<Duration>,

    /// Only connect, and say how long it took.
    #[arg(short = 'z', long = "check")]
    check: bool,

    /// Try so many more times to connect.
    #[arg(short, long, default_value_t = 0, value_name = "N")]
    retry: u32,

    /// The longest wait before the first of them; it doubles each time up to 10s.
    ///
    /// Each wait is a random part of it, so that many clients do not come back at the same moment.
    #[arg(long, value_parser = duration, default_value = "500ms", value_name = "TIME", hide_short_help = true)]
    retry_delay: Duration,

    /// Connect from this address of this machine [default: the kernel chooses].
    #[arg(short, long, value_name = "IP", hide_short_help = true)]
    source: Option<IpAddr>,

    /// Connect from this port [default: the kernel chooses].
    #[arg(long, value_name = "PORT", hide_short_help = true)]
    source_port: Option<u16>,

    /// IPv4 only.
    #[arg(short = '4', conflicts_with = "ipv6", hide_short_help = true)]
    ipv4: bool,

    /// IPv6 only.
    #[arg(short = '6', hide_short_help = true)]
    ipv6: bool,

    /// Numbers only: ask no name service.
    #[arg(short = 'n', long, hide_short_help = true)]
    numeric: bool,

    /// What the end of standard input means for the connection.
    #[arg(long, value_enum, default_value_t, value_name = "WHAT", hide_short_help = true)]
    on_eof: EofArg,

    /// The same as `--on-eof half-close`, for fingers that know nc.
    #[arg(short = 'N', conflicts_with = "on_eof", hide_short_help = true)]
    half_close: bool,

    /// After the end of standard input read on at most so long [default: none].
    ///
    /// Then close, and exit with 0. This is nc's `-q SECONDS`; here `-q` is `--quiet`, as in every program of this family.
    /// `--on-eof close` is the same with no time at all.
    #[arg(long, value_parser = duration, value_name = "TIME", hide_short_help = true)]
    linger_after_eof: Option<Duration>,

    /// How to close.
    #[arg(long, value_enum, default_value_t, value_name = "HOW", hide_short_help = true)]
    on_close: CloseArg,

    /// Send CR LF at the end of each line.
    #[arg(short = 'C', long)]
    pub(crate) crlf: bool,

    /// Show a terminal every byte as it comes, control characters too.
    ///
    /// Without it a terminal is shown `\x1b` in place of ESC, so that a peer can neither move the cursor
    /// nor set the title. A file or a pipe always gets every byte as it came.
    #[arg(long, hide_short_help = true)]
    pub(crate) raw: bool,

    #[command(flatten)]
    pub(crate) tls: TlsArgs,

    #[command(flatten)]
    pub(crate) common: CommonArgs,

    /// What nc calls the source port and iperf3 the server's: refused with a word on what to write.
    #[arg(short = 'p', hide = true, num_args = 0..=1, default_missing_value = "", value_name = "PORT")]
    port: Option<String>,

    /// What nc calls listening: refused with the program that does.
    #[arg(short = 'l', hide = true)]
    listen: bool,
}

/// What else the program does.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Talk with others in a room of a relay
    // The usage names it; a list of one would push the short help off a small terminal.
    #[command(hide = true)]
    Chat(ChatArgs),
    /// Send files and folders to a server of files
    #[command(hide = true)]
    SendFile(SendArgs),
    /// Fetch files and folders from a server of files
    #[command(hide = true)]
    RecvFile(RecvArgs),
}

/// `--on-eof`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum EofArg {
    /// Tell the peer (FIN) and read on until it closes.
    #[default]
    HalfClose,
    /// Close at once; what the peer still sends is lost.
    Close,
    /// Tell the peer nothing and read on until it closes.
    Keep,
}

/// `--on-close`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum CloseArg {
    /// In order: what was sent still arrives.
    #[default]
    Half,
    /// With a reset (`SO_LINGER` of 0): the peer meets an error, and what it has not got yet is thrown
    /// away. For trying out what a peer does then.
    Reset,
}

/// The program of ours that could listen where the client connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Server {
    Echo,
    Relay,
    Files,
}

impl Server {
    /// The command that makes it listen at an address.
    pub(crate) fn command(self, address: &Address) -> String {
        let (name, default) = match self {
            Self::Echo => ("tcp-server", "127.0.0.1:7878"),
            Self::Relay => ("relay", "127.0.0.1:7880"),
            Self::Files => ("tcp-server --mode files --dir DIR", "127.0.0.1:7878"),
        };
        let address = address.to_string();
        if address == default { name.to_owned() } else { format!("{name} {address}") }
    }
}

/// What the command line asks for, checked.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) address: Address,
    pub(crate) server: Server,
    pub(crate) connect: ConnectOptions,
    pub(crate) retry: Retry,
    pub(crate) on_eof: OnEof,
    pub(crate) after_eof: Option<Duration>,
    pub(crate) idle: Option<Duration>,
    pub(crate) deadline: Option<Duration>,
    pub(crate) check: bool,
    pub(crate) reset_on_close: bool,
    pub(crate) tls: Option<Secure>,
}

impl Args {
    /// What clap cannot check by itself.
    pub(crate) fn plan(&self) -> Result<Plan, Failure> {
        self.refuse_habits()?;
        let address = parse_target(&self.target)?;
        self.check_source(&address)?;
        let tls = self.tls.open(&address, self.common.quiet)?;
        let on_eof = match self.on_eof {
            EofArg::HalfClose => OnEof::HalfClose,
            EofArg::Close if self.linger_after_eof.is_some() => {
                return Err(usage(
                    "--on-eof close does not read on, so --linger-after-eof has no time to limit",
                )
                .hint("leave out --on-eof close"));
            }
            EofArg::Close => OnEof::Close,
            EofArg::Keep => OnEof::Keep,
        };
        Ok(Plan {
            address,
            server: Server::Echo,
            connect: ConnectOptions {
                timeout: Some(self.timeout).filter(|timeout| !timeout.is_zero()),
                family: self.family(),
                source: self.source,
                source_port: self.source_port.unwrap_or(0),
                names: !self.numeric,
                user_timeout: self.user_timeout.filter(|limit| !limit.is_zero()),
                tls: tls.as_ref().map(|tls| Arc::clone(&tls.client)),
                ..ConnectOptions::default()
            },
            retry: Retry {
                retries: self.retry,
                first_delay: self.retry_delay,
                max_delay: MAX_RETRY_DELAY.max(self.retry_delay),
            },
            on_eof,
            after_eof: self.linger_after_eof,
            idle: self.idle.filter(|idle| !idle.is_zero()),
            deadline: self.deadline.filter(|deadline| !deadline.is_zero()),
            check: self.check,
            reset_on_close: self.on_close == CloseArg::Reset,
            tls,
        })
    }

    fn family(&self) -> Option<Family> {
        match (self.ipv4, self.ipv6) {
            (true, _) => Some(Family::V4),
            (_, true) => Some(Family::V6),
            _ => None,
        }
    }

    fn refuse_habits(&self) -> Result<(), Failure> {
        if self.port.is_some() {
            return Err(usage("-p is not an option of tcp-client").hint(
                "nc uses -p for the source port, iperf3 for the server port: write HOST PORT or --source-port",
            ));
        }
        if self.listen {
            return Err(
                usage("tcp-client does not listen").hint("tcp-server does: tcp-server :7878")
            );
        }
        Ok(())
    }

    fn check_source(&self, address: &Address) -> Result<(), Failure> {
        let family = self.family();
        let of_ip = self.source.is_some() || self.source_port.is_some() || family.is_some();
        if of_ip && matches!(address, Address::Unix(_)) {
            return Err(usage("-4, -6, --source and --source-port mean nothing to a Unix socket"));
        }
        if self.user_timeout.is_some() && matches!(address, Address::Unix(_)) {
            return Err(usage(
                "a Unix socket has no acknowledgements, so --user-timeout has no meaning",
            )
            .hint("--idle ends a connection that is silent"));
        }
        match (family, self.source) {
            (Some(family), Some(source)) if Family::of(source) != family => {
                Err(usage(format!("{source} is no {family} address to connect from")))
            }
            _ => Ok(()),
        }
    }
}

// A subcommand comes before the target: clap takes its name first, and a host of the same name can still
// be written with its port, `chat:7878`.
pub(crate) fn parse_target(target: &[String]) -> Result<Address, Failure> {
    let parsed = match target {
        [host, port] if !host.contains(':') || address::is_ipv6(host) || host.starts_with('[') => {
            Address::from_host_and_port(host, port)
        }
        [whole] => whole.parse(),
        _ => {
            let text = target.join(" ");
            return Err(usage(format!("\"{text}\" names a port twice"))
                .hint("write HOST PORT or HOST:PORT"));
        }
    };
    let address = parsed.map_err(|error| {
        let failure = usage(error.to_string());
        match error {
            AddressError::Port(_) => failure.hint("a port is a number from 1 to 65535"),
            AddressError::NoPort(host) => failure.hint(format!("write {host}:7878 or {host} 7878")),
            AddressError::Url(_) => {
                failure.hint("write HOST PORT or HOST:PORT, as in localhost 80")
            }
            AddressError::Brackets(_) => failure.hint("write [::1]:7878 or ::1 7878"),
            _ => failure,
        }
    })?;
    if let Address::Tcp { port: 0, .. } = address {
        return Err(usage(format!("cannot connect to {address}: nobody has port 0"))
            .hint("a server that takes port 0 gets any free one, and says which"));
    }
    Ok(address)
}

fn usage(message: impl Into<String>) -> Failure {
    Failure::new(Exit::Usage, "usage", message)
}
