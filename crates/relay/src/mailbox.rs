//! An outbox that others fill and a connection's task empties.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

use proto::Ending;
use tokio::time::Instant;

use crate::alarm::after;
use crate::limits::Limits;
use crate::outbox::{Batch, Level, Outbox, Parcel};
use crate::outlet::Outlet;

/// The way to one connection's task. Clones lead to the same.
///
/// The task is woken once for everything that is put until it looks, and not at all while it is busy
/// with what was put before.
#[derive(Clone, Debug)]
pub(crate) struct Mailbox(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    outbox: Outbox,
    end: Option<Ending>,
    task: Option<Waker>,
    /// Whether the task has sent everything and is to be woken for more.
    is_waiting: bool,
    /// Since when the client has taken nothing although something waits for it.
    blocked: Option<Instant>,
    /// Since when it has been strained and not eased.
    strained: Option<Instant>,
    /// Whether waiting for it was in vain, and it took nothing since.
    is_stuck: bool,
    /// Tasks that wait until the client has taken some of what waits for it.
    pushing: Vec<Waker>,
}

/// For what somebody waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// He pushes, and the client shall have little left.
    Relieved,
    /// What he said would be too much for the client.
    Eased,
}

/// What the task finds when it has sent everything.
#[derive(Debug)]
pub(crate) enum Found {
    /// More to send, which is in the batch now.
    More,
    /// Nothing. The task is woken when something comes.
    Nothing,
    /// Nothing, and nothing will come.
    End(Ending),
}

impl Mailbox {
    /// An empty mailbox that may pin `limit` bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Self(Arc::new(Mutex::new(State {
            outbox: Outbox::new(limit),
            end: None,
            task: None,
            is_waiting: false,
            blocked: None,
            strained: None,
            is_stuck: false,
            pushing: Vec::new(),
        })))
    }

    /// The next batch, when the one before is sent. `released` is how much memory that let go.
    pub(crate) fn collect(&self, cx: &Context<'_>, batch: &mut Batch, released: usize) -> Found {
        let mut state = self.state();
        if released > 0 {
            state.progressed(released);
        }
        if !state.outbox.is_empty() {
            state.outbox.take(batch);
            return Found::More;
        }
        if let Some(ending) = &state.end {
            return Found::End(ending.clone());
        }
        state.outbox.release();
        state.is_waiting = true;
        state.blocked = None;
        state.register(cx);
        Found::Nothing
    }

    /// The client takes no more for now; since the last call it took something if `has_moved`.
    ///
    /// Gives the ending where there is no more to be sent, for all that waits.
    pub(crate) fn blocked(
        &self,
        cx: &Context<'_>,
        has_moved: bool,
        released: usize,
    ) -> Option<Ending> {
        let mut state = self.state();
        if has_moved {
            state.progressed(released);
        }
        state.blocked.get_or_insert_with(Instant::now);
        state.is_waiting = false;
        state.register(cx);
        state.end.clone().filter(|ending| *ending == Ending::TooSlow)
    }

    /// Whether nobody need wait for the client any more; the task is woken when that may be so.
    pub(crate) fn is_over(&self, cx: &Context<'_>, wait: Wait) -> bool {
        let mut state = self.state();
        if state.end.is_some() || state.is_stuck || state.is_over(wait) {
            return true;
        }
        if !state.pushing.iter().any(|waker| waker.will_wake(cx.waker())) {
            state.pushing.push(cx.waker().clone());
        }
        false
    }

    /// Until when waiting for the client is of use if it goes on as now.
    pub(crate) fn patience(&self, wait: Wait, now: Instant, limits: &Limits) -> Instant {
        let state = self.state();
        let since = state.blocked.unwrap_or(now);
        match wait {
            Wait::Relieved => after(since, limits.pause),
            Wait::Eased => {
                let strained = state.strained.unwrap_or(now);
                after(since, limits.hold).min(after(strained, limits.write))
            }
        }
    }

    /// Nobody waits for the client any more until it takes something.
    pub(crate) fn give_up(&self) {
        let mut state = self.state();
        state.is_stuck = true;
        state.wake_pushing();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // What a panic left behind is a queue all the same.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn register(&mut self, cx: &Context<'_>) {
        if !self.task.as_ref().is_some_and(|task| task.will_wake(cx.waker())) {
            self.task = Some(cx.waker().clone());
        }
    }

    fn progressed(&mut self, released: usize) {
        self.outbox.sent(released);
        self.blocked = None;
        self.is_stuck = false;
        let was_strained = self.outbox.is_eased() && self.strained.take().is_some();
        if was_strained || self.outbox.is_relieved() {
            self.wake_pushing();
        }
    }

    fn is_over(&self, wait: Wait) -> bool {
        match wait {
            Wait::Relieved => self.outbox.is_relieved(),
            Wait::Eased => self.outbox.is_eased(),
        }
    }

    fn wake_pushing(&mut self) {
        for waker in mem::take(&mut self.pushing) {
            waker.wake();
        }
    }
}

impl Outlet for Mailbox {
    #[inline]
    fn put(&self, parcel: &Parcel) -> Level {
        let mut state = self.state();
        if state.end.is_some() {
            return Level::Low;
        }
        let level = state.outbox.push(parcel);
        if level >= Level::Strained {
            state.strained.get_or_insert_with(Instant::now);
        }
        if mem::take(&mut state.is_waiting)
            && let Some(task) = state.task.take()
        {
            drop(state);
            task.wake();
            return level;
        }
        if level < Level::Over && state.is_stuck { Level::Low } else { level }
    }

    fn is_strained(&self) -> bool {
        let state = self.state();
        state.end.is_none() && !state.is_stuck && state.outbox.level() >= Level::Strained
    }

    fn room(&self) -> usize {
        self.state().outbox.room()
    }

    fn end(&self, ending: Ending) {
        let mut state = self.state();
        if state.end.is_some() {
            return;
        }
        if ending == Ending::TooSlow {
            state.outbox.clear();
        }
        state.end = Some(ending);
        state.wake_pushing();
        if let Some(task) = state.task.take() {
            task.wake();
        }
    }
}
