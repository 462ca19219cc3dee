//! Lines that end in LF, sent as lines that end in CR LF.

/// Puts a CR before each LF that has none. A CR that is there already, even at the end of the piece
/// before, is not doubled.
///
/// ```
/// use tcp_client::crlf::Crlf;
///
/// let mut crlf = Crlf::default();
/// let mut out = Vec::new();
/// crlf.push(b"GET / HTTP/1.0\n\r", &mut out);
/// crlf.push(b"\n", &mut out);
/// assert_eq!(out, b"GET / HTTP/1.0\r\n\r\n");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Crlf {
    after_cr: bool,
}

impl Crlf {
    /// Appends what `bytes` become to `out`.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for &byte in bytes {
            if byte == b'\n' && !self.after_cr {
                out.push(b'\r');
            }
            out.push(byte);
            self.after_cr = byte == b'\r';
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_split_gives_the_same_bytes() {
        let input = b"\na\r\n\r\r\nb\n\nc\r";
        let expected = b"\r\na\r\n\r\r\nb\r\n\r\nc\r";
        for cut in 0..=input.len() {
            let (mut crlf, mut out) = (Crlf::default(), Vec::new());
            crlf.push(&input[..cut], &mut out);
            crlf.push(&input[cut..], &mut out);
            assert_eq!(out, expected, "cut at {cut}");
        }
    }
}
