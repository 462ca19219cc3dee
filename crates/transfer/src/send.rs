//! Sending over a wire.

use std::collections::{BTreeMap, BTreeSet};

use files::{Hasher, SendEvent, SendStep, Sender};
use proto::transfer::DropWhy;
use proto::{Ending, Message};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use crate::limits::{BUSY, HASHED_AT_ONCE};
use crate::source::{Entry, Outgoing, Source};
use crate::told::{Broken, Told, Watch};
use crate::trouble::Trouble;
use crate::wire::{Until, Wire};

/// What is to be sent, and what has been: it outlives a connection that breaks.
#[derive(Debug, Default)]
pub struct Sending {
    source: Source,
    /// The places in the source of what has come to its end: it is there, or was dropped for good.
    settled: BTreeSet<usize>,
    /// All before this one are settled.
    settled_before: usize,
    /// Whether the receiver is told what is left out.
    tells_left_out: bool,
}

impl Sending {
    /// All of `source` is to be sent.
    pub fn new(source: Source) -> Self {
        Self { source, ..Self::default() }
    }

    /// All of `source` is to be sent to somebody who has asked for it, and is told what he does not get.
    pub fn asked(source: Source) -> Self {
        Self { source, tells_left_out: true, ..Self::default() }
    }

    /// What is to be sent.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// How many files and folders are not settled, and how many bytes they have.
    fn left(&self) -> (u64, u64) {
        let all = self.source.entries.iter().enumerate();
        let left = all.filter(|(at, _)| !self.is_settled(*at));
        left.fold((0, 0_u64), |(files, bytes), (_, entry)| {
            (files + 1, bytes.saturating_add(entry.item.size))
        })
    }

    fn entry(&self, at: usize) -> Option<&Entry> {
        self.source.entries.get(at)
    }

    fn is_settled(&self, at: usize) -> bool {
        at < self.settled_before || self.settled.contains(&at)
    }

    fn settle(&mut self, at: usize) {
        self.settled.insert(at);
        while self.settled.remove(&self.settled_before) {
            self.settled_before += 1;
        }
    }
}

/// Sends what is not settled, until the receiver has said that all is over.
pub async fn send<S: AsyncRead + AsyncWrite + Unpin>(
    wire: &mut Wire<S>,
    sending: &mut Sending,
    watch: &mut impl Watch,
) -> Result<(), Broken> {
    let mut sender = Sender::default();
    let (files, bytes) = sending.left();
    sender.batch(files, bytes);
    watch.told(Told::Batch { files, bytes });
    let (open, told) = (BTreeMap::new(), if sending.tells_left_out { 0 } else { usize::MAX });
    Drive { wire, sending, watch, sender, open, current: None, told, next: 0 }.run().await
}

