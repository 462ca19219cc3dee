//! One accepted connection, as a service gets it.

use std::sync::Arc;

use bytes::{Buf, BytesMut};
use proto::Ending;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

use crate::drain::Stop;
use crate::limits::Limits;
use crate::patience::{Reading, Timers, Writing, after};
use crate::stream::{Peer, Stream};

/// An accepted connection with its limits.
///
/// A service reads and writes with the methods here, which hold the limits of time, and gives the
/// connection back to [`Connection::close`] with the reason for its end. A service that reads and
/// writes at the same time takes it apart: [`Connection::into_parts`].
#[derive(Debug)]
pub struct Connection {
    id: u64,
    peer: Peer,
    limits: Arc<Limits>,
    stop: Stop,
    /// Boxed, because a future holds a copy of a value at each step that it hands it on: of a silent
    /// connection, these would be half of what it costs.
    parts: Box<Parts>,
}

/// What a connection is made of.
#[derive(Debug)]
pub struct Parts {
    /// The stream, without limits of time.
    pub stream: Stream,
    /// The limits of its reads.
    pub reading: Reading,
    /// The limits of its writes.
    pub writing: Writing,
}

/// How much room a read gets: [`proto::limits::READ_CHUNK`] where little arrives, and up to
/// [`proto::limits::MAX_READ_CHUNK`] while reads fill what they are given.
#[derive(Debug)]
pub(crate) struct Room(usize);

impl Connection {
    /// A connection over `stream`. `id` is its number in the log.
    pub fn new(
        id: u64,
        stream: Stream,
        peer: Peer,
        limits: impl Into<Arc<Limits>>,
        stop: Stop,
    ) -> Self {
        let limits = limits.into();
        let reading = Reading::new(&limits, &stop).with_counts(&limits, &stream.counts());
        let writing = Writing::new(&limits);
        let parts = Box::new(Parts { stream, reading, writing });
        Self { id, peer, limits, stop, parts }
    }

    /// The same with the timers of its limits in `timers`.
    pub fn with_timers(mut self, timers: &Timers) -> Self {
        self.parts.reading = self.parts.reading.with_timers(timers);
        self.parts.writing = self.parts.writing.with_timers(timers);
        self
    }

    /// Its number: 1 for the first connection that the server accepted.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Who is at the other end.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// What the server allows its peers.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Whether the server was asked to stop.
    pub fn stop(&self) -> &Stop {
        &self.stop
    }

    /// The stream, to look at.
    pub fn stream(&self) -> &Stream {
        &self.parts.stream
    }

    /// The stream, without limits of time, for a service that has its own and still ends the connection
    /// with [`Connection::close`].
    pub fn stream_mut(&mut self) -> &mut Stream {
        &mut self.parts.stream
    }

    /// Stream and limits, each on its own, for a service that reads and writes at the same time and still
    /// ends the connection with [`Connection::close`].
    pub fn parts_mut(&mut self) -> &mut Parts {
        &mut self.parts
    }

    /// The same, watched by the runtime in which this is called. The peer is gone where that fails.
    #[cfg(feature = "files")]
    pub(crate) fn into_this_runtime(mut self) -> Result<Self, Ending> {
        let Parts { stream, reading, writing } = *self.parts;
        let stream = stream.into_this_runtime().map_err(|error| Ending::from_io(&error))?;
        self.parts = Box::new(Parts { stream, reading, writing });
        Ok(self)
    }

    /// Stream and limits, each on its own.
    pub fn into_parts(self) -> Parts {
        *self.parts
    }

    /// Appends what the peer says to `into`; see [`Reading::read`].
    pub fn read(&mut self, into: &mut BytesMut) -> impl Future<Output = Result<usize, Ending>> {
        let Parts { stream, reading, .. } = &mut *self.parts;
        reading.read_when(Stream::poll_readable, stream, into)
    }

    /// Tells that there are no messages; see [`Reading::no_messages`].
    pub fn no_messages(&mut self) {
        self.parts.reading.no_messages();
    }

    /// Tells that a message has begun and is not complete; see [`Reading::message_begun`].
    pub fn message_begun(&mut self) {
        self.parts.reading.message_begun();
    }

    /// Tells that a message is complete; see [`Reading::message_ended`].
    pub fn message_ended(&mut self) {
        self.parts.reading.message_ended();
    }

    /// Writes all of `bytes`; see [`Writing::write_all`].
    pub fn write_all(&mut self, bytes: &[u8]) -> impl Future<Output = Result<(), Ending>> {
        self.parts.writing.write_all(&mut self.parts.stream, bytes)
    }

    /// Writes bytes in several pieces; see [`Writing::write_all_buf`].
    pub fn write_all_buf(
        &mut self,
        bytes: &mut impl Buf,
    ) -> impl Future<Output = Result<(), Ending>> {
        self.parts.writing.write_all_buf(&mut self.parts.stream, bytes)
    }

