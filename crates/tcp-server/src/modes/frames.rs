use std::io::IoSlice;
use std::iter;

use bytes::{Buf, BytesMut};
use proto::{Decoder, Ending, Frame, FrameError, Goodbye, Kind, Message, Taken};

use crate::connection::Connection;
use crate::limits::GATHERED_RUNS;
use crate::serve::Service;

/// Sends back the frames that it gets: the same bytes, out of the buffer that they were read into.
///
/// Control frames come back too, except a `Goodbye`, after which only the end follows. Where this side
/// ends the connection, a `Goodbye` says why.
#[derive(Clone, Copy, Debug, Default)]
pub struct Frames;

impl Service for Frames {
    async fn serve(&self, mut connection: Connection) -> Ending {
        let ending = match echo_frames(&mut connection).await {
            Ok(ending) | Err(ending) => ending,
        };
        if matches!(
            ending,
            Ending::Protocol(_) | Ending::Idle | Ending::NoFirstByte | Ending::Shutdown
        ) {
            let goodbye = Goodbye { ending: ending.name().into(), reason: ending.to_string() };
            let mut bytes = BytesMut::new();
            // A reason that is too long for a frame is not worth a panic.
            if Message::Goodbye(goodbye).encode(&mut bytes).is_ok() {
                // Whether or not it can still be told, that is how it ended.
                let _ = connection.write_all(&bytes).await;
            }
        }
        connection.close(ending).await
    }
}

async fn echo_frames(connection: &mut Connection) -> Result<Ending, Ending> {
    let limit = connection.limits().frame;
    let mut decoder = Decoder::new(limit);
    let mut pieces = Pieces::default();
    loop {
        let read = connection.read(decoder.space()).await?;
        if read == 0 {
            decoder.finish()?;
            return Ok(Ending::PeerFin);
        }
        let ignored = decoder.ignored();
        // What is complete goes back, also when something wrong comes after it.
        let taken = loop {
            let piece = match decoder.take() {
                // Nearly always one run is all that has come, but for the beginning of a frame.
                Ok(Some(Taken::Run(run))) if pieces.is_empty() && run.is_last() => {
                    connection.message_ended();
                    connection.write_all(run.bytes()).await?;
                    break Ok(());
                }
                // Not frozen: that would copy a small run, so that a receiver which keeps it does not keep
                // all of its chunk. Here it is gone as soon as it is written.
                Ok(Some(Taken::Run(run))) => run.into_bytes(),
                Ok(Some(Taken::Control(frame))) => control(&frame, limit)?,
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            };
            connection.message_ended();
            pieces.push(piece);
            if pieces.len() >= GATHERED_RUNS {
                connection.write_all_buf(&mut pieces).await?;
                pieces.clear();
            }
        };
        if !pieces.is_empty() {
            connection.write_all_buf(&mut pieces).await?;
            pieces.clear();
        }
        taken?;
        if decoder.ignored() > ignored {
            connection.message_ended();
        }
        if decoder.buffered() > 0 {
            connection.message_begun();
        }
    }
}

/// What a control frame is answered with.
fn control(frame: &Frame, limit: u32) -> Result<BytesMut, FrameError> {
    let mut bytes = BytesMut::new();
    if frame.header.kind != Kind::Goodbye {
        frame.encode(limit, &mut bytes)?;
    }
    Ok(bytes)
}

/// Runs and frames that are written together.
#[derive(Debug, Default)]
struct Pieces {
    all: Vec<BytesMut>,
    /// How many of them are written.
    done: usize,
    /// How much of the next one is written.
    written: usize,
}

impl Pieces {
    fn len(&self) -> usize {
        self.all.len()
    }

    fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    fn push(&mut self, piece: BytesMut) {
        // `chunk` promises that only the end is empty.
        if !piece.is_empty() {
            self.all.push(piece);
        }
    }

    fn clear(&mut self) {
        self.all.clear();
        (self.done, self.written) = (0, 0);
    }
}

impl Buf for Pieces {
    fn remaining(&self) -> usize {
        self.all[self.done..].iter().map(BytesMut::len).sum::<usize>() - self.written
    }

    fn has_remaining(&self) -> bool {
        !self.chunk().is_empty()
    }

    fn chunk(&self) -> &[u8] {
        self.all.get(self.done).map_or(&[], |next| &next[self.written..])
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let rest = self.all[self.done..].iter().skip(1).map(|piece| &piece[..]);
        let pieces = iter::once(self.chunk()).chain(rest);
        slices.iter_mut().zip(pieces).map(|(slice, piece)| *slice = IoSlice::new(piece)).count()
    }

    fn advance(&mut self, count: usize) {
        self.written += count;
        while let Some(next) = self.all.get(self.done).map(BytesMut::len)
            && next <= self.written
        {
            self.written -= next;
            self.done += 1;
        }
    }
}
