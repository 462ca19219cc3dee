//! Who takes part in a measurement: senders and receivers in a room of their own.

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::BytesMut;

use crate::relay::client::{Client, Target};
use crate::relay::speech::{Room, Speech};

/// How many take part, and what is said.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Those who only speak.
    pub senders: usize,
    /// Those who only listen.
    pub receivers: usize,
    /// The length of a message in bytes.
    pub payload: usize,
    /// How the senders write.
    pub writes: Writes,
    /// How many bytes may be on the way to the slowest receiver; see [`pump`](crate::relay::pump).
    pub window: u64,
}

/// How a sender writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writes {
    /// 64 KiB of messages at a time, or one that is longer.
    Batched,
    /// One message at a time.
    Single,
}

/// Senders and receivers, logged in, in one room.
#[derive(Debug)]
pub struct Crowd {
    /// What they speak.
    pub speech: Speech,
    /// Where they are.
    pub room: Room,
    /// Those who speak.
    pub senders: Vec<Client>,
    /// Those who listen.
    pub receivers: Vec<Client>,
}

impl Crowd {
    /// Brings everybody together, and waits until a message of each sender has reached each receiver:
    /// then nothing else is under way, and what comes later are messages.
    pub fn gather(target: Target, shape: Shape) -> io::Result<Self> {
        let speech = target.speech;
        let name = new_room();
        let mut room = Room { name: name.clone(), number: 0 };
        let mut join = |listen: bool| {
            let mut client = Client::connect(target)?;
            room = client.enter(&name, listen)?;
            Ok(client)
        };
        let mut receivers: Vec<_> =
            (0..shape.receivers).map(|_| join(true)).collect::<io::Result<_>>()?;
        let mut senders: Vec<_> =
            (0..shape.senders).map(|_| join(false)).collect::<io::Result<_>>()?;
        let mut first = BytesMut::new();
        speech.say(&room, 0, &vec![b'.'; shape.payload], &mut first);
        for sender in &mut senders {
            sender.say(&first)?;
        }
        for receiver in &mut receivers {
            for _ in 0..shape.senders {
                receiver.listen()?;
            }
            receiver.inbox.release();
        }
        Ok(Self { speech, room, senders, receivers })
    }
}

/// A name that no room had before. All are of one length, so that all messages are.
pub fn new_room() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("bench-{:05}", NEXT.fetch_add(1, Ordering::Relaxed))
}
