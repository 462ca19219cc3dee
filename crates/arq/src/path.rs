//! Where the peer is: RFC 9000 §8 and §9.
//!
//! A packet that opens, with a number higher than all before, from another address says that the peer
//! has moved: a new network, or a NAT that forgot. Everything goes there from then on, but at most three
//! bytes for each one from there, until a challenge that went there came back (§8.1, §8.2). An address
//! that does not answer is given up for the one before (§9.3.2), so a packet that somebody copied and
//! sent from elsewhere leads nobody away.

use std::collections::VecDeque;
use std::net::SocketAddr;

use crate::limits::{AMPLIFICATION, MAX_PATH_RESPONSES};
use crate::time::Time;

/// How much may be sent to an address that has not proven to be the sender's.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Budget {
    received: usize,
    sent: usize,
}

impl Budget {
    pub(crate) fn on_received(&mut self, size: usize) {
        self.received = self.received.saturating_add(size);
    }

    pub(crate) fn on_sent(&mut self, size: usize) {
        self.sent = self.sent.saturating_add(size);
    }

    /// How many bytes may be sent.
    pub(crate) fn left(&self) -> usize {
        self.received.saturating_mul(AMPLIFICATION).saturating_sub(self.sent)
    }
}

/// The address of the peer, and what is known of it.
#[derive(Debug)]
pub(crate) struct Path {
    address: SocketAddr,
    /// What is being found out about the address, if it is not proven.
    trial: Option<Trial>,
    /// Answers that are owed, each to where its challenge came from.
    responses: VecDeque<(SocketAddr, [u8; 8])>,
}

#[derive(Debug)]
struct Trial {
    challenge: [u8; 8],
    /// Whether the challenge is to be sent.
    due: bool,
    until: Time,
    budget: Budget,
    /// The proven address before.
    before: SocketAddr,
}

impl Path {
    /// One whose address the handshake has proven.
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, trial: None, responses: VecDeque::new() }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn is_proven(&self) -> bool {
        self.trial.is_none()
    }

    /// How many of `size` bytes may be sent now.
    pub(crate) fn room(&self, size: usize) -> usize {
        self.trial.as_ref().map_or(size, |trial| trial.budget.left().min(size))
    }

    /// A packet of the peer came from `from`.
    pub(crate) fn on_received(&mut self, from: SocketAddr, size: usize) {
        if let Some(trial) = &mut self.trial
            && from == self.address
        {
            trial.budget.on_received(size);
        }
    }

    pub(crate) fn on_sent(&mut self, size: usize) {
        if let Some(trial) = &mut self.trial {
            trial.budget.on_sent(size);
        }
    }

    /// The peer has moved to `to`, from where it sent `size` bytes.
    pub(crate) fn move_to(&mut self, to: SocketAddr, size: usize, challenge: [u8; 8], until: Time) {
        // Whoever moves on before he was proven leads back to the last address that was.
        let before = self.trial.take().map_or(self.address, |trial| trial.before);
        self.address = to;
        if to != before {
            let mut budget = Budget::default();
            budget.on_received(size);
            self.trial = Some(Trial { challenge, due: true, until, budget, before });
        }
    }

    /// The challenge to be sent to the address.
    pub(crate) fn challenge(&self) -> Option<[u8; 8]> {
        self.trial.as_ref().filter(|trial| trial.due).map(|trial| trial.challenge)
    }

    pub(crate) fn on_challenge_sent(&mut self) {
        if let Some(trial) = &mut self.trial {
            trial.due = false;
        }
    }

    /// The challenge seems to be lost.
    pub(crate) fn on_challenge_lost(&mut self) {
        if let Some(trial) = &mut self.trial {
            trial.due = true;
        }
    }

    /// A response came. Whether it proves the address is the answer; where it came from does not matter
    /// (§8.2.3).
    pub(crate) fn on_response(&mut self, response: [u8; 8]) -> bool {
        let is_right = self.trial.as_ref().is_some_and(|trial| trial.challenge == response);
        if is_right {
            self.trial = None;
        }
        is_right
    }

    /// The peer asks whether it is reached at `from`.
    pub(crate) fn on_challenge(&mut self, from: SocketAddr, challenge: [u8; 8]) {
        if self.responses.len() < MAX_PATH_RESPONSES {
            self.responses.push_back((from, challenge));
        }
    }

    /// The answer that goes next.
    pub(crate) fn take_response(&mut self) -> Option<(SocketAddr, [u8; 8])> {
        self.responses.pop_front()
    }

    /// When an address that does not answer is given up.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.trial.as_ref().map(|trial| trial.until)
    }

    /// Goes back to the address before if the new one was not proven in time.
    pub(crate) fn give_up_if_due(&mut self, now: Time) -> bool {
        let Some(trial) = self.trial.take_if(|trial| now >= trial.until) else { return false };
        self.address = trial.before;
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const UNTIL: Time = Time::ZERO;

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    #[test]
    fn at_most_amplification_bytes_go_for_each_one_from_an_unproven_address() {
        let mut path = Path::new(address(1));
        assert_eq!(path.room(1200), 1200);
        path.move_to(address(2), 100, [7; 8], UNTIL);
        assert_eq!(path.room(1200), 100 * AMPLIFICATION);
        path.on_sent(290);
        assert_eq!(path.room(1200), 10);
        path.on_received(address(1), 1000);
        assert_eq!(path.room(1200), 10);
        path.on_received(address(2), 1);
        assert_eq!(path.room(1200), 13);
        path.on_sent(500);
        assert_eq!(path.room(1200), 0);
        assert!(!path.on_response([8; 8]));
        assert!(path.on_response([7; 8]));
        assert_eq!(path.room(1200), 1200);
    }

    #[test]
    fn an_address_that_does_not_answer_is_given_up_for_the_last_proven_one() {
        let mut path = Path::new(address(1));
        let until = UNTIL + Duration::from_secs(1);
        path.move_to(address(2), 100, [7; 8], until);
        path.move_to(address(3), 100, [8; 8], until);
        assert_eq!((path.address(), path.challenge()), (address(3), Some([8; 8])));
        assert!(!path.give_up_if_due(UNTIL));
        assert!(path.give_up_if_due(until));
        assert_eq!((path.address(), path.is_proven()), (address(1), true));
    }

    #[test]
    fn going_back_to_the_proven_address_needs_no_proof() {
        let mut path = Path::new(address(1));
        path.move_to(address(2), 100, [7; 8], UNTIL);
        path.move_to(address(1), 100, [8; 8], UNTIL);
        assert!(path.is_proven());
    }

    #[test]
    fn at_most_max_path_responses_are_owed() {
        let mut path = Path::new(address(1));
        for port in 0..100 {
            path.on_challenge(address(port), [1; 8]);
        }
        let owed = std::iter::from_fn(|| path.take_response()).count();
        assert_eq!(owed, MAX_PATH_RESPONSES);
    }
}
