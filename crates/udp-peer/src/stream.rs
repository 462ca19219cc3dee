//! A connection as a stream of bytes, for what was written for streams.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use arq::{Channel, CloseCode, End, SendError};
use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::connection::Connection;
use crate::limits::STREAM_MESSAGE;
use crate::shared::Ended;

/// An ordered channel of a connection as a stream of bytes. An empty message is its end, so that one
/// direction can end before the other.
#[derive(Debug)]
pub struct Stream {
    connection: Connection,
    channel: Channel,
    /// What is left of the message that is being read.
    unread: Bytes,
    has_ended: bool,
}

impl Stream {
    /// The ordered channel of this number.
    pub fn new(connection: Connection, number: u8) -> Self {
        let channel = Channel::ordered(number);
        Self { connection, channel, unread: Bytes::new(), has_ended: false }
    }

    /// The connection.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.unread.is_empty() && !self.has_ended {
            match ready!(self.connection.poll_recv(cx, self.channel)) {
                Ok(message) => {
                    self.has_ended = message.is_empty();
                    self.unread = message;
                }
                Err(ended) => of_end(&ended)?,
            }
        }
        let count = self.unread.len().min(buf.remaining());
        buf.put_slice(&self.unread[..count]);
        self.unread.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let message = Bytes::copy_from_slice(&bytes[..bytes.len().min(STREAM_MESSAGE)]);
        let sent = ready!(self.connection.poll_send(cx, self.channel, &message));
        Poll::Ready(sent.map(|_| message.len()).map_err(of_sending))
    }

    /// What is written is kept until the peer has it; [`Connection::close`] waits for that.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let sent = ready!(self.connection.poll_send(cx, self.channel, &Bytes::new()));
        Poll::Ready(sent.map(drop).map_err(of_sending))
    }
}

fn of_sending(error: SendError) -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, error)
}

/// The end of a connection as streams have it: an end where all was said, else an error.
fn of_end(ended: &Ended) -> io::Result<()> {
    let kind = match &ended.end {
        End::Closed => return Ok(()),
        End::ClosedByPeer { code, .. } if *code == CloseCode::Done.number() => return Ok(()),
        End::ClosedByPeer { .. } => io::ErrorKind::ConnectionReset,
        End::Silence | End::NoAnswer => io::ErrorKind::TimedOut,
        _ => io::ErrorKind::ConnectionAborted,
    };
    Err(io::Error::new(kind, ended.end.to_string()))
}
