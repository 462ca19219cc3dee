//! One connection: what is read goes to the hub, what the hub puts is written, and neither takes too long.

mod farewell;

use std::future::{self, Future as _};
use std::io::IoSlice;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use proto::{Decoder, Ending, ProtocolError};
use tcp_server::Stream;
use tokio::io::{AsyncReadExt as _, AsyncWrite as _};
use tokio::time::Instant;

use crate::alarm::{Alarm, after};
use crate::input::Input;
use crate::limits::{BULK, Limits, SLICES};
use crate::lines;
use crate::mailbox::{Found, Mailbox, Wait};
use crate::outbox::Batch;
use crate::outlet::{Behind, Dialect, Outlet as _, Said};
use crate::pause::Pause;
use crate::serve::{Shared, now};

/// A connection's task. Reading and writing take turns in it, which saves half of the memory that two
/// tasks would take, and nothing of the speed: the system calls are what takes time.
pub(crate) struct Talk {
    shared: Arc<Shared>,
    conn: u64,
    mailbox: Mailbox,
    input: Input,
    batch: Batch,
    opened: Instant,
    was_greeted: bool,
    /// Since when a frame or a line is not complete.
    begun: Option<Instant>,
    /// Until when the client must take something of what waits for it.
    write_until: Option<Instant>,
    /// Whether the stream may hold back a part of what was written, as TLS does.
    is_unflushed: bool,
    pause: Option<Pause>,
    alarm: Alarm,
}

impl Talk {
    pub(crate) fn new(shared: Arc<Shared>, conn: u64) -> Self {
        let mailbox = shared.open(conn);
        let input = Input::Unknown(Decoder::new(shared.limits.frame));
        Self {
            shared,
            conn,
            mailbox,
            input,
            batch: Batch::default(),
            opened: Instant::now(),
            was_greeted: false,
            begun: None,
            write_until: None,
            is_unflushed: false,
            pause: None,
            alarm: Alarm::default(),
        }
    }

    /// Talks until the end.
    pub(crate) async fn run(&mut self, stream: &mut Stream) -> Ending {
        let ending = future::poll_fn(|cx| self.poll(cx, stream)).await;
        // Boxed, so that it takes no memory while people talk.
        Box::pin(self.end(stream, ending)).await
    }

    fn limits(&self) -> &Limits {
        &self.shared.limits
    }

    fn dialect(&self) -> Dialect {
        match self.input {
            Input::Frames(..) => Dialect::Frames,
            _ => Dialect::Lines,
        }
    }

    fn person(&self) -> Option<u32> {
        match &self.input {
            Input::Unknown(_) => None,
            Input::Frames(_, session) => session.person(),
            Input::Lines(_, session) => session.person(),
        }
    }

