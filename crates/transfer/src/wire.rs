//! One connection of a transfer: frames out of it, bytes into it, and a limit on silence.

use std::fmt;
use std::future::{pending, poll_fn};
use std::ops::Range;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use files::sender::BLOCK_ROOM;
use proto::{Decoder, Ending, Frame, Message, Taken};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::limits::{GATHERED_BLOCKS, MAX_UNSENT, READ};
use crate::pace::{LeastRate, Pace};

/// How long a wire waits, and who may hurry it.
pub struct Patience {
    /// How long nothing may move in either direction.
    pub idle: Option<Duration>,
    /// How much must go over while the peer is waited for.
    pub least_rate: Option<LeastRate>,
    /// How long a peer may take nothing of more answers than are kept for it; [`Patience::idle`] holds, too.
    pub write: Option<Duration>,
    /// Ready when the program is about to end: from then on a silence of [`Patience::quiet`] is enough.
    pub hurry: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// How long nothing may move once it was hurried.
    pub quiet: Duration,
}

/// A stream with what is under way on it.
pub struct Wire<S> {
    stream: S,
    decoder: Decoder,
    control: BytesMut,
    blocks: Box<[u8]>,
    /// What of the blocks is still to be written.
    unsent: Range<usize>,
    /// Whether the stream may hold back a part of what was written, as TLS does.
    unflushed: bool,
    /// How a write failed. What the peer said before it closed is read on, because it may say why.
    broken: Option<Ending>,
    patience: Patience,
    pace: Pace,
    is_hurried: bool,
    moved_at: Instant,
    timer: Pin<Box<Sleep>>,
}

/// What to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    /// All that was to be sent is sent, or something has come.
    Written,
    /// Something has come. Meanwhile what is to be sent is sent.
    Read,
    /// There is room for more answers. Nothing is read meanwhile.
    Room,
}

impl Default for Patience {
    /// For ever.
    fn default() -> Self {
        let hurry = Box::pin(pending());
        Self { idle: None, least_rate: None, write: None, hurry, quiet: Duration::MAX }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    /// A wire over a stream.
    pub fn new(stream: S, patience: Patience) -> Self {
        let now = Instant::now();
        Self {
            stream,
            decoder: Decoder::default().with_reads_of(READ),
            control: BytesMut::new(),
            blocks: vec![0; GATHERED_BLOCKS * BLOCK_ROOM].into(),
            unsent: 0..0,
            unflushed: false,
            broken: None,
            patience,
            pace: Pace::default(),
            is_hurried: false,
            moved_at: now,
            timer: Box::pin(sleep_until(now)),
        }
    }

    /// Says a message.
    pub fn say(&mut self, message: &Message) {
        // One that is too long for a frame is one that we have made too long, and is not worth a panic.
        let _ = message.encode(&mut self.control);
    }

    /// Waits for a control frame, and gives what it says.
    pub async fn hear(&mut self) -> Result<Message, Ending> {
        loop {
            match self.take_frame()? {
                Some(frame) => return Ok(Message::from_frame(&frame)?),
                None => self.moved(Until::Read).await?,
            }
        }
    }

    /// Sends all that is to be sent.
    pub async fn flush(&mut self) -> Result<(), Ending> {
        while self.has_unsent() {
            match self.moved(Until::Written).await {
                // Who has heard the last word may be gone before we look.
                Err(Ending::PeerFin) if !self.has_unsent() => return Ok(()),
                moved => moved?,
            }
        }
        Ok(())
    }

    /// Ends our direction, after all that was to be sent. An error only says that the peer was quicker.
    pub async fn close(&mut self) {
        let _ = self.stream.shutdown().await;
    }

    pub(crate) fn take(&mut self) -> Result<Option<Taken<'_>>, Ending> {
        Ok(self.decoder.take()?)
    }

    pub(crate) fn take_frame(&mut self) -> Result<Option<Frame>, Ending> {
        Ok(self.decoder.take_frame()?)
    }

    /// Queues what is to be sent after all that was before. Nothing is where it cannot be.
    pub(crate) fn queue(&mut self, control: BytesMut) {
        if self.broken.is_some() {
            return;
        }
        if self.control.is_empty() {
            self.control = control;
        } else {
            self.control.extend_from_slice(&control);
        }
    }

    /// The peer has hashed so many bytes, which is as good as if they had gone over.
    pub(crate) fn hashed(&mut self, bytes: u64) {
        self.pace.went(bytes);
    }

    /// Whether so many answers wait to be sent that nothing should be taken that asks for more.
    pub(crate) fn is_full(&self) -> bool {
        self.broken.is_none() && self.control.len() > MAX_UNSENT
    }

    pub(crate) fn has_unsent(&self) -> bool {
        self.broken.is_some() || self.has_unwritten() || self.unflushed
    }

    fn has_unwritten(&self) -> bool {
        !self.control.is_empty() || !self.unsent.is_empty()
    }

