//! Peers that say anything: they end the transfer or are put up with, and nothing grows.

use bytes::BytesMut;
use fastrand::Rng;
use files::limits::{MAX_SIZE, WINDOW};
use files::{Hash, Hasher, ReceiveEvent, ReceiveStep, Receiver, Sender};
use proto::limits::MAX_FRAME_LENGTH;
use proto::transfer::{
    Batch, Begin, Busy, DropWhy, Dropped, Kept, Missing, Offer, Over, Sent, Take, Way,
};
use proto::{Decoder, Ending, Header, Kind, Message, ProtocolError, Taken};

use crate::disk::{Disk, Entry, Source, Target, Tree, file};

fn frame(message: &Message) -> BytesMut {
    let mut bytes = BytesMut::new();
    message.encode(&mut bytes).unwrap();
    bytes
}

fn block(file: u32, at: u64, payload: &[u8]) -> BytesMut {
    let mut bytes = BytesMut::new();
    Header::new(Kind::Data, file, at).encode(payload, MAX_FRAME_LENGTH, &mut bytes).unwrap();
    bytes
}

fn offer(file: u32, path: &str, size: u64) -> BytesMut {
    let path = path.to_owned();
    frame(&Message::Offer(Offer { file, path, size, modified: Some(1), folder: false }))
}

fn sent(file: u32, bytes: &[u8]) -> BytesMut {
    frame(&Message::Sent(Sent { file, hash: Hash::of(bytes).to_string() }))
}

/// What a receiver makes of these frames.
fn received(frames: &[BytesMut], disk: &mut Disk) -> Result<(), Ending> {
    let (mut target, mut out) = (Target::new(), BytesMut::new());
    frames.iter().try_for_each(|bytes| target.hear(bytes, disk, &mut out))
}

#[track_caller]
fn refused(frames: &[BytesMut], what: &str) {
    let mut disk = Disk::default();
    let error = received(frames, &mut disk).expect_err(what);
    assert!(error.to_string().contains(what), "{error}");
    assert!(disk.tree.is_empty(), "{:?}", disk.tree);
}

#[test]
fn a_sender_that_breaks_the_rules_ends_the_transfer() {
    let a = || offer(1, "a", 5);
    refused(&[offer(2, "a", 5)], "offered out of order");
    refused(&[a(), a()], "offered out of order");
    refused(&[offer(1, "a", MAX_SIZE + 1)], "it has no such size");
    let folder = Offer { file: 1, path: "a".into(), size: 1, modified: None, folder: true };
    refused(&[frame(&Message::Offer(folder))], "it has no such size");
    refused(&[a(), sent(0, b"")], "it was never offered");
    refused(&[a(), block(1, 1, b"x")], "in the wrong place");
    refused(&[a(), block(1, 0, b"123456")], "beyond its size");
    refused(&[a(), block(1, 0, b"123"), block(1, 0, b"123")], "in the wrong place");
    refused(&[a(), block(2, 0, b"123")], "a block of no file");
    refused(&[block(1, 0, b"123")], "a block of no file");
    refused(&[a(), block(0, 0, b"123")], "a block of no file");
    refused(&[a(), block(1, 0, b"")], "an empty one");
    refused(&[a(), block(1, 0, b"123"), sent(1, b"123")], "it ends before its size");
    refused(&[sent(1, b"")], "it was never offered");
    refused(&[a(), frame(&Message::Over(Over { files: 7 }))], "it was never offered");
    refused(&[a(), frame(&Message::Over(Over { files: 0 }))], "it was never offered");
    let over = || frame(&Message::Over(Over { files: 0 }));
    refused(&[over(), over()], "out of turn");
    refused(&[over(), a()], "out of turn");
    let none = Message::Sent(Sent { file: 1, hash: "no".into() });
    refused(&[offer(1, "a", 0), frame(&none)], "its hash is none");
    let take = Message::Take(Take { file: 1, from: 0, hash: None });
    refused(&[frame(&take)], "out of turn");
}

