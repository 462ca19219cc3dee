//! The sending side of a transfer.

use std::collections::BTreeMap;

use bytes::BytesMut;
use proto::frame::HEADER_LEN;
use proto::transfer::{Batch, Busy, DropWhy, Dropped, Offer, Over, Sent, Take};
use proto::{Ending, Header, Kind, Message, ProtocolError};

use crate::hash::{Hash, Hasher};
use crate::limits::{BLOCK, FRAME, MAX_FILES, WINDOW};
use crate::outbox::Outbox;

/// How much room a block takes with its header.
pub const BLOCK_ROOM: usize = HEADER_LEN + BLOCK;

/// Sends files to a [`Receiver`](crate::Receiver), one after the other, some of them offered ahead.
///
/// ```text
/// Offered --Take{from: 0}----------> Sending --all read--> Confirming --confirmed--> Sent --Kept--> gone
///    |  \---Take{from, hash}-> Verifying --verified--^
///    \--Kept (a folder, or it is there)--> gone          at any time: Dropped, from either side --> gone
/// ```
///
/// The caller does what [`Sender::next_step`] says, gives what the peer says to [`Sender::handle`], and sends
/// what [`Sender::take_output`] gives before anything else. Files are read by the caller.
#[derive(Debug, Default)]
pub struct Sender {
    out: Outbox,
    open: BTreeMap<u32, Open>,
    /// The file of which blocks are sent.
    current: Option<u32>,
    last: u32,
    no_more: bool,
    over: bool,
    block_bytes: u64,
}

/// What a caller has to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendStep {
    /// Say what there is to send, with [`Sender::offer`] or [`Sender::no_more`].
    Offer,
    /// Hash the first `len` bytes of the file, and say so to [`Sender::verified`].
    Verify {
        /// Its number.
        file: u32,
        /// How many bytes the receiver says that it has.
        len: u64,
    },
    /// Call [`Sender::block`], which reads up to `len` bytes of the file at `at`.
    Block {
        /// Its number.
        file: u32,
        /// The place of the first byte.
        at: u64,
        /// How many bytes; at most [`BLOCK`].
        len: usize,
    },
    /// All is read: say whether the file is as it was when it was offered, with [`Sender::confirmed`] or
    /// [`Sender::give_up`].
    Confirm {
        /// Its number.
        file: u32,
    },
    /// Nothing, until the peer has said something.
    Wait,
    /// The transfer is over.
    Done,
}

/// What to offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its path, with `/` between the names.
    pub path: String,
    /// How many bytes it has.
    pub size: u64,
    /// When it was changed last, in microseconds since 1970 in UTC.
    pub modified: Option<i64>,
    /// Whether it is a folder.
    pub folder: bool,
}

/// What the receiver has said of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendEvent {
    /// It has it.
    Kept {
        /// The number of the file.
        file: u32,
        /// Under which path.
        path: String,
        /// Whether it had it before.
        already: bool,
    },
    /// It does not take it.
    Dropped {
        /// The number of the file.
        file: u32,
        /// Why.
        why: DropWhy,
        /// The same in the receiver's words, which may hold anything.
        reason: String,
    },
    /// It has hashed so many bytes more of what it has of a file.
    Hashed {
        /// How many; never more than the file has.
        bytes: u64,
    },
    /// It wants it, from this byte on.
    Wanted {
        /// The number of the file.
        file: u32,
        /// How many bytes it has.
        from: u64,
    },
}

#[derive(Debug)]
struct Open {
    size: u64,
    folder: bool,
    /// How much of it the receiver says that it has hashed.
    hashed: u64,
    state: State,
}

#[derive(Debug)]
enum State {
    Offered,
    Verifying { from: u64, hash: Hash },
    Sending { at: u64, hasher: Hasher },
    Sent,
}

impl Sender {
    /// Says how much is going to be offered.
    pub fn batch(&mut self, files: u64, bytes: u64) {
        self.out.push(&Message::Batch(Batch { files, bytes }));
    }

    /// What to do now.
    pub fn next_step(&self) -> SendStep {
        if self.over {
            return SendStep::Done;
        }
        if !self.no_more && self.open.len() < WINDOW {
            return SendStep::Offer;
        }
        let Some((file, open)) = self.current_file() else { return SendStep::Wait };
        match &open.state {
            State::Verifying { from, .. } => SendStep::Verify { file, len: *from },
            State::Sending { at, .. } if *at == open.size => SendStep::Confirm { file },
            State::Sending { at, .. } => {
                let left = usize::try_from(open.size - at).unwrap_or(usize::MAX);
                SendStep::Block { file, at: *at, len: left.min(BLOCK) }
            }
            State::Offered | State::Sent => SendStep::Wait,
        }
    }

