//! Who is measured: our relay and the servers that are found on this machine.

use std::env;
use std::net::SocketAddr;
use std::path::Path;

use cli::{Exit, Failure};

use crate::programs::{Program, free_address};
use crate::relay::client::Target;
use crate::relay::speech::Speech;
use crate::server::{Server, Told, our_program};
use crate::session::Peer;

/// As the rows name them.
pub const OURS: &str = "relay";
/// See [`OURS`].
pub const NATS: &str = "nats-server";
/// See [`OURS`].
pub const REDIS: &str = "redis-server";

/// A server that is measured.
#[derive(Debug)]
pub struct Contender {
    server: Server,
    speech: Speech,
}

impl Contender {
    /// As the rows name it.
    pub fn name(&self) -> &'static str {
        self.server.name()
    }

    /// Where it listens, and what it speaks.
    pub fn target(&self) -> Target {
        Target { address: self.server.address(), speech: self.speech }
    }

    /// The number of its process.
    pub fn pid(&self) -> u32 {
        self.server.pid()
    }
}

/// The programs on this machine.
#[derive(Debug)]
pub struct Found {
    others: [Program; 2],
}

impl Found {
    /// Looks for those that are not ours, which need not be there.
    pub fn look() -> Self {
        let others = [
            Program::look(NATS, "apt-get install nats-server", "-v", "nats-server: v"),
            Program::look(REDIS, "apt-get install redis-server", "-v", "v="),
        ];
        Self { others }
    }

    /// Beside whom we measure.
    pub fn peers(&self) -> Vec<Peer> {
        self.others.iter().map(Program::peer).collect()
    }

    /// Whether the program `name` is there.
    pub fn has(&self, name: &str) -> bool {
        name == OURS || self.program(name).is_some()
    }

    /// Why a row beside `name` is not measured.
    pub fn why_not(&self, name: &str) -> String {
        let other = self.others.iter().find(|other| other.name == name);
        other.map_or_else(|| format!("not found: {name}"), Program::why_not)
    }

    /// Starts those of `names` that are there.
    pub fn start(&self, names: &[&str]) -> Result<Vec<Contender>, Failure> {
        let names = names.iter().filter(|name| self.has(name));
        names.map(|name| self.start_one(name)).collect()
    }

    /// Starts our relay with these options besides.
    pub fn start_ours(&self, options: &[&str]) -> Result<Contender, Failure> {
        let args = [&["serve", "--port", "0", "--format", "json"], options].concat();
        let server = Server::start(OURS, &our_program(OURS)?, &args)?;
        Ok(Contender { server, speech: Speech::Frames })
    }

    /// Starts the server `name`, which is there.
    pub fn start_one(&self, name: &str) -> Result<Contender, Failure> {
        if name == OURS {
            return self.start_ours(&[]);
        }
        let program = self.program(name).expect("whoever asks has looked whether it is there");
        match name {
            NATS => {
                // Port -1 is any free one.
                let args = ["--addr", "127.0.0.1", "--port", "-1"];
                let server = Server::start_other(NATS, program, &args, Told::Stderr, nats_address)?;
                Ok(Contender { server, speech: Speech::Nats })
            }
            _ => start_redis(program),
        }
    }

    fn program(&self, name: &str) -> Option<&Path> {
        self.others.iter().find(|other| other.name == name)?.path()
    }
}

/// Redis takes no port for "any free one", and where the one that was free is taken in between, it says
/// so and ends.
fn start_redis(program: &Path) -> Result<Contender, Failure> {
    let mut tries = 3;
    loop {
        let address = free_address()
            .map_err(|error| Failure::from_io(Exit::Usage, "cannot find a free port", &error))?;
        let port = address.port().to_string();
        let folder = env::temp_dir();
        let folder = folder.to_string_lossy();
        // Nothing is kept: neither snapshots nor the log of writes, which no publisher would pay for
        // anyway.
        let args = [
            "--bind",
            "127.0.0.1",
            "--port",
            &port,
            "--save",
            "",
            "--appendonly",
            "no",
            "--dir",
            &folder,
            // More than any work has; its own default is 10,000.
            "--maxclients",
            "20000",
        ];
        let ready =
            move |line: &str| line.contains("Ready to accept connections").then_some(address);
        tries -= 1;
        match Server::start_other(REDIS, program, &args, Told::Stdout, ready) {
            Ok(server) => return Ok(Contender { server, speech: Speech::Redis }),
            Err(failure) if tries == 0 => return Err(failure),
            Err(_) => {}
        }
    }
}

fn nats_address(line: &str) -> Option<SocketAddr> {
    let (_, address) = line.split_once("Listening for client connections on ")?;
    address.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_nats_says_where_it_listens() {
        for (line, address) in [
            (
                "[1] 2026/01/01 00:00:00.0 [INF] Listening for client connections on 127.0.0.1:4222",
                Some("127.0.0.1:4222"),
            ),
            ("[1] 2026/01/01 00:00:00.0 [INF] Server is ready", None),
        ] {
            assert_eq!(nats_address(line), address.map(|text| text.parse().unwrap()));
        }
    }
}
