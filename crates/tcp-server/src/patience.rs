//! How long the server waits for a peer: to say something, to finish what it began, to take an answer.
//!
//! A connection that is busy pays for its limits with a glance at its timer per wait, and with a look at
//! the clock per second (`TICK`). When a wait begins, the time is not asked for: a timer is set for a tick
//! later, which outlasts the waits of a busy connection, and the wait in which it fires counts from there.
//! Asking the clock for each request, and resetting a timer, which takes the lock of tokio's timer wheel,
//! cost more than reading the request.

use std::future;
use std::io;
use std::mem;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::thread;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use proto::{Ending, ProtocolError};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::runtime::{self, Handle};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::drain::{Phase, Stop, StopWatch};
use crate::lent;
use crate::limits::Limits;
use crate::pace::Pace;
use crate::stream::Counts;

/// By how much a limit on waiting to read may be exceeded at most; by a sixteenth of it, where that is less.
const TICK: Duration = Duration::from_secs(1);

/// Reads within the limits of time, and hears when the server is asked to stop.
///
/// It works on any reader: on the stream itself, on its half, or on TLS above it.
#[derive(Debug)]
pub struct Reading {
    idle: Option<Duration>,
    message: Duration,
    quiet: Duration,
    stop: StopWatch,
    draining_since: Option<Instant>,
    begun: Begun,
    /// Where the limits ask for it; most connections are not asked for anything, and pay for a pointer.
    pace: Option<Box<Pace>>,
    alarm: Alarm,
    /// Since when the present wait counts, once that was looked up.
    since: Option<Instant>,
    /// The timer fires soon enough for whatever wait it fires in.
    is_watched: bool,
}

/// Whether the peer owes the rest of a message.
#[derive(Clone, Copy, Debug)]
enum Begun {
    No,
    /// It does. Since when is looked up when the next wait begins.
    Now,
    At(Instant),
}

/// Writes within the limit of time.
///
/// It works on any writer: on the stream itself, on its half, or on TLS above it.
#[derive(Debug)]
pub struct Writing {
    limit: Duration,
    alarm: Alarm,
}

/// Where the timers of the limits run.
///
/// A runtime that has a timer gives each `epoll_wait(2)` a time limit, for which the kernel sets up and
/// cancels a timer of its own. Where requests come one by one, that and what tokio does for it are three
/// per cent of all that a server does. So a server may keep its timers in another runtime than its
/// connections; a timer is seldom set and hardly ever fires, so what lies between the two costs nothing.
#[derive(Clone, Debug, Default)]
pub struct Timers(Option<Handle>);

/// A timer that is set anew only when it has fired too early.
#[derive(Debug, Default)]
struct Alarm {
    timers: Timers,
    sleep: Option<Pin<Box<Sleep>>>,
    /// Who is woken when it fires.
    registered: Option<Waker>,
}

impl Timers {
    /// In the runtime of the connections.
    pub const fn here() -> Self {
        Self(None)
    }

    /// In a thread that has nothing else to do, and lives as long as the process.
    pub fn apart() -> io::Result<Self> {
        let runtime = runtime::Builder::new_current_thread().enable_time().build()?;
        let handle = runtime.handle().clone();
        let wait = move || runtime.block_on(future::pending::<()>());
        thread::Builder::new().name("timers".into()).spawn(wait)?;
        Ok(Self(Some(handle)))
    }

    pub(crate) fn sleep_until(&self, at: Instant) -> Sleep {
        // A timer belongs to the runtime in whose context it is made.
        let _context = self.0.as_ref().map(Handle::enter);
        sleep_until(at)
    }
}

impl Reading {
    /// Reading as `limits` allow, until `stop`.
    pub fn new(limits: &Limits, stop: &Stop) -> Self {
        Self {
            idle: limits.idle,
            message: limits.message,
            quiet: limits.drain_quiet,
            stop: StopWatch::new(stop),
            draining_since: None,
            begun: Begun::No,
            pace: None,
            alarm: Alarm::default(),
            since: None,
            is_watched: false,
        }
    }

