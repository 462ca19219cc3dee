//! The loop: whatever happens first goes into the chat, and what comes of it is shown and sent.

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use chat::limits::MAX_LINE;
use chat::{Chat, Event, Lines, Notice, Outcome, Settings, Step};
use cli::{Exit, Failure};
use proto::{Ending, TlsFault};
use tcp_client::connect::{Cause, ConnectError};
use tcp_client::{Connected, Retry, connect};
use tokio::io::AsyncBufReadExt as _;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, sleep_until};

use crate::args::Plan;
use crate::chatting::link::{Link, Moved, Up};
use crate::chatting::tell::Tell;
use crate::failures;
use crate::input::Input;

/// How it ended.
pub(super) struct Ended {
    pub(super) outcome: Outcome,
    /// What went wrong, where more is to be said than that lines were not sent.
    pub(super) failure: Option<Failure>,
    /// The signal that ended it.
    pub(super) signal: Option<i32>,
}

/// A chat with its connection and its input.
pub(super) struct Driver<'a> {
    chat: Chat,
    plan: Plan,
    tell: &'a Tell<'a>,
    started: Instant,
    link: Link,
    /// How many attempts in a row have led into no room.
    failed: u32,
    /// How long to wait before the next attempt, where one has failed.
    wait: Option<Duration>,
    /// Whether it has ever answered as a relay does. What ends before is none, and not tried again.
    is_relay: bool,
    /// The same of the connection that there is, or was last.
    has_answered: bool,
    input: Typing,
}

/// Standard input, as lines.
struct Typing {
    /// Opened with the first connection: what cannot be said to anybody stays where it is.
    input: Option<Input>,
    lines: Lines,
    ended: bool,
    /// At a terminal lines are read also where they cannot be kept, as one of them may be `/quit`.
    is_terminal: bool,
}

impl<'a> Driver<'a> {
    pub(super) fn new(settings: Settings, plan: Plan, tell: &'a Tell<'a>) -> Self {
        let input = Typing {
            input: None,
            lines: Lines::new(MAX_LINE),
            ended: false,
            is_terminal: io::stdin().is_terminal(),
        };
        Self {
            chat: Chat::new(settings),
            plan,
            tell,
            started: Instant::now(),
            link: Link::Down,
            failed: 0,
            wait: None,
            is_relay: false,
            has_answered: false,
            input,
        }
    }

