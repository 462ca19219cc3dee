//! Both directions at once, and who may close first.

mod down;
mod up;

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use proto::Ending;
use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::clocks::Clocks;
use crate::stream::Delivers;
use down::Down;
use up::Up;

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
/// | the input pauses for [`PAUSE_AFTER_FIN`](crate::limits::PAUSE_AFTER_FIN), or for [`PAUSE_ONCE_TAKEN`](crate::limits::PAUSE_ONCE_TAKEN) where the FIN did not keep the peer from taking bytes | `PeerFin`: nobody waits for a person who types nothing |
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
