//! From the input to the peer: also what of it was lost, once the peer has said its last word.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use proto::Ending;
use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite};
use tokio::time::Instant;
use tracing::debug;

use super::{Duplex, End, Fault, OnEof, local_fault, peer_fault};
use crate::limits::{ACKNOWLEDGED_POLL, PAUSE_AFTER_FIN, PAUSE_ONCE_TAKEN, TURNS};
use crate::stream::Delivers;

/// From the input to the peer.
#[derive(Debug, Default)]
pub(super) struct Up {
    state: UpState,
    pub(super) sent: u64,
    /// How much of the input is read and not yet sent.
    pub(super) in_hand: u64,
    /// Whether the stream may hold back a part of what it took, as TLS does.
    unflushed: bool,
    /// Whether the input began with a handshake of TLS, which then is somebody else's.
    pub(super) began_with_tls: bool,
    /// Whether the peer was sent something after its FIN was read.
    pub(super) sent_past_fin: bool,
    /// When a pause of the input after the peer's FIN has lasted for too long.
    pub(super) pause_ends: Option<Instant>,
    /// When to see again what the peer's system says to what it was sent.
    pub(super) look_at: Option<Instant>,
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

impl<S, I, O> Duplex<'_, S, I, O>
where
    S: AsyncRead + AsyncWrite + Delivers + Unpin,
    I: AsyncBufRead + Unpin,
    O: AsyncWrite + Unpin,
{
    pub(super) fn poll_up(&mut self, cx: &mut Context<'_>) -> Poll<End> {
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
