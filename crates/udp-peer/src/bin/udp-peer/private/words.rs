//! How do lines travel, and how is one known that comes again?
//!
//! A line is a Data frame of `proto` in a message of its own, on the ordered channel 0. Its `id` is the
//! sender's number for it: the first one is chance, the next is one more. A line that was not confirmed
//! when a connection broke is sent again on the next one under the same number, so it is shown once.
//!
//! Who shows lines says so first: that a message is confirmed says only that the peer has it, and one that
//! does something else would keep it, and show it to nobody.

use arq::Channel;
use bytes::{Bytes, BytesMut};
use proto::limits::MAX_FRAME_LENGTH;
use proto::message::VERSION;
use proto::{Decoder, Ending, Header, Hello, Kind, Message};

/// The channel of all lines.
pub(crate) fn channel() -> Channel {
    Channel::ordered(0)
}

/// Longest line, in bytes: a frame of the longest kind, less its header.
pub(crate) const MAX_LINE: usize = (MAX_FRAME_LENGTH - proto::frame::MIN_LENGTH) as usize;

/// How far back a number is one that was had: numbers of another run of the peer are elsewhere, but for
/// one chance in 2^32.
const BACK: u64 = 1 << 32;

/// A line as a message.
pub(crate) fn message(id: u64, line: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(proto::frame::HEADER_LEN + line.len());
    let written = Header::new(Kind::Data, 0, id).encode(line, MAX_FRAME_LENGTH, &mut out);
    written.expect("a line is not longer than it may be");
    out.freeze()
}

/// What somebody says first who shows lines: a Hello, or else a line of his own.
pub(crate) fn greeting() -> Bytes {
    let hello = Message::Hello(Hello {
        version: VERSION,
        name: None,
        max_frame: MAX_FRAME_LENGTH,
        features: vec!["lines".to_owned()],
    });
    let mut out = BytesMut::new();
    hello.encode(&mut out).expect("it is short");
    out.freeze()
}

/// What was had of a peer, over all its connections.
#[derive(Debug, Default)]
pub(crate) struct Had {
    last: Option<u64>,
}

impl Had {
    /// The lines in a message that are new.
    pub(crate) fn lines(&mut self, message: &[u8]) -> Result<Vec<Bytes>, Ending> {
        let mut decoder = Decoder::default();
        decoder.push(message);
        let mut lines = Vec::new();
        while let Some(frame) = decoder.take_frame()? {
            if frame.header.kind == Kind::Data && self.is_new(frame.header.id) {
                lines.push(frame.payload);
            }
        }
        decoder.finish()?;
        Ok(lines)
    }

    fn is_new(&mut self, id: u64) -> bool {
        if self.last.is_some_and(|last| last.wrapping_sub(id) < BACK) {
            return false;
        }
        self.last = Some(id);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_comes_again_is_not_new() {
        let mut heard = Had::default();
        let mut hear = |id, line: &str| {
            let lines = heard.lines(&message(id, line.as_bytes())).unwrap();
            lines.iter().map(|line| String::from_utf8_lossy(line).into_owned()).collect::<Vec<_>>()
        };
        assert_eq!(hear(u64::MAX, "你好"), ["你好"]);
        assert_eq!(hear(0, "second"), ["second"]);
        assert!(hear(u64::MAX, "你好").is_empty() && hear(0, "second").is_empty());
        assert_eq!(hear(1, ""), [""]);
        // Another run of the peer begins anywhere.
        assert_eq!(hear(1 << 40, "again there"), ["again there"]);
        assert_eq!(hear(2, "from before"), ["from before"]);
    }

    #[test]
    fn what_is_no_line_is_an_error() {
        for wrong in [&b"hello"[..], &[0, 0, 0, 1, 1], &message(1, b"x")[..40]] {
            assert!(Had::default().lines(wrong).is_err(), "{wrong:?}");
        }
        assert_eq!(Had::default().lines(b"").unwrap(), Vec::<Bytes>::new());
        assert_eq!(Had::default().lines(&greeting()).unwrap(), Vec::<Bytes>::new());
        let longest = vec![b'x'; MAX_LINE];
        assert!(message(1, &longest).len() <= arq::limits::MAX_MESSAGE);
        assert_eq!(Had::default().lines(&message(1, &longest)).unwrap(), [longest]);
    }
}
