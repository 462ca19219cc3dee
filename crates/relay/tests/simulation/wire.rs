//! Where what is sent to a simulated client goes.

use std::cell::RefCell;
use std::io::IoSlice;
use std::rc::Rc;

use proto::Ending;
use relay::outbox::Batch;
use relay::{Level, Outbox, Outlet, Parcel};

/// How much may wait for a client.
pub(crate) const OUTBOX: usize = 500_000;

/// A run is read in one piece, so no parcel pins more.
const LARGEST: usize = 600_000;

/// An outbox in a cell, as the relay's connections have one behind a lock.
#[derive(Clone)]
pub(crate) struct Wire(Rc<RefCell<Ends>>);

struct Ends {
    outbox: Outbox,
    batch: Batch,
    end: Option<Ending>,
    /// Whether it took something since somebody waited for it last.
    has_moved: bool,
    is_stuck: bool,
}

impl Wire {
    pub(crate) fn new() -> Self {
        let (outbox, batch) = (Outbox::new(OUTBOX), Batch::default());
        let (end, has_moved, is_stuck) = (None, true, false);
        Self(Rc::new(RefCell::new(Ends { outbox, batch, end, has_moved, is_stuck })))
    }

    /// Takes up to `most` bytes, as a socket would.
    pub(crate) fn read(&self, most: usize) -> Vec<u8> {
        let mut ends = self.0.borrow_mut();
        let ends = &mut *ends;
        if ends.batch.is_empty() {
            ends.outbox.take(&mut ends.batch);
        }
        let mut slices = [IoSlice::new(&[]); 16];
        let filled = ends.batch.slices(&mut slices);
        let mut bytes =
            slices[..filled].iter().map(|slice| &slice[..]).collect::<Vec<_>>().concat();
        bytes.truncate(most);
        if !bytes.is_empty() {
            (ends.has_moved, ends.is_stuck) = (true, false);
        }
        let released = ends.batch.advance(bytes.len());
        ends.outbox.sent(released);
        bytes
    }

    /// Somebody has waited for it. Where it took nothing since the last time, nobody waits until it does.
    pub(crate) fn waited(&self) {
        let mut ends = self.0.borrow_mut();
        ends.is_stuck = !std::mem::take(&mut ends.has_moved);
    }

    /// How it ended, if it has.
    pub(crate) fn ending(&self) -> Option<Ending> {
        self.0.borrow().end.clone()
    }

    /// How much memory is held by what waits.
    pub(crate) fn pinned(&self) -> usize {
        self.0.borrow().outbox.pinned()
    }
}

impl Outlet for Wire {
    fn put(&self, parcel: &Parcel) -> Level {
        let mut ends = self.0.borrow_mut();
        if ends.end.is_some() {
            return Level::Low;
        }
        let level = ends.outbox.push(parcel);
        assert!(ends.outbox.pinned() <= OUTBOX + LARGEST, "{}", ends.outbox.pinned());
        level
    }

    fn is_strained(&self) -> bool {
        let ends = self.0.borrow();
        ends.end.is_none() && !ends.is_stuck && ends.outbox.level() >= Level::Strained
    }

    fn room(&self) -> usize {
        self.0.borrow().outbox.room()
    }

    fn end(&self, ending: Ending) {
        let mut ends = self.0.borrow_mut();
        ends.outbox.clear();
        ends.end.get_or_insert(ending);
    }
}
