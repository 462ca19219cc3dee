//! Every limit of the crate, met and passed. `MAX_UNIX_PATH` is tested beside the parser of addresses.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

use bytes::{BufMut, Bytes, BytesMut};
use proto::frame::{HEADER_LEN, MIN_LENGTH};
use proto::limits::{
    MAX_CITED, MAX_CONTROL_PAYLOAD, MAX_FRAME_LENGTH, MAX_READ_CHUNK, READ_CHUNK, RUN_SHARE,
};
use proto::{
    Decoder, Frame, FrameError, Goodbye, Header, Hello, Kind, Message, MessageError, Run, Taken,
};

/// The wire bytes of one data frame with a payload of `len` bytes.
fn data(len: usize) -> BytesMut {
    let mut bytes = BytesMut::new();
    Header::new(Kind::Data, 1, 1).encode(&vec![b'x'; len], u32::MAX, &mut bytes).unwrap();
    bytes
}

/// The start of a frame of `kind` that announces `length`.
fn announce(kind: Kind, length: u32) -> BytesMut {
    let mut bytes = BytesMut::new();
    Header::new(kind, 1, 1).encode(b"", u32::MAX, &mut bytes).unwrap();
    bytes[..4].copy_from_slice(&length.to_be_bytes());
    bytes
}

fn control(kind: Kind, payload: impl Into<Bytes>) -> Frame {
    Frame { header: Header::new(kind, 0, 0), payload: payload.into() }
}

/// Reads as much of `bytes` as the decoder makes room for, as a socket would give it.
fn read(decoder: &mut Decoder, bytes: &mut &[u8]) -> usize {
    let space = decoder.space();
    let len = bytes.len().min(space.capacity() - space.len());
    let (read, rest) = bytes.split_at(len);
    space.put_slice(read);
    *bytes = rest;
    len
}

fn take_run(decoder: &mut Decoder) -> Option<Run<'_>> {
    match decoder.take().unwrap() {
        Some(Taken::Run(run)) => Some(run),
        Some(Taken::Control(frame)) => panic!("{frame:?} instead of a run"),
        None => None,
    }
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
fn an_announced_length_costs_no_memory() {
    for limit in [MAX_FRAME_LENGTH, u32::MAX] {
        let mut decoder = Decoder::new(limit);
        let announced = announce(Kind::Data, limit);
        for byte in &announced[..] {
            decoder.space().put_u8(*byte);
            assert!(decoder.take().unwrap().is_none());
        }
        assert!(decoder.space().capacity() <= READ_CHUNK);
        assert_eq!(decoder.capacity(), READ_CHUNK);
        let need = 4 + limit as usize;
        assert_eq!(decoder.finish(), Err(FrameError::Cut { have: HEADER_LEN, need }));
    }
}

#[test]
fn room_for_a_read_grows_while_reads_fill_it_and_falls_back_after() {
    let larger = 8 * MAX_READ_CHUNK;
    for (mut decoder, most) in
        [(Decoder::default(), MAX_READ_CHUNK), (Decoder::default().with_reads_of(larger), larger)]
    {
        let stream = data(100).repeat(100_000);
        let mut rest = &stream[..];
        let mut reads = Vec::new();
        while !rest.is_empty() {
            reads.push(read(&mut decoder, &mut rest));
            drop(take_run(&mut decoder));
        }
        assert_eq!(reads[0], READ_CHUNK);
        let largest = *reads.iter().max().unwrap();
        assert!((most / 2..=2 * most).contains(&largest), "{reads:?}");

        for _ in 0..100 {
            read(&mut decoder, &mut &data(100)[..]);
            drop(take_run(&mut decoder));
        }
        decoder.space();
        assert!(decoder.capacity() <= 2 * READ_CHUNK, "{}", decoder.capacity());
    }
}

