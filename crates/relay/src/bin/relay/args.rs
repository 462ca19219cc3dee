//! The command line, and what follows from it.

use std::time::Duration;

use clap::{Parser, Subcommand};
use cli::{CommonArgs, Exit, Failure, values};
use proto::address::is_local;
use proto::{Address, AddressError};
use relay::Limits;
use tcp_server::BindOptions;
use tcp_server::limits::BACKLOG;
use tcp_server::program::TlsArgs;

/// The port that is taken where none is given.
pub(crate) const PORT: u16 = 7880;

const EXAMPLES: &str = "\
EXAMPLES
  relay                              on 127.0.0.1:7880; try it with nc 127.0.0.1 7880
  relay :9000                        another port
  relay -p 0 --json                  any free port, told in the first event
  relay unix:/tmp/relay.sock         a Unix socket, for who may write to its file
  relay --tls                        the same over TLS, by a certificate of its own
  relay 0.0.0.0:7880 --tls --open-to-network
                                     let other machines in, without passwords
  relay 0.0.0.0:7880 --cert c.pem --key c.pem --client-ca ca.pem
                                     let those in who have a certificate
";

const AFTER: &str = "\
Programs speak frames, and people with nc speak lines, on the same port and in the same rooms. The first \
Ctrl-C (or SIGTERM, SIGHUP) delivers what was taken, says goodbye to everybody and ends; the second one \
ends now. SIGUSR1 makes it say how many are connected. With --cert, SIGHUP reads the certificate anew instead.

Exit code: 0 stopped, 1 failed, 2 could not start, 130 or 143 ended by a second signal.";

/// Relay what people say in rooms to everybody in them.
#[derive(Debug, Parser)]
#[command(name = "relay", version, before_long_help = EXAMPLES, after_long_help = AFTER)]
#[command(max_term_width = 100, args_conflicts_with_subcommands = true)]
#[command(disable_help_subcommand = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    serve: Serve,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Listen and relay; the same as no command at all
    Serve(Serve),
}

/// What `relay serve` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Serve {
    /// `HOST:PORT`, `[::1]:PORT` or `unix:PATH` [default: 127.0.0.1:7880]
    #[arg(
        value_name = "ADDR",
        help = "HOST:PORT, [::1]:PORT or unix:PATH [default: 127.0.0.1:7880]"
    )]
    addr: Option<String>,

    /// Listen on this port of 127.0.0.1; 0 takes any free one
    ///
    /// It is short for the address. [default: 7880]
    #[arg(short, long, value_name = "N", conflicts_with = "addr", allow_negative_numbers = true)]
    port: Option<u16>,

    /// Let other machines in, without passwords
    ///
    /// Whoever reaches the port then reads and writes in every room under any name, and without --tls whoever
    /// sees the packets reads them too. Without this, and without --client-ca, the relay listens only where
    /// this machine alone can connect.
    #[arg(long)]
    open_to_network: bool,

    /// How many people may be here at a time
    ///
    /// The others wait in the kernel's backlog.
    #[arg(long, value_name = "N", default_value_t = Limits::default().people)]
    #[arg(value_parser = people, allow_negative_numbers = true)]
    pub(crate) max_people: usize,

    /// How many may wait to be accepted
    #[arg(long, value_name = "N", default_value_t = BACKLOG, allow_negative_numbers = true)]
    #[arg(hide_short_help = true)]
    backlog: u32,

    /// Memory that may wait for one reader
    ///
    /// Who is behind by more is ended as `TooSlow`, and the rooms are told.
    #[arg(long, value_name = "SIZE", default_value = "8M", value_parser = values::size)]
    #[arg(allow_negative_numbers = true)]
    outbox: u64,

    /// Time to deliver in after Ctrl-C
    #[arg(long, value_name = "DUR", default_value = "10s", value_parser = values::duration)]
    #[arg(allow_negative_numbers = true)]
    drain: Duration,

    #[command(flatten)]
    pub(crate) tls: TlsArgs,

    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

impl Args {
    /// The one command that there is.
    pub(crate) fn into_serve(self) -> Serve {
        match self.command {
            Some(Command::Serve(serve)) => serve,
            None => self.serve,
        }
    }
}

