//! The command line of `tcp-client chat`.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chat::Settings;
use chat::limits::MAX_NAME;
use cli::values::duration;
use cli::{CommonArgs, Failure};
use tcp_client::limits::MAX_RETRY_DELAY;
use tcp_client::{ConnectOptions, OnEof, Retry};

use crate::args::{Plan, Server, parse_target};
use crate::secure::TlsArgs;

const EXAMPLES: &str = "\
EXAMPLES
  tcp-client chat                            talk in #lobby of the relay on this machine
  tcp-client chat -n peter --room ops h:7880 under a name, in another room, elsewhere
  uptime | tcp-client chat                   say one line and leave
  tcp-client chat --json < /dev/null         what was said before, as events
";

const AFTER: &str = "\
A line is said to the room; /help names the commands, //text says /text. Lines that the relay has not
taken when a connection breaks are sent after the next one is made. At the end of standard input it stays
until the relay has taken everything, also where nobody reads its output any more (| head).

Exit code: 0 everything was taken, 1 something was not, 2 usage, 130 or 143 ended by SIGINT or SIGTERM";

/// The relay that is called where none is named.
const RELAY: &str = "127.0.0.1:7880";

/// What `tcp-client chat` takes.
#[derive(Debug, clap::Args)]
#[command(before_long_help = EXAMPLES, after_long_help = AFTER)]
pub(crate) struct ChatArgs {
    /// The relay: HOST PORT, HOST:PORT, PORT or unix:PATH [default: 127.0.0.1:7880]
    #[arg(num_args = 0..=2, value_name = "ADDR")]
    target: Vec<String>,

    /// Go by this name [default: the relay picks one]
    #[arg(short, long, value_name = "NAME", value_parser = short_name)]
    name: Option<String>,

    /// Go into this room
    #[arg(long, value_name = "ROOM", default_value = "lobby", value_parser = short_name)]
    room: String,

    /// Give up one attempt to connect after this time
    #[arg(short = 'w', long, value_parser = duration, default_value = "5s", value_name = "TIME")]
    timeout: Duration,

    /// Try so many more times to connect at first
    ///
    /// A connection that breaks later is made again for as long as it takes.
    #[arg(short, long, default_value_t = 0, value_name = "N")]
    retry: u32,

    /// The longest wait before the first of them; it doubles up to 10s
    #[arg(long, value_parser = duration, default_value = "500ms", value_name = "TIME")]
    retry_delay: Duration,

    /// After the end of input wait at most so long for the relay to take the rest
    ///
    /// The time begins anew with each line that is taken.
    #[arg(long, value_parser = duration, default_value = "10s", value_name = "TIME")]
    drain: Duration,

    #[command(flatten)]
    tls: TlsArgs,

    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

impl ChatArgs {
    pub(crate) fn settings(&self) -> Settings {
        // So that a line of this run has another number than any line of an earlier one.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Settings {
            name: self.name.clone(),
            room: self.room.trim_start_matches('#').to_owned(),
            first_id: u64::try_from(now.as_micros()).unwrap_or(1),
            last_wait: self.drain,
        }
    }

    pub(crate) fn plan(&self) -> Result<Plan, Failure> {
        let default = [RELAY.to_owned()];
        let target = if self.target.is_empty() { &default[..] } else { &self.target };
        let address = parse_target(target)?;
        let tls = self.tls.open(&address, self.common.quiet)?;
        Ok(Plan {
            address,
            server: Server::Relay,
            connect: ConnectOptions {
                timeout: Some(self.timeout).filter(|timeout| !timeout.is_zero()),
                tls: tls.as_ref().map(|tls| Arc::clone(&tls.client)),
                ..ConnectOptions::default()
            },
            retry: Retry {
                retries: self.retry,
                first_delay: self.retry_delay,
                max_delay: MAX_RETRY_DELAY.max(self.retry_delay),
            },
            on_eof: OnEof::default(),
            after_eof: None,
            idle: None,
            deadline: None,
            check: false,
            reset_on_close: false,
            tls,
        })
    }
}

fn short_name(text: &str) -> Result<String, String> {
    match text.trim_start_matches('#').len() {
        0 => Err("it has no characters".to_owned()),
        1..=MAX_NAME => Ok(text.to_owned()),
        len => Err(format!("no name has {len} bytes: {MAX_NAME} is the limit")),
    }
}
