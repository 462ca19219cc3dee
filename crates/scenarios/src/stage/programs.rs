//! How are our programs started in a lab?

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use netlab::Lab;

use super::{Actor, Server, Stage, Trouble};

impl Stage {
    /// Starts `tcp-server` on a port of its host and waits until it listens.
    ///
    /// Without namespaces of our own the port is one that the system picks.
    pub fn server(
        &self,
        lab: &Lab,
        host: &str,
        name: &str,
        port: u16,
        args: &[&str],
    ) -> Result<Server, Trouble> {
        let port = if self.level.has_namespaces() { port } else { 0 };
        let address = SocketAddr::new(lab.host(host).address().into(), port);
        let actor = self.server_at(lab, host, name, &address.to_string(), args)?;
        let address = actor.listens_at()?;
        Ok(Server { actor, address })
    }

    /// Starts `tcp-server` at any address and waits until it listens.
    pub fn server_at(
        &self,
        lab: &Lab,
        host: &str,
        name: &str,
        at: &str,
        args: &[&str],
    ) -> Result<Actor, Trouble> {
        let mut command = Command::new(self.programs.join("tcp-server"));
        command.args(["--format", "json", "--quiet"]).args(args).arg(at);
        let actor = Actor::start(lab, host, name, command)?;
        actor.expect("listening")?;
        Ok(actor)
    }

    /// Starts `tcp-client` towards an address.
    pub fn client(
        &self,
        lab: &Lab,
        host: &str,
        name: &str,
        to: impl fmt::Display,
        args: &[&str],
    ) -> Result<Actor, Trouble> {
        let mut command = Command::new(self.programs.join("tcp-client"));
        command.args(["--format", "json", "--quiet"]).args(args).arg(to.to_string());
        Actor::start(lab, host, name, command)
    }

    /// Starts `tcp-client` for an attempt that may fail, with all of its arguments.
    pub fn failing_client(
        &self,
        lab: &Lab,
        host: &str,
        name: &str,
        args: &[&str],
    ) -> Result<Actor, Trouble> {
        let mut command = Command::new(self.programs.join("tcp-client"));
        command.args(["--format", "json"]).args(args);
        Actor::start(lab, host, name, command)
    }

    /// Starts `udp-peer` with these arguments.
    pub fn udp_peer(
        &self,
        lab: &Lab,
        host: &str,
        name: &str,
        args: &[&str],
    ) -> Result<Actor, Trouble> {
        Actor::start(lab, host, name, self.udp_peer_command(args))
    }

    /// Starts `udp-peer` with a home of its own on a host, under a name: there its key is made, and those of
    /// others are remembered.
    pub fn private_peer(
        &self,
        lab: &Lab,
        (host, name): (&str, &str),
        home: &Path,
        args: &[&str],
    ) -> Result<Actor, Trouble> {
        let mut command = self.udp_peer_command(args);
        command.env("XDG_CONFIG_HOME", home);
        Actor::start(lab, host, name, command)
    }

    fn udp_peer_command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(self.programs.join("udp-peer"));
        command.args(args).args(["--format", "json", "--quiet"]);
        command
    }
}