struct Drive<'a, S, W> {
    wire: &'a mut Wire<S>,
    sending: &'a mut Sending,
    watch: &'a mut W,
    sender: Sender,
    /// Where in the source each file is that is offered and not settled.
    open: BTreeMap<u32, usize>,
    /// The file that is being read.
    current: Option<(u32, Outgoing)>,
    /// How many of those that are left out are told of.
    told: usize,
    /// The next one to offer.
    next: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin, W: Watch> Drive<'_, S, W> {
    async fn run(mut self) -> Result<(), Broken> {
        loop {
            self.wire.queue(self.sender.take_output());
            while let Some(frame) = self.wire.take_frame()? {
                self.heard(Message::from_frame(&frame).map_err(Ending::from)?)?;
                self.wire.queue(self.sender.take_output());
            }
            match self.sender.next_step() {
                // Who drops everything that is offered and reads nothing is offered no more.
                SendStep::Offer if self.wire.is_full() => self.wire.moved(Until::Written).await?,
                SendStep::Offer => self.offer(),
                SendStep::Verify { file, len } => self.verify(file, len).await?,
                // Blocks go when those before are gone: so a few are held, whatever the file's size.
                SendStep::Block { .. } if self.wire.has_unsent() => {
                    self.wire.moved(Until::Written).await?;
                }
                SendStep::Block { .. } => {
                    self.blocks();
                    self.wire.nudge().await?;
                }
                SendStep::Confirm { file } => self.confirm(file),
                SendStep::Wait => self.wire.moved(Until::Read).await?,
                SendStep::Done => return Ok(self.wire.flush().await?),
            }
        }
    }

    fn heard(&mut self, message: Message) -> Result<(), Broken> {
        let event = match message {
            Message::Goodbye(goodbye) => return Err(goodbye.into()),
            Message::Refused(refused) => return Err(Broken::refused(refused)),
            message => self.sender.handle(message)?,
        };
        match event {
            Some(SendEvent::Wanted { file, from }) => {
                if let Some(entry) = self.open.get(&file).and_then(|&at| self.sending.entry(at)) {
                    let (path, size) = (&entry.item.path, entry.item.size);
                    self.watch.told(Told::Begun { path, size, from });
                }
            }
            Some(SendEvent::Hashed { bytes }) => self.wire.hashed(bytes),
            Some(SendEvent::Kept { file, path: kept_as, already }) => {
                if let Some(at) = self.close(file) {
                    let item = &self.sending.source.entries[at].item;
                    let (path, size, folder) = (&item.path, item.size, item.folder);
                    let kept_as = &kept_as;
                    self.watch.told(Told::Kept { path, kept_as, size, folder, already });
                }
            }
            Some(SendEvent::Dropped { file, why, reason }) => {
                self.dropped(file, &Trouble::new(why, reason));
            }
            _ => {}
        }
        Ok(())
    }

    /// Says the next thing that there is to say of what is sent.
    fn offer(&mut self) {
        if self.left_out() {
            return;
        }
        while self.sending.is_settled(self.next) {
            self.next += 1;
        }
        match self.sending.source.entries.get(self.next) {
            Some(entry) => {
                let file = self.sender.offer(entry.item.clone());
                self.open.insert(file, self.next);
                self.next += 1;
            }
            None => self.sender.no_more(),
        }
    }

    /// Tells of the next one that is left out; false where there is none.
    fn left_out(&mut self) -> bool {
        let Self { sending, watch, sender, told, .. } = self;
        let left_out = &sending.source.left_out;
        let sum = if *told == left_out.len() { sending.source.left_out_in_sum() } else { None };
        let (path, Trouble { why, reason, .. }) = match (left_out.get(*told), &sum) {
            (Some(one), _) => (one.path.as_str(), &one.trouble),
            (None, Some(sum)) => ("", sum),
            (None, None) => return false,
        };
        *told += 1;
        sender.missing(path, *why, reason);
        watch.told(Told::Dropped { path, size: 0, why: *why, reason });
        true
    }

    /// Hashes the beginning of a file, which the receiver says that it has.
    async fn verify(&mut self, file: u32, len: u64) -> Result<(), Broken> {
        let (mut hasher, mut at, mut said) = (Hasher::default(), 0, Instant::now());
        let mut buffer = vec![0; HASHED_AT_ONCE];
        while at < len {
            let count = usize::try_from(len - at).unwrap_or(usize::MAX).min(HASHED_AT_ONCE);
            if let Err(trouble) = self.read(file, &mut buffer[..count], at) {
                self.give_up(file, &trouble);
                return Ok(());
            }
            hasher.update(&buffer[..count]);
            at += count as u64;
            if let Some(entry) = self.open.get(&file).and_then(|&at| self.sending.entry(at)) {
                self.watch.told(Told::Hashed { path: &entry.item.path, done: at, of: len });
            }
            if said.elapsed() > BUSY {
                said = Instant::now();
                self.sender.busy(file, at);
                self.wire.queue(self.sender.take_output());
                self.wire.nudge().await?;
            }
        }
        self.sender.verified(file, hasher);
        let begins_anew = matches!(self.sender.next_step(), SendStep::Block { at: 0, .. });
        if let Some(entry) = self.open.get(&file).and_then(|&at| self.sending.entry(at))
            && begins_anew
        {
            self.watch.told(Told::Anew { path: &entry.item.path, from: len });
        }
        Ok(())
    }

    /// Puts the next blocks, as many as are written together.
    fn blocks(&mut self) {
        while self.wire.has_room_for_block()
            && let SendStep::Block { file, at, len } = self.sender.next_step()
        {
            self.block(file, at, len);
        }
    }

    fn block(&mut self, file: u32, at: u64, len: usize) {
        if let Err(trouble) = self.open(file) {
            return self.give_up(file, &trouble);
        }
        let Some((_, outgoing)) = &self.current else { return };
        let sender = &mut self.sender;
        let put = self.wire.put_block(|room| sender.block(room, |into| outgoing.read_at(into, at)));
        match put {
            Ok(()) => {
                if let Some(entry) = self.open.get(&file).and_then(|&at| self.sending.entry(at)) {
                    let (path, bytes) = (&entry.item.path, len as u64);
                    self.watch.told(Told::Block { path, bytes });
                }
            }
            Err(trouble) => self.give_up(file, &trouble),
        }
    }

    fn confirm(&mut self, file: u32) {
        // An empty file is opened here, so that one that may not be read is not sent as if it were.
        let checked = self.open(file).and_then(|()| match &self.current {
            Some((_, outgoing)) => outgoing.check(),
            None => Ok(()),
        });
        match checked {
            Ok(()) => self.sender.confirmed(file),
            Err(trouble) => self.give_up(file, &trouble),
        }
        self.current = None;
    }

    fn read(&mut self, file: u32, into: &mut [u8], at: u64) -> Result<(), Trouble> {
        self.open(file)?;
        match &self.current {
            Some((_, outgoing)) => outgoing.read_at(into, at),
            None => Ok(()),
        }
    }

    /// Makes it the file that is read.
    fn open(&mut self, file: u32) -> Result<(), Trouble> {
        if self.current.as_ref().is_some_and(|(current, _)| *current == file) {
            return Ok(());
        }
        let Some(entry) = self.entry(file) else {
            return Err(Trouble::new(DropWhy::Failed, "it was not offered"));
        };
        self.current = Some((file, entry.open()?));
        Ok(())
    }

    fn give_up(&mut self, file: u32, trouble: &Trouble) {
        self.sender.give_up(file, trouble.why, &trouble.reason);
        self.dropped(file, trouble);
    }

    fn dropped(&mut self, file: u32, trouble: &Trouble) {
        if let Some(at) = self.close(file) {
            let item = &self.sending.source.entries[at].item;
            let (path, size, why, reason) = (&item.path, item.size, trouble.why, &trouble.reason);
            self.watch.told(Told::Dropped { path, size, why, reason });
        }
    }

    fn close(&mut self, file: u32) -> Option<usize> {
        if self.current.as_ref().is_some_and(|(current, _)| *current == file) {
            self.current = None;
        }
        let at = self.open.remove(&file)?;
        self.sending.settle(at);
        Some(at)
    }

    fn entry(&self, file: u32) -> Option<&Entry> {
        self.sending.entry(*self.open.get(&file)?)
    }
}
