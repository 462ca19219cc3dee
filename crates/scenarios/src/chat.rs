//! How do people talk at the same time, straight and through a relay?

mod relay;
mod udp;

use crate::claims::receiving_while_typing_needs_processes;
use crate::findings::{Claim, Story};
use crate::scenario::Scenario;
use crate::stage::{Stage, Trouble};

/// The demo.
pub const SCENARIO: Scenario = Scenario {
    name: "chat",
    question: "how do people talk at the same time, straight and through a relay?",
    seconds: 3,
    programs: &["relay", "tcp-client", "udp-peer"],
    play,
};

/// Plays the stories.
pub fn play(stage: &Stage, show: &mut dyn FnMut(Story)) -> Result<Vec<Claim>, Trouble> {
    let (story, typing) = udp::play(stage)?;
    show(story);
    show(relay::play(stage)?);
    Ok(vec![receiving_while_typing_needs_processes(typing)])
}
