//! The receiving side of a transfer.

use std::collections::{BTreeMap, VecDeque};

use bytes::BytesMut;
use proto::transfer::{Batch, Busy, DropWhy, Dropped, Kept, Missing, Offer, Over, Sent, Take};
use proto::{Ending, Message, Run};

use crate::asked::AskedFor;
use crate::hash::{Hash, Hasher};
use crate::limits::{MAX_FILES, MAX_SIZE, WINDOW};
use crate::outbox::Outbox;
use crate::path::SafePath;
use crate::sender::{broken, out_of_turn};

/// Receives what a [`Sender`](crate::Sender) sends.
///
/// ```text
/// Looking --found--> Taking --Sent, the hash holds--> Committing --committed--> gone
///    \--kept (a folder, or it is there)--> gone    at any time: Dropped, from either side --> gone
/// ```
///
/// The caller gives what the peer says to [`Receiver::handle`] and [`Receiver::data`], does what
/// [`Receiver::next_step`] says until it is [`ReceiveStep::Wait`], and sends what [`Receiver::take_output`] gives.
/// Files are written by the caller, who holds what it needs for each number until that is closed.
#[derive(Debug, Default)]
pub struct Receiver {
    out: Outbox,
    open: BTreeMap<u32, Open>,
    to_do: VecDeque<ReceiveStep>,
    last: u32,
    no_more: bool,
    over: bool,
    /// How many bytes may still come of files that are closed.
    under_way: u64,
    block_bytes: u64,
    /// What was asked for; nothing else is taken, unless it is empty.
    asked: AskedFor,
    /// How often the sender has said that something is missing.
    missing: u32,
}

/// What a caller has to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReceiveStep {
    /// See what is there of it, and say so to [`Receiver::found`], [`Receiver::kept`] or
    /// [`Receiver::give_up`].
    Look(Offered),
    /// All of the file has come, and is what was sent: give it its name, and say so to
    /// [`Receiver::kept`] or [`Receiver::give_up`].
    Commit {
        /// Its number.
        file: u32,
    },
    /// The file is not received any more.
    Close {
        /// Its number.
        file: u32,
        /// Whether what has come of it is of use.
        keep: bool,
    },
    /// Nothing, until the peer has said something.
    Wait,
    /// The transfer is over, when [`Receiver::take_output`] is sent.
    Done,
}

/// A file or a folder that the sender offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offered {
    /// Its number.
    pub file: u32,
    /// Where it should go.
    pub path: SafePath,
    /// How many bytes it has.
    pub size: u64,
    /// When it was changed last, in microseconds since 1970 in UTC.
    pub modified: Option<i64>,
    /// Whether it is a folder.
    pub folder: bool,
}

/// A piece of a file, to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block<'a> {
    /// The number of the file.
    pub file: u32,
    /// The place of its first byte.
    pub at: u64,
    /// What was there is not the beginning of the file: begin anew.
    pub restart: bool,
    /// The bytes.
    pub bytes: &'a [u8],
}

/// What the sender has said.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReceiveEvent {
    /// How much it is going to offer.
    Batch(Batch),
    /// The sender has hashed so many bytes more of what is here of a file.
    Hashed {
        /// How many; never more than are here.
        bytes: u64,
    },
    /// A file that is not received: the sender goes on with it no further, or it is refused here.
    Dropped {
        /// The number of the file.
        file: u32,
        /// Its path as the sender wrote it, which may hold anything.
        path: String,
        /// Why.
        why: DropWhy,
        /// The same in words, which may hold anything.
        reason: String,
    },
    /// Something that was asked for, or is in it, and that the sender does not offer.
    Missing {
        /// Its path as the sender wrote it, which may hold anything; empty where it stands for several.
        path: String,
        /// Why.
        why: DropWhy,
        /// The same in words, which may hold anything.
        reason: String,
    },
}

#[derive(Debug)]
struct Open {
    path: SafePath,
    size: u64,
    /// How much of what is here the sender says that it has hashed.
    hashed: u64,
    state: State,
}

#[derive(Debug)]
enum State {
    Looking,
    Taking { from: u64, at: u64, hasher: Hasher },
    Committing,
}

impl Receiver {
    /// Receives nothing but what is at these paths and below them: it was asked for. None is everything.
    ///
    /// A server could else put its own choice of files into a folder of ours, under names that programs obey.
    pub fn asking(paths: &[String]) -> Self {
        Self { asked: AskedFor::new(paths), ..Self::default() }
    }

    /// What was asked for and the sender has said nothing of.
    pub fn unanswered(&self) -> impl Iterator<Item = &str> {
        self.asked.unanswered()
    }

    /// What to do now. Each thing is said once.
    pub fn next_step(&mut self) -> ReceiveStep {
        if let Some(next) = self.to_do.pop_front() {
            return next;
        }
        if self.over { ReceiveStep::Done } else { ReceiveStep::Wait }
    }

