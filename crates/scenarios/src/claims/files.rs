//! Claim s: what becomes of a received file that cannot be decoded.

use std::fmt::Write as _;
use std::str;

use super::{Part, claim};
use crate::findings::Claim;

/// A file that was sent, and what arrived of it.
#[derive(Clone, Copy, Debug)]
pub struct Arrived<'a> {
    /// Its bytes at the sender.
    pub sent: &'a [u8],
    /// Its bytes at the receiver.
    pub arrived: &'a [u8],
    /// What a person reads in it, whatever its encoding; none where it is no text.
    pub text: Option<&'a str>,
}

/// What `.hex()` makes of received files that cannot be decoded, for claim s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HexCure {
    /// How many files did not decode as UTF-8.
    pub undecodable: usize,
    /// How many of them were other than what was sent, so that there was something to mend.
    pub damaged: usize,
    /// Of how many of them `.hex()` gave the file that was sent.
    pub gives_file: usize,
    /// How many of them are text in another encoding.
    pub texts: usize,
    /// Of how many of these `.hex()` gave the text.
    pub gives_text: usize,
}

impl HexCure {
    /// Looks at what arrived.
    pub fn of(files: &[Arrived<'_>]) -> Self {
        let mut seen = Self::default();
        for file in files.iter().filter(|file| str::from_utf8(file.arrived).is_err()) {
            let digits = hex(file.arrived);
            seen.undecodable += 1;
            seen.damaged += usize::from(file.arrived != file.sent);
            seen.gives_file += usize::from(digits.as_bytes() == file.sent);
            if let Some(text) = file.text {
                seen.texts += 1;
                seen.gives_text += usize::from(digits == text);
            }
        }
        seen
    }
}

/// Claim s: `.hex()` mends a received file that cannot be decoded.
pub fn hex_mends_a_file(seen: &HexCure) -> Claim {
    let all_of = |count: usize, all: usize| (all > 0).then_some(count == all);
    claim(
        "s",
        ".hex() mends a received file that cannot be decoded",
        &[
            Part::new("crosses-damaged", all_of(seen.damaged, seen.undecodable)).telling(
                "files that could not be decoded were not those that had been sent.",
                "a file that cannot be decoded is not broken: it is byte for byte what was sent, and only no \
                 UTF-8.",
            ),
            Part::new("crosses-hex-file", all_of(seen.gives_file, seen.undecodable)).telling(
                ".hex() gave the files that were sent.",
                ".hex() never fails, and gives other bytes, twice as many: the digits that stand for the file, and \
                 not the file.",
            ),
            Part::new("crosses-hex-text", all_of(seen.gives_text, seen.texts)).telling(
                ".hex() gave the text.",
                "A text is read with the encoding in which it was written. Whether a file is whole, its hash says.",
            ),
        ],
    )
}

/// What `bytes.hex()` gives in Python: two digits for each byte.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut digits, byte| {
        write!(digits, "{byte:02x}").expect("a string takes what is written to it");
        digits
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::Verdict;

    fn judge(files: &[Arrived<'_>]) -> Claim {
        hex_mends_a_file(&HexCure::of(files))
    }

    /// A receiver that takes digits for what they stand for: there `.hex()` would be the cure.
    #[test]
    fn claim_s_is_confirmed_where_hex_gives_the_file_that_was_sent() {
        let mended =
            Arrived { sent: b"fffe604f", arrived: b"\xff\xfe\x60\x4f", text: Some("fffe604f") };
        let confirmed = judge(&[mended]);
        assert_eq!(confirmed.verdict, Verdict::Confirmed);
        assert!(confirmed.instead.contains("gave the text"), "{confirmed:?}");
        let whole = Arrived { arrived: mended.sent, ..mended };
        assert_eq!(judge(&[mended, whole]).verdict, Verdict::Confirmed);
    }

    #[test]
    fn claim_s_is_refuted_where_the_file_is_whole_and_hex_gives_digits() {
        let utf16 = b"\xff\xfe\x60\x4f";
        let whole = Arrived { sent: utf16, arrived: utf16, text: Some("你") };
        let refuted = judge(&[whole]);
        assert_eq!(refuted.verdict, Verdict::Refuted);
        assert!(refuted.instead.starts_with("a file that cannot be decoded is not broken"));
        let damaged = Arrived { arrived: b"\xff", ..whole };
        assert_eq!(judge(&[damaged]).verdict, Verdict::Partly);
        let picture = Arrived { text: None, ..whole };
        assert_eq!(judge(&[picture]).verdict, Verdict::Partly, "no text was seen");
    }

    #[test]
    fn claim_s_is_skipped_where_everything_decodes() {
        let text = Arrived { sent: b"a", arrived: b"a", text: Some("a") };
        assert_eq!(judge(&[text]).verdict, Verdict::Skipped);
        assert_eq!(judge(&[]).verdict, Verdict::Skipped);
    }

    #[test]
    fn hex_is_two_digits_a_byte() {
        assert_eq!(hex(b"\x00\xe4\xff"), "00e4ff");
    }
}
