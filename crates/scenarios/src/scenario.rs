//! The scenarios there are, and how one is run.

use crate::findings::{Claim, Story};
use crate::stage::{Stage, Trouble};
use crate::{backlog, disconnect};

/// A demo.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// The name that one runs it by.
    pub name: &'static str,
    /// The question that it answers.
    pub question: &'static str,
    /// About how many seconds it takes.
    pub seconds: u32,
    /// Plays it: hands over each story when it is complete, and gives the claims at the end.
    pub play: Play,
}

/// How a demo is played.
pub type Play = fn(&Stage, &mut dyn FnMut(Story)) -> Result<Vec<Claim>, Trouble>;

/// Every demo, in the order in which one would learn from them.
pub const ALL: [Scenario; 2] = [
    Scenario {
        name: "backlog",
        question: "what does listen(5) do with eight clients?",
        seconds: 6,
        play: backlog::play,
    },
    Scenario {
        name: "disconnect",
        question: "what does a server see of a client that goes?",
        seconds: 8,
        play: disconnect::play,
    },
];

/// The demo of this name.
pub fn find(name: &str) -> Option<Scenario> {
    ALL.into_iter().find(|scenario| scenario.name == name)
}
