//! BLAKE3, with which both sides know that they have the same bytes.
//!
//! A hash beyond TCP's checksum, because that has 16 bits and ends at each router that rewrites a segment,
//! and because what is read from a disk or written to one has none. BLAKE3 rather than SHA-256, because it
//! is several times as quick on any processor, so that the check is not what limits a transfer.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// The hash of some bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hash(blake3::Hash);

/// Makes a [`struct@Hash`] of bytes that come piece by piece.
///
/// ```
/// use files::Hasher;
///
/// let mut hasher = Hasher::default();
/// hasher.update(b"hello ");
/// hasher.update(b"world");
/// assert_eq!(
///     hasher.hash().to_string(),
///     "d74981efa70a0c880b8d8c1985d075dbcbf679b99a5f9914e5aaf96b831a9e24",
/// );
/// ```
#[derive(Clone, Default)]
pub struct Hasher(Box<blake3::Hasher>);

/// The text is no hash.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("a hash has 64 hexadecimal digits")]
pub struct NotAHash;

impl Hasher {
    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The hash of all bytes so far. More may follow.
    pub fn hash(&self) -> Hash {
        Hash(self.0.finalize())
    }
}

impl Hash {
    /// The hash of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(blake3::hash(bytes))
    }

    /// The 32 bytes of it.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }
}

impl FromStr for Hash {
    type Err = NotAHash;

    fn from_str(text: &str) -> Result<Self, NotAHash> {
        blake3::Hash::from_hex(text).map(Self).map_err(|_| NotAHash)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_hex())
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hasher").field("bytes", &self.0.count()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_one_that_b3sum_prints() {
        // From the test vectors of the reference: the empty input.
        let empty = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";
        assert_eq!(Hash::of(b"").to_string(), empty);
        assert_eq!(Hasher::default().hash(), empty.parse().unwrap());
    }

    #[test]
    fn what_is_no_hash_is_refused() {
        for text in ["", "af13", &"g".repeat(64), &"a".repeat(65), &"é".repeat(32)] {
            assert_eq!(text.parse::<Hash>(), Err(NotAHash), "{text}");
        }
    }
}
