//! Which demos are there, and which are played?

use cli::nearest::nearest;
use cli::{Events, Exit, Failure, Format};
use scenarios::doctor;
use scenarios::scenario::{ALL, Scenario, find};
use scenarios::wire_knob;
use serde_json::json;

use crate::options::{Compare, RunArgs};
use crate::{pause, play, print, refuse};

/// Names the demos.
pub(crate) fn list(format: Format) -> Exit {
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
    Exit::Ok
}

/// Plays demos.
pub(crate) fn run(names: &[String], args: &RunArgs) -> Exit {
    let ready = pick(names).and_then(|demos| checked(args, &demos).map(|()| demos));
    match ready {
        Ok(demos) => play::play(&demos, args),
        Err(failure) => refuse(&failure, args.common.format()),
    }
}

/// Tests whether this machine can run them.
pub(crate) fn doctor(format: Format) -> Exit {
    doctor::run(format)
}

fn pick(names: &[String]) -> Result<Vec<Scenario>, Failure> {
    if names == ["all"] {
        return Ok(ALL.to_vec());
    }
    names.iter().map(|name| find(name).ok_or_else(|| unknown(name))).collect()
}

fn unknown(name: &str) -> Failure {
    let known = ALL.map(|scenario| scenario.name);
    let failure = Failure::new(Exit::Usage, "unknown_demo", format!("there is no demo \"{name}\""));
    let failure = match nearest(name, known, 1).first() {
        Some(nearest) => failure.hint(format!("the nearest is {nearest}")),
        None => failure,
    };
    failure.hint(format!("there are: {}", known.join(", ")))
}

/// What clap cannot know of: whether these options make sense together, here, for these demos.
fn checked(args: &RunArgs, demos: &[Scenario]) -> Result<(), Failure> {
    let usage = |message: &str| Failure::new(Exit::Usage, "usage", message);
    if args.step && args.common.format() == Format::Json {
        return Err(usage("--step is for a person, and --format json for a program"));
    }
    if args.step && !pause::at_a_terminal() {
        let why = "--step waits for Enter, and there is no terminal to press it at";
        return Err(usage(why).hint("without --step the stories follow each other"));
    }
    if args.keep && demos.len() > 1 {
        return Err(usage("--keep keeps the hosts of one demo, and there are several"));
    }
    let options = args.options();
    if args.loopback && options.knobs().any(|knob| wire_knob::is_its(&knob.name)) {
        return Err(usage("with --loopback there is no wire, and none of its knobs"));
    }
    if args.loopback && options.knobs().next().is_some() {
        let why = "with --loopback a knob would be this machine's own, which no demo turns";
        return Err(usage(why).hint("without --loopback each host has knobs of its own"));
    }
    if let Some(Compare([knob, _])) = &args.compare
        && args.knobs.iter().any(|set| set.name == knob.name)
    {
        let why = format!("--set and --compare both turn {}", knob.name);
        return Err(usage(&why));
    }
    Ok(())
}
