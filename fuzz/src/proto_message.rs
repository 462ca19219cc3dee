//! The JSON of a control frame.

use bytes::BytesMut;
use proto::{Decoder, Frame, Header, Kind, Message};

/// The first byte is the kind, the others are the payload. What can be read can be written, and is then
/// read as the same.
pub fn run(data: &[u8]) {
    let Some((&kind, payload)) = data.split_first() else { return };
    let kind = Kind::ALL[usize::from(kind) % Kind::ALL.len()];
    let frame = Frame { header: Header::new(kind, 0, 0), payload: payload.to_vec().into() };
    let Ok(message) = Message::from_frame(&frame) else { return };
    let mut bytes = BytesMut::new();
    // What JSON escapes may be longer when it is written than when it was read.
    if message.encode(&mut bytes).is_err() {
        return;
    }
    let mut decoder = Decoder::default();
    decoder.push(&bytes);
    let again = decoder.take_frame().expect("it was just written").expect("all of it");
    assert_eq!(Message::from_frame(&again), Ok(message));
}
