//! What holds for every stream of bytes, whatever its peer made of it and however it arrives.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod streams;

use bytes::{Bytes, BytesMut};
use proptest::collection::vec;
use proptest::prelude::*;
use proto::frame::HEADER_LEN;
use proto::limits::MAX_FRAME_LENGTH;
use proto::{Decoder, Frame, FrameError, Header, Kind, Message, Run, Taken};

use streams::{LIMIT, Piece, damage, encode, frame, message, piece, split, stream};

/// What a decoder made of a stream.
#[derive(Debug, PartialEq)]
struct Outcome {
    frames: Vec<Frame>,
    ignored: u64,
    error: Option<FrameError>,
}

#[derive(Clone, Copy, Debug)]
enum By {
    Runs,
    Frames,
}

proptest! {
    #[test]
    fn a_frame_survives_the_round_trip(frame in frame()) {
        let mut bytes = BytesMut::new();
        frame.encode(MAX_FRAME_LENGTH, &mut bytes).unwrap();
        prop_assert_eq!(bytes.len(), frame.encoded_len());
        prop_assert_eq!(bytes.len(), HEADER_LEN + frame.payload.len());
        let head = frame.header.head(frame.payload.len(), MAX_FRAME_LENGTH).unwrap();
        prop_assert_eq!(&bytes[..HEADER_LEN], &head[..]);

        let mut decoder = Decoder::default();
        decoder.push(&bytes);
        prop_assert_eq!(decoder.take_frame(), Ok(Some(frame)));
        prop_assert_eq!(decoder.take_frame(), Ok(None));
        prop_assert_eq!(decoder.finish(), Ok(()));
    }

    #[test]
    fn a_frame_above_the_limit_is_not_encoded(frame in frame(), missing in 1_u32..100) {
        let length = u32::try_from(frame.encoded_len() - 4).unwrap();
        let limit = length.saturating_sub(missing);
        let mut bytes = BytesMut::from("before");
        prop_assert_eq!(
            frame.encode(limit, &mut bytes),
            Err(FrameError::TooLong { length, limit })
        );
        prop_assert_eq!(&bytes[..], b"before");
        prop_assert_eq!(frame.encode(length, &mut bytes), Ok(()));
    }

    #[test]
    fn any_split_gives_the_same_frames_and_the_same_error(
        stream in stream(),
        split in split(),
        read in any::<bool>(),
    ) {
        let expected =
            Outcome { frames: stream.frames, ignored: stream.ignored, error: stream.error };
        let whole = [stream.bytes.len().max(1)];
        for by in [By::Runs, By::Frames] {
            prop_assert_eq!(&decode(&stream.bytes, &whole, by, read), &expected);
            prop_assert_eq!(&decode(&stream.bytes, &split, by, read), &expected);
        }
    }

    #[test]
    fn damaged_input_never_panics_and_splits_the_same(
        stream in stream(),
        damage in vec(damage(), 1..6),
        split in split(),
    ) {
        let mut bytes = stream.bytes;
        for damage in damage {
            damage.apply(&mut bytes);
        }
        never_panics(&bytes, &split)?;
    }

    #[test]
    fn garbage_never_panics(bytes in vec(any::<u8>(), 0..4000), split in split()) {
        never_panics(&bytes, &split)?;
    }

    #[test]
    fn a_run_is_of_one_room_and_as_long_as_can_be(pieces in vec(piece(), 0..40)) {
        let mut decoder = Decoder::new(LIMIT);
        decoder.push(&encode(&pieces));
        // A control frame counts as none.
        let mut lengths = Vec::new();
        let mut bytes = BytesMut::new();
        while let Some(next) = decoder.take().unwrap() {
            match next {
                Taken::Run(run) => {
                    check_run(&run)?;
                    lengths.push(run.frames());
                    bytes.extend_from_slice(run.bytes());
                }
                Taken::Control(frame) => {
                    lengths.push(0);
                    frame.encode(LIMIT, &mut bytes).unwrap();
                }
            }
        }
        prop_assert_eq!(lengths, expected_lengths(&pieces));
        let known = pieces.into_iter().filter(|piece| matches!(piece, Piece::Known(_)));
        prop_assert_eq!(bytes, encode(&known.collect::<Vec<_>>()));
    }

    #[test]
    fn stamping_changes_from_seq_and_time_alone(
        payloads in vec(vec(any::<u8>(), 0..100), 1..20),
        from in any::<u32>(),
        seq in prop_oneof![any::<u64>(), Just(u64::MAX)],
        time in any::<u64>(),
    ) {
        let mut bytes = BytesMut::new();
        for (payload, id) in payloads.iter().zip(0..) {
            Header::new(Kind::Data, 5, id).encode(payload, LIMIT, &mut bytes).unwrap();
        }
        let mut decoder = Decoder::new(LIMIT);
        decoder.push(&bytes);
        let Some(Taken::Run(mut run)) = decoder.take().unwrap() else { panic!("a run") };
        run.stamp(from, seq, time);

        let mut expected = bytes;
        let mut at = 0;
        for (payload, n) in payloads.iter().zip(0..) {
            expected[at + 12..at + 16].copy_from_slice(&from.to_be_bytes());
            expected[at + 16..at + 24].copy_from_slice(&seq.wrapping_add(n).to_be_bytes());
            expected[at + 24..at + 32].copy_from_slice(&time.to_be_bytes());
            at += HEADER_LEN + payload.len();
        }
        prop_assert_eq!(run.bytes(), &expected[..]);
        prop_assert_eq!(&run.freeze()[..], &expected[..]);
    }

    #[test]
    fn a_message_survives_the_round_trip(message in message()) {
        let mut bytes = BytesMut::new();
        message.encode(&mut bytes).unwrap();
        let mut decoder = Decoder::default();
        decoder.push(&bytes);
        let Some(Taken::Control(frame)) = decoder.take().unwrap() else { panic!("control") };
        prop_assert_eq!(frame.header.kind, message.kind());
        prop_assert_eq!(Message::from_frame(&frame), Ok(message));
    }

    #[test]
    fn a_damaged_message_never_panics(message in message(), damage in vec(damage(), 1..6)) {
        let mut bytes = BytesMut::new();
        message.encode(&mut bytes).unwrap();
        let mut payload = bytes[HEADER_LEN..].to_vec();
        for damage in damage {
            damage.apply(&mut payload);
        }
        for kind in Kind::ALL {
            let frame = Frame { header: Header::new(kind, 0, 0), payload: payload.clone().into() };
            let _ = Message::from_frame(&frame);
        }
    }
}