    fn leave(&mut self, ending: &Ending) {
        if let Some(person) = self.person() {
            self.shared.with(|hub| hub.leave(person, ending));
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>, stream: &mut Stream) -> Poll<Ending> {
        loop {
            if let Poll::Ready(ending) = self.poll_write(cx, stream) {
                return Poll::Ready(ending);
            }
            match self.poll_read(cx, stream) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(ending)) => return Poll::Ready(ending),
                Poll::Pending => match self.poll_patience(cx) {
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(ending)) => return Poll::Ready(ending),
                    Poll::Pending => return Poll::Pending,
                },
            }
        }
    }

    /// Sends what waits for the client. Ready with the reason when no more will be sent.
    fn poll_write(&mut self, cx: &mut Context<'_>, stream: &mut Stream) -> Poll<Ending> {
        let (mut has_moved, mut released) = (false, 0);
        loop {
            if self.batch.is_empty() {
                match self.mailbox.collect(cx, &mut self.batch, released) {
                    Found::More => (has_moved, released) = (false, 0),
                    Found::Nothing => {
                        self.batch.release();
                        return match ready!(self.poll_flush(cx, stream)) {
                            Ok(()) => Poll::Pending,
                            Err(ending) => Poll::Ready(ending),
                        };
                    }
                    // It is to be reset, so nothing has to reach it any more.
                    Found::End(Ending::TooSlow) => return Poll::Ready(Ending::TooSlow),
                    Found::End(ending) => {
                        let flushed = ready!(self.poll_flush(cx, stream));
                        return Poll::Ready(flushed.err().unwrap_or(ending));
                    }
                }
            }
            let mut slices = [IoSlice::new(&[]); SLICES];
            let written = match self.batch.slices(&mut slices) {
                1 => Pin::new(&mut *stream).poll_write(cx, &slices[0]),
                filled => Pin::new(&mut *stream).poll_write_vectored(cx, &slices[..filled]),
            };
            match written {
                // No socket does this for bytes that are not empty.
                Poll::Ready(Ok(0)) => return Poll::Ready(Ending::PeerGone),
                Poll::Ready(Ok(sent)) => {
                    has_moved = true;
                    released += self.batch.advance(sent);
                    self.is_unflushed = true;
                    self.write_until = None;
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Ending::from_io(&error)),
                Poll::Pending => {
                    if let Some(ending) = self.mailbox.blocked(cx, has_moved, released) {
                        return Poll::Ready(ending);
                    }
                    self.expect_room();
                    return Poll::Pending;
                }
            }
        }
    }

    /// Sends what TLS has taken and holds back because the socket had no room for it.
    fn poll_flush(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut Stream,
    ) -> Poll<Result<(), Ending>> {
        if self.is_unflushed {
            match Pin::new(stream).poll_flush(cx) {
                Poll::Ready(Ok(())) => self.is_unflushed = false,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(Ending::from_io(&error))),
                Poll::Pending => {
                    self.expect_room();
                    return Poll::Pending;
                }
            }
        }
        self.write_until = None;
        Poll::Ready(Ok(()))
    }

    /// From now on the client has [`Limits::write`] to take something.
    fn expect_room(&mut self) {
        let limit = self.limits().write;
        self.write_until.get_or_insert_with(|| after(Instant::now(), limit));
    }

    /// Reads once, and does what was read. Ready with an error when nothing more is to be read.
    fn poll_read(&mut self, cx: &mut Context<'_>, stream: &mut Stream) -> Poll<Result<(), Ending>> {
        if let Some(pause) = &mut self.pause {
            if !pause.is_over(cx) {
                return Poll::Pending;
            }
            let wait = pause.wait();
            self.pause = None;
            if wait == Wait::Eased {
                // What was left of the last read.
                return Poll::Ready(self.hear(false));
            }
        }
        // No memory is taken for a read before there is something to read.
        let readable = match stream.poll_readable(cx) {
            Poll::Ready(Ok(())) => {
                let space = self.input.space();
                let room = space.capacity() - space.len();
                pin!(stream.read_buf(space)).poll(cx).map_ok(|read| (read, room))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => Poll::Pending,
        };
        match readable {
            Poll::Ready(Ok((0, _))) => Poll::Ready(Err(self.finish())),
            Poll::Ready(Ok((read, room))) => {
                self.hear(read >= BULK)?;
                if read == room {
                    // There is more, and those who were just sent something come first.
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(Ending::from_io(&error))),
            Poll::Pending => {
                self.input.release();
                Poll::Pending
            }
        }
    }

    /// Does what was read, and finds out for whom to wait before anything more is read.
    fn hear(&mut self, pushes: bool) -> Result<(), Ending> {
        let (said, mut behind) = self.take()?;
        let wait = match said {
            Said::Held => Wait::Eased,
            Said::Done => Wait::Relieved,
        };
        if said == Said::Done && !behind.is_empty() {
            // Who only types waits for nobody else.
            let me = self.person().unwrap_or_default();
            behind.retain(|&person, _| person == me || pushes);
        }
        let readers: Vec<_> = behind.into_values().collect();
        self.pause = Pause::new(readers, wait);
        Ok(())
    }

    /// Does what was read. Gives those who are behind with reading.
    fn take(&mut self) -> Result<(Said, Behind<Mailbox>), Ending> {
        self.input.identify(self.conn, self.shared.limits.line, self.shared.limits.frame);
        let (shared, mailbox) = (&self.shared, &self.mailbox);
        let mut behind = Behind::new();
        let mut is_complete = false;
        let result = match &mut self.input {
            Input::Unknown(_) => Ok(Said::Done),
            Input::Frames(decoder, session) => {
                let now = now();
                let ignored = decoder.ignored();
                let result = shared.with(|hub| {
                    while let Some(taken) = decoder.take()? {
                        let said = session.take(now, hub, mailbox, taken, &mut behind)?;
                        if said == Said::Held {
                            return Ok(Said::Held);
                        }
                        is_complete = true;
                    }
                    Ok(Said::Done)
                });
                is_complete |= decoder.ignored() > ignored;
                result
            }
            Input::Lines(input, session) => {
                if !self.was_greeted {
                    self.was_greeted = true;
                    mailbox.put(&lines::greeting());
                }
                let before = input.len();
                let taken = shared.with(|hub| {
                    session.take(now(), hub, mailbox, (&mut *input, false), &mut behind)
                });
                is_complete = input.len() < before;
                taken
            }
        };
        let said = result?;
        if is_complete {
            self.begun = None;
        }
        match said {
            Said::Done if self.input.is_partial() => {
                self.begun.get_or_insert_with(Instant::now);
            }
            Said::Done => {}
            // It is not the client that takes so long.
            Said::Held => self.begun = None,
        }
        Ok((said, behind))
    }

    /// The end of what the client says, and what that means.
    fn finish(&mut self) -> Ending {
        match &mut self.input {
            Input::Unknown(_) => Ending::PeerFin,
            Input::Frames(decoder, _) => {
                decoder.finish().map_or_else(Ending::from, |()| Ending::PeerFin)
            }
            Input::Lines(input, session) => {
                let taken = self.shared.with(|hub| {
                    // Nothing more will be read, so there is nothing to wait with.
                    session.take(now(), hub, &self.mailbox, (input, true), &mut Behind::new())
                });
                taken.map_or_else(|ending| ending, |_said| Ending::PeerFin)
            }
        }
    }

    /// Ready when something has taken too long: with the ending, or where the task can go on.
    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Ending>> {
        let limits = &self.shared.limits;
        let nobody = self.person().is_none();
        let greet = (!self.was_greeted && matches!(self.input, Input::Unknown(_)))
            .then(|| after(self.opened, limits.greet));
        let first = nobody.then(|| after(self.opened, limits.first));
        let message = self.begun.map(|begun| after(begun, limits.message));
        let pause = self.pause.as_ref().and_then(|pause| pause.until(limits));
        let deadlines = [greet, first, message, pause, self.write_until];
        let at = deadlines.into_iter().flatten().min();
        if self.alarm.poll(cx, at).is_pending() {
            return Poll::Pending;
        }
        let is_due = |deadline: Option<Instant>| deadline.is_some() && deadline == at;
        if is_due(self.write_until) {
            return Poll::Ready(Err(Ending::TooSlow));
        }
        if is_due(pause) {
            if let Some(pause) = &mut self.pause {
                pause.give_up(limits);
            }
            return Poll::Ready(Ok(()));
        }
        if is_due(greet) {
            self.was_greeted = true;
            self.mailbox.put(&lines::greeting());
            return Poll::Ready(Ok(()));
        }
        let limit = if is_due(message) { limits.message } else { limits.first };
        Poll::Ready(Err(if self.begun.is_some() {
            Ending::Protocol(ProtocolError::Unfinished { limit })
        } else {
            Ending::Idle
        }))
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        // Where the task was cut off or has panicked, nobody has been told yet.
        self.leave(&Ending::Shutdown);
        self.mailbox.end(Ending::Shutdown);
        self.shared.forget(self.conn);
    }
}
