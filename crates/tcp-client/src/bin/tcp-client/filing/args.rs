//! The command lines of `tcp-client send-file` and `recv-file`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cli::values::duration;
use cli::{CommonArgs, Failure};
use tcp_client::limits::MAX_RETRY_DELAY;
use tcp_client::{ConnectOptions, OnEof, Retry};
use transfer::Progress;

use crate::args::{Plan, Server, parse_target};
use crate::secure::TlsArgs;

const SEND_EXAMPLES: &str = "\
EXAMPLES
  tcp-server --mode files --dir inbox           on the machine that receives, then:
  tcp-client send-file report.tar               to this machine
  tcp-client send-file photos a.txt --to h:7878 a folder and a file, elsewhere
  tcp-client send-file x.iso -r 100             try for longer when the connection breaks
";

const RECV_EXAMPLES: &str = "\
EXAMPLES
  tcp-server --mode files --dir photos          on the machine that sends, then:
  tcp-client recv-file --from h:7878            everything, into this folder
  tcp-client recv-file 2024/sea.jpg a.txt       a file of a folder, and another one
  tcp-client recv-file --dir inbox --json       elsewhere, told as events
";

const AFTER: &str = "\
Each file is checked with BLAKE3, and nothing that is there is written over: a name that is taken gets a
number. A connection that breaks is made again. What was left half done, by Ctrl-C or by kill -9 on
either side, goes on where it stopped when the same command is given again; until then it is kept as
NAME.KEY.part. Links, rights and owners do not cross.

Exit code: 0 everything came over, 1 something did not, 2 usage, or nothing to do, 124 no connection in
time, 130 or 143 ended by SIGINT or SIGTERM";

/// What `tcp-client send-file` takes.
#[derive(Debug, clap::Args)]
#[command(before_long_help = SEND_EXAMPLES, after_long_help = AFTER)]
pub(crate) struct SendArgs {
    /// Files and folders; a folder is sent with all that is in it
    #[arg(required = true, value_name = "PATH")]
    pub(super) paths: Vec<PathBuf>,

    /// Where to: HOST:PORT, PORT or unix:PATH
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7878")]
    to: String,

    #[command(flatten)]
    pub(super) way: WayArgs,
}

/// What `tcp-client recv-file` takes.
#[derive(Debug, clap::Args)]
#[command(before_long_help = RECV_EXAMPLES, after_long_help = AFTER)]
pub(crate) struct RecvArgs {
    /// Files and folders of the server [default: everything]
    #[arg(value_name = "NAME")]
    pub(super) names: Vec<String>,

    /// Where from: HOST:PORT, PORT or unix:PATH
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7878")]
    from: String,

    /// Put them into this folder, which must be there
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    pub(super) dir: PathBuf,

    #[command(flatten)]
    pub(super) way: WayArgs,
}

/// What both take.
#[derive(Debug, clap::Args)]
pub(crate) struct WayArgs {
    /// Give up one attempt to connect after this time
    #[arg(short = 'w', long, value_parser = duration, default_value = "5s", value_name = "TIME")]
    timeout: Duration,

    /// Try so many more times to connect [default: 0 at first, 5 after a break]
    ///
    /// After a break it is counted anew whenever something has come over.
    #[arg(short, long, value_name = "N")]
    retry: Option<u32>,

    /// The longest wait before the first of them; it doubles up to 10s
    #[arg(long, value_parser = duration, default_value = "500ms", value_name = "TIME", hide_short_help = true)]
    retry_delay: Duration,

    /// End when nothing moves for so long [default: none]
    #[arg(long, value_parser = duration, value_name = "TIME", hide_short_help = true)]
    idle: Option<Duration>,

    /// How far it is, on standard error
    #[arg(long, value_enum, default_value_t, value_name = "HOW")]
    pub(super) progress: Progress,

    #[command(flatten)]
    tls: TlsArgs,

    #[command(flatten)]
    pub(super) common: CommonArgs,
}

/// How often to try again after a break, unless the person says otherwise.
const AFTER_A_BREAK: u32 = 5;

impl SendArgs {
    pub(crate) fn init_log(&self) {
        self.way.common.init_log();
    }

    pub(super) fn plan(&self) -> Result<Plan, Failure> {
        self.way.plan(&self.to)
    }
}

impl RecvArgs {
    pub(crate) fn init_log(&self) {
        self.way.common.init_log();
    }

    pub(super) fn plan(&self) -> Result<Plan, Failure> {
        self.way.plan(&self.from)
    }
}

impl WayArgs {
    fn plan(&self, address: &str) -> Result<Plan, Failure> {
        let address = parse_target(&[address.to_owned()])?;
        let tls = self.tls.open(&address, self.common.quiet)?;
        Ok(Plan {
            address,
            server: Server::Files,
            connect: ConnectOptions {
                timeout: Some(self.timeout).filter(|timeout| !timeout.is_zero()),
                tls: tls.as_ref().map(|tls| Arc::clone(&tls.client)),
                ..ConnectOptions::default()
            },
            retry: self.retry(self.retry.unwrap_or(0)),
            on_eof: OnEof::default(),
            after_eof: None,
            idle: self.idle.filter(|idle| !idle.is_zero()),
            deadline: None,
            check: false,
            reset_on_close: false,
            tls,
        })
    }

    /// How to try again after a break.
    pub(super) fn after_break(&self) -> Retry {
        self.retry(self.retry.unwrap_or(AFTER_A_BREAK))
    }

    fn retry(&self, retries: u32) -> Retry {
        let first_delay = self.retry_delay;
        Retry { retries, first_delay, max_delay: MAX_RETRY_DELAY.max(first_delay) }
    }
}
