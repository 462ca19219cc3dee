//! What may be asked for on the command line?

use std::env;
use std::io::{self, IsTerminal as _};
use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use cli::CommonArgs;
use scenarios::glyphs::Glyphs;
use scenarios::html::Language;
use scenarios::knob::Knob;
use scenarios::look::{Diagram, Look};
#[cfg(all(feature = "lab", target_os = "linux"))]
use scenarios::options::Options;
use terminal_size::terminal_size_of;

use crate::knobs;

/// Plays the demos: what the kernel does, beside what people believe it does.
#[derive(Parser)]
#[command(version, before_long_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "Examples:
  cargo xtask demo backlog                   what listen(5) does with eight clients
  cargo xtask demo backlog --explain --step  the theory first, then Enter for each story
  cargo xtask demo backlog --compare tcp_syncookies=0,1
                                             twice, and what differed side by side
  cargo xtask demo all --format json         every demo, one event a line
  cargo xtask demo backlog --pcap captures   one file a story, for Wireshark
  cargo xtask demo backlog --html page.html  the report as a page, for a browser
  cargo xtask demo --replay docs/recorded/backlog.jsonl
                                             a recorded run, on any system
  cargo xtask demo backlog --cast demo.cast  a recording of the terminal, for asciinema
  cargo xtask doctor                         whether this machine can run them";

const EXIT_CODES: &str = "Exit codes:
  0    every check is as expected; what could not be seen here was skipped
  1    a check is not as expected, a demo could not be played to its end,
       or --repeat saw two verdicts
  2    bad usage: an unknown demo or knob, a value that the kernel refuses
  77   nothing could be seen on this machine
  130  ended by SIGINT (Ctrl-C); 143 by SIGTERM

With --compare a check that fails is part of what is compared. It counts only where the
knob has the value that the demo would have used anyway; else the code is 0 once both
variants have been played to their end.";

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Names the demos.
    List {
        #[command(flatten)]
        common: CommonArgs,
    },
    /// Plays demos.
    #[command(after_long_help = EXIT_CODES, before_long_help = EXAMPLES)]
    Run {
        /// Their names; `all` for all.
        #[arg(required_unless_present = "replay")]
        names: Vec<String>,
        #[command(flatten)]
        run: Box<RunArgs>,
    },
    /// Tests whether this machine can run them, and says what to do where it cannot.
    Doctor {
        #[command(flatten)]
        common: CommonArgs,
    },
}

#[derive(Clone, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct RunArgs {
    /// Show a recorded run again: a file that `--format json` wrote, or - for standard input.
    ///
    /// It needs no lab, no root and no Linux. The exit code is that of the run; 2 where the file is no
    /// recording, with the line that does not fit.
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = [
            "names", "loopback", "knobs", "compare", "seed", "full", "explain", "step", "keep",
            "repeat", "pcap",
        ],
    )]
    pub(crate) replay: Option<PathBuf>,
    /// Use no namespaces, only the loopback of this machine; what that cannot show is skipped.
    #[arg(long)]
    pub(crate) loopback: bool,
    /// Turn this knob in every host, whatever the demo would set it to; may be given again.
    ///
    /// The name is that of sysctl(8); `net.ipv4.` may be left out. The wire between the hosts has knobs too:
    /// `wire.delay=200ms`, `wire.loss=5%` and `wire.duplicate=5%` act on every packet, in both directions.
    #[arg(long = "set", value_name = "KNOB=VALUE", value_parser = knobs::parse)]
    pub(crate) knobs: Vec<Knob>,
    /// Play each demo twice, with each of two values of a knob, and lay the two side by side.
    ///
    /// What is the same in both is only counted. Times and rates count as the same where they are within
    /// a third of each other. Some counters differ between any two runs: a knob that changes nothing,
    /// such as `ip_default_ttl=64,65`, shows how much that is.
    #[arg(
        long,
        value_name = "KNOB=A,B",
        value_parser = knobs::parse_compare,
        conflicts_with_all = ["keep", "repeat", "step"],
    )]
    pub(crate) compare: Option<Compare>,
    /// Where rules that play dice begin: the same seed makes the same decisions.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Wait for what takes minutes, in place of computing it from the kernel's knobs.
    #[arg(long)]
    pub(crate) full: bool,
    /// Show the theory first, and where to read on.
    #[arg(long)]
    pub(crate) explain: bool,
    /// Wait for Enter after each story; only at a terminal.
    #[arg(long)]
    pub(crate) step: bool,
    /// Keep the hosts at the end, until Enter or a signal, and say how to enter each of them.
    #[arg(long, conflicts_with_all = ["repeat", "loopback"])]
    pub(crate) keep: bool,
    /// Play everything so many times, and say at the end whether each time gave the same verdicts.
    #[arg(long, value_name = "N", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) repeat: u32,
    /// Write the recording of each story to a file in this folder, as pcapng.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) pcap: Option<PathBuf>,
    /// Write the report as a page that one browser file holds.
    ///
    /// Where one demo is played once this is the file. Where several are, or where it is a folder already,
    /// it is a folder that gets a file for each, and an index.html that lists them.
    #[arg(long, value_name = "PATH")]
    pub(crate) html: Option<PathBuf>,
    /// Write the report as a recording of a terminal (asciicast); as a picture that moves where the name
    /// ends in `.svg`.
    ///
    /// What appears is the report in colours, at a pace for readers, and not at that of the run.
    #[arg(long, value_name = "FILE")]
    pub(crate) cast: Option<PathBuf>,
    /// The language of a page's fixed words; what a demo found stays as it is.
    #[arg(long, value_enum, default_value_t, requires = "html")]
    lang: Lang,
    /// How packets are shown; `auto` is a list in terminals of less than 72 columns.
    #[arg(long, value_enum, default_value_t, value_name = "FORM")]
    diagram: Form,
    /// The characters of the diagrams.
    #[arg(long, value_enum, default_value_t, value_name = "SET")]
    glyphs: GlyphSet,
    /// Whether a report has colours; `auto` is at a terminal.
    ///
    /// `auto` follows `CLICOLOR_FORCE`, then `NO_COLOR`, then `TERM=dumb`. No colour stands alone for what it means.
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    color: When,
    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

