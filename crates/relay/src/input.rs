//! What has come of a client, and which kind of client it is.

use bytes::BytesMut;
use proto::Decoder;

use crate::line_session::LineSession;
use crate::session::Session;

/// What a client speaks, as far as it is known.
pub(crate) enum Input {
    Unknown(Decoder),
    Frames(Decoder, Session),
    Lines(BytesMut, LineSession),
}

impl Input {
    /// The buffer, with room for another read.
    pub(crate) fn space(&mut self) -> &mut BytesMut {
        match self {
            Self::Unknown(decoder) | Self::Frames(decoder, _) => decoder.space(),
            Self::Lines(input, _) => {
                input.reserve(proto::limits::READ_CHUNK);
                input
            }
        }
    }

    /// Gives back the memory of a connection that falls silent.
    pub(crate) fn release(&mut self) {
        match self {
            Self::Unknown(decoder) | Self::Frames(decoder, _) => decoder.release(),
            Self::Lines(input, _) if input.is_empty() => *input = BytesMut::new(),
            Self::Lines(..) => {}
        }
    }

    /// Whether something has come that is not complete.
    pub(crate) fn is_partial(&self) -> bool {
        match self {
            Self::Unknown(decoder) | Self::Frames(decoder, _) => decoder.buffered() > 0,
            Self::Lines(input, _) => !input.is_empty(),
        }
    }

    /// Tells clients of frames from those of lines: a frame begins with a zero, no text does.
    pub(crate) fn identify(&mut self, conn: u64, line: usize, frame: u32) {
        let Self::Unknown(decoder) = self else { return };
        let decoder = std::mem::take(decoder);
        let is_frames = decoder.first_byte() == Some(0);
        *self = if is_frames {
            Self::Frames(decoder, Session::new(conn, frame))
        } else {
            Self::Lines(decoder.into_bytes(), LineSession::new(conn, line))
        };
    }
}
