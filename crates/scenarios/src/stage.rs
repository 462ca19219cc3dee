//! Where a scenario plays: it makes labs, and starts in them the programs that we ship.

mod complaints;
mod programs;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use netlab::clock::Moment;
use netlab::program::{Line, exit_code};
use netlab::{Lab, LabError, LabOptions, Level, Program, TcpSocket, TcpState};
use serde_json::Value;
use thiserror::Error;

use crate::keep::Kept;
pub use crate::knob::Knob;
use crate::wire_knob;
use complaints::Complaints;

/// Long enough for anything that should happen at once; whoever waits so long has met a fault.
pub const SOON: Duration = Duration::from_secs(10);

/// The port of the servers in a lab with a network of its own.
pub const PORT: u16 = 7878;

/// How often [`until`] looks.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// The port of receivers of datagrams in a lab with a network of its own.
pub const UDP_PORT: u16 = 7879;

/// The port of a relay in a lab with a network of its own.
pub const RELAY_PORT: u16 = 7880;

/// A scenario could not be played to its end.
#[derive(Debug, Error)]
pub enum Trouble {
    /// The lab could not be made.
    #[error(transparent)]
    Lab(#[from] LabError),
    /// The system refused something.
    #[error("cannot {what}: {error}")]
    Io {
        /// What was tried.
        what: String,
        /// The error.
        error: io::Error,
    },
    /// This kernel has no such knob, or none for a network namespace of its own.
    #[error("this kernel has no {knob} for each host")]
    NoKnob {
        /// Its name.
        knob: String,
    },
    /// A program did not do what its part asks for.
    #[error("{program} {what}")]
    Program {
        /// Its name in the story.
        program: String,
        /// What it did, or did not.
        what: String,
    },
    /// The wire failed or missed packets.
    #[error("the recording is not complete: {0}")]
    Recording(String),
}

impl Trouble {
    /// For `map_err`: what was tried.
    pub fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |error| Self::Io { what, error }
    }

    /// A program that did not do what its part asks for.
    pub fn program(program: &str, what: impl Into<String>) -> Self {
        Self::Program { program: program.to_owned(), what: what.into() }
    }
}

/// What every scenario is given.
#[derive(Clone, Debug)]
pub struct Stage {
    /// How much of the lab the machine lets us have.
    pub level: Level,
    /// The folder of the programs that we ship.
    pub programs: PathBuf,
    /// Where rules that play dice begin: the same seed makes the same decisions.
    pub seed: u64,
    /// Whether to wait for what takes minutes, where else it is computed.
    pub full: bool,
    /// Knobs that the user turned, which no scenario turns back.
    pub knobs: Vec<Knob>,
    /// Set once one of them has had another value than the scenario would have given it.
    pub overruled: Arc<AtomicBool>,
    /// Where the labs go that stay after their stories, if they are to.
    pub kept: Option<Kept>,
    /// The lab that was made last for the story that is played.
    pub made: Arc<Mutex<Option<Lab>>>,
}

impl Stage {
    /// A lab with these hosts, with the knobs that the user turned.
    pub fn lab(&self, hosts: &[&str]) -> Result<Lab, Trouble> {
        self.lab_with(hosts, LabOptions::default())
    }

    /// A lab that has more than IPv4. Its rules play dice from the seed of the run.
    pub fn lab_with(&self, hosts: &[&str], options: LabOptions) -> Result<Lab, Trouble> {
        let lab = Lab::with(self.level, hosts, LabOptions { seed: self.seed, ..options })?;
        if let Some(wire) = lab.wire() {
            let of_wire = self.knobs.iter().filter(|knob| wire_knob::is_its(&knob.name));
            // What does not make a rule was refused before anything was played.
            for rule in of_wire.filter_map(|knob| wire_knob::rule(knob).ok().flatten()) {
                wire.add(rule);
                self.overruled.store(true, Ordering::Relaxed);
            }
        }
        if lab.level().has_namespaces() {
            for name in hosts {
                let of_hosts = self.knobs.iter().filter(|knob| !wire_knob::is_its(&knob.name));
                for Knob { name: knob, value } in of_hosts {
                    let what = format!("set {knob} to {value}");
                    let host = lab.host(name);
                    let before = host.sysctl(knob).unwrap_or_default();
                    host.set_sysctl(knob, value).map_err(Trouble::io(what))?;
                    self.note_whether_overruled(&before, value);
                }
            }
        }
        if let Some(kept) = &self.kept {
            kept.keep(&lab);
        }
        *self.made.lock().unwrap_or_else(PoisonError::into_inner) = Some(lab.clone());
        Ok(lab)
    }

