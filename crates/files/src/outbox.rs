//! Control frames that wait to be sent.

use bytes::BytesMut;
use proto::Message;
use proto::transfer::{DropWhy, Dropped, Missing};

use crate::limits::{MAX_PATH, MAX_REASON};
use crate::naming::beginning;

/// What a machine says, as bytes. It is bounded by the window: each side answers a frame with one.
#[derive(Debug, Default)]
pub(crate) struct Outbox(BytesMut);

impl Outbox {
    pub(crate) fn push(&mut self, message: &Message) {
        let encoded = message.encode(&mut self.0);
        // Paths have a limit of their own, and so have reasons.
        encoded.expect("a message of a transfer is shorter than a control frame may be");
    }

    pub(crate) fn push_dropped(&mut self, file: u32, why: DropWhy, reason: &str) {
        let reason = beginning(reason, MAX_REASON).to_owned();
        self.push(&Message::Dropped(Dropped { file, why, reason }));
    }

    pub(crate) fn push_missing(&mut self, path: &str, why: DropWhy, reason: &str) {
        let path = beginning(path, MAX_PATH).to_owned();
        let reason = beginning(reason, MAX_REASON).to_owned();
        self.push(&Message::Missing(Missing { path, why, reason }));
    }

    pub(crate) fn take(&mut self) -> BytesMut {
        self.0.split()
    }
}
