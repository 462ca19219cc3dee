//! Both directions at once, and who may close first.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use proto::Ending;
use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};
use tracing::debug;

use crate::clocks::Clocks;
use crate::limits::{ACKNOWLEDGED_POLL, CHUNK, PAUSE_AFTER_FIN, PAUSE_ONCE_TAKEN, TURNS};
use crate::stream::Delivers;

/// What the end of the input means for the connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnEof {
    /// Tell the peer that nothing follows (FIN), and read on until it says the same. A reply that comes
    /// late is not lost, and a peer that waits for the end of its input gets it.
    #[default]
    HalfClose,
    /// Close at once. What the peer still sends is lost.
    Close,
    /// Tell the peer nothing, and read on until it closes.
    Keep,
}

/// When a conversation ends.
#[derive(Clone, Debug, Default)]
pub struct TalkOptions {
    /// What the end of the input means.
    pub on_eof: OnEof,
    /// How long to read on after the end of the input; `None` is until the peer closes.
    pub after_eof: Option<Duration>,
    /// How long both directions may be silent.
    pub idle: Option<Duration>,
    /// When the conversation ends at the latest.
    pub deadline: Option<Instant>,
    /// Whether the input ends by itself, as a file does. After the peer's FIN it is then sent to its end,
    /// however slow the disk is; another input may pause only so long.
    pub input_is_file: bool,
}

/// What a conversation came to.
#[derive(Debug)]
pub struct Talked {
    /// How it ended.
    pub ending: Ending,
    /// How many bytes the kernel took for the peer.
    pub sent: u64,
    /// How many bytes came from the peer.
    pub received: u64,
    /// How many bytes had been read from the input when it ended, but were not sent.
    pub unsent: u64,
    /// Whether it ended because the input paused, after the peer had been sent a part of it past its own
    /// FIN: more may follow, which the peer would perhaps take.
    pub paused: bool,
    /// How long it took.
    pub elapsed: Duration,
    /// The error that ended it.
    pub fault: Option<Fault>,
    /// Whether the peer began with an alert of TLS, to what was none: it speaks TLS.
    pub met_tls: bool,
}

/// What an error was met on.
#[derive(Debug)]
pub enum Fault {
    /// Reading from the peer, or writing to it.
    Peer(io::Error),
    /// Reading the input. The peer must not take what it got for the whole: let the close be a reset
    /// ([`Stream::reset_on_close`](crate::Stream::reset_on_close)).
    Input(io::Error),
    /// Writing the output.
    Output(io::Error),
}

/// Sends `input` to the peer and what the peer sends to `output`, until one of these:
///
/// | what happens | while the input goes on | after the input's end |
/// |---|---|---|
/// | the input ends | FIN, read on; or as [`OnEof`] says | |
/// | the peer's FIN | send what is there, then `PeerFin`; see below | `PeerFin` when all is acknowledged |
/// | reset, or the kernel gives up | the error's ending, after all that can still be read | the same |
/// | the peer takes no more (`EPIPE`) | send no more, read on to the peer's FIN | |
/// | [`TalkOptions::after_eof`] is over | | `Done` |
/// | a time limit runs out | `Idle` or `Deadline` | the same |
/// | `stop` is ready | `Shutdown` | the same |
///
/// A FIN says that the peer sends no more. Whether it still reads, as `nc -l < /dev/null` does, or has
/// closed for good, the same FIN says both. So what decides is the input:
///
/// | after the peer's FIN | |
/// |---|---|
/// | the input has bytes, or is a file | they are sent, for as long as the peer takes them |
/// | the input pauses for [`PAUSE_AFTER_FIN`], or for [`PAUSE_ONCE_TAKEN`] where the FIN did not keep the peer from taking bytes | `PeerFin`: nobody waits for a person who types nothing |
/// | the input ends | FIN, and `PeerFin` when all is acknowledged |
/// | reset (`EPIPE`) | `PeerGone`, at once |
///
/// `EPIPE` comes only after a FIN ([`tcp_reset`] in `CLOSE_WAIT`), so what is read after it is waited for:
/// which of the two is met first is chance, and the result must not be.
///
/// `output` was given everything that was received, but may not have written it yet where a time limit
/// or `stop` was the end: flush it.
///
/// [`tcp_reset`]: https://elixir.bootlin.com/linux/latest/A/ident/tcp_reset
pub async fn talk<S, I, O>(
    stream: &mut S,
    input: &mut I,
    output: &mut O,
    options: &TalkOptions,
    stop: impl Future<Output = ()>,
) -> Talked
where
    S: AsyncRead + AsyncWrite + Delivers + Unpin,
    I: AsyncBufRead + Unpin,
    O: AsyncWrite + Unpin,
{
    let started = Instant::now();
    let mut duplex = Duplex {
        stream,
        input,
        output,
        on_eof: options.on_eof,
        input_is_file: options.input_is_file,
        clocks: Clocks::start(started, options.idle, options.deadline, options.after_eof),
        up: Up::default(),
        down: Down::new(),
    };
    let mut stop = pin!(stop);
    let mut timer = pin!(sleep_until(started));
    let (ending, fault) = poll_fn(|cx| {
        if stop.as_mut().poll(cx).is_ready() {
            return Poll::Ready((Ending::Shutdown, None));
        }
        // The clock is read rather than the timer asked: a busy connection uses up the turns that tokio
        // gives a task, and a timer would be polled in vain.
        if let Some(ending) = duplex.clocks.expired(Instant::now()) {
            return Poll::Ready((ending, None));
        }
        let end = duplex.poll(cx);
        if end.is_pending() {
            arm(timer.as_mut(), duplex.wake_at(), cx);
        }
        end
    })
    .await;
    let paused =
        ending == Ending::PeerFin && duplex.up.sent_past_fin && duplex.up.pause_ends.is_some();
    Talked {
        ending,
        sent: duplex.up.sent,
        received: duplex.down.received,
        unsent: duplex.up.in_hand,
        paused,
        elapsed: started.elapsed(),
        fault,
        met_tls: duplex.down.began_with_alert && !duplex.up.began_with_tls,
    }
}

