//! Another client of the same server, who asks and is answered while somebody goes.

use std::fmt;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use netlab::Lab;

use crate::stage::{Actor, SOON, Server, Stage, Trouble};

/// The pause between an answer and the next question.
const PAUSE: Duration = Duration::from_millis(20);

/// How many questions it asks when somebody else has gone: that is when the server must go on.
const AFTERWARDS: usize = 5;

/// What the other client met.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Served {
    pub(super) asked: usize,
    pub(super) answered: usize,
    pub(super) longest: Duration,
}

/// A client that goes on asking until it is told to stop.
#[derive(Debug)]
pub(super) struct Others {
    stop: mpsc::Sender<()>,
    thread: JoinHandle<Result<Served, Trouble>>,
}

impl Others {
    /// Starts `tcp-client` on the host "other"; returns when it has had its first answer.
    pub(super) fn start(stage: &Stage, lab: &Lab, server: &Server) -> Result<Self, Trouble> {
        let mut actor = stage.client(lab, "other", "another client", server.address, &[])?;
        actor.say("first")?;
        actor.expect("data")?;
        let (stop, stopped) = mpsc::channel();
        let thread = thread::spawn(move || {
            let mut served = Served::default();
            while stopped.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
                served.ask(&mut actor)?;
            }
            for _ in 0..AFTERWARDS {
                served.ask(&mut actor)?;
            }
            Ok(served)
        });
        Ok(Self { stop, thread })
    }

    /// Stops it, after a few more questions, and tells how it was served.
    pub(super) fn stop(self) -> Result<Served, Trouble> {
        drop(self.stop);
        self.thread.join().expect("asking and listening does not panic")
    }
}

impl Served {
    /// Asks once and waits for the answer.
    fn ask(&mut self, actor: &mut Actor) -> Result<(), Trouble> {
        let seen = actor.program.lines().len();
        let start = Instant::now();
        self.asked += 1;
        actor.say("are you there?")?;
        if actor.program.wait_after(seen, SOON, |_| Some(())).is_some() {
            self.answered += 1;
            self.longest = self.longest.max(start.elapsed());
        }
        Ok(())
    }

    pub(super) fn all_answered(self) -> bool {
        self.asked > 0 && self.answered == self.asked
    }
}

impl fmt::Display for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let longest = self.longest.as_secs_f64();
        write!(f, "{} of {}, longest {longest:.3} s", self.answered, self.asked)
    }
}