    /// The same stage, which knows of no lab of another story.
    pub fn for_one_story(&self) -> Self {
        Self { made: Arc::default(), ..self.clone() }
    }

    /// The lab that was made last.
    pub fn last_lab(&self) -> Option<Lab> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says for which story this thread has made hosts.
    pub fn hosts_made_here_are_of(&self, story: &str) {
        if let Some(kept) = &self.kept {
            kept.story_is_over(story);
        }
    }

    /// Turns a knob of a host as the story needs it, unless the user has turned it.
    pub fn turn(&self, lab: &Lab, host: &str, name: &str, value: &str) -> Result<(), Trouble> {
        if let Some(turned) = self.knobs.iter().find(|knob| knob.name == name) {
            self.note_whether_overruled(value, &turned.value);
            return Ok(());
        }
        lab.host(host).set_sysctl(name, value).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Trouble::NoKnob { knob: name.to_owned() },
            _ => Trouble::Io { what: format!("set {name} to {value}"), error },
        })
    }

    /// The same for a knob that a kernel may have been built without; says whether this one has it.
    pub fn turn_if_there(
        &self,
        lab: &Lab,
        host: &str,
        name: &str,
        value: &str,
    ) -> Result<bool, Trouble> {
        match lab.host(host).sysctl(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            _ => self.turn(lab, host, name, value).map(|()| true),
        }
    }

    fn note_whether_overruled(&self, scenario: &str, user: &str) {
        if !scenario.split_whitespace().eq(user.split_whitespace()) {
            self.overruled.store(true, Ordering::Relaxed);
        }
    }
}

/// Looks at the kernel again and again until `look` finds what it waits for.
///
/// The kernel tells nobody when a queue or a state changes, so there is nothing to wait on.
pub fn until<T>(
    what: &str,
    look: impl FnMut() -> Result<Option<T>, Trouble>,
) -> Result<T, Trouble> {
    until_within(SOON, what, look)
}

/// Like [`until`], where it takes longer than [`SOON`] though nothing is wrong.
pub fn until_within<T>(
    patience: Duration,
    what: &str,
    mut look: impl FnMut() -> Result<Option<T>, Trouble>,
) -> Result<T, Trouble> {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        if Instant::now() > deadline {
            return Err(Trouble::program("the kernel", format!("did not show {what}")));
        }
        thread::sleep(LOOK_AGAIN);
    }
}

/// The TCP sockets of a host of the lab.
pub fn sockets(lab: &Lab, host: &str) -> Result<Vec<TcpSocket>, Trouble> {
    lab.host(host).tcp_sockets().map_err(Trouble::io(format!("read the sockets of the {host}")))
}

/// How many TCP sockets of a host of the lab are in this state.
pub fn sockets_in(lab: &Lab, host: &str, state: TcpState) -> Result<usize, Trouble> {
    Ok(sockets(lab, host)?.iter().filter(|socket| socket.state == state).count())
}

/// Waits until all that a socket of a host has sent is acknowledged.
pub fn wait_for_acknowledgement(
    lab: &Lab,
    host: &str,
    is_it: impl Fn(&TcpSocket) -> bool,
) -> Result<(), Trouble> {
    until("an acknowledgement", || {
        let is_done = |socket: &TcpSocket| is_it(socket) && socket.send_queue == 0;
        Ok(sockets(lab, host)?.iter().any(is_done).then_some(()))
    })
}

/// An exit code as a report shows it.
pub fn exit_in_words(exit: Option<i32>) -> String {
    exit.map_or_else(|| "none".to_owned(), |code| code.to_string())
}

/// A server that listens.
#[derive(Debug)]
pub struct Server {
    /// The program.
    pub actor: Actor,
    /// Where it listens.
    pub address: SocketAddr,
}

/// A program of ours that tells what it does as JSON events.
#[derive(Debug)]
pub struct Actor {
    /// The program.
    pub program: Program,
    /// What it wrote to standard error last.
    complaints: Complaints,
}

impl Actor {
    /// Starts a program that tells what it does. What it writes to standard error is told where the story
    /// cannot go on without it; beside the report it would be nobody's word.
    pub fn start(lab: &Lab, host: &str, name: &str, mut command: Command) -> Result<Self, Trouble> {
        let (complaints, stderr) = Complaints::heard().map_err(Trouble::io("make a pipe"))?;
        command.stderr(stderr);
        let program = Self::start_program(lab, host, name, command)?;
        Ok(Self { program, complaints })
    }

