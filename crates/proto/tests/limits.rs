//! What is too long, met and passed. `MAX_UNIX_PATH` is tested beside the parser of addresses, and what a
//! stream takes of memory in `memory.rs`.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod frames;

use bytes::{Bytes, BytesMut};
use proto::frame::{HEADER_LEN, MIN_LENGTH};
use proto::limits::{MAX_CITED, MAX_CONTROL_PAYLOAD, MAX_FRAME_LENGTH};
use proto::{Decoder, Frame, FrameError, Goodbye, Header, Hello, Kind, Message, MessageError};

use frames::{announce, data, take_run};

fn control(kind: Kind, payload: impl Into<Bytes>) -> Frame {
    Frame { header: Header::new(kind, 0, 0), payload: payload.into() }
}

#[test]
fn a_frame_of_max_frame_length_is_taken_and_a_longer_one_is_not() {
    let longest = (MAX_FRAME_LENGTH - MIN_LENGTH) as usize;
    let mut decoder = Decoder::default();
    decoder.push(&data(longest));
    assert_eq!(decoder.take_frame().unwrap().unwrap().payload.len(), longest);

    let refused = FrameError::TooLong { length: MAX_FRAME_LENGTH + 1, limit: MAX_FRAME_LENGTH };
    decoder.push(&data(longest + 1)[..4]);
    assert_eq!(decoder.take().unwrap_err(), refused);
    assert_eq!(decoder.take_frame().unwrap_err(), refused);
    assert_eq!(decoder.finish().unwrap_err(), refused);
}

#[test]
fn a_length_that_looks_negative_is_a_long_one() {
    for length in [u32::MAX, i32::MIN.cast_unsigned()] {
        let mut decoder = Decoder::default();
        decoder.push(&length.to_be_bytes());
        let refused = FrameError::TooLong { length, limit: MAX_FRAME_LENGTH };
        assert_eq!(decoder.take().unwrap_err(), refused);
    }
}

#[test]
fn a_run_is_the_last_if_nothing_behind_it_can_be_taken() {
    let (frame, mut other_room) = (data(100), data(100));
    other_room[11] ^= 1;
    for (behind, is_last) in [
        (&b""[..], true),
        (&frame[..3], true),
        (&frame[..50], true),
        (&other_room[..], false),
        (&announce(Kind::Data, u32::MAX)[..], false),
    ] {
        let mut decoder = Decoder::default();
        decoder.push(&frame);
        decoder.push(behind);
        assert_eq!(take_run(&mut decoder).unwrap().is_last(), is_last, "{behind:?}");
    }
}

#[test]
fn a_control_frame_above_its_limit_is_refused_on_every_path() {
    let limit = MIN_LENGTH + u32::try_from(MAX_CONTROL_PAYLOAD).unwrap();
    let too_long = FrameError::TooLong { length: limit + 1, limit };
    for kind in Kind::ALL.into_iter().filter(|kind| kind.is_control()) {
        let mut decoder = Decoder::default();
        decoder.push(&announce(kind, limit));
        assert!(decoder.take().unwrap().is_none());

        let mut decoder = Decoder::default();
        decoder.push(&announce(kind, limit + 1));
        assert_eq!(decoder.take().unwrap_err(), too_long);

        let payload = vec![b' '; MAX_CONTROL_PAYLOAD + 1];
        let frame = control(kind, payload);
        let refused = MessageError::TooLong { len: MAX_CONTROL_PAYLOAD + 1 };
        assert_eq!(Message::from_frame(&frame), Err(refused));
        assert_eq!(frame.encode(u32::MAX, &mut BytesMut::new()), Err(too_long.clone()));
    }
    let reason = "x".repeat(MAX_CONTROL_PAYLOAD);
    let goodbye = Message::Goodbye(Goodbye { ending: "Done".into(), reason });
    let mut out = BytesMut::new();
    assert!(matches!(goodbye.encode(&mut out), Err(FrameError::TooLong { .. })));
    assert!(out.is_empty());
}

#[test]
fn an_error_cites_no_more_of_the_peers_json_than_max_cited() {
    // Three-byte characters, so that the cut falls within one at most lengths.
    for before in ["", "a", "ab"] {
        let cited = format!("{before}{}", "你".repeat(20_000));
        let payload = format!(r#"{{"version":"{cited}"}}"#);
        let error = Message::from_frame(&control(Kind::Hello, payload)).unwrap_err();
        let MessageError::Json { kind: Kind::Hello, reason } = error else { panic!("{error:?}") };
        assert!(reason.starts_with("invalid type: string"), "{reason}");
        assert!(reason.len() <= MAX_CITED + "...".len(), "{reason}");
    }
}

#[test]
fn fields_that_are_not_known_are_skipped_and_those_left_out_have_defaults() {
    let payload = r#"{"later":{"a":[1,{"b":null}]},"version":1,"also":"x"}"#;
    let hello = Hello { version: 1, name: None, max_frame: MAX_FRAME_LENGTH, features: Vec::new() };
    assert_eq!(Message::from_frame(&control(Kind::Hello, payload)), Ok(Message::Hello(hello)));
}

#[test]
fn deep_json_does_not_overflow_the_stack() {
    let deep = MAX_CONTROL_PAYLOAD / 4;
    let nested = format!("{}{}", "[".repeat(deep), "]".repeat(deep));
    for (payload, read) in [
        ("[".repeat(MAX_CONTROL_PAYLOAD), false),
        (r#"{"a":"#.repeat(deep / 2), false),
        (format!(r#"{{"version":1,"features":{nested}}}"#), false),
        (format!(r#"{{"version":1,"later":{nested}}}"#), true),
    ] {
        assert!(payload.len() <= MAX_CONTROL_PAYLOAD);
        assert_eq!(Message::from_frame(&control(Kind::Hello, payload)).is_ok(), read);
    }
}

#[test]
fn a_data_frame_is_no_message() {
    assert_eq!(Message::from_frame(&control(Kind::Data, "{}")), Err(MessageError::NotControl));
}

#[test]
fn finish_judges_what_was_not_taken() {
    let mut stream = data(10);
    stream.extend_from_slice(&data(10)[..7]);
    let mut decoder = Decoder::default();
    decoder.push(&stream);
    assert_eq!(decoder.finish(), Err(FrameError::Cut { have: 7, need: HEADER_LEN + 10 }));
    assert_eq!(decoder.buffered(), stream.len());
    assert_eq!(take_run(&mut decoder).unwrap().frames(), 1);
}

#[test]
fn the_frames_of_a_run_can_be_told_apart_after_it_is_shared() {
    let mut decoder = Decoder::default();
    for len in [3, 0, 100] {
        decoder.push(&data(len));
    }
    let run = take_run(&mut decoder).unwrap().freeze();
    let lengths: Vec<_> = proto::run::frames(&run).map(|(_, payload)| payload.len()).collect();
    assert_eq!(lengths, [3, 0, 100]);
    assert_eq!(proto::run::len_of_first(&run, 0), 0);
    assert_eq!(proto::run::len_of_first(&run, 2), 2 * HEADER_LEN + 3);
    assert_eq!(proto::run::len_of_first(&run, 3), run.len());
}
