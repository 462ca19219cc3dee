//! The command line.

mod mode;
mod target;
mod values;

use std::path::PathBuf;
use std::time::Duration;

use arq::PublicKey;
use clap::{Parser, Subcommand, value_parser};
use cli::values::duration;
use cli::{CommonArgs, Failure};
use proto::Address;
use udp_peer::limits::MAX_DATAGRAM;

use crate::filing::{RecvFileArgs, SendFileArgs};
use crate::private::own_key;
pub(crate) use mode::Mode;
use target::target;
pub(crate) use target::{own_address, with_port};
use values::{buffer_size, datagram_size, idle, interval, ping_size};

/// Where `recv` receives unless it is told otherwise: beside `tcp-server`'s 7878.
const DEFAULT_PORT: u16 = 7879;

const EXAMPLES: &str = "\
EXAMPLES
  udp-peer recv                                who sends what to 127.0.0.1:7879
  echo hello | udp-peer send 127.0.0.1:7879    one line, one datagram
  udp-peer send 10.0.0.2:7879 --wait 2s        type lines, see the answers; q ends
  udp-peer chat :7001 :7002                    two people, one here,
  udp-peer chat :7002 :7001                    the other there: private, and nothing is lost
  udp-peer chat :7001 :7002 --plain            the same in bare datagrams
  udp-peer recv 0.0.0.0:7879 -c 1 -W 5s        one datagram, or 124 after 5 seconds
  udp-peer recv --reliable                     and: udp-peer send --reliable :7879 < file
  udp-peer recv-file --dir inbox               and: udp-peer send-file photos --to 10.0.0.2:7879
  udp-peer ping 10.0.0.2 7879 -c 100 -i 20ms   loss and times; there: udp-peer echo 0.0.0.0:7879
  udp-peer key                                 our key, as others are shown it
";

const SHORT_EXAMPLES: &str = "\
Examples:
  udp-peer recv                                who sends what to 127.0.0.1:7879
  echo hello | udp-peer send 127.0.0.1:7879    one line, one datagram
  udp-peer chat :7001 :7002                    talk; the other end has chat :7002 :7001
`--help` tells everything.";

const ENDS: &str = "\
EXIT CODES
  0 done; 1 network or I/O error, or a line that could not be sent; 2 usage, or nothing was \
started; 3 the peer's key is not the one that is known; 124 the time ran out before the count \
was reached; 130, 143 ended by SIGINT, SIGTERM

KEYS
  With --reliable, and in a chat without --plain, everybody proves to own a key. Ours is in \
~/.config/sockeye/udp-peer.key (0600), made when it is needed. A peer's is shown at the first \
meeting and remembered for its address in ~/.config/sockeye/known_peers; another one is refused. \
XDG_CONFIG_HOME stands for ~/.config where it is set.

TIMES AND SIZES
  500ms, 2s, 1m, or a plain number of seconds; 64, 64K, 1M bytes";

/// Datagrams (UDP): see who sends what, send lines, talk with one peer.
#[derive(Debug, Parser)]
#[command(
    version,
    before_long_help = EXAMPLES,
    after_help = SHORT_EXAMPLES,
    after_long_help = ENDS,
    arg_required_else_help = true,
    max_term_width = 100
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Say of each datagram who sent it, when, how long it is, and what it says.
    Recv(RecvArgs),
    /// Send each line of the input as a datagram, until a line "q" or the end.
    Send(SendArgs),
    /// Talk with one peer: type and receive at the same time, until a line "q" or the end.
    Chat(ChatArgs),
    /// Send files and folders to one peer: private, checked, and gone on with after a break.
    SendFile(SendFileArgs),
    /// Take what one peer sends into a folder.
    RecvFile(RecvFileArgs),
    /// Ask somebody again and again, and say what is lost and how long an answer takes.
    Ping(PingArgs),
    /// Answer pings, and nothing else.
    Echo(EchoArgs),
    /// Show our key, make one, or say which one a peer has.
    Key(KeyArgs),
}

/// What keeps lines from being lost and read by others.
#[derive(Debug, clap::Args)]
pub(crate) struct PrivateArgs {
    /// The key that the peer must have [default: the one that is remembered].
    ///
    /// `udp-peer key` shows it on the peer's machine. Nothing is looked up or remembered then.
    #[arg(long, value_name = "KEY", value_parser = own_key::parse, hide_short_help = true)]
    pub(crate) peer_key: Option<PublicKey>,

