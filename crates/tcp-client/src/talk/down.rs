//! From the peer to the output.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;
use tracing::debug;

use super::{Duplex, End, Fault, local_fault, peer_fault};
use crate::limits::{CHUNK, TURNS};
use crate::stream::Delivers;

/// From the peer to the output.
pub(super) struct Down {
    buf: Box<[u8]>,
    start: usize,
    end: usize,
    pub(super) received: u64,
    pub(super) began_with_alert: bool,
    /// Whether the peer's FIN was read.
    pub(super) fin: bool,
    /// How reading ended, while the output still has to take what came before.
    pub(super) over: Option<End>,
}

impl Down {
    pub(super) fn new() -> Self {
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
    pub(super) fn poll_down(&mut self, cx: &mut Context<'_>) -> Poll<End> {
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