#[test]
fn a_gap_in_a_busy_stream_leaves_it_its_memory() {
    let frame = data(64 * 1024);
    let mut decoder = Decoder::default();
    let mut capacities = Vec::new();
    for _ in 0..10 {
        let stream = frame.repeat(100);
        let mut rest = &stream[..];
        while !rest.is_empty() {
            read(&mut decoder, &mut rest);
            drop(take_run(&mut decoder));
        }
        read(&mut decoder, &mut &data(100)[..]);
        drop(take_run(&mut decoder));
        decoder.space();
        capacities.push(decoder.capacity());
    }
    assert!(capacities.iter().all(|&all| all == capacities[0]), "{capacities:?}");
    assert!(capacities[0] >= MAX_READ_CHUNK, "{capacities:?}");
}

#[test]
fn every_read_of_a_busy_stream_gets_all_the_room_that_a_read_may_have() {
    // Lengths that divide the room, that do not, and of which two or more are as long as a smaller room:
    // none may leave the reads at less.
    for payload in [100, 4_056, 16 * 1024, 64 * 1024, 100_000, 200_000] {
        let stream = data(payload).repeat(20_000_000 / payload);
        let mut rest = &stream[..];
        let mut decoder = Decoder::default();
        let mut reads = Vec::new();
        while !rest.is_empty() {
            reads.push(read(&mut decoder, &mut rest));
            drop(take_run(&mut decoder));
        }
        let busy = &reads[10..reads.len() - 1];
        let least = *busy.iter().min().unwrap();
        assert!(least >= MAX_READ_CHUNK, "{least} for a payload of {payload}: {reads:?}");
    }
}

#[test]
fn reads_of_a_busy_stream_of_long_frames_end_where_a_frame_does() {
    for payload in [8_000, 64 * 1024, 100_000] {
        let stream = data(payload).repeat(40_000_000 / payload);
        let mut rest = &stream[..];
        let mut decoder = Decoder::default();
        let mut left = Vec::new();
        while !rest.is_empty() {
            read(&mut decoder, &mut rest);
            // Nobody keeps it, so there is nothing to be written behind it either.
            assert!(take_run(&mut decoder).is_none_or(|run| run.is_last()));
            left.push(decoder.buffered());
        }
        // At first the room grows, with what is left over from before.
        let busy = &left[20..];
        assert!(busy.iter().all(|&left| left == 0), "a payload of {payload}: {left:?}");
    }
}