    /// So many bytes of the file are there, and this is their hash so far: 0 of a new one, some of a part,
    /// all of one that is complete.
    pub fn found(&mut self, file: u32, len: u64, hasher: Hasher) {
        let Some(open) = self.open.get_mut(&file) else { return };
        if !matches!(open.state, State::Looking) || len > open.size {
            return;
        }
        let hash = (len > 0).then(|| hasher.hash().to_string());
        open.state = State::Taking { from: len, at: len, hasher };
        self.out.push(&Message::Take(Take { file, from: len, hash }));
    }

    /// It is there under this path: a folder, a file that came before in the same run, or one that is
    /// committed. `already` says that nothing had to be made.
    pub fn kept(&mut self, file: u32, path: &SafePath, already: bool) {
        if self.open.remove(&file).is_none() {
            return;
        }
        self.out.push(&Message::Kept(Kept { file, path: path.to_string(), already }));
        self.settle();
    }

    /// It is not received, for this reason. What still comes of it is skipped.
    pub fn give_up(&mut self, file: u32, why: DropWhy, reason: &str) {
        let Some(open) = self.open.remove(&file) else { return };
        self.skip(&open);
        self.out.push_dropped(file, why, reason);
        self.settle();
    }

    /// Tells the peer that hashing goes on, so that it does not take us for gone.
    pub fn busy(&mut self, file: u32, done: u64) {
        self.out.push(&Message::Busy(Busy { file, done }));
    }

