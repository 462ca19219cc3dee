//! What a receiver of files says that means harm.

use std::convert::Infallible;

use files::sender::BLOCK_ROOM;
use files::{Hasher, Item, SendStep, Sender};
use proto::Message;
use proto::transfer::{Busy, DropWhy, Dropped, Kept, Over, Take};

use crate::input::Input;

/// Each step is what the receiver says; the sender then does what it can. Each block is where the one
/// before ended, and the transfer is over only when every file has come to its end.
pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let mut sender = Sender::default();
    let sizes = [u64::from(input.u8()), 0, 70_000];
    let mut room = vec![0; BLOCK_ROOM];
    let mut offered = 0;
    loop {
        for _ in 0..100 {
            match sender.next_step() {
                SendStep::Offer if offered < sizes.len() => {
                    let (path, size) = (offered.to_string(), sizes[offered]);
                    sender.offer(Item { path, size, modified: None, folder: offered == 1 });
                    offered += 1;
                }
                SendStep::Offer => sender.no_more(),
                SendStep::Verify { file, len } => {
                    let mut hasher = Hasher::default();
                    hasher.update(&vec![0; usize::try_from(len).expect("a short file")]);
                    sender.verified(file, hasher);
                }
                SendStep::Block { file, at, len } => {
                    let fill = |bytes: &mut [u8]| -> Result<(), Infallible> {
                        bytes.fill(0);
                        Ok(())
                    };
                    let Ok(sent) = sender.block(&mut room, fill);
                    assert_eq!(sent, BLOCK_ROOM - files::limits::BLOCK + len);
                    let size = sizes[usize::try_from(file).expect("a number") - 1];
                    assert!(at + len as u64 <= size && len > 0, "{at} and {len} of {size}");
                }
                SendStep::Confirm { file } => sender.confirmed(file),
                SendStep::Wait => break,
                SendStep::Done => {
                    assert_eq!(sender.open(), 0);
                    return;
                }
            }
        }
        sender.take_output();
        if input.is_empty() || sender.handle(say(&mut input)).is_err() {
            return;
        }
    }
}

/// A message that a receiver may say at some time.
fn say(input: &mut Input<'_>) -> Message {
    let (kind, file) = (input.u8(), u32::from(input.u8()));
    match kind % 5 {
        0 => {
            let from = u64::from(input.u16());
            let mut hasher = Hasher::default();
            hasher.update(&vec![0; usize::try_from(from).expect("a short file")]);
            let right = || hasher.hash().to_string();
            let hash =
                (kind & 8 == 0).then(|| if kind & 16 == 0 { right() } else { "ab".repeat(32) });
            Message::Take(Take { file, from, hash })
        }
        1 => Message::Kept(Kept { file, path: "a".to_owned(), already: false }),
        2 => Message::Dropped(Dropped { file, why: DropWhy::NoRoom, reason: String::new() }),
        3 => Message::Busy(Busy { file, done: 1 }),
        _ => Message::Over(Over { files: file }),
    }
}