    /// The same within the limits on how much must come, of which the counts of the stream tell.
    pub fn with_counts(mut self, limits: &Limits, counts: &Arc<Counts>) -> Self {
        self.pace = Pace::new(limits, counts);
        self
    }

    /// Tells that there are no messages: the least rate counts for all that the peer sends and takes.
    pub fn no_messages(&mut self) {
        if let Some(pace) = &mut self.pace {
            pace.owe_always();
        }
    }

    /// The same with its timers in `timers`.
    pub fn with_timers(mut self, timers: &Timers) -> Self {
        self.alarm.timers = timers.clone();
        self
    }

    /// Tells that a message has begun and is not complete. The peer then has a limited time for the rest
    /// of it, counted from the first wait after the first such call.
    pub fn message_begun(&mut self) {
        if let Begun::No = self.begun {
            self.begun = Begun::Now;
        }
    }

    /// Tells that a message is complete. What is there of the next one has a time of its own.
    pub fn message_ended(&mut self) {
        self.begun = Begun::No;
    }

    /// Appends what the peer says to `into`, as much as there is room for. 0 is the end of its stream.
    ///
    /// While the server drains, a peer is read from as long as it goes on; after a short silence the
    /// answer is [`Ending::Shutdown`]. What was read before an error stays in `into`.
    ///
    /// While it waits with nothing in `into`, memory of [`proto::limits::READ_CHUNK`] there is lent to
    /// others. A buffer without memory gets as much.
    pub fn read(
        &mut self,
        from: &mut (impl AsyncRead + Unpin),
        into: &mut BytesMut,
    ) -> impl Future<Output = Result<usize, Ending>> {
        self.read_when(|_, _| Poll::Ready(Ok(())), from, into)
    }

    /// The same from a reader that can tell by `readable` whether a read would have to wait. It is asked
    /// when a wait begins: behind an answer there is mostly nothing more, and asking is less work than
    /// trying.
    pub(crate) fn read_when<R: AsyncRead + Unpin>(
        &mut self,
        readable: impl Fn(&R, &mut Context<'_>) -> Poll<io::Result<()>>,
        from: &mut R,
        into: &mut BytesMut,
    ) -> impl Future<Output = Result<usize, Ending>> {
        self.since = None;
        let mut begins = true;
        // Not an `async fn`: each of them would be one more state machine around every read.
        future::poll_fn(move |cx| {
            if !mem::take(&mut begins) || readable(from, cx).is_ready() {
                lent::lend(into);
                match pin!(from.read_buf(into)).poll(cx) {
                    Poll::Ready(Ok(read)) => return Poll::Ready(Ok(read)),
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(Ending::from_io(&error))),
                    Poll::Pending => {}
                }
            }
            lent::give_back(into);
            if self.nothing_has_changed(cx) {
                return Poll::Pending;
            }
            if self.since.is_some() && into.is_empty() {
                // What a large read needed is not held through a long silence either.
                *into = BytesMut::new();
            }
            self.poll_patience(cx).map(Err)
        })
    }

    /// Whether this wait is watched as the one before it was: the way that every wait for a request takes.
    #[inline]
    fn nothing_has_changed(&self, cx: &Context<'_>) -> bool {
        let message_begins = matches!(self.begun, Begun::Now);
        self.is_watched && !message_begins && self.stop.is_asleep(cx) && self.alarm.is_asleep(cx)
    }

    /// Ready with the reason when the wait has become too long.
    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<Ending> {
        let phase = self.stop.poll(cx);
        if phase == Phase::Ended {
            return Poll::Ready(Ending::Shutdown);
        }
        let begins = self.since.is_none();
        let since = *self.since.get_or_insert_with(Instant::now);
        let Some((at, ending)) = self.deadline(since, phase) else {
            self.alarm.clear();
            self.is_watched = true;
            return Poll::Pending;
        };
        if begins {
            // Most likely this wait and many more are over before a tick is.
            self.is_watched = true;
            let tick = TICK.min(at.saturating_duration_since(since) / 16);
            ready!(self.alarm.poll(cx, since + tick));
        }
        // The next wait sets the timer anew.
        self.is_watched = false;
        ready!(self.alarm.poll(cx, at));
        Poll::Ready(ending)
    }

