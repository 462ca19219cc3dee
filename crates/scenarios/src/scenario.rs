//! The scenarios there are, and how one is run.

use crate::findings::{Claim, Story};
use crate::stage::{Stage, Trouble};
use crate::{
    backlog, chat, close, datagram, disconnect, families, feedback, files, flood, handshake, ports,
    reuse, silence, stream,
};

/// A demo.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// The name that one runs it by.
    pub name: &'static str,
    /// The question that it answers.
    pub question: &'static str,
    /// The theory, which `--explain` shows first: about ten entries, each a sentence or two, and at the
    /// end where to read on, with links (man page, RFC section, kernel file and function).
    pub explain: &'static [&'static str],
    /// About how many seconds it takes.
    pub seconds: u32,
    /// The programs of ours that it starts.
    pub programs: &'static [&'static str],
    /// Plays it: hands over each story when it is complete, and gives the claims at the end.
    pub play: Play,
}

/// How a demo is played.
pub type Play = fn(&Stage, &mut dyn FnMut(Story)) -> Result<Vec<Claim>, Trouble>;

/// Every demo, in the order in which one would learn from them.
pub const ALL: [Scenario; 14] = [
    handshake::SCENARIO,
    ports::SCENARIO,
    families::SCENARIO,
    stream::SCENARIO,
    datagram::SCENARIO,
    silence::SCENARIO,
    chat::SCENARIO,
    backlog::SCENARIO,
    feedback::SCENARIO,
    close::SCENARIO,
    disconnect::SCENARIO,
    reuse::SCENARIO,
    files::SCENARIO,
    flood::SCENARIO,
];

/// The demo of this name.
pub fn find(name: &str) -> Option<Scenario> {
    ALL.into_iter().find(|scenario| scenario.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_demo_has_its_theory_and_says_where_to_read_on() {
        for Scenario { name, explain, .. } in ALL {
            assert!((6..=14).contains(&explain.len()), "{name} explains in {}", explain.len());
            let links = explain.iter().filter(|says| says.contains("https://")).count();
            assert!(links >= 2, "{name} names {links} places to read on");
        }
    }
}
