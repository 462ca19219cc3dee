//! How much memory a stream takes: for what has come, for the next read, and for runs that are held.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod frames;

use bytes::{BufMut, BytesMut};
use proto::frame::HEADER_LEN;
use proto::limits::{MAX_FRAME_LENGTH, MAX_READ_CHUNK, READ_CHUNK, RUN_SHARE};
use proto::{Decoder, FrameError, Kind};

use frames::{announce, data, take_run};

/// Reads as much of `bytes` as the decoder makes room for, as a socket would give it.
fn read(decoder: &mut Decoder, bytes: &mut &[u8]) -> usize {
    let space = decoder.space();
    let len = bytes.len().min(space.capacity() - space.len());
    let (read, rest) = bytes.split_at(len);
    space.put_slice(read);
    *bytes = rest;
    len
}

/// Reads all of `bytes`, and forgets a run after each read. Gives how much each read took.
fn read_all(decoder: &mut Decoder, mut bytes: &[u8]) -> Vec<usize> {
    let mut reads = Vec::new();
    while !bytes.is_empty() {
        reads.push(read(decoder, &mut bytes));
        drop(take_run(decoder));
    }
    reads
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
        let reads = read_all(&mut decoder, &data(100).repeat(100_000));
        assert_eq!(reads[0], READ_CHUNK);
        let largest = *reads.iter().max().unwrap();
        assert!((most / 2..=2 * most).contains(&largest), "{reads:?}");

        for _ in 0..100 {
            read_all(&mut decoder, &data(100));
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
        read_all(&mut decoder, &frame.repeat(100));
        read_all(&mut decoder, &data(100));
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
        let mut decoder = Decoder::default();
        let reads = read_all(&mut decoder, &data(payload).repeat(20_000_000 / payload));
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