    /// Takes blocks of a file, and gives each to `write`. Where that fails the file is given up, and the
    /// transfer goes on.
    pub fn data(
        &mut self,
        run: &Run<'_>,
        mut write: impl FnMut(Block<'_>) -> Result<(), (DropWhy, String)>,
    ) -> Result<Option<ReceiveEvent>, Ending> {
        let file = run.room();
        let mut event = None;
        for (header, bytes) in run.iter() {
            if let Some(dropped) = self.block(file, header.id, bytes, &mut write)? {
                event = Some(dropped);
            }
        }
        Ok(event)
    }

    fn block(
        &mut self,
        file: u32,
        offset: u64,
        bytes: &[u8],
        write: &mut impl FnMut(Block<'_>) -> Result<(), (DropWhy, String)>,
    ) -> Result<Option<ReceiveEvent>, Ending> {
        let len = bytes.len() as u64;
        if file == 0 || file > self.last || len == 0 {
            return Err(broken(file, "a block of no file, or an empty one"));
        }
        let Some(open) = self.open.get_mut(&file) else {
            let left = self.under_way.checked_sub(len);
            self.under_way = left.ok_or_else(|| broken(file, "a block after its end"))?;
            return Ok(None);
        };
        let State::Taking { from, at, hasher } = &mut open.state else {
            return Err(broken(file, "a block that nobody asked for"));
        };
        // The sender begins anew where what is here is not the beginning of its file.
        let restart = offset == 0 && *from > 0 && *at == *from;
        if restart {
            (*from, *at, *hasher) = (0, 0, Hasher::default());
        }
        if offset != *at || len > open.size - *at {
            return Err(broken(file, "a block in the wrong place, or beyond its size"));
        }
        if let Err((why, reason)) = write(Block { file, at: *at, restart, bytes }) {
            *at += len;
            let path = open.path.to_string();
            self.give_up(file, why, &reason);
            self.to_do.push_back(ReceiveStep::Close { file, keep: true });
            return Ok(Some(ReceiveEvent::Dropped { file, path, why, reason }));
        }
        hasher.update(bytes);
        *at += len;
        self.block_bytes += len;
        Ok(None)
    }

    /// Takes what the peer says.
    pub fn handle(&mut self, message: Message) -> Result<Option<ReceiveEvent>, Ending> {
        match message {
            Message::Batch(batch) => Ok(Some(ReceiveEvent::Batch(batch))),
            Message::Offer(offer) if !self.no_more => self.offer(offer),
            Message::Sent(sent) => self.sent(&sent),
            Message::Dropped(Dropped { file, why, reason }) => {
                self.check(file)?;
                let Some(open) = self.open.remove(&file) else { return Ok(None) };
                self.to_do
                    .retain(|next| !matches!(next, ReceiveStep::Look(look) if look.file == file));
                // A file that has changed is another one: what came of the old one is of no use.
                self.to_do.push_back(ReceiveStep::Close { file, keep: why != DropWhy::Changed });
                self.settle();
                let path = open.path.to_string();
                Ok(Some(ReceiveEvent::Dropped { file, path, why, reason }))
            }
            Message::Missing(Missing { path, why, reason }) if !self.no_more => {
                self.missing += 1;
                if self.missing > MAX_FILES {
                    return Err(broken(0, "more is missing than may be offered"));
                }
                self.asked.answer(&path);
                Ok(Some(ReceiveEvent::Missing { path, why, reason }))
            }
            Message::Busy(Busy { file, done }) => Ok(self.hashed(file, done)),
            Message::Over(Over { files }) if !self.no_more => {
                if files != self.last {
                    return Err(broken(files, "it was never offered"));
                }
                self.no_more = true;
                self.settle();
                Ok(None)
            }
            other => Err(out_of_turn(other.kind())),
        }
    }

    /// The control frames that are to be sent now.
    pub fn take_output(&mut self) -> BytesMut {
        self.out.take()
    }

    /// How many bytes of files have come in blocks and were written.
    pub fn block_bytes(&self) -> u64 {
        self.block_bytes
    }

    /// How many files are offered and not settled.
    pub fn open(&self) -> usize {
        self.open.len()
    }

    fn offer(&mut self, offer: Offer) -> Result<Option<ReceiveEvent>, Ending> {
        let Offer { file, path: asked, size, modified, folder } = offer;
        if file != self.last + 1 || file > MAX_FILES {
            return Err(broken(file, "it is offered out of order, or one too many"));
        }
        if self.open.len() >= WINDOW {
            return Err(broken(file, "more files are offered than may be at a time"));
        }
        if size > MAX_SIZE || (folder && size > 0) {
            return Err(broken(file, "it has no such size"));
        }
        self.last = file;
        let mut refuse = |reason: String| {
            let why = DropWhy::NameBad;
            self.out.push_dropped(file, why, &reason);
            Ok(Some(ReceiveEvent::Dropped { file, path: asked.clone(), why, reason }))
        };
        let path = match SafePath::new(&asked) {
            Ok(path) => path,
            Err(error) => return refuse(format!("its path is refused: {error}")),
        };
        if !self.asked.answer(&asked) {
            return refuse("it was not asked for".to_owned());
        }
        self.open.insert(file, Open { path: path.clone(), size, hashed: 0, state: State::Looking });
        self.to_do.push_back(ReceiveStep::Look(Offered { file, path, size, modified, folder }));
        Ok(None)
    }

    fn sent(&mut self, sent: &Sent) -> Result<Option<ReceiveEvent>, Ending> {
        let file = sent.file;
        self.check(file)?;
        let Some(open) = self.open.get_mut(&file) else { return Ok(None) };
        let State::Taking { at, hasher, .. } = &open.state else {
            return Err(broken(file, "it is sent before it was asked for, or twice"));
        };
        if *at != open.size {
            return Err(broken(file, "it ends before its size"));
        }
        let hash: Hash = sent.hash.parse().map_err(|_| broken(file, "its hash is none"))?;
        if hash == hasher.hash() {
            open.state = State::Committing;
            self.to_do.push_back(ReceiveStep::Commit { file });
            return Ok(None);
        }
        let path = open.path.to_string();
        let why = DropWhy::Damaged;
        let reason = "what came is not what was sent: the BLAKE3 hash differs".to_owned();
        self.give_up(file, why, &reason);
        self.to_do.push_back(ReceiveStep::Close { file, keep: false });
        Ok(Some(ReceiveEvent::Dropped { file, path, why, reason }))
    }

    /// The sender hashes what is here of a file. More than that there is not to hash, whatever it says.
    fn hashed(&mut self, file: u32, done: u64) -> Option<ReceiveEvent> {
        let open = self.open.get_mut(&file)?;
        let State::Taking { from, .. } = open.state else { return None };
        let done = done.min(from);
        let bytes = done.checked_sub(open.hashed).filter(|&bytes| bytes > 0)?;
        open.hashed = done;
        Some(ReceiveEvent::Hashed { bytes })
    }

    /// Checks that a file was offered.
    fn check(&self, file: u32) -> Result<(), Ending> {
        if file == 0 || file > self.last {
            return Err(broken(file, "it was never offered"));
        }
        Ok(())
    }

    /// What may still be under way of a file that is closed here.
    fn skip(&mut self, open: &Open) {
        if let State::Taking { from, at, .. } = open.state {
            // A sender that has not begun may still find that it has to begin anew.
            let left = if at == from { open.size } else { open.size - at };
            self.under_way = self.under_way.saturating_add(left);
        }
    }

    /// Answers that all is over where it is; a file is settled, so there is no second time.
    fn settle(&mut self) {
        if self.no_more && self.open.is_empty() {
            self.over = true;
            self.out.push(&Message::Over(Over { files: self.last }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_max_files_are_offered() {
        let mut receiver = Receiver { last: MAX_FILES - 1, ..Receiver::default() };
        let mut offer = |file: u32| {
            let path = file.to_string();
            let offer = Offer { file, path, size: 0, modified: None, folder: false };
            receiver.handle(Message::Offer(offer))
        };
        assert_eq!(offer(MAX_FILES), Ok(None));
        let error = offer(MAX_FILES + 1).unwrap_err();
        assert!(error.to_string().contains("one too many"), "{error}");
    }
}
