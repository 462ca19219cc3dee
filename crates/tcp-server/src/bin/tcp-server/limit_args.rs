//! The limits of the command line, and what they are in each mode.

use std::time::Duration;

use cli::values;
use tcp_server::Limits;
use tcp_server::limits::{FIRST_BYTE, LEAST_RATE, PER_ADDRESS_SHARE};

use crate::args::{Mode, connections};

/// What clients may do, and for how long.
#[derive(Debug, clap::Args)]
pub(crate) struct LimitArgs {
    /// Serve so many of one address [default: a quarter of all]
    ///
    /// IPv6 counts by the first 64 bits. Others are reset, and told of together. The default is none where
    /// the server listens on this machine alone, and where it serves one client.
    #[arg(long, value_name = "N", value_parser = connections, allow_negative_numbers = true)]
    #[arg(hide_short_help = true)]
    max_conns_per_addr: Option<usize>,

    /// End what is silent for so long; 0 = never [default: 5m]
    ///
    /// In stdio the default is never.
    #[arg(long, value_name = "DUR", value_parser = values::duration, allow_negative_numbers = true)]
    idle: Option<Duration>,

    /// Time for the handshake of TLS
    ///
    /// From the accept on: two round trips, and some computing on both sides.
    #[arg(long, value_name = "DUR", default_value = "10s", value_parser = values::duration)]
    #[arg(allow_negative_numbers = true, hide_short_help = true)]
    handshake_time: Duration,

    /// End who has said nothing at all for so long [default: none; frames and files: 10s]
    ///
    /// 0 = never. It is for where programs talk: a person may think for longer. In files it is the time
    /// until a client has said what it wants, and at most 10s.
    #[arg(long, value_name = "DUR", value_parser = values::duration, allow_negative_numbers = true)]
    #[arg(hide_short_help = true)]
    first_byte: Option<Duration>,

    /// End what brings fewer bytes a second [default: none; frames and files: 500]
    ///
    /// It is looked at over 20 seconds, from the beginning of a message to its end, and all the time where
    /// there are no messages. In files it is looked at over the time of --idle, and what a client hashes
    /// meanwhile counts too. 0 = none. It is for where programs talk.
    #[arg(long, value_name = "SIZE", value_parser = values::size, allow_negative_numbers = true)]
    #[arg(hide_short_help = true)]
    least_rate: Option<u64>,

    /// Time for a line or a frame, from its first byte to its last
    #[arg(long, value_name = "DUR", default_value = "1m", value_parser = values::duration)]
    #[arg(allow_negative_numbers = true, hide_short_help = true)]
    message_time: Duration,

    /// Time for one write to a client that does not read
    #[arg(long, value_name = "DUR", default_value = "30s", value_parser = values::duration)]
    #[arg(allow_negative_numbers = true, hide_short_help = true)]
    write_time: Duration,

    /// The longest line, without its end
    #[arg(long, value_name = "SIZE", default_value = "64K", value_parser = values::size)]
    #[arg(allow_negative_numbers = true, hide_short_help = true)]
    max_line: u64,

    /// The longest frame: the value of its length field [default: 1M]
    #[arg(long, value_name = "SIZE", value_parser = frame_length, allow_negative_numbers = true)]
    #[arg(hide_short_help = true)]
    max_frame: Option<u32>,
}

impl LimitArgs {
    /// The limits of a server in this mode for so many connections at a time, which all come from this
    /// machine where it `is_local`.
    pub(crate) fn of(&self, mode: Mode, connections: usize, is_local: bool) -> Limits {
        let default = Limits::default();
        // All of this machine have one address, and who has the only chair has it from everybody.
        let share = (!is_local && connections >= PER_ADDRESS_SHARE)
            .then_some(connections / PER_ADDRESS_SHARE);
        let idle = match mode {
            Mode::Stdio => None,
            _ => default.idle,
        };
        // Where programs talk, which are not slow to begin; elsewhere a person may type.
        let first_byte = matches!(mode, Mode::Frames | Mode::Files).then_some(FIRST_BYTE);
        let least_rate = matches!(mode, Mode::Frames | Mode::Files).then_some(LEAST_RATE);
        Limits {
            connections,
            per_address: self.max_conns_per_addr.or(share),
            first_byte: self.first_byte.or(first_byte).filter(|limit| !limit.is_zero()),
            least_rate: self.least_rate.or(least_rate).filter(|&rate| rate > 0),
            idle: self.idle.or(idle).filter(|limit| !limit.is_zero()),
            handshake: self.handshake_time,
            message: self.message_time,
            write: self.write_time,
            line: usize::try_from(self.max_line).unwrap_or(usize::MAX),
            frame: self.max_frame.unwrap_or(default.frame),
            ..default
        }
    }
}

/// A header takes 36 bytes of what the length field counts, and nobody is to fill the memory with a frame.
fn frame_length(text: &str) -> Result<u32, String> {
    let size = values::size(text)?;
    match u32::try_from(size) {
        Ok(size) if (64..=MAX_FRAME).contains(&size) => Ok(size),
        _ => Err("a frame has from 64 bytes to 16 MiB less one".to_owned()),
    }
}

/// Below it the first byte of a frame is zero, by which frames are told from text.
const MAX_FRAME: u32 = (1 << 24) - 1;
