//! From what is typed, or sent by a client of lines, to lines.

use std::collections::VecDeque;

/// One line, without its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// Text.
    Text(String),
    /// Bytes that are no UTF-8.
    NotText(Vec<u8>),
    /// More bytes than a line may have. What they were is not kept.
    TooLong {
        /// How many there were.
        len: usize,
    },
}

/// Cuts bytes into lines, whatever pieces they come in. A line ends with a line feed, with or without a
/// carriage return before it; the last one needs no end.
///
/// ```
/// use chat::{Line, Lines};
///
/// let mut lines = Lines::new(1024);
/// lines.push(b"one\r\ntw");
/// assert_eq!(lines.next_line(), Some(Line::Text("one".into())));
/// assert_eq!(lines.next_line(), None);
/// lines.push(b"o");
/// lines.finish();
/// assert_eq!(lines.next_line(), Some(Line::Text("two".into())));
/// ```
#[derive(Debug)]
pub struct Lines {
    limit: usize,
    /// The line that has not ended; at most one byte more than the limit, for a carriage return.
    partial: Vec<u8>,
    /// How long that line is, kept or not.
    len: usize,
    whole: VecDeque<Line>,
}

impl Lines {
    /// Lines of at most `limit` bytes, their ends not counted.
    pub fn new(limit: usize) -> Self {
        Self { limit, partial: Vec::new(), len: 0, whole: VecDeque::new() }
    }

    /// Bytes have come.
    pub fn push(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            match piece.strip_suffix(b"\n") {
                Some(rest) => {
                    self.keep(rest);
                    self.end_line();
                }
                None => self.keep(piece),
            }
        }
    }

    /// Nothing more will come.
    pub fn finish(&mut self) {
        if self.len > 0 {
            self.end_line();
        }
    }

    /// The next line that has ended.
    pub fn next_line(&mut self) -> Option<Line> {
        self.whole.pop_front()
    }

    /// Whether a line has ended and was not taken.
    pub fn has_line(&self) -> bool {
        !self.whole.is_empty()
    }

    /// How many bytes the line has that has begun and not ended.
    pub fn unfinished(&self) -> usize {
        self.len
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = (self.limit + 1).saturating_sub(self.partial.len());
        self.partial.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.len += bytes.len();
    }

    fn end_line(&mut self) {
        let mut bytes = std::mem::take(&mut self.partial);
        let mut len = std::mem::take(&mut self.len);
        // Of a line that is too long the end was not kept, and one byte more or less is no matter.
        if len == bytes.len() && bytes.last() == Some(&b'\r') {
            bytes.pop();
            len -= 1;
        }
        self.whole.push_back(if len > self.limit {
            Line::TooLong { len }
        } else {
            match String::from_utf8(bytes) {
                Ok(text) => Line::Text(text),
                Err(error) => Line::NotText(error.into_bytes()),
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(input: &[u8], expected: &[Line]) {
        for cut in 0..=input.len() {
            let mut lines = Lines::new(6);
            lines.push(&input[..cut]);
            lines.push(&input[cut..]);
            lines.finish();
            let got: Vec<_> = std::iter::from_fn(|| lines.next_line()).collect();
            assert_eq!(got, expected, "cut at {cut}");
        }
    }

    fn text(text: &str) -> Line {
        Line::Text(text.into())
    }

    #[test]
    fn lines_come_out_whole() {
        check(b"", &[]);
        check(b"\n\r\n", &[text(""), text("")]);
        check("你好\nb".as_bytes(), &[text("你好"), text("b")]);
        check(b"a\rb\r", &[text("a\rb")]);
        check(b"\xff\n", &[Line::NotText(vec![0xff])]);
    }

    #[test]
    fn the_limit_is_on_the_text() {
        check(b"123456\n", &[text("123456")]);
        check(b"123456\r\nx", &[text("123456"), text("x")]);
        check(b"1234567\nx", &[Line::TooLong { len: 7 }, text("x")]);
        check(&[b'x'; 90], &[Line::TooLong { len: 90 }]);
    }
}