    /// Puts a block behind those that were put before, where nothing else waits to be sent and none of
    /// these has been written.
    pub(crate) fn put_block<E>(
        &mut self,
        fill: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Result<(), E> {
        let end = self.unsent.end;
        self.unsent.end += fill(&mut self.blocks[end..])?;
        Ok(())
    }

    /// Whether there is room for one more block behind those that were put.
    pub(crate) fn has_room_for_block(&self) -> bool {
        self.blocks.len() - self.unsent.end >= BLOCK_ROOM
    }

    /// Writes what it can, and sees whether something has come, without waiting.
    pub(crate) async fn nudge(&mut self) -> Result<(), Ending> {
        poll_fn(|cx| {
            let wrote = self.poll_write(cx);
            let read = self.poll_read(cx)?;
            if wrote || read {
                self.moved_at = Instant::now();
            }
            Poll::Ready(Ok(()))
        })
        .await
    }

    /// Waits until what is asked for has happened.
    pub(crate) async fn moved(&mut self, until: Until) -> Result<(), Ending> {
        self.moved_at = Instant::now();
        let moved = poll_fn(|cx| {
            let mut has_moved = self.poll_write(cx);
            let has_read = until != Until::Room && self.poll_read(cx)?;
            has_moved |= has_read;
            let is_so = match until {
                Until::Written => has_read || !self.has_unsent(),
                Until::Read => has_read,
                Until::Room => !self.is_full(),
            };
            if is_so {
                return Poll::Ready(Ok(()));
            }
            if has_moved {
                self.moved_at = Instant::now();
            }
            self.poll_patience(cx, until)
        })
        .await;
        self.pace.rest();
        moved
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> bool {
        let mut wrote = false;
        while self.broken.is_none() && self.has_unwritten() {
            // Blocks first: they were put where nothing waited, so all that waits came after them.
            let is_block = !self.unsent.is_empty();
            let bytes =
                if is_block { &self.blocks[self.unsent.clone()] } else { &self.control[..] };
            match Pin::new(&mut self.stream).poll_write(cx, bytes) {
                Poll::Pending => break,
                Poll::Ready(Ok(0)) => self.broken = Some(Ending::PeerGone),
                Poll::Ready(Ok(count)) => {
                    self.pace.went(count as u64);
                    if is_block {
                        self.unsent.start += count;
                    } else {
                        self.control.advance(count);
                    }
                }
                Poll::Ready(Err(error)) => self.broken = Some(Ending::from_io(&error)),
            }
            wrote = true;
            self.unflushed = true;
            if self.unsent.is_empty() {
                self.unsent = 0..0;
            }
        }
        if self.broken.is_none() && self.unflushed {
            match Pin::new(&mut self.stream).poll_flush(cx) {
                Poll::Pending => return wrote,
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => self.broken = Some(Ending::from_io(&error)),
            }
            self.unflushed = false;
            wrote = true;
        }
        wrote
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Result<bool, Ending> {
        // More than a frame that nobody has taken yet: what comes behind it can wait.
        if self.decoder.buffered() >= READ {
            return Ok(false);
        }
        let read = pin!(self.stream.read_buf(self.decoder.space())).poll(cx);
        match read {
            Poll::Pending => Ok(false),
            Poll::Ready(Ok(0)) => Err(self.broken.take().unwrap_or(Ending::PeerFin)),
            Poll::Ready(Ok(count)) => {
                self.pace.went(count as u64);
                Ok(true)
            }
            Poll::Ready(Err(error)) => Err(Ending::from_io(&error)),
        }
    }

    fn poll_patience(&mut self, cx: &mut Context<'_>, until: Until) -> Poll<Result<(), Ending>> {
        if !self.is_hurried && self.patience.hurry.as_mut().poll(cx).is_ready() {
            self.is_hurried = true;
            self.moved_at = Instant::now();
        }
        let now = Instant::now();
        let mut silence = match (self.is_hurried, self.patience.idle) {
            (true, _) => Some((self.patience.quiet, Ending::Shutdown)),
            (false, idle) => idle.map(|idle| (idle, Ending::Idle)),
        };
        if until == Until::Room
            && let Some(write) = self.patience.write
            && silence.as_ref().is_none_or(|(limit, _)| write < *limit)
        {
            silence = Some((write, Ending::TooSlow));
        }
        let mut next = None;
        if let Some((limit, ending)) = silence {
            next = self.moved_at.checked_add(limit);
            if next.is_some_and(|at| at <= now) {
                return Poll::Ready(Err(ending));
            }
        }
        if let Some(least) = self.patience.least_rate {
            let due = now.checked_add(self.pace.due(now, least)?);
            next = next.into_iter().chain(due).min();
        }
        let Some(at) = next else { return Poll::Pending };
        self.timer.as_mut().reset(at);
        if self.timer.as_mut().poll(cx).is_ready() {
            // It has fired in this very moment: what is due is found the next time.
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl fmt::Debug for Patience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Patience").field("idle", &self.idle).finish_non_exhaustive()
    }
}

impl<S> fmt::Debug for Wire<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").field("unsent", &self.unsent).finish_non_exhaustive()
    }
}
