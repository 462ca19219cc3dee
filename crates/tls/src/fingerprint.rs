//! What a certificate is known by.

use std::fmt;
use std::str::FromStr;

use ring::digest::{SHA256, digest};
use thiserror::Error;

/// The SHA-256 of a certificate in DER: what `openssl x509 -fingerprint -sha256` shows.
///
/// ```
/// use tls::Fingerprint;
///
/// let of_nothing = Fingerprint::of(b"");
/// let shown = of_nothing.to_string();
/// assert!(shown.starts_with("sha256:e3b0c442"));
/// assert_eq!(shown.parse(), Ok(of_nothing));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

/// What is written as a fingerprint and is none.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("a fingerprint is sha256: and 64 hexadecimal digits, as the server prints it")]
pub struct NoFingerprint;

impl Fingerprint {
    /// That of a certificate.
    pub fn of(certificate: &[u8]) -> Self {
        let hash = digest(&SHA256, certificate);
        Self(hash.as_ref().try_into().expect("a SHA-256 has 32 bytes"))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Capitals and colons are taken too, as OpenSSL writes them.
impl FromStr for Fingerprint {
    type Err = NoFingerprint;

    fn from_str(text: &str) -> Result<Self, NoFingerprint> {
        let (scheme, rest) = text.split_once(':').ok_or(NoFingerprint)?;
        let digits: Vec<u8> = rest.bytes().filter(|byte| *byte != b':').collect();
        if !scheme.eq_ignore_ascii_case("sha256") || digits.len() != 64 {
            return Err(NoFingerprint);
        }
        let digit = |byte: u8| char::from(byte).to_digit(16).ok_or(NoFingerprint);
        let mut hash = [0; 32];
        for (byte, pair) in hash.iter_mut().zip(digits.chunks(2)) {
            let value = digit(pair[0])? * 16 + digit(pair[1])?;
            *byte = u8::try_from(value).expect("two digits make a byte");
        }
        Ok(Self(hash))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_openssl_writes_it() {
        let expected = Fingerprint::of(b"x");
        let hex = &expected.to_string()["sha256:".len()..];
        let pairs: Vec<&str> =
            hex.as_bytes().chunks(2).map(|c| str::from_utf8(c).unwrap()).collect();
        let with_colons = format!("SHA256:{}", pairs.join(":").to_uppercase());
        assert_eq!(with_colons.parse(), Ok(expected));
    }

    #[test]
    fn what_is_none_is_refused() {
        let digits = "a".repeat(64);
        for text in [
            "",
            "sha256",
            "sha256:",
            &digits,
            &format!("md5:{digits}"),
            &format!("sha256:{digits}a"),
        ] {
            assert_eq!(text.parse::<Fingerprint>(), Err(NoFingerprint), "{text}");
        }
        let no_hex = format!("sha256:{}", "g".repeat(64));
        assert_eq!(no_hex.parse::<Fingerprint>(), Err(NoFingerprint));
    }
}
