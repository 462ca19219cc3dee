//! Who does not read is ended; who reads slowly but steadily is not.

use std::io::Read as _;
use std::thread;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use proto::{Change, Ending, Join, Kind, Message};
use relay::Limits;

use crate::support::{Client, Relay, data};

/// Two mebibytes, so that the kernel's buffers and the outbox are full soon.
fn limits() -> Limits {
    Limits { outbox: 2 << 20, pause: Duration::from_secs(1), ..Limits::default() }
}

fn burst(room: u32, first: u64, frames: u64, payload: usize) -> BytesMut {
    let mut bytes = BytesMut::new();
    for id in first..first + frames {
        bytes.extend_from_slice(&data(room, id, &vec![b'x'; payload]));
    }
    bytes
}

#[test]
fn who_never_reads_is_too_slow_and_the_others_hear_everything() {
    let relay = Relay::start(limits());
    let (mut alice, room) = Client::in_room(relay.address, "alice", "lobby");
    let (mut bob, _) = Client::in_room(relay.address, "bob", "lobby");
    let (mut deaf, _) = Client::in_room(relay.address, "deaf", "lobby");
    let (mut sent, mut heard, mut told) = (0, 0, Vec::new());
    // The kernel takes some mebibytes for a client that does not read, and then the relay does.
    while relay.log.endings().is_empty() {
        std::io::Write::write_all(&mut alice.stream, &burst(room, sent, 100, 4000)).unwrap();
        sent += 100;
        while alice.data().header.seq < sent {}
        while heard < sent {
            let frame = bob.frame().unwrap();
            match frame.header.kind {
                Kind::Data => {
                    heard += 1;
                    assert_eq!(frame.header.seq, heard);
                }
                _ => told.push(Message::from_frame(&frame).unwrap()),
            }
        }
        assert!(sent < 10_000, "it is never too slow");
    }
    let closed = relay.log.closed.lock().unwrap()[0].clone();
    assert_eq!(closed.ending, Ending::TooSlow);
    alice.say(room, sent, "on we go");
    while heard <= sent {
        let frame = bob.frame().unwrap();
        match frame.header.kind {
            Kind::Data => heard = frame.header.seq,
            _ => told.push(Message::from_frame(&frame).unwrap()),
        }
    }
    let Some(Message::Presence(presence)) = told.last() else { panic!("{told:?}") };
    assert_eq!((&*presence.person.name, presence.change), ("deaf", Change::Left));
    assert_eq!(presence.ending.as_deref(), Some("TooSlow"));
    // What it did not take is not offered to it any more.
    while let Ok(Some(_)) = deaf.try_frame() {}
    relay.stop();
}

#[test]
fn who_takes_nothing_for_too_long_is_ended_however_little_waits() {
    let relay = Relay::start(Limits { write: Duration::from_millis(200), ..Limits::default() });
    let (mut alice, room) = Client::in_room(relay.address, "alice", "lobby");
    let (deaf, _) = Client::in_room(relay.address, "deaf", "lobby");
    socket2::SockRef::from(&deaf.stream).set_recv_buffer_size(4096).unwrap();
    let (mut sent, mut heard, mut ending) = (0, 0, None);
    // It is told of when its time has come, between the frames or after them.
    while heard < sent || ending.is_none() {
        // Less than the outbox may hold, so that it is the time that ends it.
        if heard == sent && sent < 1500 {
            std::io::Write::write_all(&mut alice.stream, &burst(room, sent, 1, 4000)).unwrap();
            sent += 1;
        }
        let frame = alice.frame().unwrap();
        if frame.header.kind == Kind::Data {
            heard += 1;
        } else if let Message::Presence(presence) = Message::from_frame(&frame).unwrap() {
            ending = presence.ending;
        }
    }
    assert_eq!(ending.as_deref(), Some("TooSlow"));
    assert_eq!(relay.endings(1), ["TooSlow"]);
    relay.stop();
}