impl Serve {
    /// Where to listen.
    pub(crate) fn address(&self) -> Result<Address, Failure> {
        let text = match (&self.addr, self.port) {
            (Some(addr), _) => addr.clone(),
            (None, Some(port)) => format!(":{port}"),
            (None, None) => format!(":{PORT}"),
        };
        let address: Address = text.parse().map_err(|error: AddressError| {
            let failure = Failure::new(Exit::Usage, "bad_address", error.to_string());
            match error {
                AddressError::NoPort(host) => {
                    failure.hint(format!("with the default port: relay {host}:{PORT}"))
                }
                AddressError::Brackets(_) => failure.hint("for example: relay '[::1]:7880'"),
                _ => failure,
            }
        })?;
        let is_guarded = self.open_to_network || self.tls.client_ca.is_some();
        if !is_guarded && !matches!(address, Address::Unix(_)) && !is_local(&address) {
            let message =
                format!("{address} lets other machines in, and there are no passwords yet");
            return Err(Failure::new(Exit::Usage, "open_to_network", message)
                .hint("--open-to-network says that everybody who reaches it may read and write")
                .hint("--client-ca FILE lets in only who has a certificate")
                .hint(format!(
                    "without an address only this machine can connect, on 127.0.0.1:{PORT}"
                )));
        }
        Ok(address)
    }

    pub(crate) fn bind_options(&self) -> BindOptions {
        BindOptions { backlog: self.backlog, ..BindOptions::default() }
    }

    pub(crate) fn limits(&self) -> Limits {
        Limits {
            people: self.max_people,
            outbox: usize::try_from(self.outbox).unwrap_or(usize::MAX),
            drain: self.drain,
            ..Limits::default()
        }
    }
}

fn people(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err("a relay serves at least one person at a time".to_owned()),
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
        for command in [&["relay"][..], &["relay", "serve"]] {
            let args = Args::try_parse_from([command, args].concat()).unwrap().into_serve();
            let address = args.address();
            let address = address.map_or_else(|failure| failure.to_string(), |a| a.to_string());
            assert!(address.starts_with(expected), "{address}");
        }
    }

    #[test]
    fn an_address_is_taken_from_where_it_is_given() {
        check(&[], "127.0.0.1:7880");
        check(&["-p", "0"], "127.0.0.1:0");
        check(&["9000"], "127.0.0.1:9000");
        check(&["unix:/tmp/x"], "unix:/tmp/x");
        check(&["[::1]:1"], "[::1]:1");
        check(&["0.0.0.0:1", "--open-to-network"], "0.0.0.0:1");
        check(
            &["0.0.0.0:1"],
            "error: 0.0.0.0:1 lets other machines in, and there are no passwords yet\n  \
             hint: --open-to-network says that everybody who reaches it may read and write\n",
        );
        check(&["[::]:1"], "error: [::]:1 lets other machines in");
        // Encryption alone keeps nobody out.
        check(&["[::]:1", "--tls"], "error: [::]:1 lets other machines in");
        check(&["[::]:1", "--client-ca", "ca.pem"], "[::]:1");
        check(&["localhost"], "error: \"localhost\" names no port\n");
    }

    #[test]
    fn a_number_that_is_negative_is_refused_as_such() {
        for (args, why) in [
            (["--backlog", "-1"], "-1 is not in 0..=4294967295"),
            (["--drain", "-1"], "\"-1\" is not a time: it must not be negative"),
            (["--outbox", "-1"], "\"-1\" is not a size: it must not be negative"),
            (["--max-people", "-1"], "a relay serves at least one person at a time"),
        ] {
            let error = Args::try_parse_from([&["relay"], &args[..]].concat()).unwrap_err();
            assert!(error.to_string().contains(why), "{error}");
        }
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        for args in [&["-p", "1", "9000"][..], &["--max-people", "0"], &["--outbox", "x"]] {
            let parsed = Args::try_parse_from([&["relay"], args].concat());
            assert_eq!(parsed.unwrap_err().exit_code(), 2, "{args:?}");
        }
    }

    #[test]
    fn the_defaults_are_the_limits_of_the_library() {
        let args = Args::parse_from(["relay"]).into_serve();
        assert_eq!(args.limits(), Limits::default());
    }
}