#[test]
fn memory_stays_bounded_where_every_frame_is_the_longest() {
    for len in [5_000, 64 * 1024, 200_000, MAX_READ_CHUNK] {
        let frame = data(len - HEADER_LEN);
        let stream = frame.repeat(40_000_000 / len);
        let limit = u32::try_from(len - 4).unwrap();
        for first in [1, 16, len / 2, len - 1] {
            let mut decoder = Decoder::new(limit);
            let mut rest = &stream[..];
            // The first read ends within a frame, so the next ones do.
            decoder.push(&rest[..first]);
            rest = &rest[first..];
            while !rest.is_empty() {
                assert!(read(&mut decoder, &mut rest) > 0);
                assert!(decoder.capacity() <= len + MAX_READ_CHUNK, "{}", decoder.capacity());
                drop(take_run(&mut decoder));
            }
            assert_eq!(decoder.finish(), Ok(()));
        }
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
fn small_frames_share_their_chunks_of_memory() {
    // A receiver that takes nothing holds every run, so none of their memory can be used again.
    const FRAMES: usize = 10_000;
    let frame = data(16);
    let mut decoder = Decoder::default();
    let mut held = Vec::new();
    let mut chunks = 1;
    let mut memory = 0;
    for _ in 0..FRAMES {
        let before = decoder.space().as_ptr();
        assert_eq!(read(&mut decoder, &mut &frame[..]), frame.len());
        let run = take_run(&mut decoder).unwrap().into_bytes();
        assert_eq!(run.as_ptr(), before, "a read moved the bytes");
        if held.last().is_some_and(|last: &BytesMut| last.as_ptr_range().end != before) {
            chunks += 1;
        }
        memory = chunks * decoder.capacity();
        held.push(run);
    }
    assert!(memory < 2 * FRAMES * frame.len(), "{memory} bytes in {chunks} chunks");
}

#[test]
fn memory_is_used_again_when_the_runs_taken_from_it_are_gone() {
    let frame = data(100);
    let mut decoder = Decoder::default();
    let chunk = decoder.space().as_ptr() as usize;
    for _ in 0..10 * READ_CHUNK / frame.len() {
        let at = decoder.space().as_ptr() as usize;
        assert!((chunk..chunk + READ_CHUNK).contains(&at));
        read(&mut decoder, &mut &frame[..]);
        drop(take_run(&mut decoder).unwrap());
    }
}

#[test]
fn memory_stays_bounded_when_reads_end_within_frames() {
    let stream = data(100).repeat(10_000);
    for part in [1_000, 10_000, 100_000] {
        let mut decoder = Decoder::default();
        let mut largest = 0;
        for mut part in stream.chunks(part) {
            while !part.is_empty() {
                read(&mut decoder, &mut part);
                drop(take_run(&mut decoder));
                largest = largest.max(decoder.capacity());
            }
        }
        assert!(largest <= 2 * MAX_READ_CHUNK, "{largest} for parts of {part}");
    }
}

#[test]
fn what_a_large_frame_needed_is_given_back() {
    let large = data(MAX_FRAME_LENGTH as usize - 100);
    let mut decoder = Decoder::default();
    let mut capacities = Vec::new();
    // The reads are small, so room grows with what has arrived and not with what reads take.
    for mut part in large.chunks(READ_CHUNK / 2) {
        while !part.is_empty() {
            read(&mut decoder, &mut part);
            capacities.push(decoder.capacity());
        }
    }
    capacities.dedup();
    assert!(capacities.len() < 10, "moved too often: {capacities:?}");
    let largest = *capacities.last().unwrap();
    assert!(largest <= 4 + MAX_FRAME_LENGTH as usize + MAX_READ_CHUNK, "{largest}");
    assert_eq!(take_run(&mut decoder).unwrap().bytes(), large);
    decoder.space();
    assert!(decoder.capacity() <= 2 * READ_CHUNK, "{}", decoder.capacity());
}

#[test]
fn a_run_below_its_share_of_the_chunk_is_copied_and_a_larger_one_is_shared() {
    for (len, copied) in [(READ_CHUNK / RUN_SHARE - 1, true), (READ_CHUNK / RUN_SHARE, false)] {
        let mut decoder = Decoder::default();
        decoder.space().put_slice(&data(len - HEADER_LEN));
        let run = take_run(&mut decoder).unwrap();
        let (address, bytes) = (run.bytes().as_ptr(), run.bytes().to_vec());
        let frozen = run.freeze();
        assert_eq!(frozen, bytes);
        assert_eq!(frozen.as_ptr() != address, copied, "{len}");
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
fn what_a_holder_of_a_run_pins_is_told() {
    for (len, reads) in [(10, 1), (6000, 1), (12_000, 3)] {
        let stream = data(len);
        let mut decoder = Decoder::default();
        for read in stream.chunks(stream.len().div_ceil(reads)) {
            decoder.space().put_slice(read);
        }
        let chunk = decoder.capacity();
        let run = take_run(&mut decoder).unwrap();
        let is_shared = stream.len() >= chunk / RUN_SHARE;
        assert_eq!(run.pinned(), if is_shared { chunk } else { stream.len() }, "{len}");
        assert_eq!(run.freeze(), stream);
    }
}

#[test]
fn a_decoder_gives_its_memory_back_only_where_nothing_waits_in_it() {
    let stream = data(100);
    let mut decoder = Decoder::default();
    decoder.space().put_slice(&stream[..50]);
    decoder.release();
    assert_eq!(decoder.buffered(), 50);
    decoder.space().put_slice(&stream[50..]);
    assert_eq!(take_run(&mut decoder).unwrap().bytes(), &stream[..]);
    assert!(decoder.capacity() > 0);
    decoder.release();
    assert_eq!((decoder.capacity(), decoder.buffered()), (0, 0));
    decoder.space().put_slice(&stream);
    assert_eq!(take_run(&mut decoder).unwrap().bytes(), &stream[..]);
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
