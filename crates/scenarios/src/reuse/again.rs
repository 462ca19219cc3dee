//! A `tcp-server` that is started where another one was, or is.

use std::net::SocketAddr;
use std::process::Command;

use netlab::Lab;
use netlab::program::Line;
use nix::errno::Errno;
use serde_json::Value;

use super::sockets::Outcome;
use crate::stage::{Actor, SOON, Stage, Trouble};

/// With it `tcp-server` does not say SO_REUSEADDR.
pub(super) const OPTION: &str = "--no-reuse-addr";

/// What became of a server that was started again.
pub(super) struct Again {
    /// In words: `listens`, or its error and exit code.
    pub(super) outcome: String,
    /// The message and the hints, where it did not start.
    pub(super) told: Vec<String>,
    /// The same of its socket alone.
    pub(super) of_socket: Outcome,
    pub(super) actor: Actor,
}

impl Again {
    /// Starts a server at this very address.
    pub(super) fn start(
        stage: &Stage,
        lab: &Lab,
        host: &str,
        address: SocketAddr,
        args: &[&str],
    ) -> Result<Self, Trouble> {
        let mut command = Command::new(stage.programs.join("tcp-server"));
        command.args(["--format", "json", "--quiet"]).args(args).arg(address.to_string());
        let actor = Actor::start(lab, host, "tcp-server again", command)?;
        let answer = |line: &Line| {
            let event: Value = serde_json::from_str(&line.text).ok()?;
            matches!(event["event"].as_str(), Some("listening" | "end")).then_some(event)
        };
        let event = actor.program.wait_for(SOON, answer);
        let event = event.ok_or_else(|| Trouble::program("tcp-server again", "said nothing"))?;
        if event["event"] == "listening" {
            let (outcome, of_socket) = ("listens".to_owned(), Outcome::Binds);
            return Ok(Self { outcome, told: Vec::new(), of_socket, actor });
        }
        let error = &event["error"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let errno = error["os_error"].as_i64().and_then(|errno| i32::try_from(errno).ok());
        let of_socket = match Errno::from_raw(errno.unwrap_or_default()) {
            Errno::EADDRINUSE => Outcome::InUse,
            errno => Outcome::Fails(errno),
        };
        let kind = match of_socket {
            Outcome::InUse => "address in use (EADDRINUSE)".to_owned(),
            _ => text(&error["kind"]),
        };
        let hints = error["hints"].as_array().into_iter().flatten();
        let told = [format!("error: {}", text(&error["message"]))]
            .into_iter()
            .chain(hints.map(|hint| format!("hint: {}", text(hint))));
        let outcome = format!("{kind}, exit code {}", event["exit"]);
        Ok(Self { outcome, told: told.collect(), of_socket, actor })
    }

    /// Whether it did not start because the address was in use.
    pub(super) fn found_in_use(&self) -> bool {
        self.of_socket == Outcome::InUse
    }

    /// Ends it where it did start, so that it is not in the way of the next one.
    pub(super) fn stop(&mut self) -> Result<(), Trouble> {
        self.actor.program.kill().map_err(Trouble::io("end the server"))?;
        Ok(())
    }
}
