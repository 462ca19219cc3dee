//! Which knobs are there, and does the kernel, or the wire, take this value?

use std::io;
use std::path::Path;

use cli::failure::io_words;
use cli::nearest::nearest;
use cli::{Exit, Failure};
use netlab::{Host, Lab, Level};
use nix::errno::Errno;
use scenarios::knob::Knob;
use scenarios::wire_knob::{self, Refused};

/// Turns each knob in a host made for this, so that what cannot be turned is told before anything runs.
pub(crate) fn check<'a>(
    level: Level,
    knobs: impl IntoIterator<Item = &'a Knob>,
) -> Result<(), Failure> {
    let mut knobs = knobs.into_iter().peekable();
    if knobs.peek().is_none() {
        return Ok(());
    }
    if !level.has_namespaces() {
        let why = "no knob can be turned here: without namespaces it would be this machine's own";
        return Err(Failure::new(Exit::Skipped, "no_namespaces", why)
            .hint("cargo xtask doctor says what is missing"));
    }
    let (of_wire, of_hosts): (Vec<&Knob>, Vec<&Knob>) =
        knobs.partition(|knob| wire_knob::is_its(&knob.name));
    for knob in of_wire {
        wire_knob::rule(knob).map_err(|refused| refused_by_wire(&knob.name, &refused))?;
    }
    let no_host = |words: String| Failure::new(Exit::Failed, "no_lab", words);
    let lab = Lab::new(level, &["knobs"]).map_err(|error| no_host(error.to_string()))?;
    let host = lab.host("knobs");
    let known = host.sysctls().map_err(|error| no_host(format!("cannot list knobs: {error}")))?;
    of_hosts.iter().try_for_each(|knob| check_one(host, &known, knob))
}

fn refused_by_wire(name: &str, refused: &Refused) -> Failure {
    let kind = match refused {
        Refused::Unknown(_) => "unknown_knob",
        Refused::Value { .. } => "bad_knob",
    };
    let failure = Failure::new(Exit::Usage, kind, refused.to_string());
    match (refused, &nearest(name, wire_knob::NAMES, 3)[..]) {
        (Refused::Value { .. }, _) => failure,
        (Refused::Unknown(_), []) => {
            failure.hint(format!("it has {}", wire_knob::NAMES.join(", ")))
        }
        (Refused::Unknown(_), nearest) => {
            failure.hint(format!("the nearest: {}", nearest.join(", ")))
        }
    }
}

fn check_one(host: &Host, known: &[String], Knob { name, value }: &Knob) -> Result<(), Failure> {
    if !known.contains(name) {
        return Err(unknown(name, known));
    }
    let file = file(name);
    let before = host.sysctl(name).unwrap_or_default();
    host.set_sysctl(name, value).map_err(|error| refused(&file, value, &before, &error))?;
    let after = host.sysctl(name).unwrap_or_default();
    // What the kernel shows for a secret, or for nothing, says nothing of what it took.
    if after.is_empty() || after.split_whitespace().eq(value.split_whitespace()) {
        return Ok(());
    }
    let message = format!("{file} does not take \"{value}\": it makes \"{after}\" of it");
    Err(Failure::new(Exit::Usage, "bad_knob", message).hint(format!("it was \"{before}\"")))
}

fn unknown(name: &str, known: &[String]) -> Failure {
    // This thread is not a host's: what it sees is what the machine has.
    if Path::new(&file(name)).is_file() {
        let message = format!("{name} is the machine's and not a host's: no demo can turn it");
        return Failure::new(Exit::Usage, "knob_of_the_machine", message)
            .hint(format!("network namespaces have no {} of their own", file(name)));
    }
    let failure = Failure::new(Exit::Usage, "unknown_knob", format!("there is no knob {name}"));
    // The conf of each interface repeats the same names.
    let known = known.iter().map(String::as_str).filter(|name| !name.contains(".conf."));
    match nearest(name, known, 3)[..] {
        [] => {
            failure.hint("a host has what `sysctl -a` shows below net.core, net.ipv4 and net.ipv6")
        }
        ref nearest => failure.hint(format!("the nearest: {}", nearest.join(", "))),
    }
}

fn refused(file: &str, value: &str, before: &str, error: &io::Error) -> Failure {
    let errno = Errno::from_raw(error.raw_os_error().unwrap_or_default());
    let message = format!("cannot write \"{value}\" to {file}: {} ({errno:?})", io_words(error));
    let failure = Failure::new(Exit::Usage, "bad_knob", message).with_os_error(error);
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            failure.hint("a host may read it, but only the machine sets it, for all namespaces")
        }
        _ => failure.hint(format!("the kernel takes no such value; it was \"{before}\"")),
    }
}

fn file(name: &str) -> String {
    format!("/proc/sys/{}", name.replace('.', "/"))
}