/// A part that is not the beginning is begun anew with the first block, once, and not later.
#[test]
fn who_has_begun_behind_a_part_or_anew_does_not_begin_again() {
    for blocks in [
        vec![block(1, 3, b"4"), block(1, 0, b"12345")],
        vec![block(1, 0, b"123"), block(1, 0, b"12345")],
    ] {
        let mut disk = Disk::default();
        received(&[offer(1, "a", 5), block(1, 0, b"123")], &mut disk).unwrap();
        let error = received(&[vec![offer(1, "a", 5)], blocks].concat(), &mut disk).unwrap_err();
        assert!(error.to_string().contains("in the wrong place"), "{error}");
    }
}

#[test]
fn a_file_is_there_only_when_all_of_it_is() {
    let mut disk = Disk::default();
    let frames = [offer(1, "a", 5), block(1, 0, b"12345")];
    assert_eq!(received(&frames, &mut disk), Ok(()));
    assert!(disk.tree.is_empty());
    assert_eq!(received(&[offer(1, "a", 5), sent(1, b"12345")], &mut disk), Ok(()));
    assert_eq!(disk.tree["a"], file(b"12345", 1));
}

#[test]
fn no_more_files_are_open_than_may_be() {
    let (mut target, mut disk, mut out) = (Target::new(), Disk::default(), BytesMut::new());
    for number in 1..=u32::try_from(WINDOW).unwrap() {
        target.hear(&offer(number, &format!("{number}"), 5), &mut disk, &mut out).unwrap();
    }
    assert_eq!(target.receiver.open(), WINDOW);
    let one_more = offer(u32::try_from(WINDOW).unwrap() + 1, "x", 5);
    let error = target.hear(&one_more, &mut disk, &mut out).unwrap_err();
    assert!(error.to_string().contains("more files are offered than may be"), "{error}");
}

#[test]
fn what_is_skipped_of_a_file_that_was_given_up_has_an_end() {
    let (mut target, mut out) = (Target::new(), BytesMut::new());
    let mut disk = Disk { room: Some(0), ..Disk::default() };
    target.hear(&offer(1, "a", 10), &mut disk, &mut out).unwrap();
    for at in 0..10 {
        target.hear(&block(1, at, b"x"), &mut disk, &mut out).unwrap();
    }
    let error = target.hear(&block(1, 10, b"x"), &mut disk, &mut out).unwrap_err();
    assert!(error.to_string().contains("a block after its end"), "{error}");
}

/// Of a file that is gone on with, where the sender may have found that it has to begin anew.
#[test]
fn all_of_a_file_may_still_come_that_was_given_up_before_its_first_block() {
    for (before, left) in [(0, 10), (2, 5)] {
        let mut receiver = Receiver::default();
        let offer = Offer { file: 1, path: "a".into(), size: 10, modified: None, folder: false };
        receiver.handle(Message::Offer(offer)).unwrap();
        receiver.found(1, 3, Hasher::default());
        let take = |receiver: &mut Receiver, at| {
            let mut decoder = Decoder::default();
            decoder.push(&block(1, at, b"x"));
            let Some(Taken::Run(run)) = decoder.take().unwrap() else { panic!("a block") };
            receiver.data(&run, |_| Ok(()))
        };
        for at in 3..3 + before {
            take(&mut receiver, at).unwrap();
        }
        receiver.give_up(1, DropWhy::NoRoom, "full");
        for at in 0..left {
            take(&mut receiver, at).unwrap();
        }
        assert!(take(&mut receiver, left).is_err(), "{before} {left}");
    }
}

