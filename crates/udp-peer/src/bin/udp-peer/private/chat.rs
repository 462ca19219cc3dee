//! `udp-peer chat`: what is typed is kept until the peer has it, over as many connections as it takes.
//!
//! Both sides call each other, and both take calls, so it does not matter who is there first. What is typed
//! while nobody is there waits.

use std::future::pending;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arq::{CloseCode, End, PublicKey, SendError};
use cli::{Exit, Failure};
use tokio::select;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use udp_peer::{Connection, Ended, Line, News, Reliable, Unreachable};

use super::call::{Met, NOT_YOU, Unmet, call, canonical};
use super::hear::{Heard, Over, Said, Show};
use super::meeting::{Known, Peer};
use super::outbox::Outbox;
use super::words::{self, Had};
use super::{LAST_CLOSE, PATIENCE, own_key, start};
use crate::args::PrivateArgs;
use crate::report::Report;
use crate::talk::{self, QUIT, TalkPlan, is_blank};
use crate::{failures, input};

/// How long to wait before calling again somebody who did not answer.
const PAUSE: Duration = Duration::from_secs(1);

/// Talks until the input ends. The value is the signal that ended it, if one did.
pub(crate) async fn chat(
    plan: &TalkPlan,
    private: &PrivateArgs,
    report: &Arc<Report>,
    stop: oneshot::Receiver<i32>,
) -> Result<Option<i32>, Failure> {
    let (local, to) = talk::ends(plan).await?;
    let socket = talk::unconnected(local, to, plan.mode)?;
    let reliable = start(socket, private, report)?;
    report.listening(reliable.local_addr(), Some(to));
    let lines = input::lines(words::MAX_LINE).map_err(|error| failures::of_input(&error))?;
    let show = Show::start(report);
    let mut chat = Chat {
        reliable: &reliable,
        to,
        peer: Peer::new(&plan.peer, private.peer_key),
        report,
        queue: show.queue(),
        heard: Arc::default(),
        outbox: Outbox::new(own_key::chance()),
        link: None,
    };
    let mut signal = None;
    let ended = chat.run(lines, stop, &mut signal).await;
    let left = chat.close().await;
    drop(chat);
    // The peer hears that it is over, if it is there.
    let _ = timeout(LAST_CLOSE, reliable.finish()).await;
    show.finish().await;
    ended?;
    for line in &left {
        report.unconfirmed(to, line);
    }
    if signal.is_none() && !left.is_empty() {
        return Err(failures::unconfirmed(left.len()));
    }
    Ok(signal)
}

struct Chat<'a> {
    reliable: &'a Reliable,
    to: SocketAddr,
    peer: Peer,
    report: &'a Arc<Report>,
    queue: mpsc::Sender<Heard>,
    /// What was had of the peer, over all connections.
    heard: Arc<Mutex<Had>>,
    outbox: Outbox,
    link: Option<Link>,
}

/// A connection with the peer.
struct Link {
    connection: Arc<Connection>,
    /// Reads from it, until it ends.
    reading: JoinHandle<Result<Ended, Failure>>,
    /// Whether nothing but its end is to be told of it.
    is_quiet: bool,
}

type Calling<'a> = Pin<Box<dyn Future<Output = Result<Met, Unmet>> + 'a>>;

/// What happens next.
enum Next {
    Stop(i32),
    TooLate,
    Called(Result<Met, Unmet>),
    Accepted(Connection),
    News(Result<News, Ended>),
    Over(Result<Ended, Failure>),
    Typed(Option<std::io::Result<Line>>),
}

