//! How a connection ends: RFC 9000 §10.2, and a close that waits until everything is confirmed.

/// Where a connection is in its life.
///
/// ```text
///  Open --close--> Flushing --everything confirmed, or too late--> Closing --> Gone
///   |                 |                                              ^
///   |                 +-- fault of the peer --------------------------+
///   +-------------------- fault of the peer --------------------------+
///   |                 |
///   +-----------------+-- peer's Close --> Draining ------------------------> Gone
///   +-----------------+-- silence -------------------------------------------> Gone
/// ```
///
/// Closing says Close until the peer has said it too or three probe timeouts are over; Draining has
/// answered with one Close and is silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    Open,
    Flushing,
    Closing,
    Draining,
    Gone,
}

/// What happens to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// The application has nothing more to say.
    Close,
    /// Everything that was handed in is confirmed.
    Confirmed,
    /// The time for that is over.
    TooLate,
    /// The peer does what it may not, or the application wants no more of it.
    Fault,
    /// The peer says Close.
    PeerClose,
    /// The peer is silent for too long.
    Silence,
    /// Three probe timeouts have passed.
    Quiet,
}

impl Life {
    /// The life after the turn; nothing if the turn changes nothing.
    pub(crate) fn after(self, turn: Turn) -> Option<Self> {
        match (self, turn) {
            (Self::Open, Turn::Close) => Some(Self::Flushing),
            (Self::Flushing, Turn::Confirmed | Turn::TooLate)
            | (Self::Open | Self::Flushing, Turn::Fault) => Some(Self::Closing),
            (Self::Open | Self::Flushing, Turn::PeerClose) => Some(Self::Draining),
            (Self::Closing, Turn::PeerClose)
            | (Self::Closing | Self::Draining, Turn::Quiet)
            | (Self::Open | Self::Flushing, Turn::Silence) => Some(Self::Gone),
            _ => None,
        }
    }

    /// Whether messages still travel.
    pub(crate) fn is_talking(self) -> bool {
        matches!(self, Self::Open | Self::Flushing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_turn_of_every_life() {
        use Life::{Closing, Draining, Flushing, Gone, Open};
        let turns = [
            Turn::Close,
            Turn::Confirmed,
            Turn::TooLate,
            Turn::Fault,
            Turn::PeerClose,
            Turn::Silence,
            Turn::Quiet,
        ];
        let none = None;
        for (life, expected) in [
            (Open, [Some(Flushing), none, none, Some(Closing), Some(Draining), Some(Gone), none]),
            (
                Flushing,
                [
                    none,
                    Some(Closing),
                    Some(Closing),
                    Some(Closing),
                    Some(Draining),
                    Some(Gone),
                    none,
                ],
            ),
            (Closing, [none, none, none, none, Some(Gone), none, Some(Gone)]),
            (Draining, [none, none, none, none, none, none, Some(Gone)]),
            (Gone, [none; 7]),
        ] {
            assert_eq!(turns.map(|turn| life.after(turn)), expected, "{life:?}");
        }
    }
}