/// What a receiver that has asked for these paths does not take of what is offered.
#[track_caller]
fn not_asked_for(asked: &[&str], offered: &[&str]) -> Vec<String> {
    let asked: Vec<String> = asked.iter().map(|path| (*path).to_owned()).collect();
    let mut receiver = Receiver::asking(&asked);
    let mut refused = Vec::new();
    for (path, file) in offered.iter().zip(1..) {
        let path = (*path).to_owned();
        let offer = Offer { file, path, size: 5, modified: None, folder: false };
        match receiver.handle(Message::Offer(offer)).unwrap() {
            Some(ReceiveEvent::Dropped { path, why: DropWhy::NameBad, reason, .. }) => {
                assert_eq!(reason, "it was not asked for");
                refused.push(path);
                assert_eq!(receiver.next_step(), ReceiveStep::Wait, "it is not even looked for");
            }
            None => assert!(matches!(receiver.next_step(), ReceiveStep::Look(_))),
            other => panic!("{other:?}"),
        }
    }
    refused
}

#[test]
fn nothing_is_taken_that_was_not_asked_for() {
    let offered = ["a", "a/b", "ab", "b", ".bashrc", "A", "x/a", "c", "c/d", "c/d/e", "c/dd"];
    assert_eq!(
        not_asked_for(&["a", "c/d"], &offered),
        ["ab", "b", ".bashrc", "A", "x/a", "c", "c/dd"]
    );
    assert_eq!(not_asked_for(&[], &offered), [""; 0]);
    // What no path is asks for nothing.
    assert_eq!(not_asked_for(&[""], &["a"]), ["a"]);
    assert_eq!(not_asked_for(&["."], &["a"]), ["a"]);
}

#[test]
fn what_was_asked_for_is_answered_by_an_offer_or_by_a_word_that_it_is_missing() {
    let asked = ["a", "b", "c", "d"].map(str::to_owned);
    let mut receiver = Receiver::asking(&asked);
    let missing = |path: &str| {
        let (path, reason) = (path.to_owned(), "gone".to_owned());
        Message::Missing(Missing { path, why: DropWhy::NoSuchFile, reason })
    };
    let offer = |file, path: &str| {
        let path = path.to_owned();
        Message::Offer(Offer { file, path, size: 0, modified: None, folder: true })
    };
    assert_eq!(receiver.unanswered().collect::<Vec<_>>(), ["a", "b", "c", "d"]);
    receiver.handle(offer(1, "a")).unwrap();
    receiver.handle(offer(2, "b/in it")).unwrap();
    let event = receiver.handle(missing("c")).unwrap();
    assert!(matches!(event, Some(ReceiveEvent::Missing { path, .. }) if path == "c"));
    receiver.handle(missing("")).unwrap();
    receiver.handle(offer(3, "another")).unwrap();
    assert_eq!(receiver.unanswered().collect::<Vec<_>>(), ["d"]);
    receiver.handle(Message::Over(Over { files: 3 })).unwrap();
    let error = receiver.handle(missing("d")).unwrap_err();
    assert!(error.to_string().contains("out of turn"), "{error}");
}

#[test]
fn a_receiver_that_breaks_the_rules_ends_the_transfer() {
    let tree = Tree::from([("a".to_owned(), file(b"12345", 1)), ("b".to_owned(), Entry::Folder)]);
    let take = |file, from, hash: Option<&str>| {
        Message::Take(Take { file, from, hash: hash.map(str::to_owned) })
    };
    let kept = |file| Message::Kept(Kept { file, path: "a".into(), already: false });
    let good = Hash::of(b"123").to_string();
    for (messages, what) in [
        (vec![take(3, 0, None)], "it was never offered"),
        (vec![take(0, 0, None)], "it was never offered"),
        (vec![take(2, 0, None)], "or is a folder"),
        (vec![take(1, 0, None), take(1, 0, None)], "it is asked for twice"),
        (vec![take(1, 6, Some(&good))], "more of it is there than was offered"),
        (vec![take(1, 3, None)], "the hash of what is there is missing"),
        (vec![take(1, 3, Some("x"))], "the hash of what is there is missing"),
        (vec![take(1, 0, None), kept(1)], "it is kept before all of it was sent"),
        (vec![kept(9)], "it was never offered"),
        (vec![Message::Over(Over { files: 2 })], "out of turn"),
        (vec![Message::Batch(Batch { files: 1, bytes: 1 })], "out of turn"),
    ] {
        let mut source = Source::new(&tree, &[]);
        let mut out = BytesMut::new();
        // Two offers and the end of them.
        for _ in 0..3 {
            source.step(&mut out);
        }
        let heard = messages.iter().try_for_each(|message| source.hear(&frame(message)));
        let error = heard.expect_err(what);
        assert!(error.to_string().contains(what), "{error}");
        assert!(matches!(
            error,
            Ending::Protocol(ProtocolError::File { .. } | ProtocolError::OutOfTurn { .. })
        ));
    }
}

