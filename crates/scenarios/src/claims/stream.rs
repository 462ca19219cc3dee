//! Claims b and i: what a read gives.

use super::{Part, claim};
use crate::findings::Claim;

/// The part of claim b that is about TCP: what a read leaves behind is lost.
pub fn recv_throws_away_over_tcp(rest_lost: Option<bool>) -> Claim {
    let part = Part::new("chunks-total", rest_lost).telling(
        "what one recv() left behind no other one got.",
        "a stream loses nothing: the number says how much the caller's memory takes, the rest waits in the \
         kernel, and the next recv() gets it.",
    );
    let says = "recv(1024) throws away what is beyond 1024 bytes (the part of the claim about TCP)";
    claim("b", says, &[part])
}

/// What a file of text was, read as bytes, for claim i.
#[derive(Clone, Copy, Debug, Default)]
pub struct FileRead {
    /// Whether hexadecimal digits arrived in place of the file's bytes.
    pub hexadecimal: Option<bool>,
    /// Whether the whole of it decoded as UTF-8.
    pub decodes: Option<bool>,
}

/// Claim i: bytes of a file are hexadecimal and no UTF-8.
pub fn file_read_as_bytes_is_hexadecimal(seen: FileRead) -> Claim {
    claim(
        "i",
        "a file read as bytes is hexadecimal and cannot be decoded as UTF-8",
        &[
            Part::new("file-bytes", seen.hexadecimal).telling(
                "hexadecimal digits arrived in place of the file's bytes.",
                "bytes are bytes, and hexadecimal is one way to print them.",
            ),
            Part::new("file-decodes", seen.decodes.map(|decodes| !decodes)).telling(
                "A file of UTF-8 did not decode, as a whole.",
                "A file of UTF-8 decodes as a whole; what fails is a chunk that cuts a character, or a file that \
                 is no text.",
            ),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::Verdict;

    #[test]
    fn claim_b_is_confirmed_where_the_rest_is_lost() {
        let judge = |rest_lost| recv_throws_away_over_tcp(rest_lost).verdict;
        assert_eq!(judge(Some(true)), Verdict::Confirmed);
        assert_eq!(judge(Some(false)), Verdict::Refuted);
        assert_eq!(judge(None), Verdict::Skipped);
    }

    #[test]
    fn claim_i_is_confirmed_where_a_file_is_digits_that_do_not_decode() {
        let judge = |hexadecimal, decodes| {
            file_read_as_bytes_is_hexadecimal(FileRead { hexadecimal, decodes }).verdict
        };
        assert_eq!(judge(Some(true), Some(false)), Verdict::Confirmed);
        assert_eq!(judge(Some(true), Some(true)), Verdict::Partly);
        assert_eq!(judge(Some(false), Some(false)), Verdict::Partly);
        assert_eq!(judge(Some(false), Some(true)), Verdict::Refuted);
        assert_eq!(judge(None, None), Verdict::Skipped);
        let seen = FileRead { hexadecimal: None, decodes: Some(false) };
        let told = file_read_as_bytes_is_hexadecimal(seen).instead;
        assert_eq!(told, "A file of UTF-8 did not decode, as a whole.");
    }
}