impl<'a> Chat<'a> {
    async fn run(
        &mut self,
        mut lines: mpsc::Receiver<std::io::Result<Line>>,
        stop: oneshot::Receiver<i32>,
        signal: &mut Option<i32>,
    ) -> Result<(), Failure> {
        let mut stop = pin!(async { stop.await.unwrap_or_else(|_| unreachable!("it is watched")) });
        let mut calling: Option<Calling<'a>> = Some(self.calling(Duration::ZERO));
        // When what is left is given up, once nothing more is typed.
        let mut until: Option<Instant> = None;
        let mut is_typing = true;
        loop {
            self.give().await;
            if !is_typing && self.outbox.is_empty() {
                return Ok(());
            }
            if !is_typing && self.link.is_none() {
                // The peer may come back, but not for ever.
                until = until.or_else(|| Some(Instant::now() + arq::limits::HANDSHAKE_TIME));
            }
            let reads = is_typing && self.outbox.has_room();
            let next = select! {
                biased;
                signal = &mut stop, if signal.is_none() => Next::Stop(signal),
                () = at(until) => Next::TooLate,
                called = maybe(&mut calling) => Next::Called(called),
                accepted = self.reliable.accept() => {
                    Next::Accepted(accepted.map_err(|error| failures::of_receiving(&error))?)
                }
                next = Link::next(self.link.as_mut()) => next,
                line = lines.recv(), if reads => Next::Typed(line),
            };
            match next {
                Next::Stop(number) => {
                    *signal = Some(number);
                    is_typing = false;
                    until = Some(Instant::now() + PATIENCE);
                }
                Next::TooLate => return Ok(()),
                Next::Called(called) => calling = self.called(called)?,
                Next::Accepted(connection) => {
                    if self.accepted(connection)? {
                        calling = None;
                    }
                }
                Next::News(news) => self.news(&news),
                Next::Over(over) => {
                    self.link = None;
                    calling = self.over(&over?)?;
                }
                Next::Typed(line) => {
                    is_typing = self.typed(line)?;
                    let is_alone = self.link.is_none() && calling.is_none();
                    if is_alone && !self.outbox.is_empty() {
                        calling = Some(self.calling(Duration::ZERO));
                    }
                }
            }
        }
    }

    /// Calls the peer after a pause.
    fn calling(&self, pause: Duration) -> Calling<'a> {
        let (reliable, to, peer, report) =
            (self.reliable, self.to, self.peer.clone(), Arc::clone(self.report));
        Box::pin(async move {
            sleep(pause).await;
            call(reliable, to, &peer, &report).await
        })
    }

    fn called(&mut self, called: Result<Met, Unmet>) -> Result<Option<Calling<'a>>, Failure> {
        match called {
            Ok(met) => self.meet(met),
            Err(Unmet::Crossed) => {}
            Err(Unmet::NoAnswer) => {
                self.report.no_answer_yet(self.to);
                return Ok(Some(self.calling(PAUSE)));
            }
            Err(Unmet::Failed(failure)) => return Err(failure),
        }
        Ok(None)
    }

    /// Somebody has called us; whether it is the peer.
    fn accepted(&mut self, connection: Connection) -> Result<bool, Failure> {
        let (Some(key), Some(from)) = (connection.peer(), connection.address()) else {
            return Ok(false);
        };
        let expected = self.peer.expected()?;
        // Who has the key is the peer wherever he is. Who has another one, or is met for the first time,
        // is him if he is where he should be.
        if expected != Some(key) && canonical(from) != canonical(self.to) {
            self.report.stranger(from, &key);
            connection.begin_close(CloseCode::Refused, NOT_YOU, Duration::ZERO);
            return Ok(false);
        }
        match self.peer.judge(&key) {
            Ok(known) => {
                self.meet(Met { connection, key, known });
                Ok(true)
            }
            Err(failure) => {
                connection.begin_close(CloseCode::Refused, NOT_YOU, Duration::ZERO);
                Err(failure)
            }
        }
    }

    /// There is a connection with the peer. One that was there before has another end that is no more.
    fn meet(&mut self, met: Met) {
        let Met { connection, key, known } = met;
        if let Some(before) = self.link.take() {
            before.connection.begin_close(CloseCode::Done, "there is another", PATIENCE);
        }
        self.tell(&connection, &key, known);
        connection.tell_confirmed();
        let connection = Arc::new(connection);
        let (heard, queue) = (Arc::clone(&self.heard), self.queue.clone());
        let reading = tokio::spawn(read(Arc::clone(&connection), key, heard, queue));
        self.link = Some(Link { connection, reading, is_quiet: false });
        self.outbox.begin();
    }

    fn tell(&self, connection: &Connection, key: &PublicKey, known: Known) {
        let from = connection.address().unwrap_or(self.to);
        self.report.connected(from, key, known, self.peer.file());
    }

    /// Gives the connection what it may take.
    async fn give(&mut self) {
        let Some(link) = &self.link else { return };
        while let Some(next) = self.outbox.next() {
            // What it is given is bounded, so it never waits.
            match link.connection.send(words::channel(), next.message()).await {
                Ok(number) => {
                    self.outbox.given(number);
                    if next.is_first {
                        self.report.sent(self.to, next.text.len());
                    }
                }
                Err(SendError::TooLong { limit, .. }) => {
                    self.report.too_long_for_peer(self.to, next.text.len(), limit);
                    self.outbox.skip();
                }
                Err(_) => return,
            }
        }
    }

    fn news(&mut self, news: &Result<News, Ended>) {
        match news {
            Ok(News::Confirmed { number, .. }) => {
                if let Some((_, bytes)) = self.outbox.confirmed(*number) {
                    self.report.confirmed(self.to, bytes);
                }
            }
            Ok(News::Moved(to)) => self.report.moved(*to),
            Ok(News::Unreachable(what)) => {
                self.report.unreachable_once(Unreachable { peer: self.to, what: *what });
            }
            Ok(_) => {}
            Err(_) => {
                if let Some(link) = &mut self.link {
                    link.is_quiet = true;
                }
            }
        }
    }

    /// The connection is over. Gives the next call, unless the peer has gone of its own will.
    fn over(&mut self, ended: &Ended) -> Result<Option<Calling<'a>>, Failure> {
        match &ended.end {
            End::ClosedByPeer { code, reason } if *code == CloseCode::Refused.number() => {
                Err(failures::refused_us(self.to, reason))
            }
            End::ClosedByPeer { code, .. } if *code == CloseCode::Done.number() => {
                // Who has more to say calls; else the peer will.
                let has_more = !self.outbox.is_empty();
                Ok(has_more.then(|| self.calling(PAUSE)))
            }
            End::Protocol(_) | End::ClosedByPeer { .. } => {
                let message = format!("the talk with {} ended: {}", self.to, ended.end);
                Err(Failure::new(Exit::Failed, "protocol", message))
            }
            _ => Ok(Some(self.calling(Duration::ZERO))),
        }
    }

    /// Takes a line; whether there may be more.
    fn typed(&mut self, line: Option<std::io::Result<Line>>) -> Result<bool, Failure> {
        let Some(line) = line else { return Ok(false) };
        match line.map_err(|error| failures::of_input(&error))? {
            Line::Whole(line) if line == QUIT => return Ok(false),
            Line::Whole(line) if is_blank(&line) => self.report.empty_line(self.to, line.len()),
            Line::Whole(line) => {
                if self.link.is_none() {
                    self.report.waiting(self.to, line.len());
                }
                self.outbox.push(line);
            }
            Line::TooLong { len } => self.report.too_long(self.to, len, words::MAX_LINE),
        }
        Ok(true)
    }

    /// Ends the connection, and gives the lines that the peer is not known to have.
    async fn close(&mut self) -> Vec<Vec<u8>> {
        if let Some(link) = self.link.take() {
            link.connection.begin_close(CloseCode::Done, "", Duration::ZERO);
            // What came before the end is shown.
            let _ = timeout(LAST_CLOSE, link.reading).await;
        }
        self.outbox.left().map(<[u8]>::to_vec).collect()
    }
}

