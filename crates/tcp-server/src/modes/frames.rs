use std::collections::VecDeque;
use std::io::IoSlice;
use std::iter;

use bytes::{Buf, BytesMut};
use proto::{Decoder, Ending, Frame, FrameError, Goodbye, Kind, Message, Run, Taken};

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
        if matches!(ending, Ending::Protocol(_) | Ending::Idle | Ending::Shutdown) {
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
            match decoder.take() {
                Ok(Some(Taken::Run(run))) => pieces.push(Piece::Run(run)),
                Ok(Some(Taken::Control(frame))) => pieces.push(control(&frame, limit)?),
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
            connection.message_ended();
            if pieces.len() >= GATHERED_RUNS {
                pieces.send(connection).await?;
            }
        };
        pieces.send(connection).await?;
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
fn control(frame: &Frame, limit: u32) -> Result<Piece, FrameError> {
    let mut bytes = BytesMut::new();
    if frame.header.kind != Kind::Goodbye {
        frame.encode(limit, &mut bytes)?;
    }
    Ok(Piece::Control(bytes))
}

/// Runs and frames that are written together.
#[derive(Debug, Default)]
struct Pieces {
    waiting: VecDeque<Piece>,
    /// How much of the first one is written.
    written: usize,
}

/// Bytes that go back.
///
/// A run is not frozen: that would copy a small one, so that a receiver which keeps it does not keep all
/// of its chunk. Here it is gone as soon as it is written.
#[derive(Debug)]
enum Piece {
    Run(Run),
    Control(BytesMut),
}

impl Piece {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Run(run) => run.bytes(),
            Self::Control(bytes) => bytes,
        }
    }
}

impl Pieces {
    fn len(&self) -> usize {
        self.waiting.len()
    }

    fn push(&mut self, piece: Piece) {
        self.waiting.push_back(piece);
    }

    async fn send(&mut self, connection: &mut Connection) -> Result<(), Ending> {
        if self.waiting.len() > 1 {
            return connection.write_all_buf(self).await;
        }
        // Nearly always there is one run, and one slice costs the kernel less than a list of them.
        match self.waiting.pop_front() {
            Some(piece) => connection.write_all(piece.bytes()).await,
            None => Ok(()),
        }
    }
}

impl Buf for Pieces {
    fn remaining(&self) -> usize {
        self.waiting.iter().map(|piece| piece.bytes().len()).sum::<usize>() - self.written
    }

    fn chunk(&self) -> &[u8] {
        self.waiting.front().map_or(&[], |first| &first.bytes()[self.written..])
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let rest = self.waiting.iter().skip(1).map(Piece::bytes);
        let pieces = iter::once(self.chunk()).chain(rest);
        slices.iter_mut().zip(pieces).map(|(slice, piece)| *slice = IoSlice::new(piece)).count()
    }

    fn advance(&mut self, count: usize) {
        self.written += count;
        while let Some(first) = self.waiting.front().map(|first| first.bytes().len())
            && first <= self.written
        {
            self.written -= first;
            self.waiting.pop_front();
        }
    }
}
