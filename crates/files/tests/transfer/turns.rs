//! Which file is next, and what each side says of it, step by step.

use bytes::BytesMut;
use files::limits::{BLOCK, MAX_REASON, WINDOW};
use files::sender::BLOCK_ROOM;
use files::{Hash, Hasher, Item, Offered, ReceiveStep, Receiver, SafePath, SendStep, Sender};
use proto::transfer::{DropWhy, Dropped, Kept, Offer, Over, Sent, Take};
use proto::{Decoder, Kind, Message};

/// A sender that has offered so many files, of two blocks each, and has no more.
fn sender(files: u32) -> Sender {
    let mut sender = Sender::default();
    for file in 1..=files {
        assert_eq!(sender.next_step(), SendStep::Offer);
        sender.offer(item(file));
    }
    sender.no_more();
    sender.take_output();
    sender
}

fn item(file: u32) -> Item {
    let size = 2 * BLOCK as u64;
    Item { path: file.to_string(), size, modified: None, folder: false }
}

fn take(sender: &mut Sender, file: u32, from: u64) {
    let hash = (from > 0).then(|| Hash::of(b"part").to_string());
    sender.handle(Message::Take(Take { file, from, hash })).unwrap();
}

/// Sends a block of what is next, and tells of which file and from where.
fn block(sender: &mut Sender) -> Option<(u32, u64)> {
    let SendStep::Block { file, at, .. } = sender.next_step() else { return None };
    let fill = |bytes: &mut [u8]| -> Result<(), ()> {
        bytes.fill(7);
        Ok(())
    };
    sender.block(&mut vec![0; BLOCK_ROOM], fill).unwrap();
    Some((file, at))
}

/// The messages that wait to be sent.
fn said(output: &BytesMut) -> Vec<Message> {
    let mut decoder = Decoder::default();
    decoder.push(output);
    let frames = std::iter::from_fn(|| {
        let frame = decoder.take_frame().unwrap()?;
        Some(Message::from_frame(&frame).unwrap())
    });
    frames.collect()
}

#[test]
fn a_file_that_was_begun_goes_on_and_the_next_one_follows_at_once() {
    let mut sender = sender(3);
    take(&mut sender, 2, 0);
    assert_eq!(block(&mut sender), Some((2, 0)));
    // Another one is wanted, and one is not: that changes nothing.
    take(&mut sender, 1, 0);
    let (why, reason) = (DropWhy::NotAllowed, String::new());
    sender.handle(Message::Dropped(Dropped { file: 3, why, reason })).unwrap();
    assert_eq!(block(&mut sender), Some((2, BLOCK as u64)));
    assert_eq!(sender.next_step(), SendStep::Confirm { file: 2 });
    sender.confirmed(2);
    // Nobody waits until the receiver has it.
    assert_eq!(block(&mut sender), Some((1, 0)));
    let why = DropWhy::NoRoom;
    sender.handle(Message::Dropped(Dropped { file: 1, why, reason: String::new() })).unwrap();
    assert_eq!(sender.next_step(), SendStep::Wait);
}

#[test]
fn a_file_of_which_a_part_was_hashed_is_the_next_one() {
    for is_right in [true, false] {
        let mut sender = sender(2);
        take(&mut sender, 2, 4);
        assert_eq!(sender.next_step(), SendStep::Verify { file: 2, len: 4 });
        let mut hasher = Hasher::default();
        hasher.update(if is_right { b"part" } else { b"tarp" });
        take(&mut sender, 1, 0);
        sender.verified(2, hasher);
        assert_eq!(block(&mut sender), Some((2, if is_right { 4 } else { 0 })));
    }
}

#[test]
fn no_more_than_window_files_are_offered_at_a_time() {
    let mut sender = Sender::default();
    let mut offered = 0;
    while sender.next_step() == SendStep::Offer {
        offered = sender.offer(item(offered + 1));
    }
    assert_eq!((offered as usize, sender.next_step()), (WINDOW, SendStep::Wait));
    sender.give_up(7, DropWhy::NotAllowed, "no");
    assert_eq!(sender.next_step(), SendStep::Offer);
}

#[test]
fn a_sender_says_that_all_is_over_once_and_only_when_it_is() {
    let mut sender = Sender::default();
    let over = |sender: &mut Sender| {
        said(&sender.take_output()).iter().filter(|it| it.kind() == Kind::Over).count()
    };
    assert!(sender.handle(Message::Over(Over { files: 0 })).is_err());
    // All that was offered is settled, and there is more.
    let mut sender = Sender::default();
    let file = sender.offer(item(1));
    sender.give_up(file, DropWhy::NotAllowed, "no");
    assert_eq!((over(&mut sender), sender.next_step()), (0, SendStep::Offer));
    let file = sender.offer(item(2));
    sender.no_more();
    assert_eq!(over(&mut sender), 0);
    sender.give_up(file, DropWhy::NotAllowed, "no");
    assert_eq!(over(&mut sender), 1);
    // What is settled is settled.
    sender.give_up(file, DropWhy::NotAllowed, "no");
    assert_eq!(said(&sender.take_output()), []);
}

/// A receiver that was offered so many files, and what it has to do.
fn receiver(files: u32) -> (Receiver, Vec<Offered>) {
    let mut receiver = Receiver::default();
    for file in 1..=files {
        let Item { path, size, modified, folder } = item(file);
        let offer = Offer { file, path, size, modified, folder };
        receiver.handle(Message::Offer(offer)).unwrap();
    }
    let mut offered = Vec::new();
    while let ReceiveStep::Look(look) = receiver.next_step() {
        offered.push(look);
    }
    (receiver, offered)
}