    /// The same for a program whose standard error goes where `command` says.
    pub fn start_overheard(
        lab: &Lab,
        host: &str,
        name: &str,
        command: Command,
    ) -> Result<Self, Trouble> {
        let program = Self::start_program(lab, host, name, command)?;
        Ok(Self { program, complaints: Complaints::default() })
    }

    fn start_program(
        lab: &Lab,
        host: &str,
        name: &str,
        command: Command,
    ) -> Result<Program, Trouble> {
        let path = command.get_program().to_string_lossy().into_owned();
        lab.start(host, name, command).map_err(Trouble::io(format!("start {path}")))
    }

    /// The first event of this name, once it is there; at most after `limit`.
    pub fn event(&self, limit: Duration, name: &str) -> Option<Value> {
        self.event_where(limit, name, |_| true)
    }

    /// The first event of this name of which `is_it` holds.
    pub fn event_where(
        &self,
        limit: Duration,
        name: &str,
        is_it: impl Fn(&Value) -> bool,
    ) -> Option<Value> {
        self.program.wait_for(limit, |line| read(line).filter(|e| e["event"] == name && is_it(e)))
    }

    /// The first event of this name, which must come soon.
    pub fn expect(&self, name: &str) -> Result<Value, Trouble> {
        self.event(SOON, name).ok_or_else(|| self.lacks(name))
    }

    /// The first event of this name of which `is_it` holds, which must come soon.
    pub fn expect_where(
        &self,
        name: &str,
        is_it: impl Fn(&Value) -> bool,
    ) -> Result<Value, Trouble> {
        self.event_where(SOON, name, is_it).ok_or_else(|| self.lacks(name))
    }

    /// Every event of this name so far.
    pub fn events(&self, name: &str) -> Vec<Value> {
        self.program.lines().iter().filter_map(read).filter(|e| e["event"] == name).collect()
    }

    /// Every event so far.
    pub fn all_events(&self) -> Vec<Value> {
        self.program.lines().iter().filter_map(read).collect()
    }

    /// Every event so far, and when it was read.
    pub fn timed_events(&self) -> Vec<(Moment, Value)> {
        let lines = self.program.lines();
        lines.iter().filter_map(|line| Some((line.at, read(line)?))).collect()
    }

    /// Writes a line to its standard input.
    pub fn say(&mut self, line: &str) -> Result<(), Trouble> {
        let what = format!("write to {}", self.program.name());
        self.program.write(&format!("{line}\n")).map_err(Trouble::io(what))
    }

    /// Closes its standard input.
    pub fn close_input(&mut self) {
        drop(self.program.take_input());
    }

    /// Waits until it has ended and gives its exit code; `None` where it goes on for too long.
    pub fn exit(&mut self) -> Result<Option<i32>, Trouble> {
        let what = format!("wait for {}", self.program.name());
        Ok(self.program.wait(SOON).map_err(Trouble::io(what))?.map(exit_code))
    }

    /// The port from which it talks, once it is connected.
    pub fn local_port(&self) -> Result<u16, Trouble> {
        self.local_address().map(|address| address.port())
    }

    /// The address from which it talks, once it is connected.
    pub fn local_address(&self) -> Result<SocketAddr, Trouble> {
        self.address_told("connected", "local")
    }

    /// The address at which it listens, once it does.
    pub fn listens_at(&self) -> Result<SocketAddr, Trouble> {
        self.address_told("listening", "addr")
    }

    fn address_told(&self, event: &str, field: &str) -> Result<SocketAddr, Trouble> {
        let told = self.expect(event)?;
        let address = told[field].as_str().and_then(|text| text.parse().ok());
        address.ok_or_else(|| {
            Trouble::program(self.program.name(), format!("said \"{event}\" with {told}"))
        })
    }

    fn lacks(&self, event: &str) -> Trouble {
        let last = self.complaints.last();
        let last = last.or_else(|| Some(self.program.lines().last()?.text.clone()));
        let last = last.unwrap_or_else(|| "nothing".to_owned());
        Trouble::program(
            self.program.name(),
            format!("did not say \"{event}\"; it said last: {last}"),
        )
    }
}

fn read(line: &Line) -> Option<Value> {
    serde_json::from_str(&line.text).ok()
}