    /// When a wait that began at `since` has become too long, and what that is called.
    fn deadline(&mut self, since: Instant, phase: Phase) -> Option<(Instant, Ending)> {
        let mut first = self.idle.map(|idle| (after(since, idle), Ending::Idle));
        let mut consider = |at: Instant, ending: Ending| {
            if first.as_ref().is_none_or(|(earlier, _)| at < *earlier) {
                first = Some((at, ending));
            }
        };
        if let Begun::Now = self.begun {
            self.begun = Begun::At(since);
            if let Some(pace) = &mut self.pace {
                pace.begin();
            }
        }
        if let Some(pace) = &mut self.pace
            && let Some((at, ending)) = pace.limit(matches!(self.begun, Begun::At(_)))
        {
            consider(at, ending);
        }
        if let Begun::At(begun) = self.begun {
            let unfinished = ProtocolError::Unfinished { limit: self.message };
            consider(after(begun, self.message), Ending::Protocol(unfinished));
        }
        if phase == Phase::Draining {
            let draining_since = *self.draining_since.get_or_insert_with(Instant::now);
            consider(after(since.max(draining_since), self.quiet), Ending::Shutdown);
        }
        first
    }
}

impl Writing {
    /// Writing as `limits` allow.
    pub fn new(limits: &Limits) -> Self {
        Self { limit: limits.write, alarm: Alarm::default() }
    }

    /// The same with its timers in `timers`.
    pub fn with_timers(mut self, timers: &Timers) -> Self {
        self.alarm.timers = timers.clone();
        self
    }

    /// Writes all of `bytes`, or says why it cannot; [`Ending::TooSlow`] when the limit has passed.
    pub fn write_all(
        &mut self,
        to: &mut (impl AsyncWrite + Unpin),
        mut bytes: &[u8],
    ) -> impl Future<Output = Result<(), Ending>> {
        let mut until = None;
        future::poll_fn(move |cx| {
            while !bytes.is_empty() {
                match Pin::new(&mut *to).poll_write(cx, bytes) {
                    Poll::Ready(result) => bytes = &bytes[progress(result)?..],
                    Poll::Pending => return self.poll_patience(cx, &mut until),
                }
            }
            self.poll_flush(cx, to, &mut until)
        })
    }

    /// The same for bytes in several pieces, which go out together as far as the transport can.
    pub fn write_all_buf(
        &mut self,
        to: &mut (impl AsyncWrite + Unpin),
        bytes: &mut impl Buf,
    ) -> impl Future<Output = Result<(), Ending>> {
        let mut until = None;
        future::poll_fn(move |cx| {
            while bytes.has_remaining() {
                match pin!(to.write_buf(bytes)).poll(cx) {
                    Poll::Ready(result) => _ = progress(result)?,
                    Poll::Pending => return self.poll_patience(cx, &mut until),
                }
            }
            self.poll_flush(cx, to, &mut until)
        })
    }

    /// TLS may have taken in more than the socket had room for.
    fn poll_flush(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut (impl AsyncWrite + Unpin),
        until: &mut Option<Instant>,
    ) -> Poll<Result<(), Ending>> {
        match Pin::new(to).poll_flush(cx) {
            Poll::Ready(result) => Poll::Ready(result.map_err(|error| Ending::from_io(&error))),
            Poll::Pending => self.poll_patience(cx, until),
        }
    }

    fn poll_patience(
        &mut self,
        cx: &mut Context<'_>,
        until: &mut Option<Instant>,
    ) -> Poll<Result<(), Ending>> {
        let at = *until.get_or_insert_with(|| after(Instant::now(), self.limit));
        ready!(self.alarm.poll(cx, at));
        Poll::Ready(Err(Ending::TooSlow))
    }
}

/// `wait` after `start`. A wait beyond the clock's reach is one of 30 years, which nobody will see end.
pub(crate) fn after(start: Instant, wait: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);
    start.checked_add(wait).unwrap_or_else(|| start + FAR)
}

