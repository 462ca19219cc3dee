//! The flags that every program has.

use std::io;

use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// What a program prints on standard output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Text for a person.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// The flags that every program has; put them into a program's own with `#[command(flatten)]`.
#[derive(Clone, Copy, Debug, Args)]
pub struct CommonArgs {
    /// Standard output: text or json.
    ///
    /// `json` is one object a line, the last one an `end`; it never changes the exit code.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT", hide_possible_values = true)]
    format: Format,
    /// The same as `--format json`.
    #[arg(long, conflicts_with = "format", hide_short_help = true)]
    json: bool,
    /// Say more on standard error; -vv for debugging.
    ///
    /// -vvv is for everything. `RUST_LOG` wins over it.
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Say nothing on standard error but errors.
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,
}

impl CommonArgs {
    /// The format that was asked for.
    pub fn format(&self) -> Format {
        if self.json { Format::Json } else { self.format }
    }

    /// Sends the log to standard error at the level that was asked for. `RUST_LOG` wins over the flags.
    pub fn init_log(&self) {
        self.init_log_to(io::stderr);
    }

    /// The same, to another writer.
    pub(crate) fn init_log_to<W>(self, writer: W)
    where
        W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
    {
        let level = match (self.quiet, self.verbose) {
            (true, _) => "error",
            (false, 0) => "warn",
            (false, 1) => "info",
            (false, 2) => "debug",
            (false, _) => "trace",
        };
        let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
        tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(writer)
            .with_target(false)
            .with_ansi(false)
            .init();
    }
}
