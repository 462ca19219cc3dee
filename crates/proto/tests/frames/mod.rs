//! Frames to give to a decoder, and what it makes of them.

use bytes::BytesMut;
use proto::{Decoder, Header, Kind, Run, Taken};

/// The wire bytes of one data frame with a payload of `len` bytes.
pub(crate) fn data(len: usize) -> BytesMut {
    let mut bytes = BytesMut::new();
    Header::new(Kind::Data, 1, 1).encode(&vec![b'x'; len], u32::MAX, &mut bytes).unwrap();
    bytes
}

/// The start of a frame of `kind` that announces `length`.
pub(crate) fn announce(kind: Kind, length: u32) -> BytesMut {
    let mut bytes = BytesMut::new();
    Header::new(kind, 1, 1).encode(b"", u32::MAX, &mut bytes).unwrap();
    bytes[..4].copy_from_slice(&length.to_be_bytes());
    bytes
}

/// The run at the front; none where more bytes are needed.
pub(crate) fn take_run(decoder: &mut Decoder) -> Option<Run<'_>> {
    match decoder.take().unwrap() {
        Some(Taken::Run(run)) => Some(run),
        Some(Taken::Control(frame)) => panic!("{frame:?} instead of a run"),
        None => None,
    }
}
