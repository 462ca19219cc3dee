//! `scenarios`: plays the demos and reports what they found.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, Subcommand, ValueEnum};
use cli::{CommonArgs, Events, Exit, Failure, Format, output};
use netlab::Level;
use scenarios::findings::{Claim, SetUp, Story, Tally};
use scenarios::glyphs::Glyphs;
use scenarios::scenario::{ALL, Scenario, find};
use scenarios::stage::{Knob, Stage, Trouble};
use scenarios::{doctor, json, text};
use serde_json::json;

/// Plays the demos: what the kernel does, beside what people believe it does.
#[derive(Parser)]
#[command(version, before_long_help = EXAMPLES)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "Examples:
  cargo xtask demo backlog                   what listen(5) does with eight clients
  cargo xtask demo all --format json         every demo, one event a line
  cargo xtask demo backlog --pcap captures   one file a story, for Wireshark
  cargo xtask doctor                         whether this machine can run them";

#[derive(Subcommand)]
enum Command {
    /// Names the demos.
    List {
        #[command(flatten)]
        common: CommonArgs,
    },
    /// Plays demos.
    Run {
        /// Their names; `all` for all.
        #[arg(required = true)]
        names: Vec<String>,
        #[command(flatten)]
        run: RunArgs,
    },
    /// Tests whether this machine can run them, and says what to do where it cannot.
    Doctor {
        #[command(flatten)]
        common: CommonArgs,
    },
}

#[derive(clap::Args)]
struct RunArgs {
    /// Use no namespaces, only the loopback of this machine; what that cannot show is skipped.
    #[arg(long)]
    loopback: bool,
    /// Turn this knob in every host, whatever the scenario would set it to; may be given again.
    #[arg(long = "set", value_name = "KNOB=VALUE", value_parser = parse_knob)]
    knobs: Vec<Knob>,
    /// Where rules that play dice begin: the same seed makes the same decisions.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Wait for what takes minutes, in place of computing it from the kernel's knobs.
    #[arg(long)]
    full: bool,
    /// Write the recording of each story to a file in this folder.
    #[arg(long, value_name = "FOLDER")]
    pcap: Option<PathBuf>,
    /// The characters of the diagrams.
    #[arg(long, value_enum, default_value_t, value_name = "SET")]
    glyphs: GlyphSet,
    #[command(flatten)]
    common: CommonArgs,
}

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

/// A knob as one writes it: the part before `tcp_` may be left out.
fn parse_knob(text: &str) -> Result<Knob, String> {
    let (name, value) = text.split_once('=').ok_or("a knob is given as KNOB=VALUE")?;
    let prefix = if name.contains('.') { "" } else { "net.ipv4." };
    Ok(Knob { name: format!("{prefix}{name}"), value: value.to_owned() })
}

fn main() -> ExitCode {
    let exit = match Args::parse().command {
        Command::List { common } => {
            list(common.format());
            Exit::Ok
        }
        Command::Run { names, run: args } => match pick(&names) {
            Ok(scenarios) => run(&scenarios, &args),
            Err(failure) => {
                failure.print();
                failure.exit()
            }
        },
        Command::Doctor { common } => doctor::run(common.format()),
    };
    exit.into()
}

fn list(format: Format) {
    match format {
        Format::Json => {
            let events = Events::stdout("demos/1");
            for Scenario { name, question, seconds, .. } in ALL {
                events.emit("demo", &json!({ "demo": name, "says": question, "seconds": seconds }));
            }
            events.emit("end", &json!({ "ok": true, "exit": 0 }));
        }
        Format::Text => {
            print(&format!("{:<12}  {:>5}  WHAT YOU WILL SEE\n", "NAME", "TIME"));
            for Scenario { name, question, seconds, .. } in ALL {
                print(&format!("{name:<12}  {:>5}  {question}\n", format!("{seconds} s")));
            }
        }
    }
}

fn pick(names: &[String]) -> Result<Vec<Scenario>, Failure> {
    if names == ["all"] {
        return Ok(ALL.to_vec());
    }
    let unknown = |name: &String| {
        let known: Vec<&str> = ALL.iter().map(|scenario| scenario.name).collect();
        Failure::new(Exit::Usage, "unknown_demo", format!("there is no demo \"{name}\""))
            .hint(format!("there are: {}", known.join(", ")))
    };
    names.iter().map(|name| find(name).ok_or_else(|| unknown(name))).collect()
}

fn run(scenarios: &[Scenario], args: &RunArgs) -> Exit {
    // First of all: namespaces are entered while the process has one thread.
    let level = if args.loopback { Level::L2 } else { enter() };
    let programs = match programs(scenarios) {
        Ok(programs) => programs,
        Err(failure) => {
            failure.print();
            return failure.exit();
        }
    };
    let knobs = args.knobs.clone();
    let stage = Stage { level, programs, seed: args.seed, full: args.full, knobs };
    let mut report = Report::new(args, scenarios, level);
    for scenario in scenarios {
        if let Err(failure) = report.play(&stage, scenario) {
            return report.fail(&failure);
        }
    }
    report.end()
}

/// Into the namespaces; where they are refused, says which step was and what to do.
fn enter() -> Level {
    netlab::enter().unwrap_or_else(|refusal| {
        let mut failure = Failure::new(Exit::Skipped, "no_namespaces", refusal.to_string());
        for cure in refusal.cures().into_iter().take(2) {
            failure = failure.hint(cure);
        }
        failure.print();
        Level::L2
    })
}

