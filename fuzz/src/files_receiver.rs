//! What a sender of files says that means harm.

use bytes::BytesMut;
use files::limits::WINDOW;
use files::{Hasher, ReceiveStep, Receiver};
use proto::limits::MAX_FRAME_LENGTH;
use proto::transfer::{Batch, Busy, DropWhy, Dropped, Missing, Offer, Over, Sent};
use proto::{Decoder, Header, Kind, Message, Taken};

use crate::input::Input;

/// Each step is what the sender says, and what the owner of the receiver finds on its disk. Blocks come
/// in order or not at all, no more files are open than may be, and nothing is open at the end.
pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let asked = ["a".to_owned(), "b/c".to_owned()];
    // A bit of the first step that says nothing else.
    let mut receiver = match data.first() {
        Some(first) if first & 16 != 0 => Receiver::asking(&asked),
        _ => Receiver::default(),
    };
    let has_asked = receiver.unanswered().count() > 0;
    let mut next = [0_u64; 256];
    while !input.is_empty() {
        let mut decoder = Decoder::default();
        decoder.push(&say(&mut input));
        let said = match decoder.take() {
            Ok(Some(Taken::Run(run))) => {
                let file = usize::from(run.room().to_be_bytes()[3]);
                let fails = input.u8() == 1;
                receiver.data(&run, |block| {
                    assert!(block.at == next[file] || block.restart && block.at == 0);
                    next[file] = block.at + block.bytes.len() as u64;
                    if fails { Err((DropWhy::NoRoom, "full".to_owned())) } else { Ok(()) }
                })
            }
            Ok(Some(Taken::Control(frame))) => {
                let message = Message::from_frame(&frame).expect("it was just written");
                receiver.handle(message)
            }
            other => panic!("{other:?}"),
        };
        if said.is_err() {
            return;
        }
        assert!(receiver.open() <= WINDOW);
        loop {
            match receiver.next_step() {
                ReceiveStep::Look(offered) => {
                    let file = offered.file;
                    let path = offered.path.as_str();
                    assert!(
                        !has_asked
                            || path == "a"
                            || path.starts_with("a/")
                            || path == "b/c"
                            || path.starts_with("b/c/")
                    );
                    match input.u8() % 4 {
                        0 => receiver.kept(file, &offered.path, true),
                        1 => receiver.give_up(file, DropWhy::NotAllowed, "no"),
                        n => {
                            let have = if n == 2 { 0 } else { u64::from(input.u8()) };
                            let have = have.min(offered.size);
                            next[usize::from(file.to_be_bytes()[3])] = have;
                            receiver.found(file, have, Hasher::default());
                        }
                    }
                }
                ReceiveStep::Commit { file } => {
                    receiver.kept(file, &files::SafePath::new("a").expect("a path"), false);
                }
                ReceiveStep::Close { .. } => {}
                ReceiveStep::Wait => break,
                ReceiveStep::Done => {
                    assert_eq!(receiver.open(), 0);
                    break;
                }
            }
        }
        receiver.take_output();
    }
}

/// A frame that a sender may say at some time.
fn say(input: &mut Input<'_>) -> BytesMut {
    let (kind, file) = (input.u8(), u32::from(input.u8()));
    let mut bytes = BytesMut::new();
    let text = |input: &mut Input<'_>| {
        let len = input.u8();
        String::from_utf8_lossy(input.take(len.into())).into_owned()
    };
    let message = match kind % 8 {
        0 | 1 => {
            let (size, folder) = (u64::from(input.u16()), kind & 8 != 0);
            Message::Offer(Offer { file, path: text(input), size, modified: None, folder })
        }
        2 => {
            // Nothing was hashed but what came; an empty file is right.
            let hash =
                if kind & 8 == 0 { Hasher::default().hash().to_string() } else { text(input) };
            Message::Sent(Sent { file, hash })
        }
        3 => Message::Dropped(Dropped { file, why: DropWhy::Changed, reason: text(input) }),
        4 => Message::Over(Over { files: file }),
        5 if kind & 8 == 0 => Message::Busy(Busy { file, done: 1 }),
        5 if file == 0 => {
            let (path, reason) = (text(input), String::new());
            Message::Missing(Missing { path, why: DropWhy::NoSuchFile, reason })
        }
        5 => Message::Batch(Batch { files: 1, bytes: 2 }),
        _ => {
            let (at, len) = (u64::from(input.u16()), input.u8());
            let header = Header::new(Kind::Data, file, at);
            let written = header.encode(input.take(len.into()), MAX_FRAME_LENGTH, &mut bytes);
            written.expect("it is short");
            return bytes;
        }
    };
    message.encode(&mut bytes).expect("it is short");
    bytes
}
