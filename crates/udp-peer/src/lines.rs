//! Lines of text, each to become a datagram.

/// Cuts a stream of bytes into lines, of which it holds at most one, and of that no more than a datagram
/// has room for.
///
/// The end of a line, LF or CR LF, is not part of it. What a line is does not depend on how the stream
/// comes in pieces.
///
/// ```
/// use udp_peer::{Line, Lines};
///
/// let (mut lines, mut out) = (Lines::new(6), Vec::new());
/// lines.push("你好\r\n\nlonger than 6\nre".as_bytes(), |line| out.push(line));
/// lines.push(b"st", |line| out.push(line));
/// out.extend(lines.finish());
/// assert_eq!(
///     out,
///     [
///         Line::Whole("你好".into()),
///         Line::Whole(vec![]),
///         Line::TooLong { len: 13 },
///         Line::Whole(b"rest".into()),
///     ],
/// );
/// ```
#[derive(Clone, Debug)]
pub struct Lines {
    limit: usize,
    /// The first bytes of the line: one more than the limit, because that one may be the CR of its end.
    kept: Vec<u8>,
    /// The bytes of the line so far, kept or not.
    len: u64,
    last: u8,
}

/// A line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// One that fits into a datagram.
    Whole(Vec<u8>),
    /// One that does not; it was not kept.
    TooLong {
        /// How long it was, in bytes.
        len: u64,
    },
}

impl Lines {
    /// Lines of at most `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self { limit, kept: Vec::new(), len: 0, last: 0 }
    }

    /// Takes the next bytes of the stream, and gives each line that they complete.
    pub fn push(&mut self, bytes: &[u8], mut complete: impl FnMut(Line)) {
        let mut pieces = bytes.split(|&byte| byte == b'\n');
        // `split` gives at least one piece; the last one has no LF after it.
        let unfinished = pieces.next_back().unwrap_or_default();
        for piece in pieces {
            self.extend(piece);
            complete(self.take(self.last == b'\r'));
        }
        self.extend(unfinished);
    }

    /// Gives what came after the last LF, once nothing follows it.
    pub fn finish(&mut self) -> Option<Line> {
        (self.len > 0).then(|| self.take(false))
    }

    fn extend(&mut self, piece: &[u8]) {
        let room = self.limit.saturating_add(1) - self.kept.len();
        self.kept.extend_from_slice(&piece[..piece.len().min(room)]);
        self.len += piece.len() as u64;
        self.last = piece.last().copied().unwrap_or(self.last);
    }

    fn take(&mut self, without_cr: bool) -> Line {
        let len = self.len - u64::from(without_cr);
        let mut kept = std::mem::take(&mut self.kept);
        (self.len, self.last) = (0, 0);
        match usize::try_from(len) {
            Ok(whole) if whole <= self.limit => {
                kept.truncate(whole);
                Line::Whole(kept)
            }
            _ => Line::TooLong { len },
        }
    }
}