/// A knob with two values to be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Compare(pub(crate) [Knob; 2]);

#[derive(Clone, Copy, Default, ValueEnum)]
enum GlyphSet {
    /// By the locale and the terminal.
    #[default]
    Auto,
    /// Box-drawing characters.
    Unicode,
    /// Characters that are as wide in every terminal.
    Stable,
    /// ASCII.
    Ascii,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum Lang {
    /// English.
    #[default]
    En,
    /// Simplified Chinese.
    Zh,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum When {
    /// By the terminal and the environment.
    #[default]
    Auto,
    /// Also into a file or a pipe.
    Always,
    /// Nowhere.
    Never,
}

impl When {
    /// Whether it is now, with these variables of the environment, at a terminal or not.
    fn is_now(self, var: impl Fn(&str) -> Option<String>, at_a_terminal: bool) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            // https://bixense.com/clicolors and https://no-color.org
            Self::Auto if var("CLICOLOR_FORCE").is_some_and(|force| force != "0") => true,
            Self::Auto if var("NO_COLOR").is_some() => false,
            Self::Auto => at_a_terminal && var("TERM").is_some_and(|term| term != "dumb"),
        }
    }
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum Form {
    /// By the width of the terminal, or COLUMNS.
    #[default]
    Auto,
    /// Arrows between two lines.
    Ladder,
    /// One line of words for each packet.
    List,
    /// No packets.
    None,
}

impl RunArgs {
    /// How the report for a person looks.
    pub(crate) fn look(&self) -> Look {
        // One that is set to nothing is as good as not set.
        let var = |name: &str| {
            env::var_os(name)
                .map(|value| value.to_string_lossy().into_owned())
                .filter(|value| !value.is_empty())
        };
        let at_a_terminal = io::stdout().is_terminal();
        let said = var("COLUMNS").and_then(|columns| columns.parse().ok());
        // It asks standard output, and knows of no width where that is no terminal.
        let columns = said.or_else(|| Some(terminal_size_of(io::stdout())?.0.0.into()));
        let diagram = match self.diagram {
            Form::Auto => Diagram::fitting(columns),
            Form::Ladder => Diagram::Ladder,
            Form::List => Diagram::List,
            Form::None => Diagram::None,
        };
        let colour = self.color.is_now(var, at_a_terminal);
        Look { diagram, colour, columns }
    }

    /// The language of a page's fixed words.
    pub(crate) fn language(&self) -> Language {
        match self.lang {
            Lang::En => Language::English,
            Lang::Zh => Language::Chinese,
        }
    }

    /// What decides what is played, beside the demo's name and the seed.
    #[cfg(all(feature = "lab", target_os = "linux"))]
    pub(crate) fn options(&self) -> Options {
        Options {
            set: self.knobs.clone(),
            compare: self.compare.clone().map(|Compare(knobs)| knobs),
            loopback: self.loopback,
            full: self.full,
        }
    }

    /// The characters of the diagrams.
    pub(crate) fn glyphs(&self) -> Glyphs {
        match self.glyphs {
            GlyphSet::Auto => Glyphs::auto(),
            GlyphSet::Unicode => Glyphs::Unicode,
            GlyphSet::Stable => Glyphs::Stable,
            GlyphSet::Ascii => Glyphs::Ascii,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_where_they_are_asked_for() {
        let now = |when: When, set: &[(&str, &str)], at_a_terminal| {
            let var = |name: &str| {
                set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            };
            when.is_now(var, at_a_terminal)
        };
        let xterm = ("TERM", "xterm");
        assert!(now(When::Auto, &[xterm], true));
        assert!(!now(When::Auto, &[xterm], false), "a pipe");
        assert!(!now(When::Auto, &[("TERM", "dumb")], true));
        assert!(!now(When::Auto, &[], true), "no terminal is known");
        assert!(!now(When::Auto, &[xterm, ("NO_COLOR", "1")], true));
        assert!(now(When::Auto, &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], false));
        assert!(!now(When::Auto, &[("CLICOLOR_FORCE", "0")], false));
        assert!(now(When::Always, &[("NO_COLOR", "1"), ("TERM", "dumb")], false));
        assert!(!now(When::Never, &[("CLICOLOR_FORCE", "1"), xterm], true));
    }
}
