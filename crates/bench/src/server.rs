//! How a server under test is started, watched and ended.

use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::{CommandExt, parent_id};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use std::{env, process, thread};

use cli::{Exit, Failure};
use nix::sys::prctl;
use nix::sys::signal::Signal;
use serde_json::Value;

/// How long a server may take until it listens.
const START: Duration = Duration::from_secs(10);

/// A server in a process of its own. It ends when this value is dropped, and with this process however
/// that ends.
#[derive(Debug)]
pub struct Server {
    name: &'static str,
    child: Child,
    address: SocketAddr,
}

/// On which stream a server says where it listens.
#[derive(Clone, Copy, Debug)]
pub enum Told {
    /// Standard output.
    Stdout,
    /// Standard error; nobody reads its standard output.
    Stderr,
}

impl Server {
    /// Starts `program` and waits until it says where it listens: an event `listening` with its `addr`,
    /// as `--format json` of our programs writes it.
    pub fn start(name: &'static str, program: &Path, args: &[&str]) -> Result<Self, Failure> {
        Self::start_other(name, program, args, Told::Stdout, listening_address)
    }

    /// Starts a program that says nothing, and waits until it takes connections at `address`.
    pub fn start_silent(
        name: &'static str,
        program: &Path,
        args: &[&str],
        address: SocketAddr,
    ) -> Result<Self, Failure> {
        let mut child = spawn(name, program, args, Stdio::null(), Stdio::inherit())?;
        let deadline = Instant::now() + START;
        while TcpStream::connect(address).is_err() {
            let has_ended = child.try_wait().is_ok_and(|status| status.is_some());
            if has_ended || Instant::now() > deadline {
                let _ = child.kill();
                let _ = child.wait();
                let why = if has_ended { "ended" } else { "does not listen" };
                return Err(Failure::new(Exit::Usage, "not_listening", format!("{name} {why}")));
            }
            // Nobody tells when it is there.
            thread::sleep(Duration::from_millis(5));
        }
        Ok(Self { name, child, address })
    }

    /// Starts a program that has a way of its own to say where it listens: `listening` finds it in a
    /// line of what the program tells.
    pub fn start_other(
        name: &'static str,
        program: &Path,
        args: &[&str],
        told: Told,
        listening: impl Fn(&str) -> Option<SocketAddr> + Send + 'static,
    ) -> Result<Self, Failure> {
        let (stdout, stderr) = match told {
            Told::Stdout => (Stdio::piped(), Stdio::inherit()),
            Told::Stderr => (Stdio::null(), Stdio::piped()),
        };
        let mut child = spawn(name, program, args, stdout, stderr)?;
        let out: Box<dyn Read + Send> = match told {
            Told::Stdout => Box::new(child.stdout.take().expect("it is piped")),
            Told::Stderr => Box::new(child.stderr.take().expect("it is piped")),
        };
        // From here on every way out ends the child.
        let mut server = Self { name, child, address: SocketAddr::from(([0, 0, 0, 0], 0)) };
        let (sender, address) = mpsc::channel();
        // It goes on reading what the server says, so that no full pipe holds it up.
        thread::spawn(move || {
            let mut lines = BufReader::new(out).lines().map_while(Result::ok);
            if let Some(address) = lines.find_map(|line| listening(&line)) {
                let _ = sender.send(address);
            }
            lines.for_each(drop);
        });
        server.address = address.recv_timeout(START).map_err(|error| {
            let why = match error {
                mpsc::RecvTimeoutError::Timeout => "has not said in time where it listens",
                mpsc::RecvTimeoutError::Disconnected => "ended before it said where it listens",
            };
            Failure::new(Exit::Usage, "not_listening", format!("{name} {why}"))
        })?;
        Ok(server)
    }

    /// Starts a server that this program is under the hidden command `command`.
    pub fn start_own(name: &'static str, command: &[&str]) -> Result<Self, Failure> {
        Self::start(name, &this_program()?, command)
    }

    /// As the rows name it.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The number of its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a server that ends by itself.
    pub fn wait(&mut self) -> io::Result<()> {
        let status = self.child.wait()?;
        if status.success() { Ok(()) } else { Err(io::Error::other(status.to_string())) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a program that ends with this one.
fn spawn(
    name: &str,
    program: &Path,
    args: &[&str],
    stdout: Stdio,
    stderr: Stdio,
) -> Result<Child, Failure> {
    let mut command = Command::new(this_program()?);
    command.args([AS_PEER, &process::id().to_string(), "--"]).arg(program).args(args);
    command.stdin(Stdio::null()).stdout(stdout).stderr(stderr);
    let cannot = |error| Failure::from_io(Exit::Usage, &format!("cannot start {name}"), &error);
    command.spawn().map_err(cannot)
}

/// The hidden command of this program that becomes a peer.
pub const AS_PEER: &str = "as-peer";

/// Becomes `program`, which the kernel then kills when the process `parent`, which started this one, is
/// gone: also when that was killed and could not tidy up. Returns only if that failed.
pub fn become_peer(parent: u32, program: &OsStr, args: &[impl AsRef<OsStr>]) -> io::Error {
    if let Err(error) = prctl::set_pdeathsig(Signal::SIGKILL) {
        return error.into();
    }
    // It may have gone before the kernel was asked.
    if parent_id() != parent {
        return io::Error::other("the benchmark has ended");
    }
    Command::new(program).args(args).exec()
}

/// A program of ours, which stands next to this one when both were built alike.
pub fn our_program(name: &'static str) -> Result<PathBuf, Failure> {
    let program = this_program()?.with_file_name(name);
    if program.is_file() {
        return Ok(program);
    }
    let profile = if cfg!(debug_assertions) { "" } else { "--release " };
    let message = format!("{} is not there", program.display());
    Err(Failure::new(Exit::Usage, "not_built", message)
        .hint(format!("build it: cargo build {profile}-p {name} -p bench"))
        .hint("cargo xtask bench builds what it measures"))
}

fn this_program() -> Result<PathBuf, Failure> {
    env::current_exe()
        .map_err(|error| Failure::from_io(Exit::Usage, "cannot find this program", &error))
}

fn listening_address(line: &str) -> Option<SocketAddr> {
    let event: Value = serde_json::from_str(line).ok()?;
    if event["event"] != "listening" {
        return None;
    }
    event["addr"].as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_event_listening_says_where() {
        for (line, address) in [
            (r#"{"event":"listening","addr":"127.0.0.1:80"}"#, Some("127.0.0.1:80")),
            (r#"{"event":"open","addr":"127.0.0.1:80"}"#, None),
            (r#"{"event":"listening","addr":"unix:/x"}"#, None),
            ("no JSON", None),
        ] {
            assert_eq!(listening_address(line), address.map(|text| text.parse().unwrap()));
        }
    }
}