    /// The file with our own key [default: ~/.config/sockeye/udp-peer.key].
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub(crate) identity: Option<PathBuf>,

    /// Give up a peer of which nothing is heard for so long; the shorter of both sides' counts.
    #[arg(
        long,
        value_name = "TIME",
        value_parser = idle,
        default_value = "30s",
        hide_short_help = true
    )]
    pub(crate) idle: Duration,
}

/// The same where it has to be asked for.
#[derive(Debug, clap::Args)]
pub(crate) struct ReliableArgs {
    /// Private, and what is lost is sent again: both ends need it.
    #[arg(long)]
    pub(crate) reliable: bool,

    #[command(flatten)]
    pub(crate) keys: PrivateArgs,
}

/// `udp-peer ping`.
#[derive(Debug, clap::Args)]
#[command(override_usage = "udp-peer ping [OPTIONS] HOST PORT | HOST:PORT | PORT")]
pub(crate) struct PingArgs {
    /// Whom: a host and its port, or a port of this machine, where udp-peer echo runs.
    #[arg(required = true, num_args = 1..=2, value_name = "ADDR")]
    to: Vec<String>,

    /// Stop after so many [default: none].
    #[arg(short, long, value_name = "N", value_parser = value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,

    /// The time between two of them.
    #[arg(short, long, value_name = "TIME", value_parser = interval, default_value = "1s")]
    pub(crate) interval: Duration,

    /// How long each is, in bytes.
    #[arg(short, long, value_name = "SIZE", value_parser = ping_size, default_value = "64")]
    pub(crate) size: usize,

    /// After the last one wait so long for answers.
    #[arg(short = 'W', long, value_name = "TIME", value_parser = duration, default_value = "1s")]
    pub(crate) wait: Duration,

    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

/// `udp-peer echo`.
#[derive(Debug, clap::Args)]
pub(crate) struct EchoArgs {
    /// Where to answer [default: 127.0.0.1:7879]; 0.0.0.0:7879 for others than this machine, too.
    #[arg(value_name = "ADDR")]
    address: Option<Address>,

    /// Answer on this port of 127.0.0.1; 0 takes any free one.
    #[arg(short, long, value_name = "N", conflicts_with = "address")]
    port: Option<u16>,

    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

/// `udp-peer key`.
#[derive(Debug, clap::Args)]
pub(crate) struct KeyArgs {
    #[command(subcommand)]
    pub(crate) command: Option<KeyCommand>,

    /// The file with our own key [default: ~/.config/sockeye/udp-peer.key].
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) identity: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Show our key, the half that others may know.
    Show,
    /// Make our key; there must be none yet.
    Make,
    /// Remember the key of a peer before the first meeting.
    Pin {
        /// The address, as it will be called.
        address: Address,
        /// The key, as `udp-peer key` shows it on the peer's machine.
        #[arg(value_parser = own_key::parse)]
        key: PublicKey,
    },
}

/// `udp-peer recv`.
#[derive(Debug, clap::Args)]
pub(crate) struct RecvArgs {
    /// Where to receive [default: 127.0.0.1:7879]; 0.0.0.0:7879 for others than this machine, too.
    #[arg(value_name = "ADDR")]
    address: Option<Address>,

    /// Receive on this port of 127.0.0.1; 0 takes any free one.
    #[arg(short, long, value_name = "N", conflicts_with = "address")]
    port: Option<u16>,

    /// Stop after so many datagrams [default: none].
    #[arg(short, long, value_name = "N", value_parser = value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,

    /// Stop after this time; with -c, 124 if there were fewer [default: none].
    #[arg(short = 'W', long, value_name = "TIME", value_parser = duration)]
    pub(crate) time: Option<Duration>,

    /// Receive at most so many bytes of each datagram; what is cut off is lost.
    #[arg(long, value_name = "SIZE", value_parser = datagram_size, default_value_t = MAX_DATAGRAM)]
    pub(crate) max_size: usize,

    /// The size of the receive buffer [default: the kernel's].
    ///
    /// When it is full, the kernel throws away what arrives.
    #[arg(long, value_name = "SIZE", value_parser = buffer_size)]
    pub(crate) rcvbuf: Option<usize>,

