//! Reading nothing more from who speaks, as long as who hears it is behind.

use std::task::Context;

use tokio::time::Instant;

use crate::limits::Limits;
use crate::mailbox::{Mailbox, Wait};

/// Waiting for readers that are behind.
#[derive(Debug)]
pub(crate) struct Pause {
    readers: Vec<Mailbox>,
    wait: Wait,
}

impl Pause {
    /// Waiting for `readers`, if there are any.
    pub(crate) fn new(readers: Vec<Mailbox>, wait: Wait) -> Option<Self> {
        (!readers.is_empty()).then_some(Self { readers, wait })
    }

    /// For what it waits.
    pub(crate) fn wait(&self) -> Wait {
        self.wait
    }

    /// Whether it is over; the task is woken when that may be so.
    pub(crate) fn is_over(&mut self, cx: &Context<'_>) -> bool {
        while let Some(reader) = self.readers.last() {
            if !reader.is_over(cx, self.wait) {
                return false;
            }
            self.readers.pop();
        }
        true
    }

    /// When the first of them need not be waited for any more if it goes on as now.
    pub(crate) fn until(&self, limits: &Limits) -> Option<Instant> {
        let now = Instant::now();
        self.readers.iter().map(|reader| reader.patience(self.wait, now, limits)).min()
    }

    /// Waits on for those for whom it is of use.
    pub(crate) fn give_up(&mut self, limits: &Limits) {
        let now = Instant::now();
        self.readers.retain(|reader| {
            let is_of_use = reader.patience(self.wait, now, limits) > now;
            if !is_of_use {
                reader.give_up();
            }
            is_of_use
        });
    }
}
