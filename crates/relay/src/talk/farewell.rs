//! The end of a connection: what the rooms are told, and what the client is still owed.

use std::future::{self, Future as _};
use std::pin::pin;
use std::task::{Context, Poll};

use bytes::BytesMut;
use proto::Ending;
use tcp_server::Stream;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, timeout_at};

use super::Talk;
use crate::alarm::after;
use crate::control;
use crate::outlet::Outlet as _;

impl Talk {
    /// Tells the rooms how it ended, and sends what the client is owed.
    pub(super) async fn end(&mut self, stream: &mut Stream, mut ending: Ending) -> Ending {
        self.leave(&ending);
        if let Ending::Protocol(_) | Ending::Idle | Ending::Done = ending {
            self.mailbox.put(&control::goodbye(&ending, self.dialect()));
        }
        if let Ending::PeerFin
        | Ending::Protocol(_)
        | Ending::Idle
        | Ending::Done
        | Ending::Shutdown = ending
        {
            self.mailbox.end(ending.clone());
            if let Err(cut) = future::poll_fn(|cx| self.poll_last_words(cx, stream)).await {
                ending = cut;
            } else if let Ending::Idle | Ending::Done | Ending::Shutdown = ending {
                self.linger(stream).await;
            }
        }
        ending
    }

    /// Sends what is left, while what still comes is read and forgotten: a client that writes before it
    /// reads gets to read.
    fn poll_last_words(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut Stream,
    ) -> Poll<Result<(), Ending>> {
        loop {
            match self.poll_write(cx, stream) {
                // Where everything is sent it is the ending that was put; else why it cannot be sent.
                Poll::Ready(_) if self.batch.is_empty() && !self.is_unflushed => {
                    return Poll::Ready(Ok(()));
                }
                Poll::Ready(ending) => return Poll::Ready(Err(ending)),
                Poll::Pending => {}
            }
            if self.alarm.poll(cx, self.write_until).is_ready() {
                return Poll::Ready(Err(Ending::TooSlow));
            }
            let mut scratch = BytesMut::new();
            match stream.poll_readable(cx) {
                Poll::Ready(Ok(())) => scratch.reserve(proto::limits::READ_CHUNK),
                _ => return Poll::Pending,
            }
            match pin!(stream.read_buf(&mut scratch)).poll(cx) {
                Poll::Ready(Ok(read)) if read > 0 => {}
                // After the end of the stream it is readable for ever.
                _ => return Poll::Pending,
            }
        }
    }

    /// Closes this side's direction, and reads what the client had under way until it closes too, so
    /// that closing does not become a reset which destroys the last words.
    async fn linger(&mut self, stream: &mut Stream) {
        let until = after(Instant::now(), self.limits().linger);
        let mut scratch = BytesMut::with_capacity(proto::limits::READ_CHUNK);
        // Over TLS this is a word, for which there may be no room.
        let Ok(Ok(())) = timeout_at(until, stream.shutdown()).await else { return };
        while let Ok(Ok(1..)) = timeout_at(until, stream.read_buf(&mut scratch)).await {
            scratch.clear();
        }
    }
}
