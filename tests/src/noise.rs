//! Bytes that tell whether they arrived as they were sent.

use std::fs::File;
use std::hash::{DefaultHasher, Hasher as _};
use std::io::Read as _;
use std::path::Path;

/// Bytes of which no two places are alike, so that a gap, a swap or a repeat is seen. Always the same.
pub fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        // xorshift64: short, and its period is longer than any file here.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// The length of a file and a hash of its bytes, without holding it in memory.
///
/// The hash is that of the standard library's maps: nobody attacks these files, and a difference that is
/// an accident is missed once in 2^64.
pub fn fingerprint(path: &Path) -> (u64, u64) {
    let (mut file, mut hasher) = (File::open(path).unwrap(), DefaultHasher::new());
    let (mut len, mut buf) = (0, vec![0; 1 << 18]);
    while let count @ 1.. = file.read(&mut buf).unwrap() {
        hasher.write(&buf[..count]);
        len += count as u64;
    }
    (len, hasher.finish())
}
