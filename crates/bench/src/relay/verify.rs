//! Whether every message arrives, once, in order, with what was said: a round that does not count.
//!
//! Of ours everything that the relay vouches for is compared: `seq` without a gap from the first
//! message of the room on, `from`, `id`, the room, and the payload. The peers have no such fields; of
//! them the payload is compared, in which each message has its sender and number.

use std::io::{self, Read};
use std::net::TcpStream;

use bytes::{BufMut, BytesMut};

use crate::relay::client::{Client, Target, check, closed};
use crate::relay::crowd::{Crowd, Shape};
use crate::relay::pump::{Compose, Pump, Receive, block_of};
use crate::relay::speech::{Heard, Room, Said, Speech};

/// About how many bytes all receivers together are sent, and how many messages each of them at least
/// and at most.
const BYTES: usize = 128 * 1024 * 1024;
const MESSAGES: (usize, usize) = (2_000, 200_000);

/// Sends messages and compares all that arrives.
pub fn run(target: Target, shape: Shape) -> io::Result<()> {
    let crowd = Crowd::gather(target, shape)?;
    let Crowd { speech, room, mut senders, receivers } = crowd;
    let people: Vec<u32> = senders.iter().map(|sender| sender.you).collect();
    let delivered = speech.delivered(&room, shape.payload);
    let messages = (BYTES / delivered / shape.receivers).clamp(MESSAGES.0, MESSAGES.1) as u64;
    let numbered = receivers.into_iter().enumerate();
    let receivers = numbered.map(|(at, client)| Checker {
        at,
        client,
        // The room began with a message of each.
        ledger: Ledger::new(&room, &people, people.len() as u64, shape.payload),
        buffer: vec![0; READ],
        delivered: delivered as u64,
    });
    let compose = Compositions { speech, room: &room, payload: shape.payload };
    let senders = senders.iter_mut().map(|client| &client.stream);
    let mut pump = Pump::new(speech, &room, shape, senders, receivers.collect(), compose)?;
    while pump.sent() < messages {
        pump.turn(true)?;
    }
    pump.drain()
}

/// How much a receiver reads at a time.
const READ: usize = 256 * 1024;

/// Makes messages of which no two are alike.
struct Compositions<'a> {
    speech: Speech,
    room: &'a Room,
    payload: usize,
}

impl Compose for Compositions<'_> {
    fn compose(&mut self, sender: usize, first: u64, block: &mut BytesMut) {
        block.clear();
        self.speech.say(self.room, first, &payload(sender, first, self.payload), block);
        let rest = first + 1..first + block_of(block.len()) as u64;
        for number in rest {
            self.speech.say(self.room, number, &payload(sender, number, self.payload), block);
        }
    }
}

/// The message `number` of a sender: who and which, and bytes that no other message has.
pub fn payload(sender: usize, number: u64, len: usize) -> BytesMut {
    let mut payload = BytesMut::with_capacity(len);
    payload.put_u64(number);
    payload.put_u32(u32::try_from(sender).expect("there are few"));
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ sender as u64;
    while payload.len() < len {
        state = state.rotate_left(17).wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1);
        let rest = (len - payload.len()).min(8);
        payload.put_slice(&state.to_be_bytes()[..rest]);
    }
    payload
}

/// A receiver that compares.
struct Checker {
    at: usize,
    client: Client,
    ledger: Ledger,
    buffer: Vec<u8>,
    delivered: u64,
}

impl Receive for Checker {
    fn stream(&self) -> &TcpStream {
        &self.client.stream
    }

    fn receive(&mut self) -> io::Result<u64> {
        match self.client.stream.read(&mut self.buffer) {
            Ok(0) => return Err(closed()),
            Ok(read) => self.client.inbox.push(&self.buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(0),
            Err(error) => return Err(error),
        }
        let mut messages = 0;
        while let Some(heard) = self.client.inbox.hear()? {
            let Heard::Said(said) = heard else {
                check(&heard)?;
                continue;
            };
            self.ledger
                .enter(&said)
                .map_err(|wrong| io::Error::other(format!("receiver {}: {wrong}", self.at)))?;
            messages += 1;
        }
        Ok(messages * self.delivered)
    }
}

/// Whose message it is, and which of his, as [`payload`] has written.
pub fn origin(payload: &[u8]) -> Option<(usize, u64)> {
    let number = u64::from_be_bytes(*payload.first_chunk()?);
    let sender = u32::from_be_bytes(payload.get(8..12)?.try_into().ok()?);
    Some((sender.try_into().ok()?, number))
}

/// What a receiver has got, and so what must come next.
#[derive(Clone, Debug)]
pub struct Ledger {
    room: u32,
    /// The numbers that the senders go by.
    people: Vec<u32>,
    /// The number of the last message of each sender.
    last: Vec<u64>,
    seq: u64,
    payload: usize,
}

impl Ledger {
    /// Of a receiver who comes into a room after its message `seq`, when nobody of `people` has said
    /// anything yet that counts.
    pub fn new(room: &Room, people: &[u32], seq: u64, payload: usize) -> Self {
        let (people, last) = (people.to_vec(), vec![0; people.len()]);
        Self { room: room.number, people, last, seq, payload }
    }

