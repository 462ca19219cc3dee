//! What a peer sent, made harmless for a terminal.

use std::fmt::Write as _;

use crate::sanitize::is_unseen;

/// Makes control characters visible, so that a peer can neither move the cursor, nor set the title, nor
/// make the terminal type into the user's shell. `ESC` becomes `\x1b`.
///
/// A line feed, a tab, and a CR before a line feed stay what they are; a lone CR does not, because it
/// would let a peer write over what stands on the line. Bytes that are no UTF-8 are shown as `\xff`, the
/// second set of control characters (U+0080 to U+009F) likewise. Marks that turn the direction of text, and
/// other characters that nobody sees, become `\u{202e}`; [`crate::sanitize`] names them. Joiners stay: what
/// they join may come with the next read. Characters that are cut in half by a read come out whole.
///
/// ```
/// use proto::visible::Visible;
///
/// let mut visible = Visible::default();
/// let mut out = String::new();
/// visible.push("你好\x1b]0;x\x07\r\n".as_bytes(), &mut out);
/// assert_eq!(out, "你好\\x1b]0;x\\x07\r\n");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Visible {
    /// The end of the last piece that says nothing without the next: part of a character, or a CR.
    held: Vec<u8>,
}

impl Visible {
    /// Appends what may be shown of `bytes` to `out`.
    pub fn push(&mut self, bytes: &[u8], out: &mut String) {
        let mut joined = std::mem::take(&mut self.held);
        joined.extend_from_slice(bytes);
        let whole = joined.len() - undecided(&joined);
        self.held = joined.split_off(whole);
        show(&joined, out);
    }

    /// Appends what was held back, once nothing follows it.
    pub fn finish(&mut self, out: &mut String) {
        show(&std::mem::take(&mut self.held), out);
    }
}

/// How many bytes at the end cannot be judged before more have come.
fn undecided(bytes: &[u8]) -> usize {
    if bytes.last() == Some(&b'\r') {
        return 1;
    }
    // A character has at most four bytes, so at most three of them can wait for the last.
    (1..=bytes.len().min(3))
        .find(|&n| {
            let tail = &bytes[bytes.len() - n..];
            tail[0] >= 0xC0
                && str::from_utf8(tail)
                    .is_err_and(|e| e.valid_up_to() == 0 && e.error_len().is_none())
        })
        .unwrap_or(0)
}

fn show(bytes: &[u8], out: &mut String) {
    for chunk in bytes.utf8_chunks() {
        let mut chars = chunk.valid().chars().peekable();
        while let Some(c) = chars.next() {
            let stays = match c {
                '\r' => chars.peek() == Some(&'\n'),
                '\n' | '\t' | '\u{200c}' | '\u{200d}' => true,
                _ => !is_unseen(c),
            };
            if stays { out.push(c) } else { escape(u32::from(c), out) }
        }
        chunk.invalid().iter().for_each(|&byte| escape(byte.into(), out));
    }
}

fn escape(code: u32, out: &mut String) {
    let written =
        if code <= 0xff { write!(out, "\\x{code:02x}") } else { write!(out, "\\u{{{code:x}}}") };
    written.expect("a String takes everything");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(input: &[u8], expected: &str) {
        for cut in 0..=input.len() {
            let (mut visible, mut out) = (Visible::default(), String::new());
            visible.push(&input[..cut], &mut out);
            visible.push(&input[cut..], &mut out);
            visible.finish(&mut out);
            assert_eq!(out, expected, "cut at {cut}");
        }
    }

    #[test]
    fn text_stays_as_it_is() {
        check("plain\tline\r\n你好 ü 😀\n".as_bytes(), "plain\tline\r\n你好 ü 😀\n");
    }

    #[test]
    fn control_characters_are_shown() {
        check(b"\x1b]0;x\x07", "\\x1b]0;x\\x07");
        check(b"\0\x08\x7f", "\\x00\\x08\\x7f");
        check("\u{9b}31m".as_bytes(), "\\x9b31m");
    }

    #[test]
    fn what_turns_text_or_is_not_seen_is_shown() {
        check("\u{202e}gpj.exe\u{feff}".as_bytes(), "\\u{202e}gpj.exe\\u{feff}");
        check("👩‍👧".as_bytes(), "👩‍👧");
    }

    #[test]
    fn a_lone_carriage_return_is_shown() {
        check(b"secret\rpublic\n", "secret\\x0dpublic\n");
        check(b"end\r", "end\\x0d");
    }

    #[test]
    fn bytes_that_are_no_text_are_shown() {
        check(b"\xff\x9b31m", "\\xff\\x9b31m");
        check(b"\xe4\xbd", "\\xe4\\xbd");
        check(b"\xe4\xbdA", "\\xe4\\xbdA");
        check(b"\xc0\xafx", "\\xc0\\xafx");
    }

    #[test]
    fn a_character_comes_out_with_its_last_byte_and_not_later() {
        let (mut visible, mut out) = (Visible::default(), String::new());
        visible.push(&"你".as_bytes()[..2], &mut out);
        assert_eq!(out, "");
        visible.push(&"你".as_bytes()[2..], &mut out);
        assert_eq!(out, "你");
    }
}
