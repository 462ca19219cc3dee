//! Clients that ask for more than they read.

use bytes::{Bytes, BytesMut};
use proto::{Decoder, Ending, Header, Hello, Join, Kind, Message, Taken};
use relay::line_session::LineSession;
use relay::{Behind, Dialect, Hub, Limits, Outlet as _, Said, Session};

use crate::wire::{OUTBOX, Wire};

/// What it may hold beyond the limit: the answers to one read's frames.
const ONE_ANSWER: usize = 200_000;

/// Has the client say the same again and again, and read as much as it is given to.
///
/// Who reads is served on and on; who does not is too slow, and was held back before.
#[track_caller]
fn ask(mut say: impl FnMut(&mut Behind<Wire>) -> Result<Said, Ending>, wire: &Wire, reads: bool) {
    let (mut answered, mut was_behind) = (0, false);
    let ended = loop {
        let mut behind = Behind::new();
        if let Err(ending) = say(&mut behind) {
            break Some(ending);
        }
        assert!(wire.pinned() <= OUTBOX + ONE_ANSWER, "{}", wire.pinned());
        // Where it is behind, the relay reads no more from it until it has taken some of its answers.
        was_behind |= !behind.is_empty();
        while reads && !behind.is_empty() && wire.room() < OUTBOX / 4 {
            answered += wire.read(60_000).len();
        }
        if answered > 2 * OUTBOX {
            break None;
        }
    };
    assert!(was_behind, "it is held back before it is too slow");
    assert_eq!(ended, (!reads).then_some(Ending::TooSlow));
}

#[test]
fn who_asks_in_lines_and_does_not_read_is_too_slow() {
    for reads in [false, true] {
        for line in [&b"/help\n"[..], b"/who\n", b"/nick a:b\n", b"\n", b"/nonsense\n", b"\xff\n"] {
            let (mut hub, wire) = (Hub::new(Limits::default(), 1), Wire::new());
            let mut session = LineSession::new(1, 1000);
            let say = |behind: &mut Behind<Wire>| {
                let mut input = BytesMut::from(&line.repeat(100)[..]);
                session.take(7, &mut hub, &wire, (&mut input, false), behind)
            };
            ask(say, &wire, reads);
        }
    }
}

#[test]
fn who_asks_in_frames_and_does_not_read_is_too_slow() {
    let mut bytes = BytesMut::new();
    for id in 0..200 {
        Header::new(Kind::Data, 9, id).encode(b"", 1 << 20, &mut bytes).unwrap();
    }
    let to_no_room = bytes.split().freeze();
    for id in 0..200 {
        // Every second number: each frame is acknowledged by itself.
        Header::new(Kind::Data, 1, 2 * id).encode(b"", 1 << 20, &mut bytes).unwrap();
    }
    let to_a_room = bytes.split().freeze();
    let join = Message::Join(Join { room: "room".into(), listen: true });
    for _ in 0..50 {
        join.encode(&mut bytes).unwrap();
    }
    let into_the_same_room = bytes.freeze();
    for reads in [false, true] {
        for frames in [&to_no_room, &to_a_room, &into_the_same_room] {
            asks_in_frames(frames, reads);
        }
    }
}

#[track_caller]
fn asks_in_frames(frames: &Bytes, reads: bool) {
    let (mut hub, wire) = (Hub::new(Limits::default(), 1), Wire::new());
    let mut session = Session::new(1, proto::limits::MAX_FRAME_LENGTH);
    let mut begin = BytesMut::new();
    let features = vec!["ack".to_owned()];
    let hello = Hello { version: 1, name: None, max_frame: 1 << 20, features };
    Message::Hello(hello).encode(&mut begin).unwrap();
    // It only speaks, so all that it is sent are answers.
    let join = Join { room: "room".into(), listen: false };
    Message::Join(join).encode(&mut begin).unwrap();
    let mut say = |frames: &[u8], behind: &mut Behind<Wire>| {
        let mut decoder = Decoder::default();
        decoder.push(frames);
        while let Some(taken) = decoder.take().unwrap() {
            assert_eq!(session.take(7, &mut hub, &wire, taken, behind)?, Said::Done);
        }
        wire.ending().map_or(Ok(Said::Done), Err)
    };
    assert_eq!(say(&begin, &mut Behind::new()), Ok(Said::Done));
    ask(|behind| say(frames, behind), &wire, reads);
}

#[test]
fn who_joins_many_rooms_at_once_is_sent_no_more_of_their_past_than_there_is_room_for() {
    for dialect in [Dialect::Frames, Dialect::Lines] {
        let mut hub = Hub::new(Limits::default(), 1);
        let (speaker, text) = (Wire::new(), vec![b'x'; 60_000]);
        let me = hub.enter(1, &speaker, Dialect::Frames, None).unwrap();
        for id in 0..20 {
            let room = hub.join(me, &format!("room {id}"), false).unwrap();
            let mut frame = BytesMut::new();
            Header::new(Kind::Data, room, id).encode(&text, 1 << 20, &mut frame).unwrap();
            let mut decoder = Decoder::default();
            decoder.push(&frame);
            let Some(Taken::Run(run)) = decoder.take().unwrap() else { panic!("a run") };
            hub.publish(me, run, 7, &mut Behind::new());
        }
        let wire = Wire::new();
        let other = hub.enter(2, &wire, dialect, None).unwrap();
        for n in 0..20 {
            hub.join(other, &format!("room {n}"), true).unwrap();
        }
        assert_eq!(wire.ending(), None, "{dialect:?}");
        // Some of the pasts were sent, and the others were left out.
        let held = wire.pinned();
        assert!((OUTBOX / 4..OUTBOX / 2 + ONE_ANSWER).contains(&held), "{dialect:?}: {held}");
    }
}
