//! The scenarios there are, and how one is run.

use crate::findings::{Claim, Story};
use crate::stage::{Stage, Trouble};
use crate::{backlog, chat, disconnect, silence};

/// A demo.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// The name that one runs it by.
    pub name: &'static str,
    /// The question that it answers.
    pub question: &'static str,
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
pub const ALL: [Scenario; 4] =
    [backlog::SCENARIO, disconnect::SCENARIO, silence::SCENARIO, chat::SCENARIO];

/// The demo of this name.
pub fn find(name: &str) -> Option<Scenario> {
    ALL.into_iter().find(|scenario| scenario.name == name)
}
