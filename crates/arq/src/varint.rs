//! Integers of variable length, and a reader over bytes that never reads past their end.
//!
//! RFC 9000 §16: the two highest bits of the first byte say how long the integer is.
//!
//! ```text
//! 00xxxxxx                     0 to 63
//! 01xxxxxx + 1 byte            to 16383
//! 10xxxxxx + 3 bytes           to 2^30 - 1
//! 11xxxxxx + 7 bytes           to 2^62 - 1
//! ```

/// The bytes end where something was to follow, or say what the format does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Largest value: 2^62 - 1.
pub(crate) const MAX: u64 = (1 << 62) - 1;

/// How many bytes `value` takes.
pub(crate) fn len(value: u64) -> usize {
    match value {
        0..0x40 => 1,
        0x40..0x4000 => 2,
        0x4000..0x4000_0000 => 4,
        _ => 8,
    }
}

/// Appends `value`, which is at most [`MAX`].
pub(crate) fn put(out: &mut Vec<u8>, value: u64) {
    debug_assert!(value <= MAX, "{value}");
    let bytes = value.to_be_bytes();
    let len = len(value);
    let start = out.len();
    out.extend_from_slice(&bytes[8 - len..]);
    out[start] |= match len {
        1 => 0x00,
        2 => 0x40,
        4 => 0x80,
        _ => 0xc0,
    };
}

/// Takes values from the front of bytes.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(Malformed)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(Malformed)?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Malformed> {
        Ok(self.array::<1>()?[0])
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Malformed> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    pub(crate) fn varint(&mut self) -> Result<u64, Malformed> {
        let first = *self.rest.first().ok_or(Malformed)?;
        let taken = self.take(1 << (first >> 6))?;
        let start = u64::from(first & 0x3f);
        Ok(taken[1..].iter().fold(start, |value, byte| value << 8 | u64::from(*byte)))
    }

    /// A length, and as many bytes.
    pub(crate) fn counted(&mut self) -> Result<&'a [u8], Malformed> {
        let len = self.varint()?;
        self.take(usize::try_from(len).map_err(|_| Malformed)?)
    }

    /// Everything up to the end.
    pub(crate) fn rest(self) -> &'a [u8] {
        self.rest
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The examples of RFC 9000 A.1.
    #[test]
    fn the_examples_of_the_rfc_are_read_and_written() {
        for (bytes, value) in [
            (&[0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c][..], 151_288_809_941_952_652),
            (&[0x9d, 0x7f, 0x3e, 0x7d], 494_878_333),
            (&[0x7b, 0xbd], 15_293),
            (&[0x25], 37),
        ] {
            assert_eq!(Reader::new(bytes).varint(), Ok(value));
            let mut out = Vec::new();
            put(&mut out, value);
            assert_eq!(out, bytes);
            assert_eq!(Reader::new(&bytes[..bytes.len() - 1]).varint(), Err(Malformed));
        }
        // The same value in more bytes than it needs is the same value.
        assert_eq!(Reader::new(&[0x40, 0x25]).varint(), Ok(37));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(value in 0..=MAX) {
            let mut out = Vec::new();
            put(&mut out, value);
            prop_assert_eq!(out.len(), len(value));
            prop_assert_eq!(Reader::new(&out).varint(), Ok(value));
        }
    }
}
