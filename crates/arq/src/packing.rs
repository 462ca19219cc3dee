//! A packet that is being filled.

use crate::frame::Frame;
use crate::packet::{DATA_HEADER, TAG};
use crate::sent::Content;

/// Frames, and what they are.
#[derive(Debug)]
pub(crate) struct Packing {
    /// Begins with room for the header.
    pub(crate) bytes: Vec<u8>,
    /// How long it may become, without the tag.
    limit: usize,
    pub(crate) wants_ack: bool,
    pub(crate) contents: Vec<Content>,
}

impl Packing {
    /// A packet of at most `size` bytes, in memory that is used again.
    pub(crate) fn new(mut bytes: Vec<u8>, size: usize) -> Self {
        bytes.clear();
        bytes.resize(DATA_HEADER, 0);
        Self { bytes, limit: size.saturating_sub(TAG), wants_ack: false, contents: Vec::new() }
    }

    /// How many bytes of frames still fit.
    pub(crate) fn room(&self) -> usize {
        self.limit.saturating_sub(self.bytes.len())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.len() == DATA_HEADER
    }

    /// Adds a frame, for which there is room.
    pub(crate) fn add(&mut self, frame: &Frame<'_>, content: Option<Content>) {
        frame.write(&mut self.bytes);
        debug_assert!(self.bytes.len() <= self.limit, "{frame:?} does not fit");
        self.wants_ack |= frame.wants_ack();
        self.contents.extend(content);
    }
}
