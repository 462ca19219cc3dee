//! What happens when nobody says anything, and when somebody says nothing?
//!
//! Two sides that both wait for the other wait for ever: TCP has no timer for a connection on which
//! nothing is under way. To send an empty message does not help, because in a stream of bytes there is
//! no such thing. In datagrams there is.

mod both_receive;
mod empty_datagram;
mod empty_send;

use crate::claims::{Silence, silence_waits_and_empty_is_never_received};
use crate::findings::{Claim, Story};
use crate::scenario::Scenario;
use crate::stage::{Stage, Trouble};

/// The demo.
pub const SCENARIO: Scenario = Scenario {
    name: "silence",
    question: "what happens when nobody says anything, and when somebody says nothing?",
    seconds: 3,
    programs: &["tcp-server", "tcp-client", "udp-peer"],
    play,
};

/// Plays the three stories.
pub fn play(stage: &Stage, show: &mut dyn FnMut(Story)) -> Result<Vec<Claim>, Trouble> {
    let (story, both_wait) = both_receive::play(stage)?;
    show(story);
    let (story, stream_receives) = empty_send::play(stage)?;
    show(story);
    let (story, datagram_arrives) = empty_datagram::play(stage)?;
    show(story);
    Ok(vec![silence_waits_and_empty_is_never_received(Silence {
        both_wait: Some(both_wait),
        stream_receives: Some(stream_receives),
        datagram_arrives: Some(datagram_arrives),
    })])
}