    /// Runs until it is over, or `stop` gives a signal.
    pub(super) async fn run(mut self, mut stop: oneshot::Receiver<i32>) -> io::Result<Ended> {
        loop {
            self.feed();
            self.show();
            if let Some(failure) = self.tell.failure() {
                return Ok(self.end(Some(failure), None));
            }
            if let Step::Over(_) = self.advance().await {
                return Ok(self.end(None, None));
            }
            let wake_at = self.chat.timeout().map(|at| self.started + at);
            let wake = async {
                match wake_at {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                signal = &mut stop => return Ok(self.end(None, signal.ok())),
                moved = self.link.moved() => {
                    if let Some(failure) = self.on_link(moved)? {
                        return Ok(self.end(Some(failure), None));
                    }
                }
                read = self.input.read() => {
                    if let Err(error) = read {
                        let failure =
                            Failure::from_io(Exit::Failed, "cannot read standard input", &error);
                        return Ok(self.end(Some(failure), None));
                    }
                }
                () = wake => self.chat.tick(self.started.elapsed()),
            }
        }
    }

    /// Gives the chat the lines that it has room for.
    fn feed(&mut self) {
        let now = self.started.elapsed();
        while (self.input.is_terminal || self.chat.has_room() || self.chat.is_leaving())
            && let Some(line) = self.input.lines.next_line()
        {
            self.chat.typed(now, line);
        }
        if self.input.ended && !self.input.lines.has_line() && !self.chat.is_leaving() {
            self.chat.input_ended(now);
        }
    }

    fn show(&mut self) {
        while let Some(event) = self.chat.event() {
            match &event {
                Event::Welcome { .. } | Event::Notice(Notice::NameRefused { .. }) => {
                    self.is_relay = true;
                    self.has_answered = true;
                }
                Event::Joined { .. } => self.failed = 0,
                Event::Notice(notice @ Notice::Disconnected { .. })
                    if self.chat.step() == Step::Connect =>
                {
                    let wait = self.next_wait();
                    self.tell.connecting_again(notice.kind(), &notice.to_string(), wait);
                    continue;
                }
                _ => {}
            }
            self.tell.event(&event);
        }
    }

    /// Does what the chat's step asks for.
    async fn advance(&mut self) -> Step {
        let step = self.chat.step();
        match (step, &mut self.link) {
            // Where there is a connection, the chat has given it up.
            (Step::Connect, Link::Down | Link::Up(_)) => match self.wait.take() {
                Some(wait) => self.link = Link::Waiting(Box::pin(sleep(wait))),
                None => self.connect(),
            },
            (Step::Talk | Step::HangUp, Link::Up(up)) => {
                if up.is_idle()
                    && let Some(bytes) = self.chat.transmit()
                {
                    up.send(bytes);
                }
                if step == Step::HangUp && up.is_idle() {
                    up.end().await;
                }
            }
            _ => {}
        }
        step
    }

    /// An attempt has led into no room, or out of it: how long to wait before the next one.
    fn next_wait(&mut self) -> Duration {
        self.failed += 1;
        let retry = Retry { retries: u32::MAX, ..self.plan.retry };
        let wait = retry.wait(self.failed, fastrand::f64()).unwrap_or(retry.max_delay);
        self.wait = Some(wait);
        wait
    }

    fn connect(&mut self) {
        let (address, options) = (self.plan.address.clone(), self.plan.connect.clone());
        self.link = Link::Connecting(Box::pin(async move { connect(&address, &options).await }));
    }

    /// Something has happened to the connection. A failure is the end.
    fn on_link(&mut self, moved: Moved) -> io::Result<Option<Failure>> {
        match moved {
            Moved::Waited => self.connect(),
            Moved::Connected(connected) => self.connected(*connected)?,
            Moved::NotConnected(error) => {
                self.link = Link::Down;
                let tries_left = self.is_relay || self.failed < self.plan.retry.retries;
                if !error.may_pass() || !tries_left {
                    let error = ConnectError { attempt: self.failed + 1, ..error };
                    return Ok(Some(failures::no_connection(&error, &self.plan)));
                }
                let wait = self.next_wait();
                let why = failures::no_connection_yet(&error);
                self.tell.connecting_again("not_connected", &why, wait);
                self.chat.not_connected();
            }
            Moved::Read => return Ok(self.received()),
            Moved::Wrote => {}
            Moved::Ended(ending) => {
                let failure = self.received();
                if failure.is_some() || matches!(self.link, Link::Down) {
                    return Ok(failure);
                }
                if let Ending::Tls(fault) = &ending
                    && !self.has_answered
                {
                    // Who was let in before and is refused now, as with a certificate that has expired, is
                    // refused the next time too. What is only cut off is not.
                    let is_refused = matches!(fault, TlsFault::Refused { .. });
                    if is_refused || !self.is_relay {
                        return Ok(Some(self.not_agreed(ending)));
                    }
                }
                return Ok(self.disconnected(&ending.to_string()));
            }
        }
        Ok(None)
    }

    /// TLS has failed before the relay has said a word: in TLS 1.3 a server looks at the client's certificate
    /// when the client's handshake is over already.
    fn not_agreed(&mut self, ending: Ending) -> Failure {
        self.link = Link::Down;
        self.chat.give_up(if self.is_relay {
            "there is no connection"
        } else {
            "there is no relay"
        });
        let peer = self.plan.address.clone();
        let error = ConnectError {
            address: peer.clone(),
            elapsed: self.started.elapsed(),
            attempt: self.failed + 1,
            cause: Cause::NotAgreed { peer, ending },
        };
        failures::no_connection(&error, &self.plan)
    }

    fn connected(&mut self, connected: Connected) -> io::Result<()> {
        self.tell.connected(&connected);
        self.link = Link::Up(Up::new(connected.stream));
        self.has_answered = false;
        self.chat.connected(self.started.elapsed());
        if self.input.input.is_none() && !self.input.ended {
            self.input.input = Some(Input::open(false)?);
        }
        Ok(())
    }

    /// Gives the chat the frames that have come.
    fn received(&mut self) -> Option<Failure> {
        let now = self.started.elapsed();
        let Link::Up(up) = &mut self.link else { return None };
        let why = loop {
            match up.incoming.next_frame() {
                Ok(None) => return None,
                Ok(Some(frame)) => match self.chat.frame(now, &frame) {
                    Ok(()) => {}
                    Err(error) => break error.to_string(),
                },
                Err(error) => break error.to_string(),
            }
        };
        self.disconnected(&why)
    }

    /// The connection has ended, or is of no use.
    fn disconnected(&mut self, why: &str) -> Option<Failure> {
        let now = self.started.elapsed();
        let met_tls = matches!(&self.link, Link::Up(up) if up.met_tls());
        self.link = Link::Down;
        self.show();
        if !self.is_relay {
            self.chat.give_up("there is no relay");
            return Some(if met_tls {
                let message =
                    format!("{} speaks TLS, and refused what was plain", self.plan.address);
                Failure::new(Exit::Failed, "speaks_tls", message).hint("--tls speaks it too")
            } else {
                not_a_relay(&self.plan, why)
            });
        }
        self.chat.disconnected(now, why);
        None
    }

    /// Tells what was not sent, and how it ended.
    fn end(mut self, failure: Option<Failure>, signal: Option<i32>) -> Ended {
        let why = match (signal, &self.link) {
            (Some(_), _) => "interrupted",
            (None, Link::Up(_)) => "it ended before the relay took it",
            (None, _) => "there is no connection",
        };
        self.chat.give_up(why);
        // Lines that were read and never given to the chat. What was not even read stays in the pipe.
        let left_over = self.input.lines.has_line() && !self.input.ended;
        let now = self.started.elapsed();
        self.input.lines.finish();
        while let Some(line) = self.input.lines.next_line() {
            self.chat.typed(now, line);
        }
        self.show();
        if left_over {
            self.tell.story("the rest of standard input was not read");
        }
        let failure = failure.or_else(|| self.tell.failure());
        Ended { outcome: self.chat.outcome(), failure, signal }
    }
}

impl Typing {
    /// Reads more lines, where there are none that wait. It may be dropped at any time.
    async fn read(&mut self) -> io::Result<()> {
        let Some(input) = self.input.as_mut().filter(|_| !self.ended && !self.lines.has_line())
        else {
            return std::future::pending().await;
        };
        let chunk = input.fill_buf().await?;
        let len = chunk.len();
        self.lines.push(chunk);
        input.consume(len);
        if len == 0 {
            self.lines.finish();
            self.ended = true;
        }
        Ok(())
    }
}

fn not_a_relay(plan: &Plan, why: &str) -> Failure {
    let message = format!("there is no relay at {}: {why}", plan.address);
    Failure::new(Exit::Failed, "no_relay", message)
        .hint(format!("without `chat` it is a plain connection: tcp-client {}", plan.address))
}