    /// Fails with what is wrong about a message.
    pub fn enter(&mut self, said: &Said) -> Result<(), String> {
        let bytes = &said.payload;
        let Some((sender, number)) = origin(bytes) else {
            return Err(format!("a message of {} bytes was never sent", bytes.len()));
        };
        let Some(last) = self.last.get_mut(sender) else {
            return Err(format!("a message of sender {sender}, who does not exist"));
        };
        if number != *last + 1 {
            return Err(format!("message {number} of sender {sender} came after {last}"));
        }
        *last = number;
        if *bytes != payload(sender, number, self.payload) {
            return Err(format!(
                "message {number} of sender {sender} has other bytes than were sent"
            ));
        }
        let Some(header) = said.header else { return Ok(()) };
        if header.seq != self.seq + 1 {
            return Err(format!("seq {} came after {}", header.seq, self.seq));
        }
        self.seq = header.seq;
        let expected = (self.room, self.people[sender], number);
        let found = (header.room, header.from, header.id);
        if found != expected {
            return Err(format!("room, from and id are {found:?} and not {expected:?}"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proto::{Header, Kind};

    use super::*;

    fn ledger() -> Ledger {
        Ledger::new(&Room { name: "room".into(), number: 7 }, &[40, 41], 2, 100)
    }

    fn said(sender: usize, number: u64, seq: u64) -> Said {
        let mut header = Header::new(Kind::Data, 7, number);
        header.seq = seq;
        header.from = [40, 41][sender];
        Said { header: Some(header), payload: payload(sender, number, 100).freeze() }
    }

    #[test]
    fn messages_in_their_order_are_right() {
        for has_header in [true, false] {
            let mut ledger = ledger();
            for (sender, number, seq) in [(0, 1, 3), (1, 1, 4), (1, 2, 5), (0, 2, 6)] {
                let mut said = said(sender, number, seq);
                said.header = said.header.filter(|_| has_header);
                assert_eq!(ledger.enter(&said), Ok(()));
            }
        }
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut Said), expected: &str) {
        let mut ledger = ledger();
        ledger.enter(&said(0, 1, 3)).unwrap();
        let mut next = said(0, 2, 4);
        change(&mut next);
        assert_eq!(ledger.enter(&next).unwrap_err(), expected);
    }

    #[test]
    fn whatever_is_not_as_it_was_sent_is_told() {
        let header =
            |change: fn(&mut Header)| move |said: &mut Said| change(said.header.as_mut().unwrap());
        check(header(|header| header.seq = 5), "seq 5 came after 3");
        check(header(|header| header.seq = 3), "seq 3 came after 3");
        let other = |found| format!("room, from and id are {found} and not (7, 40, 2)");
        check(header(|header| header.from = 41), &other("(7, 41, 2)"));
        check(header(|header| header.room = 8), &other("(8, 40, 2)"));
        check(header(|header| header.id = 1), &other("(7, 40, 1)"));
        check(|next| *next = said(0, 3, 4), "message 3 of sender 0 came after 1");
        check(|next| *next = said(0, 1, 4), "message 1 of sender 0 came after 1");
        check(
            |next| {
                let mut payload = next.payload.to_vec();
                *payload.last_mut().unwrap() ^= 1;
                next.payload = payload.into();
            },
            "message 2 of sender 0 has other bytes than were sent",
        );
        check(|next| next.payload = Vec::new().into(), "a message of 0 bytes was never sent");
        check(
            |next| next.payload = vec![1; 100].into(),
            "a message of sender 16843009, who does not exist",
        );
    }
}
