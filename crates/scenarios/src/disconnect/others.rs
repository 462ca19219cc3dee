//! Other clients of the same server, who ask and are answered while somebody goes.

use std::fmt;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use netlab::Lab;
use serde_json::Value;

use crate::stage::{Actor, SOON, Server, Stage, Trouble};

/// How many there are.
pub(super) const CLIENTS: usize = 3;

/// The pause between an answer and the next question.
const PAUSE: Duration = Duration::from_millis(20);

/// How many questions each asks when somebody else has gone: that is when the server must go on.
const AFTERWARDS: usize = 5;

/// A server that lets somebody wait longer than this does not serve him as before. On a quiet machine an
/// answer takes some milliseconds more than the link.
const STALL: Duration = Duration::from_millis(500);

/// How often the machine is asked whether it runs what is to run.
const TICK: Duration = Duration::from_millis(5);

/// A question and its answer wake so many threads one after the other: two of each of client, server and
/// wire.
const WAKES: u32 = 6;

/// What the others met.
#[derive(Clone, Debug, Default)]
pub(super) struct Served {
    asked: usize,
    /// Questions whose own words came back.
    answered: usize,
    /// The longest time until they did.
    longest: Duration,
    /// How long the machine let a thread wait that had nothing to wait for.
    machine: Duration,
}

/// Clients that go on asking until they are told to stop.
#[derive(Debug)]
pub(super) struct Others {
    stop: Vec<mpsc::Sender<()>>,
    clients: Vec<JoinHandle<Result<Served, Trouble>>>,
    machine: (mpsc::Sender<()>, JoinHandle<Duration>),
}

impl Others {
    /// Starts `tcp-client` on the host "other", some times; returns when each has had its first answer.
    pub(super) fn start(stage: &Stage, lab: &Lab, server: &Server) -> Result<Self, Trouble> {
        let mut actors = Vec::new();
        for number in 1..=CLIENTS {
            let name = format!("other client {number}");
            let mut actor = stage.client(lab, "other", &name, server.address, &[])?;
            actor.say("first")?;
            actors.push(actor);
        }
        for actor in &actors {
            actor.expect("data")?;
        }
        let (stop_machine, machine_stopped) = mpsc::channel();
        let machine = thread::spawn(move || longest_pause(&machine_stopped));
        let (mut stop, mut clients) = (Vec::new(), Vec::new());
        for actor in actors {
            let (sender, stopped) = mpsc::channel();
            stop.push(sender);
            clients.push(thread::spawn(move || ask_until(&stopped, actor)));
        }
        Ok(Self { stop, clients, machine: (stop_machine, machine) })
    }

    /// Stops them, after a few more questions, and tells how they were served.
    pub(super) fn stop(self) -> Result<Served, Trouble> {
        let Self { stop, clients, machine: (stop_machine, machine) } = self;
        drop(stop);
        let mut all = Served::default();
        for client in clients {
            let one = client.join().expect("asking and listening does not panic")?;
            all.asked += one.asked;
            all.answered += one.answered;
            all.longest = all.longest.max(one.longest);
        }
        drop(stop_machine);
        all.machine = machine.join().expect("waiting does not panic");
        Ok(all)
    }
}

/// Asks until it is told to stop, or until it is not answered.
fn ask_until(stopped: &mpsc::Receiver<()>, mut actor: Actor) -> Result<Served, Trouble> {
    let mut served = Served::default();
    let mut afterwards = AFTERWARDS;
    while afterwards > 0 && served.answered == served.asked {
        if stopped.recv_timeout(PAUSE) != Err(RecvTimeoutError::Timeout) {
            afterwards -= 1;
        }
        served.ask(&mut actor)?;
    }
    Ok(served)
}

/// How late a thread was at most that wanted to run every few milliseconds, until it is told to stop.
fn longest_pause(stopped: &mpsc::Receiver<()>) -> Duration {
    let mut longest = Duration::ZERO;
    loop {
        let start = Instant::now();
        if stopped.recv_timeout(TICK) != Err(RecvTimeoutError::Timeout) {
            return longest;
        }
        longest = longest.max(start.elapsed().saturating_sub(TICK));
    }
}

impl Served {
    /// Asks once and waits for the answer, which is the question's own words.
    fn ask(&mut self, actor: &mut Actor) -> Result<(), Trouble> {
        let seen = actor.program.lines().len();
        let start = Instant::now();
        self.asked += 1;
        let question = format!("question {}", self.asked);
        actor.say(&question)?;
        let is_answer = |line: &str| is_answer(line, &format!("{question}\n"));
        if actor.program.wait_after(seen, SOON, |line| is_answer(&line.text)) == Some(true) {
            self.answered += 1;
            self.longest = self.longest.max(start.elapsed());
        }
        Ok(())
    }

    /// How long an answer may take that takes `round_trip` on the link, on this machine as it was.
    pub(super) fn limit(&self, round_trip: Duration) -> Duration {
        STALL + round_trip + self.machine * WAKES
    }

    pub(super) fn are_served(&self, limit: Duration) -> bool {
        self.asked > 0 && self.answered == self.asked && self.longest <= limit
    }
}

/// Whether an event of a client is the answer that it waits for; `None` where it says nothing of that.
fn is_answer(event: &str, expected: &str) -> Option<bool> {
    let event: Value = serde_json::from_str(event).ok()?;
    match event["event"].as_str()? {
        "data" => Some(event["text"] == expected),
        "end" | "error" => Some(false),
        _ => None,
    }
}

impl fmt::Display for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let longest = self.longest.as_secs_f64();
        write!(f, "{} of {}, longest {longest:.3} s", self.answered, self.asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_the_question_and_nothing_else() {
        let answer = |event: &str| is_answer(event, "question 7\n");
        assert_eq!(answer(r#"{"event":"data","text":"question 7\n"}"#), Some(true));
        assert_eq!(answer(r#"{"event":"data","text":"question 6\n"}"#), Some(false));
        assert_eq!(answer(r#"{"event":"end","ending":"PeerReset"}"#), Some(false));
        assert_eq!(answer(r#"{"event":"error","message":"no"}"#), Some(false));
        assert_eq!(answer(r#"{"event":"connected"}"#), None);
        assert_eq!(answer("no event"), None);
    }

    #[test]
    fn who_waits_for_half_a_second_is_not_served() {
        let round_trip = Duration::from_millis(10);
        let served = |asked, answered, longest, machine| {
            let [longest, machine] = [longest, machine].map(Duration::from_millis);
            let served = Served { asked, answered, longest, machine };
            served.are_served(served.limit(round_trip))
        };
        assert!(served(40, 40, 12, 1));
        assert!(!served(40, 39, 12, 1), "one was not answered");
        assert!(!served(0, 0, 0, 0), "nobody asked");
        assert!(!served(40, 40, 600, 1), "one had to wait");
        assert!(served(40, 40, 600, 30), "and so had everything on this machine");
    }
}
