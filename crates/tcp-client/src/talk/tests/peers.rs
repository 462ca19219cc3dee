//! Peers, inputs and outputs that do what is written down for them.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

use crate::stream::Delivers;

/// A peer that does what is written down for it.
#[derive(Debug, Default)]
pub(super) struct Scripted {
    pub(super) reads: VecDeque<Step>,
    pub(super) written: Vec<u8>,
    pub(super) write_error: Option<i32>,
    pub(super) failed: bool,
    pub(super) shut: bool,
    pub(super) says_goodbye: bool,
    /// What becomes of what was written, once it is asked for; the last one stays.
    pub(super) deliveries: RefCell<VecDeque<Delivery>>,
}

/// An answer to the question whether everything has arrived.
#[derive(Clone, Copy, Debug)]
pub(super) enum Delivery {
    Pending,
    Arrived,
    Refused(i32),
    /// As soon as the end was told.
    RefusedAtEnd(i32),
}

#[derive(Clone, Debug)]
pub(super) enum Step {
    Bytes(&'static [u8]),
    /// So often the same, or until this side has sent its FIN.
    Flood(u32),
    /// Nothing until this side has sent its FIN, or met an error in sending.
    AwaitEnd,
    Fin,
    Error(i32),
}

impl Scripted {
    pub(super) fn new(reads: impl IntoIterator<Item = Step>) -> Self {
        Self { reads: reads.into_iter().collect(), ..Self::default() }
    }
}

impl AsyncRead for Scripted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(step) = self.reads.pop_front() else { return Poll::Pending };
        match step {
            Step::Bytes(bytes) => buf.put_slice(bytes),
            Step::Flood(left) if left > 0 && !self.shut => {
                buf.put_slice(b"x");
                self.reads.push_front(Step::Flood(left - 1));
            }
            Step::AwaitEnd if !self.shut && !self.failed => {
                self.reads.push_front(step);
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Step::Flood(_) | Step::AwaitEnd => return self.poll_read(cx, buf),
            Step::Fin => self.reads.push_front(Step::Fin),
            Step::Error(errno) => return Poll::Ready(Err(io::Error::from_raw_os_error(errno))),
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Scripted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if let Some(errno) = self.write_error {
            self.failed = true;
            return Poll::Ready(Err(io::Error::from_raw_os_error(errno)));
        }
        self.written.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shut = true;
        Poll::Ready(Ok(()))
    }
}

impl Delivers for Scripted {
    fn delivery(&self) -> Poll<io::Result<()>> {
        let mut deliveries = self.deliveries.borrow_mut();
        let next = match deliveries.len() {
            0 => Delivery::Arrived,
            1 => deliveries[0],
            _ => deliveries.pop_front().expect("it has two or more"),
        };
        match next {
            Delivery::Pending => Poll::Pending,
            Delivery::RefusedAtEnd(_) if !self.shut => Poll::Pending,
            Delivery::Refused(errno) | Delivery::RefusedAtEnd(errno) => {
                Poll::Ready(Err(io::Error::from_raw_os_error(errno)))
            }
            Delivery::Arrived => Poll::Ready(Ok(())),
        }
    }

    fn says_goodbye(&self) -> bool {
        self.says_goodbye
    }
}

impl Delivers for DuplexStream {
    fn delivery(&self) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// An input or output that fails.
pub(super) struct Broken;

impl AsyncRead for Broken {
    fn poll_read(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        _buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Ready(Err(io::ErrorKind::IsADirectory.into()))
    }
}

impl AsyncWrite for Broken {
    fn poll_write(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        _bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// An input at which nobody types: it neither gives a byte nor ends.
pub(super) struct Silent;

impl AsyncRead for Silent {
    fn poll_read(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        _buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}
