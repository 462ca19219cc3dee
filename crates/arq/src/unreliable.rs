//! Messages that are sent once: RFC 9221.
//!
//! They count for congestion and are acknowledged, but nobody sends them again, and they need no credit.
//! So their queues are short, and what finds no place is dropped and counted.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::limits::UNRELIABLE_QUEUE;

/// A queue that drops its oldest message when it is full: what is new is worth more.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    messages: VecDeque<(u8, Bytes)>,
    dropped: u64,
}

impl Queue {
    pub(crate) fn push(&mut self, channel: u8, message: Bytes) {
        if self.messages.len() == UNRELIABLE_QUEUE {
            self.messages.pop_front();
            self.dropped += 1;
        }
        self.messages.push_back((channel, message));
    }

    /// The message that goes next, and how long it is.
    pub(crate) fn next_len(&self) -> Option<usize> {
        self.messages.front().map(|(_, message)| message.len())
    }

    pub(crate) fn pop(&mut self) -> Option<(u8, Bytes)> {
        self.messages.pop_front()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_unreliable_queue_the_oldest_is_dropped_and_counted() {
        let mut queue = Queue::default();
        for number in 0..UNRELIABLE_QUEUE + 3 {
            queue.push(0, Bytes::from(number.to_string()));
        }
        assert_eq!(queue.dropped(), 3);
        assert_eq!(queue.pop(), Some((0, Bytes::from("3"))));
    }
}