    #[command(flatten)]
    pub(crate) private: ReliableArgs,

    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

/// `udp-peer send`.
#[derive(Debug, clap::Args)]
#[command(override_usage = "udp-peer send [OPTIONS] HOST PORT | HOST:PORT | PORT")]
pub(crate) struct SendArgs {
    /// To whom: a host and its port, or a port of this machine.
    #[arg(required = true, num_args = 1..=2, value_name = "ADDR")]
    to: Vec<String>,

    /// Send from this address and port of this machine [default: the kernel chooses].
    #[arg(short, long, value_name = "ADDR")]
    source: Option<Address>,

    /// After the last line wait so long for answers [default: not at all].
    ///
    /// Answers that come earlier are shown, too. UDP has no end: nobody says that no more will come.
    #[arg(short, long, value_name = "TIME", value_parser = duration)]
    wait: Option<Duration>,

    #[command(flatten)]
    pub(crate) private: ReliableArgs,

    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

/// `udp-peer chat`.
#[derive(Debug, clap::Args)]
pub(crate) struct ChatArgs {
    /// The address of this end, to which the peer sends.
    local: Address,

    /// The address of the peer.
    peer: Address,

    /// Bare datagrams: what is lost stays lost, and everybody on the way can read it.
    #[arg(long, conflicts_with_all = ["peer_key", "identity"])]
    pub(crate) plain: bool,

    #[command(flatten)]
    pub(crate) private: PrivateArgs,

    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

/// What `send` and `chat` do alike.
#[derive(Debug)]
pub(crate) struct TalkPlan {
    pub(crate) mode: Mode,
    pub(crate) local: Option<Address>,
    pub(crate) peer: Address,
    pub(crate) wait: Duration,
}

impl Command {
    pub(crate) fn common(&self) -> CommonArgs {
        match self {
            Self::Recv(recv) => recv.common,
            Self::Send(send) => send.common,
            Self::Chat(chat) => chat.common,
            Self::SendFile(send) => send.common(),
            Self::RecvFile(recv) => recv.common(),
            Self::Ping(ping) => ping.common,
            Self::Echo(echo) => echo.common,
            Self::Key(key) => key.common,
        }
    }

    pub(crate) fn mode(&self) -> Mode {
        match self {
            Self::Recv(_) => Mode::Recv,
            Self::Send(_) => Mode::Send,
            Self::Chat(_) => Mode::Chat,
            Self::SendFile(_) => Mode::SendFile,
            Self::RecvFile(_) => Mode::RecvFile,
            Self::Ping(_) => Mode::Ping,
            Self::Echo(_) => Mode::Echo,
            Self::Key(_) => Mode::Key,
        }
    }

    /// Whether what is said is kept until it has arrived.
    pub(crate) fn is_reliable(&self) -> bool {
        match self {
            Self::Recv(recv) => recv.private.reliable,
            Self::Send(send) => send.private.reliable,
            Self::Chat(chat) => !chat.plain,
            Self::SendFile(_) | Self::RecvFile(_) => true,
            Self::Ping(_) | Self::Echo(_) | Self::Key(_) => false,
        }
    }
}

impl RecvArgs {
    pub(crate) fn address(&self) -> Address {
        own_address(self.address.as_ref(), self.port)
    }
}

impl EchoArgs {
    pub(crate) fn address(&self) -> Address {
        own_address(self.address.as_ref(), self.port)
    }
}

impl PingArgs {
    pub(crate) fn plan(&self) -> Result<TalkPlan, Failure> {
        let (mode, wait) = (Mode::Ping, Duration::ZERO);
        Ok(TalkPlan { mode, local: None, peer: target(&self.to)?, wait })
    }
}

impl SendArgs {
    pub(crate) fn plan(&self) -> Result<TalkPlan, Failure> {
        Ok(TalkPlan {
            mode: Mode::Send,
            local: self.source.clone(),
            peer: target(&self.to)?,
            wait: self.wait.unwrap_or_default(),
        })
    }
}

impl ChatArgs {
    pub(crate) fn plan(&self) -> Result<TalkPlan, Failure> {
        Ok(TalkPlan {
            mode: Mode::Chat,
            local: Some(self.local.clone()),
            peer: with_port(self.peer.clone())?,
            wait: Duration::ZERO,
        })
    }
}