    /// The file that was begun, or else the first one that the receiver has asked for.
    fn current_file(&self) -> Option<(u32, &Open)> {
        let begun = self.current.and_then(|file| Some((file, self.open.get(&file)?)));
        begun.or_else(|| {
            let wanted = |state: &State| !matches!(state, State::Offered | State::Sent);
            let mut files = self.open.iter().map(|(file, open)| (*file, open));
            files.find(|(_, open)| wanted(&open.state))
        })
    }

    /// Offers a file or a folder, and gives its number. Only where [`SendStep::Offer`] asks for it; behind
    /// [`MAX_FILES`] it does not.
    pub fn offer(&mut self, item: Item) -> u32 {
        self.last += 1;
        let (file, Item { path, size, modified, folder }) = (self.last, item);
        self.open.insert(file, Open { size, folder, hashed: 0, state: State::Offered });
        self.out.push(&Message::Offer(Offer { file, path, size, modified, folder }));
        if file == MAX_FILES {
            self.no_more();
        }
        file
    }

    /// Says of something that was asked for, or is in it, that it is not offered. Before [`Sender::no_more`].
    pub fn missing(&mut self, path: &str, why: DropWhy, reason: &str) {
        self.out.push_missing(path, why, reason);
    }

    /// There is nothing more to offer.
    pub fn no_more(&mut self) {
        self.no_more = true;
        self.settle();
    }

    /// The first bytes of the file, as many as [`SendStep::Verify`] said, are hashed.
    pub fn verified(&mut self, file: u32, hasher: Hasher) {
        let Some(open) = self.open.get_mut(&file) else { return };
        let State::Verifying { from, hash } = open.state else { return };
        self.current = Some(file);
        // What the receiver has may be of a file as it was before, or damaged: then from the start.
        open.state = if hasher.hash() == hash {
            State::Sending { at: from, hasher }
        } else {
            State::Sending { at: 0, hasher: Hasher::default() }
        };
    }

    /// Tells the peer that hashing goes on, so that it does not take us for gone.
    pub fn busy(&mut self, file: u32, done: u64) {
        self.out.push(&Message::Busy(Busy { file, done }));
    }

    /// Puts the next block into `room`, which has [`BLOCK_ROOM`] bytes, and gives how many of them to send.
    ///
    /// Where [`SendStep::Block`] asks for it. `read` fills the whole slice with the file's bytes, or fails; then
    /// nothing has happened, and the file should be given up.
    pub fn block<E>(
        &mut self,
        room: &mut [u8],
        read: impl FnOnce(&mut [u8]) -> Result<(), E>,
    ) -> Result<usize, E> {
        let SendStep::Block { file, at, len } = self.next_step() else { return Ok(0) };
        let (head, payload) = room[..HEADER_LEN + len].split_at_mut(HEADER_LEN);
        read(payload)?;
        let header = Header::new(Kind::Data, file, at).head(len, FRAME);
        head.copy_from_slice(&header.expect("a block is far shorter than a frame may be"));
        self.current = Some(file);
        if let Some(Open { state: State::Sending { at, hasher }, .. }) = self.open.get_mut(&file) {
            hasher.update(payload);
            *at += len as u64;
        }
        self.block_bytes += len as u64;
        Ok(HEADER_LEN + len)
    }

    /// The file of [`SendStep::Confirm`] is as it was offered: what was sent is the file.
    pub fn confirmed(&mut self, file: u32) {
        let Some(open) = self.open.get_mut(&file) else { return };
        let State::Sending { hasher, .. } = &open.state else { return };
        let hash = hasher.hash().to_string();
        open.state = State::Sent;
        self.current = None;
        self.out.push(&Message::Sent(Sent { file, hash }));
    }

    /// The file cannot be sent, or not to its end.
    pub fn give_up(&mut self, file: u32, why: DropWhy, reason: &str) {
        if self.open.contains_key(&file) {
            self.out.push_dropped(file, why, reason);
            self.close(file);
        }
    }