    /// Closes as `ending` asks for, and gives the ending that it came to.
    ///
    /// | ending | what the peer sees |
    /// |---|---|
    /// | `PeerFin` | every answer, then FIN |
    /// | `Idle`, `NoFirstByte`, `Shutdown`, `Done` | FIN |
    /// | `Protocol`, `Tls` | the last words, FIN; its input is read for a while, see [`Limits::linger`] |
    /// | `TooSlow`, `BelowRate` | RST, as it takes nothing else, and what it did not take would stay in the kernel |
    /// | the others | nothing, it is gone |
    ///
    /// Over TLS `close_notify` comes before a FIN. Who has no room for it within [`Limits::write`] gets an RST,
    /// and where it had its end to come it is `TooSlow`.
    pub async fn close(mut self, ending: Ending) -> Ending {
        let Self { parts, limits, .. } = &mut self;
        let stream = &mut parts.stream;
        match ending {
            Ending::PeerFin => {
                // The FIN came first, but an answer may have met a peer that was no longer there: the
                // kernel keeps the RST that came back for the next call. It would be lost with it.
                if let Some(error) = stream.pending_error() {
                    return Ending::from_io(&error);
                }
            }
            Ending::Idle
            | Ending::NoFirstByte
            | Ending::Shutdown
            | Ending::Done
            | Ending::Protocol(_)
            | Ending::Tls(_) => {}
            Ending::TooSlow | Ending::BelowRate => {
                stream.reset_on_close();
                return ending;
            }
            _ => return ending,
        }
        let is_ended = end_direction(stream, limits).await;
        match ending {
            Ending::PeerFin | Ending::Done if !is_ended => Ending::TooSlow,
            Ending::Protocol(_) | Ending::Tls(_) if is_ended => {
                read_on(stream, limits).await;
                ending
            }
            ending => ending,
        }
    }
}

/// Ends this direction. Where there is no room for the word that TLS needs for it, the connection is left to
/// be reset, and this is `false`: a peer that takes nothing would else keep its place for ever.
async fn end_direction(stream: &mut Stream, limits: &Limits) -> bool {
    let until = after(Instant::now(), limits.write);
    // An error only says that the peer was quicker.
    let is_over = timeout_at(until, stream.shutdown()).await.is_ok();
    if !is_over {
        stream.reset_on_close();
    }
    is_over
}

/// Reads and forgets what a peer that broke the protocol had under way, so that closing does not
/// become a reset which destroys the words that tell it why.
pub(crate) async fn read_on(stream: &mut Stream, limits: &Limits) {
    let until = after(Instant::now(), limits.linger);
    let mut left = limits.linger_bytes;
    let mut scratch = BytesMut::with_capacity(proto::limits::READ_CHUNK);
    while left > 0 {
        scratch.clear();
        let read = stream.read_buf(&mut scratch);
        match timeout_at(until, read).await {
            Ok(Ok(read)) if read > 0 => left = left.saturating_sub(read as u64),
            _ => return,
        }
    }
}

impl Default for Room {
    fn default() -> Self {
        Self(proto::limits::READ_CHUNK)
    }
}

impl Room {
    /// Makes room in `buffer`, which is empty.
    pub(crate) fn make(&self, buffer: &mut BytesMut) {
        buffer.clear();
        if buffer.capacity() < self.0 {
            buffer.reserve(self.0);
        } else if buffer.capacity() > 2 * self.0 {
            *buffer = BytesMut::with_capacity(self.0);
        }
    }

    /// Learns from the read that came into it.
    pub(crate) fn learn(&mut self, read: usize) {
        use proto::limits::{MAX_READ_CHUNK, READ_CHUNK};

        if read >= self.0 {
            self.0 = (self.0 * 2).min(MAX_READ_CHUNK);
        } else if read < self.0 / 4 {
            self.0 = (self.0 / 2).max(READ_CHUNK);
        }
    }
}

#[cfg(test)]
mod tests {
    use proto::limits::{MAX_READ_CHUNK, READ_CHUNK};

    use super::*;

    #[test]
    fn room_follows_what_reads_bring() {
        let (mut room, mut buffer) = (Room::default(), BytesMut::new());
        let mut read = |bytes: usize| {
            room.make(&mut buffer);
            let capacity = buffer.capacity();
            room.learn(bytes.min(capacity));
            capacity
        };
        assert_eq!(read(1), READ_CHUNK);
        assert_eq!(read(usize::MAX), READ_CHUNK);
        assert_eq!(read(usize::MAX), 2 * READ_CHUNK);
        for _ in 0..10 {
            read(usize::MAX);
        }
        assert_eq!(read(1), MAX_READ_CHUNK);
        for _ in 0..10 {
            read(1);
        }
        // It may keep twice what it needs, so that it does not allocate at each change of mind.
        assert!(read(1) <= 2 * READ_CHUNK);
    }
}