/// How a conversation ends: its ending, and the error that made it end.
type End = (Ending, Option<Fault>);

/// The two directions. Each is polled until it can go no further, so that neither waits for the other.
struct Duplex<'a, S, I, O> {
    stream: &'a mut S,
    input: &'a mut I,
    output: &'a mut O,
    on_eof: OnEof,
    input_is_file: bool,
    clocks: Clocks,
    up: Up,
    down: Down,
}

/// From the input to the peer.
#[derive(Debug, Default)]
struct Up {
    state: UpState,
    sent: u64,
    /// How much of the input is read and not yet sent.
    in_hand: u64,
    /// Whether the stream may hold back a part of what it took, as TLS does.
    unflushed: bool,
    /// Whether the input began with a handshake of TLS, which then is somebody else's.
    began_with_tls: bool,
    /// Whether the peer was sent something after its FIN was read.
    sent_past_fin: bool,
    /// When a pause of the input after the peer's FIN has lasted for too long.
    pause_ends: Option<Instant>,
    /// When to see again what the peer's system says to what it was sent.
    look_at: Option<Instant>,
    /// The error of a write. Reading goes on, because what came before it can still be read.
    fault: Option<io::Error>,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum UpState {
    #[default]
    Copying,
    /// The end is told to the peer.
    Closing,
    /// The end is told to nobody; what is held back is still sent.
    Flushing,
    /// The peer was told the end.
    Told,
    /// Nothing more is sent, and the peer was not told so.
    Ended,
}

/// From the peer to the output.
struct Down {
    buf: Box<[u8]>,
    start: usize,
    end: usize,
    received: u64,
    began_with_alert: bool,
    /// Whether the peer's FIN was read.
    fin: bool,
    /// How reading ended, while the output still has to take what came before.
    over: Option<End>,
}

impl Down {
    fn new() -> Self {
        Self {
            buf: vec![0; CHUNK].into(),
            start: 0,
            end: 0,
            received: 0,
            began_with_alert: false,
            fin: false,
            over: None,
        }
    }
}

impl<S, I, O> Duplex<'_, S, I, O>
where
    S: AsyncRead + AsyncWrite + Delivers + Unpin,
    I: AsyncBufRead + Unpin,
    O: AsyncWrite + Unpin,
{
    /// When to poll again, if nothing happens until then.
    fn wake_at(&self) -> Option<Instant> {
        [self.clocks.wake_at(), self.up.pause_ends, self.up.look_at].into_iter().flatten().min()
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        // Down first: what the peer has said decides, also about what can still be sent.
        let end = self.poll_down(cx);
        if end.is_ready() || self.down.over.is_some() {
            return end;
        }
        self.up.look_at = None;
        let end = self.poll_up(cx);
        if end.is_pending() && self.down.over.is_some() {
            // The output still has to take what came before.
            return self.poll_down(cx);
        }
        end
    }

    fn poll_up(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        for _ in 0..TURNS {
            match self.up.state {
                UpState::Copying => {
                    let chunk = match Pin::new(&mut *self.input).poll_fill_buf(cx) {
                        Poll::Ready(Ok(chunk)) => chunk,
                        Poll::Ready(Err(error)) => {
                            return Poll::Ready(local_fault(error, Fault::Input));
                        }
                        Poll::Pending => {
                            ready!(self.up.poll_flush(cx, self.stream));
                            if self.up.state != UpState::Copying {
                                continue;
                            }
                            if self.down.fin {
                                self.pause(Instant::now());
                            }
                            return Poll::Pending;
                        }
                    };
                    self.up.pause_ends = None;
                    if chunk.is_empty() {
                        debug!(on_eof = ?self.on_eof, "end of input");
                        self.clocks.on_input_end(Instant::now());
                        self.up.state = match self.on_eof {
                            OnEof::HalfClose => UpState::Closing,
                            // It was to be kept until the peer closes, and the peer has.
                            OnEof::Keep if self.down.fin => UpState::Closing,
                            OnEof::Keep | OnEof::Close => UpState::Flushing,
                        };
                        continue;
                    }
                    self.up.in_hand = chunk.len() as u64;
                    match ready!(Pin::new(&mut *self.stream).poll_write(cx, chunk)) {
                        Ok(count) => {
                            if self.up.sent == 0 {
                                self.up.began_with_tls = matches!(chunk, [0x16, 3, 0..=4, ..]);
                            }
                            Pin::new(&mut *self.input).consume(count);
                            self.up.unflushed = true;
                            self.up.sent += count as u64;
                            self.up.sent_past_fin |= self.down.fin;
                            self.up.in_hand -= count as u64;
                            self.clocks.on_bytes(Instant::now());
                        }
                        Err(error) => self.up.fail(error),
                    }
                }
                UpState::Closing => {
                    if self.is_refused() {
                        continue;
                    }
                    match ready!(Pin::new(&mut *self.stream).poll_shutdown(cx)) {
                        // The peer has closed or reset already: reading tells which, if it has not yet.
                        Err(error) if error.kind() == io::ErrorKind::NotConnected => {
                            if self.down.fin && self.must_arrive() {
                                self.up.fail(io::ErrorKind::BrokenPipe.into());
                            } else {
                                self.up.state = UpState::Told;
                            }
                        }
                        Err(error) if !self.down.fin || self.must_arrive() => self.up.fail(error),
                        _ => self.up.state = UpState::Told,
                    }
                }
                UpState::Flushing => {
                    ready!(self.up.poll_flush(cx, self.stream));
                    if self.on_eof == OnEof::Close {
                        return Poll::Ready((Ending::Done, None));
                    }
                    self.up.state = UpState::Ended;
                }
                UpState::Told | UpState::Ended => {
                    if self.down.fin {
                        self.settle(Instant::now());
                    }
                    return Poll::Pending;
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// The peer has said its last word, and the input gives nothing.
    fn pause(&mut self, now: Instant) {
        if self.is_refused() {
            self.down.over = Some(self.up.peer_closed());
            return;
        }
        self.up.look_at = now.checked_add(ACKNOWLEDGED_POLL);
        if self.input_is_file {
            return;
        }
        let may_last = if self.up.sent_past_fin { PAUSE_ONCE_TAKEN } else { PAUSE_AFTER_FIN };
        if *self.up.pause_ends.get_or_insert(now + may_last) <= now {
            debug!("the peer has closed, and the input pauses");
            self.down.over = Some(self.up.peer_closed());
        }
    }

    /// Both have said their last word. Whether the peer took ours its system tells later, and nothing of
    /// ours may be lost in silence.
    fn settle(&mut self, now: Instant) {
        if self.up.state == UpState::Told && self.must_arrive() {
            match self.stream.delivery() {
                Poll::Pending => {
                    self.up.look_at = now.checked_add(ACKNOWLEDGED_POLL);
                    return;
                }
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => self.up.fail(error),
            }
        }
        self.down.over = Some(self.up.peer_closed());
    }

    /// Whether the peer has reset the connection after its FIN. It took a part of what it was sent, or
    /// nothing; only a write or this tells so, because a read gives the FIN for ever.
    fn is_refused(&mut self) -> bool {
        if !self.down.fin || self.up.sent == 0 {
            return false;
        }
        let Poll::Ready(Err(error)) = self.stream.delivery() else { return false };
        self.up.fail(error);
        true
    }

    /// Whether a reset from now on means that something of the input was refused. To a word of goodbye
    /// of the stream's own, a peer that closed for good answers with a reset as well.
    fn must_arrive(&self) -> bool {
        self.up.sent_past_fin || self.up.sent > 0 && !self.stream.says_goodbye()
    }

    fn poll_down(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        for _ in 0..TURNS {
            while self.down.start < self.down.end {
                let bytes = &self.down.buf[self.down.start..self.down.end];
                match ready!(Pin::new(&mut *self.output).poll_write(cx, bytes)) {
                    Ok(0) => {
                        let error = io::ErrorKind::WriteZero.into();
                        return Poll::Ready(local_fault(error, Fault::Output));
                    }
                    Ok(count) => self.down.start += count,
                    Err(error) => return Poll::Ready(local_fault(error, Fault::Output)),
                }
            }
            if self.down.over.is_some() {
                if let Err(error) = ready!(Pin::new(&mut *self.output).poll_flush(cx)) {
                    return Poll::Ready(local_fault(error, Fault::Output));
                }
                return Poll::Ready(self.down.over.take().expect("it was there a line ago"));
            }
            let mut buf = ReadBuf::new(&mut self.down.buf);
            let read = if self.down.fin {
                Poll::Pending
            } else {
                Pin::new(&mut *self.stream).poll_read(cx, &mut buf)
            };
            match read {
                Poll::Pending => {
                    // Nothing more for now, so let what is there be seen.
                    return match Pin::new(&mut *self.output).poll_flush(cx) {
                        Poll::Ready(Err(error)) => Poll::Ready(local_fault(error, Fault::Output)),
                        _ => Poll::Pending,
                    };
                }
                Poll::Ready(Ok(())) if buf.filled().is_empty() => {
                    debug!("the peer has closed its direction");
                    self.down.fin = true;
                }
                Poll::Ready(Ok(())) => {
                    if self.down.received == 0 {
                        self.down.began_with_alert =
                            matches!(buf.filled(), [0x15, 3, 0..=4, 0, 2, ..]);
                    }
                    self.down.start = 0;
                    self.down.end = buf.filled().len();
                    self.down.received += self.down.end as u64;
                    self.clocks.on_bytes(Instant::now());
                }
                Poll::Ready(Err(error)) => {
                    self.down.over = Some(peer_fault(error));
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Up {
    /// Sends what the stream holds back. An error is met again when the peer's end is.
    fn poll_flush<S: AsyncWrite + Unpin>(&mut self, cx: &mut Context<'_>, to: &mut S) -> Poll<()> {
        if self.unflushed {
            let flushed = ready!(Pin::new(to).poll_flush(cx));
            self.unflushed = false;
            if let Err(error) = flushed {
                self.fail(error);
            }
        }
        Poll::Ready(())
    }

    fn fail(&mut self, error: io::Error) {
        debug!(%error, "nothing more can be sent");
        self.fault = Some(error);
        self.state = UpState::Ended;
    }

    /// What the end of the peer's bytes means: an error that a write met is only reported once, so it is
    /// this end that stands for it.
    fn peer_closed(&mut self) -> End {
        self.fault.take().map_or((Ending::PeerFin, None), peer_fault)
    }
}

fn peer_fault(error: io::Error) -> End {
    (Ending::from_io(&error), Some(Fault::Peer(error)))
}

fn local_fault(error: io::Error, fault: impl FnOnce(io::Error) -> Fault) -> End {
    (Ending::Io(error.kind()), Some(fault(error)))
}

/// Sees to it that the task is polled at `wake_at`. The timer is moved only when it has fired or must
/// fire earlier, not with every byte.
fn arm(mut timer: Pin<&mut Sleep>, wake_at: Option<Instant>, cx: &mut Context<'_>) {
    let Some(wake_at) = wake_at else { return };
    if timer.deadline() > wake_at {
        timer.as_mut().reset(wake_at);
    }
    if timer.as_mut().poll(cx).is_ready() {
        timer.as_mut().reset(wake_at);
        if timer.as_mut().poll(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
    }
}

#[cfg(test)]
mod tests;