    /// Takes what the peer says.
    pub fn handle(&mut self, message: Message) -> Result<Option<SendEvent>, Ending> {
        match message {
            Message::Take(take) => self.take(take),
            Message::Kept(kept) => {
                let (file, path, already) = (kept.file, kept.path, kept.already);
                let Some(open) = self.find(file)? else { return Ok(None) };
                // A file that is there is found before a byte of it is asked for.
                if !matches!(open.state, State::Sent | State::Offered) {
                    return Err(broken(file, "it is kept before all of it was sent"));
                }
                self.close(file);
                Ok(Some(SendEvent::Kept { file, path, already }))
            }
            Message::Dropped(Dropped { file, why, reason }) => {
                if self.find(file)?.is_none() {
                    return Ok(None);
                }
                self.close(file);
                Ok(Some(SendEvent::Dropped { file, why, reason }))
            }
            Message::Busy(Busy { file, done }) => Ok(self.hashed(file, done)),
            Message::Over(_) if self.no_more && self.open.is_empty() => {
                self.over = true;
                Ok(None)
            }
            other => Err(out_of_turn(other.kind())),
        }
    }

    /// The control frames that are to be sent now.
    pub fn take_output(&mut self) -> BytesMut {
        self.out.take()
    }

    /// How many bytes of files were put into blocks.
    pub fn block_bytes(&self) -> u64 {
        self.block_bytes
    }

    /// How many files are offered and not settled.
    pub fn open(&self) -> usize {
        self.open.len()
    }

    fn take(&mut self, take: Take) -> Result<Option<SendEvent>, Ending> {
        let Take { file, from, hash } = take;
        let Some(open) = self.find(file)? else { return Ok(None) };
        if open.folder || !matches!(open.state, State::Offered) {
            return Err(broken(file, "it is asked for twice, or is a folder"));
        }
        if from > open.size {
            return Err(broken(file, "more of it is there than was offered"));
        }
        open.state = match hash.map(|hash| hash.parse()) {
            None if from == 0 => State::Sending { at: 0, hasher: Hasher::default() },
            Some(Ok(hash)) => State::Verifying { from, hash },
            _ => return Err(broken(file, "the hash of what is there is missing, or none")),
        };
        Ok(Some(SendEvent::Wanted { file, from }))
    }

    /// The receiver hashes what it has of a file. No more than the file has is there to hash, whatever it
    /// says.
    fn hashed(&mut self, file: u32, done: u64) -> Option<SendEvent> {
        let open = self.open.get_mut(&file)?;
        if !matches!(open.state, State::Offered) {
            return None;
        }
        let done = done.min(open.size);
        let bytes = done.checked_sub(open.hashed).filter(|&bytes| bytes > 0)?;
        open.hashed = done;
        Some(SendEvent::Hashed { bytes })
    }

    /// A file that is open; none where it has come to its end on this side. An answer that was under way
    /// then finds it so.
    fn find(&mut self, file: u32) -> Result<Option<&mut Open>, Ending> {
        if file == 0 || file > self.last {
            return Err(broken(file, "it was never offered"));
        }
        Ok(self.open.get_mut(&file))
    }

    fn close(&mut self, file: u32) {
        self.open.remove(&file);
        self.settle();
    }

    /// Says that all is over, once.
    fn settle(&mut self) {
        if self.no_more && self.open.is_empty() {
            self.out.push(&Message::Over(Over { files: self.last }));
        }
    }
}

/// A peer that breaks the rules about a file.
pub(crate) fn broken(file: u32, what: &'static str) -> Ending {
    Ending::Protocol(ProtocolError::File { file, what })
}

pub(crate) fn out_of_turn(kind: Kind) -> Ending {
    Ending::Protocol(ProtocolError::OutOfTurn { kind })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_max_files_nothing_more_is_offered_and_it_comes_to_its_end() {
        let mut sender = Sender { last: MAX_FILES - 1, ..Sender::default() };
        assert_eq!(sender.next_step(), SendStep::Offer);
        let item = Item { path: "a".into(), size: 0, modified: None, folder: true };
        let file = sender.offer(item);
        assert_eq!((file, sender.next_step()), (MAX_FILES, SendStep::Wait));
        let kept = proto::transfer::Kept { file, path: "a".into(), already: false };
        sender.handle(Message::Kept(kept)).unwrap();
        sender.handle(Message::Over(Over { files: file })).unwrap();
        assert_eq!(sender.next_step(), SendStep::Done);
    }
}
