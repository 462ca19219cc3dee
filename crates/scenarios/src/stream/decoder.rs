//! The cure for characters that are cut: decode what is complete, and keep the rest for the next read.

use std::str;

/// Turns chunks of UTF-8 into text, wherever they were cut.
#[derive(Debug, Default)]
pub(super) struct Incremental {
    /// The beginning of a character: three bytes at the most.
    begun: Vec<u8>,
}

/// Bytes that belong to no character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotText;

impl Incremental {
    /// Takes a chunk and gives the characters that it completes.
    pub(super) fn push(&mut self, chunk: &[u8]) -> Result<String, NotText> {
        self.begun.extend_from_slice(chunk);
        let complete = match str::from_utf8(&self.begun) {
            Ok(text) => text.len(),
            // No length: the bytes end within a character, which the next chunk may complete.
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            Err(_) => return Err(NotText),
        };
        let rest = self.begun.split_off(complete);
        let text = String::from_utf8(std::mem::replace(&mut self.begun, rest));
        Ok(text.expect("so far it is UTF-8"))
    }

    /// Says whether the stream ended between two characters.
    pub(super) fn is_between_characters(&self) -> bool {
        self.begun.is_empty()
    }
}

/// What is wrong with a chunk that is decoded by itself, as one would tell a person.
pub(super) fn decoded_alone(chunk: &[u8]) -> String {
    match str::from_utf8(chunk) {
        Ok(text) => format!("\"{text}\""),
        Err(error) => {
            let why = if error.error_len().is_none() {
                "the character there is cut off"
            } else {
                "that byte begins no character"
            };
            format!("error at position {}: {why}", error.valid_up_to())
        }
    }
}

/// `e4 bd a0`.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_cut_gives_the_same_text() {
        let text = "a é 你好 🇨🇳";
        for size in 1..=text.len() {
            let mut decoder = Incremental::default();
            let pieces = text.as_bytes().chunks(size).map(|chunk| decoder.push(chunk).unwrap());
            assert_eq!(pieces.collect::<String>(), text, "in chunks of {size}");
            assert!(decoder.is_between_characters());
        }
    }

    #[test]
    fn what_is_no_text_is_told_from_what_is_cut() {
        let mut decoder = Incremental::default();
        assert_eq!(decoder.push(b"a\xe4"), Ok("a".to_owned()));
        assert!(!decoder.is_between_characters());
        assert_eq!(decoder.push(b"\xe4"), Err(NotText));
        assert_eq!(decoded_alone(b"ab\xe4"), "error at position 2: the character there is cut off");
        assert_eq!(decoded_alone(b"\xbd"), "error at position 0: that byte begins no character");
    }
}