#[test]
fn many_who_never_read_hold_back_who_pushes_no_longer_than_one_does() {
    const DEAF: usize = 10;
    let pause = Duration::from_secs(2);
    let relay = Relay::start(Limits { pause, ..Limits::default() });
    let (mut alice, room) = Client::in_room(relay.address, "alice", "lobby");
    let deaf: Vec<_> = (0..DEAF)
        .map(|n| Client::in_room(relay.address, &format!("deaf {n}"), "lobby").0)
        .collect();
    let mut pushing = alice.stream.try_clone().unwrap();
    let start = Instant::now();
    let writer = thread::spawn(move || {
        // What the kernel and the outbox take for each of them, and more.
        for first in (0..6000).step_by(100) {
            std::io::Write::write_all(&mut pushing, &burst(room, first, 100, 4000)).unwrap();
        }
    });
    while alice.data().header.seq < 6000 {}
    writer.join().unwrap();
    // One after the other would take ten pauses.
    let took = start.elapsed();
    assert!(took > pause, "nobody was waited for: {took:?}");
    assert!(took < pause * 5, "they were waited for in turn: {took:?}");
    assert_eq!(relay.endings(DEAF), ["TooSlow"; DEAF]);
    drop(deaf);
    relay.stop();
}

#[test]
fn who_reads_slowly_but_steadily_gets_everything_and_holds_back_who_pushes() {
    let relay = Relay::start(limits());
    let (mut alice, room) = Client::in_room(relay.address, "alice", "lobby");
    let (mut slow, _) = Client::in_room(relay.address, "slow", "lobby");
    // Twenty mebibytes: many times what the outbox and the kernel hold.
    let frames = 5000;
    let writer = thread::spawn({
        let mut stream = alice.stream.try_clone().unwrap();
        move || {
            for first in (0..frames).step_by(100) {
                std::io::Write::write_all(&mut stream, &burst(room, first, 100, 4000)).unwrap();
            }
        }
    });
    let own = thread::spawn(move || {
        while alice.data().header.seq < frames {}
        alice
    });
    let mut chunk = vec![0; 16 * 1024];
    let mut decoder = proto::Decoder::default();
    let mut next = 1;
    while next <= frames {
        let read = slow.stream.read(&mut chunk).unwrap();
        assert!(read > 0, "it was taken for one that does not read, at {next}");
        decoder.push(&chunk[..read]);
        while let Some(frame) = decoder.take_frame().unwrap() {
            if frame.header.kind == Kind::Data {
                assert_eq!(frame.header.seq, next);
                next += 1;
            }
        }
        // 16 MiB a second, which is a tenth of what the sender could push.
        thread::sleep(Duration::from_millis(1));
    }
    writer.join().unwrap();
    drop(own.join().unwrap());
    assert_eq!(relay.endings(1), ["PeerFin"]);
    relay.stop();
}

#[test]
fn many_who_each_say_a_little_at_once_do_not_end_who_reads_slowly() {
    const SPEAKERS: u64 = 150;
    const FRAMES: u64 = 20;
    let relay = Relay::start(limits());
    let (mut slow, room) = Client::in_room(relay.address, "slow", "lobby");
    socket2::SockRef::from(&slow.stream).set_recv_buffer_size(64 * 1024).unwrap();
    let mut speakers: Vec<_> = (0..SPEAKERS)
        .map(|n| {
            let mut speaker = Client::named(relay.address, &format!("speaker {n}"));
            speaker.send(&Message::Join(Join { room: "lobby".into(), listen: false }));
            assert!(matches!(speaker.message(), Message::Joined(_)));
            speaker
        })
        .collect();
    // Each says less than one read takes, and all together more than twice what an outbox may hold.
    let said = burst(room, 0, FRAMES, 1500);
    for speaker in &mut speakers {
        std::io::Write::write_all(&mut speaker.stream, &said).unwrap();
    }
    let mut chunk = vec![0; 16 * 1024];
    let mut decoder = proto::Decoder::default();
    let mut heard = 0;
    while heard < SPEAKERS * FRAMES {
        let read = slow.stream.read(&mut chunk).unwrap();
        assert!(read > 0, "it was taken for one that does not read, at {heard}");
        decoder.push(&chunk[..read]);
        while let Some(frame) = decoder.take_frame().unwrap() {
            if frame.header.kind == Kind::Data {
                heard += 1;
                assert_eq!(frame.header.seq, heard);
            }
        }
        thread::sleep(Duration::from_millis(5)); // A reader slower than its peers.
    }
    assert_eq!(relay.log.endings(), [""; 0]);
    relay.stop();
}
