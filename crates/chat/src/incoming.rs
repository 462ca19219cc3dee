//! From what a relay sends to frames.

use proto::{Decoder, Frame, FrameError};
use thiserror::Error;

use crate::limits::MAX_GREETING;

/// Takes what a relay sends, and gives frames. A relay greets whoever is silent with lines, so lines
/// before the first frame are skipped: a frame begins with a zero byte, no text does.
///
/// ```
/// use bytes::BytesMut;
/// use chat::Incoming;
/// use proto::{Goodbye, Message};
///
/// let mut bytes = BytesMut::from("* welcome\n");
/// let goodbye = Goodbye { ending: "Done".into(), reason: String::new() };
/// Message::Goodbye(goodbye.clone()).encode(&mut bytes)?;
///
/// let mut incoming = Incoming::default();
/// incoming.push(&bytes);
/// let frame = incoming.next_frame()?.expect("a frame has come");
/// assert_eq!(Message::from_frame(&frame)?, Message::Goodbye(goodbye));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct Incoming {
    decoder: Decoder,
    greeting: Greeting,
}

#[derive(Debug)]
enum Greeting {
    /// A line, or the first frame, begins.
    LineStart {
        skipped: usize,
    },
    /// Within a line.
    InLine {
        skipped: usize,
    },
    TooLong,
    Over,
}

impl Default for Greeting {
    fn default() -> Self {
        Self::LineStart { skipped: 0 }
    }
}

/// Why what came is no stream of a relay.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum IncomingError {
    /// Lines came, and no end of them.
    #[error("it speaks lines and no frames")]
    OnlyLines,
    /// The bytes are no frames.
    #[error(transparent)]
    Frame(#[from] FrameError),
}

impl Incoming {
    /// Bytes have come.
    pub fn push(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some(&first) = rest.first() {
            match self.greeting {
                Greeting::Over => return self.decoder.push(rest),
                Greeting::TooLong => return,
                Greeting::LineStart { .. } if first == 0 => self.greeting = Greeting::Over,
                Greeting::LineStart { skipped } | Greeting::InLine { skipped } => {
                    let end = rest.iter().position(|&byte| byte == b'\n');
                    let len = end.map_or(rest.len(), |end| end + 1);
                    let skipped = skipped + len;
                    rest = &rest[len..];
                    self.greeting = match end {
                        _ if skipped > MAX_GREETING => Greeting::TooLong,
                        Some(_) => Greeting::LineStart { skipped },
                        None => Greeting::InLine { skipped },
                    };
                }
            }
        }
    }

    /// The next frame; `None` where more bytes are needed.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, IncomingError> {
        if let Greeting::TooLong = self.greeting {
            return Err(IncomingError::OnlyLines);
        }
        Ok(self.decoder.take_frame()?)
    }

    /// Says whether the stream ended between two frames, as it should.
    pub fn finish(&self) -> Result<(), IncomingError> {
        match self.greeting {
            Greeting::LineStart { skipped } | Greeting::InLine { skipped } if skipped > 0 => {
                Err(IncomingError::OnlyLines)
            }
            _ => Ok(self.decoder.finish()?),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use proto::{Header, Kind, limits::MAX_FRAME_LENGTH};

    use super::*;

    fn frames(bytes: &[u8], cut: usize) -> Result<usize, IncomingError> {
        let (mut incoming, mut count) = (Incoming::default(), 0);
        for part in [&bytes[..cut], &bytes[cut..]] {
            incoming.push(part);
            while incoming.next_frame()?.is_some() {
                count += 1;
            }
        }
        incoming.finish().map(|()| count)
    }

    #[track_caller]
    fn check(bytes: &[u8], expected: &Result<usize, IncomingError>) {
        for cut in 0..=bytes.len().min(100) {
            assert_eq!(&frames(bytes, cut), expected, "cut at {cut}");
        }
    }

    fn two_frames() -> BytesMut {
        let mut bytes = BytesMut::new();
        for id in 1..=2 {
            // A payload with a line feed and a line after it: within frames nothing is skipped.
            let header = Header::new(Kind::Data, 1, id);
            header.encode(b"x\nyz", MAX_FRAME_LENGTH, &mut bytes).unwrap();
        }
        bytes
    }

    #[test]
    fn lines_before_the_first_frame_are_skipped() {
        check(&two_frames(), &Ok(2));
        check(&[&b"* welcome\r\n\n* /help\n"[..], &two_frames()].concat(), &Ok(2));
        check(b"", &Ok(0));
    }

    #[test]
    fn what_is_no_relay_is_found_out() {
        check(b"220 mail ready\r\n", &Err(IncomingError::OnlyLines));
        check(&b"chatter\n".repeat(3000), &Err(IncomingError::OnlyLines));
        check(&b"x".repeat(20_000), &Err(IncomingError::OnlyLines));
        check(b"\0\0\0\x01", &Err(FrameError::TooShort { length: 1 }.into()));
    }
}