#[test]
fn an_answer_that_was_under_way_is_put_up_with() {
    let mut sender = Sender::default();
    let item =
        |path: &str| files::Item { path: path.into(), size: 5, modified: None, folder: false };
    let file = sender.offer(item("a"));
    sender.offer(item("b"));
    sender.give_up(file, DropWhy::NotAllowed, "permission denied");
    let take = Message::Take(Take { file, from: 0, hash: None });
    assert_eq!(sender.handle(take), Ok(None));
    assert_eq!(sender.open(), 1);
}

/// A message that might be meant, with numbers and texts of chance.
fn any_message(rng: &mut Rng) -> Message {
    let file = rng.u32(0..6);
    let size = if rng.bool() { rng.u64(0..10) } else { rng.u64(..) };
    let hash = if rng.bool() { Hash::of(b"").to_string() } else { "no".to_owned() };
    let path = ["a", "b/c", "../x", "", "照片", "\u{1b}"][rng.usize(..6)].to_owned();
    match rng.u8(..10) {
        9 => Message::Missing(Missing { path, why: DropWhy::NoSuchFile, reason: hash }),
        0 => Message::Begin(Begin { way: Way::ToServer, paths: vec![path], run: None }),
        1 => Message::Batch(Batch { files: size, bytes: size }),
        2 => Message::Offer(Offer { file, path, size, modified: None, folder: rng.bool() }),
        3 => Message::Take(Take { file, from: size, hash: rng.bool().then_some(hash) }),
        4 => Message::Sent(Sent { file, hash }),
        5 => Message::Kept(Kept { file, path, already: rng.bool() }),
        6 => Message::Dropped(Dropped { file, why: DropWhy::Other, reason: path }),
        7 => Message::Busy(Busy { file, done: size }),
        _ => Message::Over(Over { files: file }),
    }
}

#[test]
fn whatever_a_peer_says_nothing_panics_and_nothing_grows() {
    let tree = Tree::from([("a".to_owned(), file(b"12345", 1)), ("b".to_owned(), Entry::Folder)]);
    for seed in 0..2_000 {
        let mut rng = Rng::with_seed(seed);
        let mut disk = Disk { room: Some(100), ..Disk::default() };
        let (mut source, mut target) = (Source::new(&tree, &[]), Target::new());
        let mut out = BytesMut::new();
        for _ in 0..20 {
            let bytes = if rng.u8(..4) == 0 {
                block(rng.u32(0..4), rng.u64(0..4), &b"12345"[..rng.usize(0..=5)])
            } else {
                frame(&any_message(&mut rng))
            };
            if target.hear(&bytes, &mut disk, &mut out).is_err() {
                target = Target::new();
            }
            if source.hear(&bytes).is_err() {
                source = Source::new(&tree, &[]);
            }
            source.step(&mut out);
            assert!(target.receiver.open() <= WINDOW && source.sender.open() <= WINDOW);
            assert!(disk.tree.keys().all(|path| !path.contains("..")));
        }
    }
}