/// Every way of taking a stream ends in order, and all of them agree.
fn never_panics(bytes: &[u8], split: &[usize]) -> Result<(), TestCaseError> {
    let expected = decode(bytes, &[bytes.len().max(1)], By::Frames, false);
    for by in [By::Runs, By::Frames] {
        prop_assert_eq!(&decode(bytes, split, by, true), &expected);
    }
    for frame in &expected.frames {
        let _ = Message::from_frame(frame);
    }
    Ok(())
}

/// Gives `bytes` to a decoder in parts of the lengths in `split`, over and over, and takes all there is
/// after each part.
fn decode(bytes: &[u8], split: &[usize], by: By, read: bool) -> Outcome {
    let mut decoder = Decoder::new(LIMIT);
    let mut frames = Vec::new();
    let mut error = None;
    let mut rest = bytes;
    let mut lengths = split.iter().cycle();
    while !rest.is_empty() && error.is_none() {
        let (part, after) = rest.split_at(rest.len().min(*lengths.next().unwrap()));
        rest = after;
        if read {
            decoder.space().extend_from_slice(part);
        } else {
            decoder.push(part);
        }
        error = take_all(&mut decoder, by, &mut frames).err();
    }
    let error = error.or_else(|| decoder.finish().err());
    Outcome { frames, ignored: decoder.ignored(), error }
}

fn take_all(decoder: &mut Decoder, by: By, frames: &mut Vec<Frame>) -> Result<(), FrameError> {
    match by {
        By::Frames => {
            while let Some(frame) = decoder.take_frame()? {
                frames.push(frame);
            }
        }
        By::Runs => {
            while let Some(taken) = decoder.take()? {
                match taken {
                    Taken::Control(frame) => frames.push(frame),
                    Taken::Run(run) => frames.extend(run.iter().map(|(header, payload)| Frame {
                        header,
                        payload: Bytes::copy_from_slice(payload),
                    })),
                }
            }
        }
    }
    Ok(())
}

fn check_run(run: &Run<'_>) -> Result<(), TestCaseError> {
    prop_assert!(run.frames() > 0);
    prop_assert_eq!(run.iter().count(), run.frames());
    for (header, _) in run.iter() {
        prop_assert_eq!(header.kind, Kind::Data);
        prop_assert_eq!(header.room, run.room());
    }
    Ok(())
}

/// How many frames each run has that is to be taken; a control frame has none.
fn expected_lengths(pieces: &[Piece]) -> Vec<usize> {
    let mut lengths = Vec::new();
    let mut open: Option<(u32, usize)> = None;
    for piece in pieces {
        let room = match piece {
            Piece::Known(frame) if frame.header.kind == Kind::Data => Some(frame.header.room),
            _ => None,
        };
        match (&mut open, room) {
            (Some((of, count)), Some(room)) if *of == room => *count += 1,
            (open, room) => {
                lengths.extend(open.take().map(|(_, count)| count));
                *open = room.map(|room| (room, 1));
            }
        }
        if matches!(piece, Piece::Known(frame) if frame.header.kind != Kind::Data) {
            lengths.push(0);
        }
    }
    lengths.extend(open.map(|(_, count)| count));
    lengths
}