impl Link {
    /// What happens on it: first what the peer has confirmed, then its end.
    async fn next(link: Option<&mut Self>) -> Next {
        let Some(link) = link else { return pending().await };
        select! {
            biased;
            news = link.connection.news(), if !link.is_quiet => Next::News(news),
            over = &mut link.reading => match over {
                Ok(over) => Next::Over(over),
                Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                Err(_) => pending().await,
            },
        }
    }
}

/// Shows what comes, until the end.
async fn read(
    connection: Arc<Connection>,
    key: PublicKey,
    heard: Arc<Mutex<Had>>,
    queue: mpsc::Sender<Heard>,
) -> Result<Ended, Failure> {
    // If it has ended, that is told below.
    let _ = connection.send(words::channel(), words::greeting()).await;
    loop {
        let message = match connection.recv(words::channel()).await {
            Ok(message) => message,
            Err(ended) => {
                if let Some(from) = connection.address() {
                    let (end, stats) = (ended.end.clone(), connection.stats());
                    let _ = queue.send(Heard::Over(Over { from, end, stats })).await;
                }
                return Ok(ended);
            }
        };
        let lines = heard.lock().unwrap_or_else(PoisonError::into_inner).lines(&message);
        let from = connection.address();
        match lines {
            Ok(lines) => {
                for (line, from) in lines.into_iter().zip(std::iter::repeat(from)) {
                    let Some(from) = from else { continue };
                    // The other end is gone only when the thread has died of a panic, which is told then.
                    let _ = queue.send(Heard::Said(Said { from, key, line })).await;
                }
            }
            Err(ending) => {
                let reason = "a message that is no line";
                connection.begin_close(CloseCode::Protocol, reason, Duration::ZERO);
                return Err(failures::not_lines(from, &ending));
            }
        }
    }
}

async fn at(until: Option<Instant>) {
    match until {
        Some(until) => sleep_until(until).await,
        None => pending().await,
    }
}

async fn maybe(calling: &mut Option<Calling<'_>>) -> Result<Met, Unmet> {
    match calling {
        Some(call) => {
            let called = call.await;
            *calling = None;
            called
        }
        None => pending().await,
    }
}
