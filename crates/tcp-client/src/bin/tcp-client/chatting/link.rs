//! The connection to the relay: none, one that is awaited, or one that is there.

use std::future::pending;
use std::io;
use std::pin::Pin;

use bytes::{Buf as _, Bytes, BytesMut};
use chat::Incoming;
use proto::Ending;
use tcp_client::{ConnectError, Connected, Stream};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf, split};
use tokio::time::Sleep;

/// How much is read at a time: 16 KiB, what many people say in a moment.
const CHUNK: usize = 16 * 1024;

type Connecting = Pin<Box<dyn Future<Output = Result<Connected, ConnectError>>>>;

/// How far the connection has come.
pub(super) enum Link {
    Down,
    Waiting(Pin<Box<Sleep>>),
    Connecting(Connecting),
    Up(Up),
}

/// A connection that is there.
pub(super) struct Up {
    reader: ReadHalf<Stream>,
    writer: WriteHalf<Stream>,
    pub(super) incoming: Incoming,
    chunk: BytesMut,
    pending: Bytes,
    /// Whether the stream may hold back a part of what was written, as TLS does.
    unflushed: bool,
    has_ended: bool,
    /// Whether the first thing that came is an alert of TLS, which is the answer to what was plain.
    began_with_alert: Option<bool>,
}

/// What has happened to it.
pub(super) enum Moved {
    /// The wait is over.
    Waited,
    Connected(Box<Connected>),
    NotConnected(ConnectError),
    /// Bytes have come; they are in [`Up::incoming`].
    Read,
    /// Bytes were sent.
    Wrote,
    Ended(Ending),
}

impl Link {
    /// Waits until something happens to it. It may be dropped at any time, and nothing is lost.
    pub(super) async fn moved(&mut self) -> Moved {
        match self {
            Self::Down => pending().await,
            Self::Waiting(sleep) => {
                sleep.await;
                Moved::Waited
            }
            Self::Connecting(connecting) => match connecting.await {
                Ok(connected) => Moved::Connected(Box::new(connected)),
                Err(error) => Moved::NotConnected(error),
            },
            Self::Up(up) => up.moved().await,
        }
    }
}

impl Up {
    pub(super) fn new(stream: Stream) -> Self {
        let (reader, writer) = split(stream);
        Self {
            reader,
            writer,
            incoming: Incoming::default(),
            chunk: BytesMut::new(),
            pending: Bytes::new(),
            unflushed: false,
            has_ended: false,
            began_with_alert: None,
        }
    }

    /// Whether who is there speaks TLS, and refused what was plain.
    pub(super) fn met_tls(&self) -> bool {
        self.began_with_alert == Some(true)
    }

    /// Whether everything that was given to it is sent.
    pub(super) fn is_idle(&self) -> bool {
        self.pending.is_empty() && !self.unflushed
    }

    /// Sends this next; only where it is idle.
    pub(super) fn send(&mut self, bytes: Bytes) {
        self.pending = bytes;
    }

    /// Ends our direction, once.
    pub(super) async fn end(&mut self) {
        if !self.has_ended {
            self.has_ended = true;
            // An error only says that the relay was quicker, and reading tells how.
            let _ = self.writer.shutdown().await;
        }
    }

    async fn moved(&mut self) -> Moved {
        self.chunk.reserve(CHUNK);
        let is_owing = !self.is_idle();
        let moved: io::Result<Moved> = tokio::select! {
            read = self.reader.read_buf(&mut self.chunk) => read.map(|read| {
                // A record of RFC 8446 section 5.1. Over TLS none comes this far.
                let is_alert = matches!(self.chunk[..], [0x15, 3, 0..=4, 0, 2, ..]);
                self.began_with_alert.get_or_insert(is_alert);
                self.incoming.push(&self.chunk);
                self.chunk.clear();
                if read == 0 { Moved::Ended(Ending::PeerFin) } else { Moved::Read }
            }),
            written = write_or_flush(&mut self.writer, &self.pending), if is_owing => {
                written.map(|count| {
                    self.unflushed = !self.pending.is_empty();
                    self.pending.advance(count);
                    Moved::Wrote
                })
            }
        };
        moved.unwrap_or_else(|error| Moved::Ended(Ending::from_io(&error)))
    }
}

/// Writes a part of `pending`; where nothing is, sends what the stream holds back.
async fn write_or_flush(writer: &mut WriteHalf<Stream>, pending: &[u8]) -> io::Result<usize> {
    if pending.is_empty() { writer.flush().await.map(|()| 0) } else { writer.write(pending).await }
}
