//! How are lines taken from a file that may be anything?

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{BufRead, Read as _};

use serde_json::{Map, Value};

use super::Refused;

/// A recording longer than this is refused: four times that of a run with 100,000 packets.
pub const MAX_BYTES: u64 = 128 * 1024 * 1024;

/// An event longer than this is refused: 64 times the longest that a demo of ours writes.
pub const MAX_LINE: usize = 1024 * 1024;

/// A text within an event that is longer than this is refused. No sentence of a report is as long; it
/// would be the width of a whole column.
pub const MAX_TEXT: usize = 4096;

/// A line as it is, and as an object whose texts can harm nobody.
type Line = (String, Map<String, Value>);

/// The lines of a file, each an event.
pub(super) struct Lines<R> {
    input: R,
    bytes: u64,
    /// The number of the last line that was taken, from 1.
    pub(super) number: usize,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, bytes: 0, number: 0 }
    }

    /// The next line; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Line>, Refused> {
        let mut line = Vec::new();
        let limit = MAX_LINE as u64 + 1;
        let read = self.input.by_ref().take(limit).read_until(b'\n', &mut line);
        let read = read.map_err(Refused::Unreadable)?;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        self.bytes += read as u64;
        if self.bytes > MAX_BYTES {
            return Err(self.refused(&format!("the file is longer than {MAX_BYTES} bytes")));
        }
        if read > MAX_LINE {
            return Err(self.refused(&format!("the line is longer than {MAX_LINE} bytes")));
        }
        let Ok(line) = String::from_utf8(line) else {
            return Err(self.refused("expected text in UTF-8"));
        };
        let mut event = match serde_json::from_str(&line) {
            Ok(Value::Object(event)) => event,
            Ok(_) => return Err(self.refused("expected an object of JSON")),
            // Nested too deep is one of its errors.
            Err(error) => return Err(self.refused(&format!("expected an object of JSON: {error}"))),
        };
        event.values_mut().try_for_each(harmless).map_err(|why| self.refused(&why))?;
        Ok(Some((line.trim_end().to_owned(), event)))
    }

    /// Refuses the line that was taken last.
    pub(super) fn refused(&self, why: &str) -> Refused {
        let why: String = proto::sanitize::line(why).chars().take(200).collect();
        Refused::Line { number: self.number, why }
    }
}

/// Makes every text within a value one that a terminal shows and does not obey.
///
/// It goes as deep as the value, which the parser of JSON lets be 127 deep.
fn harmless(value: &mut Value) -> Result<(), String> {
    match value {
        Value::String(text) if text.len() > MAX_TEXT => {
            Err(format!("a text is longer than {MAX_TEXT} bytes"))
        }
        Value::String(text) => {
            if let Cow::Owned(shown) = proto::sanitize::line(text) {
                *text = shown;
            }
            Ok(())
        }
        Value::Array(values) => values.iter_mut().try_for_each(harmless),
        Value::Object(fields) => fields.values_mut().try_for_each(harmless),
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

/// A line of JSON with what a terminal would obey, or nobody could see, written as `\u` and digits.
///
/// It means the same: in JSON such characters stand within texts only, but for the tabulator and its
/// like, which mean nothing between two values.
pub(super) fn escaped(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    for c in line.chars() {
        if c.is_ascii_control() && c != '\u{7f}' {
            continue;
        }
        if proto::sanitize::is_unseen(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    out
}
