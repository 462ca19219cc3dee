//! An outbox that others fill and a connection's task empties.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

use proto::Ending;

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
    /// How often the client took something.
    progress: u64,
    /// Whether somebody waited for the client in vain since it took something last.
    is_stuck: bool,
    /// Tasks that wait until the client has taken some of what waits for it.
    pushing: Vec<Waker>,
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
            progress: 0,
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
        state.is_waiting = false;
        state.register(cx);
        state.end.clone().filter(|ending| *ending == Ending::TooSlow)
    }

    /// How often the client took something, to be given to [`Mailbox::waited`].
    pub(crate) fn progress(&self) -> u64 {
        self.state().progress
    }

    /// Whether nobody need wait for the client any more; the task is woken when that is so.
    pub(crate) fn is_relieved(&self, cx: &Context<'_>) -> bool {
        let mut state = self.state();
        if state.end.is_some() || state.is_stuck || state.outbox.is_relieved() {
            return true;
        }
        if !state.pushing.iter().any(|waker| waker.will_wake(cx.waker())) {
            state.pushing.push(cx.waker().clone());
        }
        false
    }

    /// Somebody has waited for the client since its `progress`, for as long as one waits. If it took
    /// nothing of what waits for it, nobody waits for it until it does; else its progress now is given,
    /// to wait on.
    pub(crate) fn waited(&self, progress: u64) -> Option<u64> {
        let mut state = self.state();
        if state.progress != progress {
            return Some(state.progress);
        }
        if state.outbox.is_relieved() {
            return None;
        }
        state.is_stuck = true;
        state.wake_pushing();
        None
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
        self.progress += 1;
        self.is_stuck = false;
        if !self.pushing.is_empty() && self.outbox.is_relieved() {
            self.wake_pushing();
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
        if mem::take(&mut state.is_waiting)
            && let Some(task) = state.task.take()
        {
            drop(state);
            task.wake();
            return level;
        }
        if level == Level::Pressed && state.is_stuck { Level::Low } else { level }
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