/// The folder of the programs that we ship: they are built beside this one.
fn programs(scenarios: &[Scenario]) -> Result<PathBuf, Failure> {
    let failed =
        |error: io::Error| Failure::from_io(Exit::Failed, "cannot find this program", &error);
    let folder = std::env::current_exe().map_err(failed)?;
    let folder = folder.parent().unwrap_or(Path::new(".")).to_owned();
    for program in scenarios.iter().flat_map(|scenario| scenario.programs) {
        let path = folder.join(program);
        if !path.exists() {
            let message = format!("cannot find {}", path.display());
            return Err(Failure::new(Exit::Usage, "not_found", message)
                .hint("cargo xtask demo builds what a demo starts")
                .hint(format!("cargo build -p {program}")));
        }
    }
    Ok(folder)
}

/// Shows what is found as it is found.
struct Report<'a> {
    args: &'a RunArgs,
    demos: &'a [Scenario],
    level: Level,
    glyphs: Glyphs,
    events: Option<Events>,
    tally: Tally,
    start: Instant,
}

impl<'a> Report<'a> {
    fn new(args: &'a RunArgs, demos: &'a [Scenario], level: Level) -> Self {
        let glyphs = match args.glyphs {
            GlyphSet::Auto => Glyphs::auto(),
            GlyphSet::Unicode => Glyphs::Unicode,
            GlyphSet::Stable => Glyphs::Stable,
            GlyphSet::Ascii => Glyphs::Ascii,
        };
        let events = (args.common.format() == Format::Json).then(|| Events::stdout(json::SCHEMA));
        Self { args, demos, level, glyphs, events, tally: Tally::default(), start: Instant::now() }
    }

    fn play(&mut self, stage: &Stage, scenario: &Scenario) -> Result<(), Failure> {
        let demo = scenario.name;
        let set_up = SetUp {
            demo: demo.to_owned(),
            question: scenario.question.to_owned(),
            level: self.level.to_string(),
            level_words: self.level.words().to_owned(),
            kernel: kernel(),
        };
        self.show(|| text::set_up(&set_up), || vec![json::set_up(&set_up)]);
        let mut not_written = None;
        let played = (scenario.play)(stage, &mut |story| {
            self.story(demo, &story);
            // A capture that cannot be written loses no verdict: it is told at the end.
            not_written = not_written.take().or(self.write_capture(demo, &story).err());
        });
        let claims = played.map_err(|trouble| trouble_of(demo, &trouble))?;
        let shown = || claims.iter().map(|claim: &Claim| json::claim(demo, claim)).collect();
        self.show(|| text::claims(&claims), shown);
        not_written.map_or(Ok(()), Err)
    }

    fn story(&mut self, demo: &str, story: &Story) {
        self.tally.add(story);
        self.show(|| text::story(story), || json::story(demo, story));
    }

    fn show(&self, text: impl FnOnce() -> String, json: impl FnOnce() -> Vec<json::Event>) {
        match &self.events {
            Some(events) => {
                for (name, body) in json() {
                    events.emit(name, &body);
                }
            }
            None => print(&self.glyphs.translate(&text())),
        }
    }

    fn write_capture(&self, demo: &str, story: &Story) -> Result<(), Failure> {
        let (Some(folder), Some(capture)) = (&self.args.pcap, &story.capture) else {
            return Ok(());
        };
        let path = folder.join(format!("{demo}-{}.pcap", story.name));
        fs::create_dir_all(folder).and_then(|()| fs::write(&path, capture)).map_err(|error| {
            Failure::from_io(Exit::Failed, &format!("cannot write {}", path.display()), &error)
        })
    }

    fn end(&self) -> Exit {
        let seconds = self.start.elapsed().as_secs_f64();
        self.show(|| text::end(self.tally, seconds), || vec![self.end_event()]);
        match self.tally {
            Tally { failed: 1.., .. } => Exit::Failed,
            Tally { checks, skipped, .. } if checks == skipped => Exit::Skipped,
            Tally { .. } => Exit::Ok,
        }
    }

    /// The last event; it names the demo where only one was asked for.
    fn end_event(&self) -> json::Event {
        let (name, mut body) = json::end(self.tally, &self.level.to_string());
        if let [demo] = self.demos {
            body["demo"] = demo.name.into();
        }
        (name, body)
    }

    fn fail(&self, failure: &Failure) -> Exit {
        failure.print();
        if let Some(events) = &self.events {
            let (name, mut body) = self.end_event();
            body["ok"] = false.into();
            body["error"] = serde_json::to_value(failure).expect("a failure is plain data");
            events.emit(name, &body);
        }
        failure.exit()
    }
}

fn trouble_of(demo: &str, trouble: &Trouble) -> Failure {
    Failure::new(Exit::Failed, "not_played", format!("{demo} was not played to its end: {trouble}"))
        .hint("cargo xtask doctor tests every requirement")
}

fn kernel() -> String {
    let name = nix::sys::utsname::uname();
    name.map_or_else(
        |_| "an unknown kernel".to_owned(),
        |name| {
            let (system, release) = (name.sysname(), name.release());
            format!("{} {}", system.to_string_lossy(), release.to_string_lossy())
        },
    )
}

fn print(text: &str) {
    let mut stdout = io::stdout().lock();
    output::or_exit(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()));
}