/// How many bytes a write took.
#[inline]
fn progress(result: io::Result<usize>) -> Result<usize, Ending> {
    match result {
        // No socket does this for bytes that are not empty; a writer above one may, when it has ended.
        Ok(0) => Err(Ending::PeerGone),
        Ok(sent) => Ok(sent),
        Err(error) => Err(Ending::from_io(&error)),
    }
}

impl Alarm {
    /// Whether who asks will be woken when it fires, and it has not, or it is not set.
    #[inline]
    fn is_asleep(&self, cx: &Context<'_>) -> bool {
        let Some(sleep) = &self.sleep else { return true };
        !sleep.is_elapsed() && self.registered.as_ref().is_some_and(|w| w.will_wake(cx.waker()))
    }

    fn clear(&mut self) {
        self.sleep = None;
        self.registered = None;
    }

    /// Ready when `at` has passed.
    fn poll(&mut self, cx: &mut Context<'_>, at: Instant) -> Poll<()> {
        let timers = &self.timers;
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(timers.sleep_until(at)));
        // A limit that comes earlier than the one before it: the server drains, or a message began.
        if at < sleep.deadline() {
            sleep.as_mut().reset(at);
            self.registered = None;
        }
        if self.is_asleep(cx) {
            return Poll::Pending;
        }
        let sleep = self.sleep.as_mut().expect("it has just been set");
        while sleep.as_mut().poll(cx).is_ready() {
            if at <= sleep.deadline() {
                return Poll::Ready(());
            }
            // It was set for an earlier wait, which is over.
            sleep.as_mut().reset(at);
        }
        self.registered = Some(cx.waker().clone());
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drain::stop_pair;

    /// How long a peer may be silent after it has said a byte every `every`, so many times.
    async fn silence(idle: Duration, every: Duration, times: u32) -> Duration {
        let limits = Limits { idle: Some(idle), ..Limits::default() };
        let (_stopper, stop) = stop_pair();
        let mut reading = Reading::new(&limits, &stop);
        let (mut client, mut server) = tokio::io::duplex(1);
        let saying = async {
            let mut said = Instant::now();
            for _ in 0..times {
                client.write_all(b"x").await.unwrap();
                said = Instant::now();
                tokio::time::sleep(every).await;
            }
            said
        };
        let hearing = async {
            let mut into = BytesMut::new();
            loop {
                into.clear();
                into.reserve(1);
                match reading.read(&mut server, &mut into).await {
                    Ok(1) => {}
                    ended => return (ended, Instant::now()),
                }
            }
        };
        let (said, (ended, at)) = tokio::join!(saying, hearing);
        assert_eq!(ended, Err(Ending::Idle));
        at - said
    }

    #[tokio::test(start_paused = true)]
    async fn a_silence_ends_at_its_limit_or_a_tick_later() {
        for (idle, tick) in [(5 * 60_000, 1_000), (16_000, 1_000), (1_600, 100)] {
            let [idle, tick] = [idle, tick].map(Duration::from_millis);
            // A timer's own step is a millisecond.
            let allowed = idle..=idle + tick + Duration::from_millis(2);
            for every in [tick / 7, tick, tick * 3, idle * 31 / 32] {
                for times in [1, 2, 20] {
                    let silence = silence(idle, every, times).await;
                    assert!(allowed.contains(&silence), "{idle:?} {every:?} {times}: {silence:?}");
                }
            }
        }
    }

    #[test]
    fn limits_hold_in_a_runtime_that_has_no_timers() {
        let limits = Limits {
            idle: Some(Duration::from_millis(1)),
            write: Duration::from_millis(1),
            ..Limits::default()
        };
        let (_stopper, stop) = stop_pair();
        let timers = Timers::apart().unwrap();
        let mut reading = Reading::new(&limits, &stop).with_timers(&timers);
        let mut writing = Writing::new(&limits).with_timers(&timers);
        // Setting a timer here would panic.
        let runtime = runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (_client, mut server) = tokio::io::duplex(1);
            let read = reading.read(&mut server, &mut BytesMut::with_capacity(1)).await;
            assert_eq!(read, Err(Ending::Idle));
            let written = writing.write_all(&mut server, b"more than fits").await;
            assert_eq!(written, Err(Ending::TooSlow));
        });
    }
}