#[test]
fn a_receiver_asks_for_a_file_once() {
    let (mut receiver, offered) = receiver(1);
    let mut part = Hasher::default();
    part.update(b"part");
    // More than there is of it is no part of it.
    receiver.found(1, offered[0].size + 1, part.clone());
    assert_eq!(said(&receiver.take_output()), []);
    receiver.found(1, 4, part.clone());
    let hash = Some(Hash::of(b"part").to_string());
    assert_eq!(said(&receiver.take_output()), [Message::Take(Take { file: 1, from: 4, hash })]);
    receiver.found(1, 4, part);
    assert_eq!(said(&receiver.take_output()), []);
}

#[test]
fn an_offer_is_answered_when_it_can_be() {
    let (mut receiver, offered) = receiver(3);
    let mut sender = sender(3);
    let mut hear = |receiver: &mut Receiver| {
        for message in said(&receiver.take_output()) {
            sender.handle(message).unwrap();
        }
        sender.next_step()
    };
    assert_eq!(hear(&mut receiver), SendStep::Wait);
    receiver.found(3, 0, Hasher::default());
    assert!(matches!(hear(&mut receiver), SendStep::Block { file: 3, .. }));
    receiver.give_up(3, DropWhy::NoRoom, "full");
    assert_eq!(hear(&mut receiver), SendStep::Wait);
    receiver.found(1, 0, Hasher::default());
    assert!(matches!(hear(&mut receiver), SendStep::Block { file: 1, .. }));
    receiver.give_up(1, DropWhy::NoRoom, "full");
    receiver.kept(2, &offered[1].path, true);
    assert_eq!(hear(&mut receiver), SendStep::Wait);
}

#[test]
fn a_receiver_that_has_nothing_gives_no_hash() {
    let (mut receiver, _) = receiver(1);
    receiver.found(1, 0, Hasher::default());
    let take = Message::Take(Take { file: 1, from: 0, hash: None });
    assert_eq!(said(&receiver.take_output()), [take]);
}

#[test]
fn a_receiver_says_once_what_became_of_a_file() {
    let (mut receiver, offered) = receiver(1);
    let path = &offered[0].path;
    receiver.kept(1, path, true);
    let kept = Message::Kept(Kept { file: 1, path: "1".into(), already: true });
    assert_eq!(said(&receiver.take_output()), [kept]);
    receiver.kept(1, path, true);
    receiver.give_up(1, DropWhy::NoRoom, "full");
    receiver.found(1, 0, Hasher::default());
    assert_eq!(said(&receiver.take_output()), []);
}

#[test]
fn a_file_that_the_sender_drops_is_not_looked_for_and_the_others_are() {
    let mut receiver = Receiver::default();
    for file in 1..=3 {
        let Item { path, size, modified, folder } = item(file);
        let offer = Offer { file, path, size, modified, folder };
        receiver.handle(Message::Offer(offer)).unwrap();
    }
    let (why, reason) = (DropWhy::Failed, String::new());
    receiver.handle(Message::Dropped(Dropped { file: 2, why, reason })).unwrap();
    let mut steps = Vec::new();
    loop {
        match receiver.next_step() {
            ReceiveStep::Look(look) => steps.push((look.file, "look")),
            ReceiveStep::Close { file, keep: true } => steps.push((file, "keep")),
            ReceiveStep::Wait => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(steps, [(1, "look"), (3, "look"), (2, "keep")]);
    // What was found of the others meanwhile ends it.
    receiver.handle(Message::Over(Over { files: 3 })).unwrap();
    for file in [1, 3] {
        assert_eq!(receiver.next_step(), ReceiveStep::Wait);
        receiver.kept(file, &SafePath::new("a").unwrap(), true);
    }
    assert_eq!(receiver.next_step(), ReceiveStep::Done);
    let last = said(&receiver.take_output()).pop();
    assert_eq!(last, Some(Message::Over(Over { files: 3 })));
}

#[test]
fn what_the_sender_drops_last_is_the_end_too() {
    let (mut receiver, _) = receiver(1);
    receiver.handle(Message::Over(Over { files: 1 })).unwrap();
    assert_eq!(said(&receiver.take_output()), []);
    let (why, reason) = (DropWhy::Failed, String::new());
    receiver.handle(Message::Dropped(Dropped { file: 1, why, reason })).unwrap();
    assert_eq!(said(&receiver.take_output()), [Message::Over(Over { files: 1 })]);
}

#[test]
fn a_file_has_one_end() {
    let mut receiver = Receiver::default();
    let offer = Offer { file: 1, path: "a".into(), size: 0, modified: None, folder: false };
    receiver.handle(Message::Offer(offer)).unwrap();
    receiver.found(1, 0, Hasher::default());
    let sent = Message::Sent(Sent { file: 1, hash: Hash::of(b"").to_string() });
    receiver.handle(sent.clone()).unwrap();
    let error = receiver.handle(sent).unwrap_err();
    assert!(error.to_string().contains("or twice"), "{error}");
}

#[test]
fn a_reason_is_cut_at_max_reason_between_characters() {
    for (reason, len) in [
        ("é".repeat(MAX_REASON), MAX_REASON),
        (format!("x{}", "é".repeat(MAX_REASON)), MAX_REASON - 1),
        ("full".to_owned(), 4),
    ] {
        let (mut receiver, _) = receiver(1);
        receiver.give_up(1, DropWhy::NoRoom, &reason);
        let why = DropWhy::NoRoom;
        let dropped = Message::Dropped(Dropped { file: 1, why, reason: reason[..len].to_owned() });
        assert_eq!(said(&receiver.take_output()), [dropped]);
    }
}
