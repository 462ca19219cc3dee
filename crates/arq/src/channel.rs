//! The ways on which messages travel.

use std::fmt;

/// A way for reliable messages. Each order has channels 0 to 255 of its own, and none waits for what
/// another has lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Channel {
    /// Whether messages come out in the order in which they were sent.
    pub order: Order,
    /// Which one of its kind.
    pub number: u8,
}

/// Whether messages of a channel come out in the order in which they were sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Order {
    /// They do: one that was lost holds back those behind it.
    Ordered,
    /// They do not: each comes out as soon as it is complete.
    Unordered,
}

impl Channel {
    /// A channel whose messages come out in their order.
    pub fn ordered(number: u8) -> Self {
        Self { order: Order::Ordered, number }
    }

    /// A channel whose messages come out as they arrive.
    pub fn unordered(number: u8) -> Self {
        Self { order: Order::Unordered, number }
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let order = match self.order {
            Order::Ordered => "ordered",
            Order::Unordered => "unordered",
        };
        write!(f, "{order} channel {}", self.number)
    }
}
