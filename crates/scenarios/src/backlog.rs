//! What happens when the accept queue is full?
//!
//! `listen(fd, n)` does not say how many are served, nor how many may try. It says how long the queue
//! of complete connections may be that no `accept` has taken yet, and the kernel lets one more in.

mod half_open;
mod overflow;
mod race;
mod recover;

use crate::claims::{
    ListenSizes, backlog_holds_five_and_refuses_the_rest, listen_sizes_the_half_open_pool,
};
use crate::findings::{Claim, Story};
use crate::scenario::Scenario;
use crate::stage::{Stage, Trouble};

/// The demo.
pub const SCENARIO: Scenario = Scenario {
    name: "backlog",
    question: "what does listen(5) do with eight clients?",
    seconds: 6,
    programs: &["tcp-server", "tcp-client"],
    play,
};

/// Plays the four stories.
pub fn play(stage: &Stage, show: &mut dyn FnMut(Story)) -> Result<Vec<Claim>, Trouble> {
    let (story, seen, queue_is_half_open) = overflow::play(stage)?;
    show(story);
    show(recover::play(stage)?);
    show(race::play(stage)?);
    let (story, bounds_half_open) = half_open::play(stage)?;
    show(story);
    Ok(vec![
        backlog_holds_five_and_refuses_the_rest(Some(seen)),
        listen_sizes_the_half_open_pool(ListenSizes { queue_is_half_open, bounds_half_open }),
    ])
}
