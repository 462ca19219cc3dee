use bytes::BytesMut;
use proto::limits::MAX_FRAME_LENGTH;
use proto::{Decoder, Flags, Goodbye, Header, Kind, Message, Taken};

/// A data frame as it goes over the wire.
pub(crate) fn data(room: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    Header::new(Kind::Data, room, 1).encode(payload, MAX_FRAME_LENGTH, &mut bytes).unwrap();
    bytes.to_vec()
}

/// A frame of a kind that nobody knows, and that its sender allows to be skipped.
pub(crate) fn ignorable(payload: &[u8]) -> Vec<u8> {
    let mut frame = data(0, payload);
    frame[4] = 0xEE;
    frame[5] = Flags::MAY_IGNORE.0;
    frame
}

/// Splits what a server sent into the data frames and the `Goodbye` at their end, if there is one.
#[track_caller]
pub(crate) fn split_goodbye(bytes: &[u8]) -> (Vec<u8>, Option<Goodbye>) {
    let mut decoder = Decoder::default();
    decoder.push(bytes);
    let (mut data, mut goodbye) = (Vec::new(), None);
    while let Some(taken) = decoder.take().unwrap() {
        assert_eq!(goodbye, None, "nothing comes after a goodbye");
        match taken {
            Taken::Run(run) => data.extend_from_slice(run.bytes()),
            Taken::Control(frame) => match Message::from_frame(&frame).unwrap() {
                Message::Goodbye(message) => goodbye = Some(message),
                other => panic!("{other:?} was not expected"),
            },
        }
    }
    assert_eq!(decoder.buffered(), 0, "the server cut a frame");
    (data, goodbye)
}
