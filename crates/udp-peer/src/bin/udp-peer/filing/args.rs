//! The command lines of `udp-peer send-file` and `recv-file`.

use std::path::PathBuf;
use std::time::Duration;

use clap::value_parser;
use cli::values::duration;
use cli::{CommonArgs, Failure};
use proto::Address;
use transfer::Progress;

use crate::args::{Mode, PrivateArgs, TalkPlan, own_address, with_port};

const SEND_EXAMPLES: &str = "\
EXAMPLES
  udp-peer recv-file --dir inbox                on the machine that receives, then:
  udp-peer send-file report.tar                 to this machine
  udp-peer send-file photos a.txt --to h:7879   a folder and a file, elsewhere
";

const RECV_EXAMPLES: &str = "\
EXAMPLES
  udp-peer recv-file 0.0.0.0:7879 --dir inbox   what one peer sends, into this folder; then:
  udp-peer send-file photos --to h:7879         on the machine that sends
  udp-peer recv-file --keep --peer-key KEY      what the owner of this key sends, again and again
";

const AFTER: &str = "\
Everything crosses encrypted, each file is checked with BLAKE3, and nothing that is there is written \
over: a name that is taken gets a number. A connection that breaks is made again. What was left half \
done, by Ctrl-C or by kill -9 on either side, goes on where it stopped when the same command is given \
again; until then it is kept as NAME.KEY.part. Links, rights and owners do not cross.

Exit code: 0 everything came over, 1 something did not, 2 usage, or nothing to do, 3 the peer's key is \
not the one that is known, 124 nobody came in time, 130 or 143 ended by SIGINT or SIGTERM";

/// `udp-peer send-file`.
#[derive(Debug, clap::Args)]
#[command(before_long_help = SEND_EXAMPLES, after_long_help = AFTER)]
pub(crate) struct SendFileArgs {
    /// Files and folders; a folder is sent with all that is in it
    #[arg(required = true, value_name = "PATH")]
    pub(super) paths: Vec<PathBuf>,

    /// Where to: HOST:PORT or PORT
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7879")]
    pub(super) to: Address,

    /// After a break try so many times to go on
    ///
    /// It is counted anew whenever something has come over. Each try takes up to 20s.
    #[arg(short, long, value_name = "N", default_value = "5", value_parser = value_parser!(u32))]
    pub(super) retry: u32,

    #[command(flatten)]
    pub(super) way: WayArgs,
}

/// `udp-peer recv-file`.
#[derive(Debug, clap::Args)]
#[command(before_long_help = RECV_EXAMPLES, after_long_help = AFTER)]
pub(crate) struct RecvFileArgs {
    /// Where to receive [default: 127.0.0.1:7879]; 0.0.0.0:7879 for others than this machine, too
    #[arg(value_name = "ADDR")]
    address: Option<Address>,

    /// Receive on this port of 127.0.0.1; 0 takes any free one
    #[arg(short, long, value_name = "N", conflicts_with = "address")]
    port: Option<u16>,

    /// Put them into this folder, which must be there
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    pub(super) dir: PathBuf,

    /// Go on when everything of one peer has come
    #[arg(short, long)]
    pub(super) keep: bool,

    /// Give up when nobody sends for so long [default: none]
    #[arg(short = 'W', long, value_name = "TIME", value_parser = duration)]
    pub(super) wait: Option<Duration>,

    #[command(flatten)]
    pub(super) way: WayArgs,
}

/// What both take.
#[derive(Debug, clap::Args)]
pub(crate) struct WayArgs {
    /// How far it is, on standard error
    #[arg(long, value_enum, default_value_t, value_name = "HOW")]
    pub(crate) progress: Progress,

    #[command(flatten)]
    pub(crate) private: PrivateArgs,

    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

impl SendFileArgs {
    pub(crate) fn common(&self) -> CommonArgs {
        self.way.common
    }

    pub(super) fn plan(&self) -> Result<TalkPlan, Failure> {
        let (mode, wait) = (Mode::SendFile, Duration::ZERO);
        Ok(TalkPlan { mode, local: None, peer: with_port(self.to.clone())?, wait })
    }
}

impl RecvFileArgs {
    pub(crate) fn common(&self) -> CommonArgs {
        self.way.common
    }

    pub(super) fn address(&self) -> Address {
        own_address(self.address.as_ref(), self.port)
    }
}
