//! `udp-peer send --reliable`: every line arrives, in order, or the exit code says that it may not have.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::pending;
use std::io::{self, IsTerminal as _};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use arq::{CloseCode, End, SendError};
use cli::{Exit, Failure};
use tokio::select;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};
use udp_peer::{Connection, Ended, Line, News, Unreachable};

use super::call::{Met, no_answer, reach};
use super::hear::{Heard, Said, Show};
use super::meeting::Peer;
use super::words::{self, Had};
use super::{GREETING, LAST_CLOSE, NO_HURRY, PATIENCE, own_key, start, stopped};
use crate::args::PrivateArgs;
use crate::report::Report;
use crate::talk::{self, QUIT, TalkPlan};
use crate::{failures, input};

/// Sends until the input ends and everything has arrived. The value is the signal that ended it, if one did.
pub(crate) async fn send(
    plan: &TalkPlan,
    private: &PrivateArgs,
    report: &Arc<Report>,
    stop: oneshot::Receiver<i32>,
) -> Result<Option<i32>, Failure> {
    let (local, to) = talk::ends(plan).await?;
    let socket = talk::unconnected(local, to, plan.mode)?;
    let reliable = start(socket, private, report)?;
    report.listening(reliable.local_addr(), Some(to));
    let peer = Peer::new(&plan.peer, private.peer_key);
    let mut stop = pin!(stopped(stop));
    let met = select! {
        biased;
        signal = &mut stop => return Ok(Some(signal)),
        met = reach(&reliable, to, &peer, report) => met,
    };
    let Met { connection, key, known } = match met {
        Ok(Some(met)) => met,
        Ok(None) => return Err(no_answer(&plan.peer.to_string())),
        Err(failure) => {
            // So that it hears why.
            let _ = timeout(LAST_CLOSE, reliable.finish()).await;
            return Err(failure);
        }
    };
    report.connected(to, &key, known, peer.file());
    let lines = input::lines(words::MAX_LINE).map_err(|error| failures::of_input(&error))?;
    let show = Show::start(report);
    if report.tells_events() {
        connection.tell_confirmed();
    }
    let (next_id, under_way) = (own_key::chance(), RefCell::default());
    let sender = Sender { connection: &connection, to, report, next_id, under_way: &under_way };
    let talked = sender.run(lines, stop, plan.wait, show.queue()).await;
    // What came with the end is told, too; after it nothing more is waited for.
    while connection.ended().is_some()
        && let Ok(news) = connection.news().await
    {
        if let News::Confirmed { number, .. } = news {
            confirmed(number, to, report, &under_way);
        }
    }
    let stats = connection.stats();
    drop(connection);
    let _ = timeout(LAST_CLOSE, reliable.finish()).await;
    show.finish().await;
    let over = talked?;
    if let Some(stats) = stats {
        report.stats(to, &stats);
    }
    report.disconnected(to, &over.ended.end);
    report.count_unconfirmed(over.ended.unconfirmed);
    match (over.failure(to), over.signal) {
        (Some(failure), Some(_)) => failure.print(),
        (Some(failure), None) => return Err(failure),
        (None, None) if report.count_of_not_sent() > 0 => {
            return Err(failures::not_sent(report.count_of_not_sent()));
        }
        (None, _) => {}
    }
    Ok(over.signal)
}

/// How it went.
struct Over {
    /// The signal that ended it.
    signal: Option<i32>,
    ended: Ended,
    /// Whether the connection ended before the input did.
    is_cut: bool,
}

impl Over {
    /// What is wrong, if anything is: everything has arrived otherwise.
    fn failure(&self, to: SocketAddr) -> Option<Failure> {
        let end = &self.ended.end;
        match end {
            End::ClosedByPeer { code, reason } if *code == CloseCode::Refused.number() => {
                Some(failures::refused_us(to, reason))
            }
            _ if self.ended.unconfirmed > 0 => Some(failures::of_unconfirmed(to, &self.ended)),
            _ if self.is_cut && self.signal.is_none() => {
                let end = failures::of_end(end);
                let message = format!("{to} ended the connection before all was said: {end}");
                Some(Failure::new(Exit::Failed, "ended", message))
            }
            _ => None,
        }
    }
}

struct Sender<'a> {
    connection: &'a Connection,
    to: SocketAddr,
    report: &'a Report,
    next_id: u64,
    under_way: &'a RefCell<UnderWay>,
}

/// The lengths of the lines that the connection was given and that are not confirmed, by their numbers in
/// the channel. A connection takes no more than [`arq::limits::MAX_AHEAD`] of them at a time.
type UnderWay = VecDeque<(u64, usize)>;

impl Sender<'_> {
    async fn run(
        mut self,
        lines: mpsc::Receiver<io::Result<Line>>,
        mut stop: impl Future<Output = i32> + Unpin,
        wait: Duration,
        queue: mpsc::Sender<Heard>,
    ) -> Result<Over, Failure> {
        let connection = self.connection;
        let (greet, greeting) = oneshot::channel();
        let mut hearing = pin!(hear(connection, queue, greet));
        let mut telling = pin!(tell(connection, self.to, self.report, self.under_way));
        let mut signal = None;
        let said = async {
            greeted(greeting, self.to).await?;
            self.lines(lines).await?;
            if !wait.is_zero() {
                sleep(wait).await;
            }
            Ok(())
        };
        select! {
            biased;
            number = &mut stop => signal = Some(number),
            said = said => said?,
            ended = &mut hearing => return Ok(Over { signal, ended: ended?, is_cut: true }),
            () = &mut telling => {}
        }
        let patience = if signal.is_some() { PATIENCE } else { NO_HURRY };
        connection.begin_close(CloseCode::Done, "", patience);
        // What comes meanwhile is shown, until the connection ends.
        let ended = select! {
            biased;
            number = &mut stop, if signal.is_none() => {
                signal = Some(number);
                let unconfirmed = connection.snapshot().map_or(0, |now| now.unconfirmed);
                let given_up = Ended { end: End::Closed, unconfirmed };
                timeout(PATIENCE, &mut hearing).await.unwrap_or(Ok(given_up))
            }
            ended = &mut hearing => ended,
            () = &mut telling => pending().await,
        };
        Ok(Over { signal, ended: ended?, is_cut: false })
    }

    /// Gives each line to the connection, which takes as much as may be under way.
    async fn lines(&mut self, mut lines: mpsc::Receiver<io::Result<Line>>) -> Result<(), Failure> {
        // In a file a line "q" is one like others.
        let may_quit = io::stdin().is_terminal();
        while let Some(line) = lines.recv().await {
            match line.map_err(|error| failures::of_input(&error))? {
                Line::Whole(line) if may_quit && line == QUIT => break,
                Line::Whole(line) => {
                    let message = words::message(self.next_id, &line);
                    self.next_id = self.next_id.wrapping_add(1);
                    match self.connection.send(words::channel(), message).await {
                        Ok(number) => {
                            if self.report.tells_events() {
                                self.under_way.borrow_mut().push_back((number, line.len()));
                            }
                            self.report.sent(self.to, line.len());
                        }
                        Err(SendError::TooLong { limit, .. }) => {
                            self.report.too_long_for_peer(self.to, line.len(), limit);
                        }
                        Err(_) => {
                            // It has ended, which the other half tells with its reason.
                            self.report.too_late(self.to, line.len());
                            return pending().await;
                        }
                    }
                }
                Line::TooLong { len } => self.report.too_long(self.to, len, words::MAX_LINE),
            }
        }
        Ok(())
    }
}

/// Waits until the peer has shown that it takes lines: it has said something.
async fn greeted(greeting: oneshot::Receiver<()>, to: SocketAddr) -> Result<(), Failure> {
    match timeout(GREETING, greeting).await {
        Ok(Ok(())) => Ok(()),
        // The connection has ended, which is told with its reason.
        Ok(Err(_)) => pending().await,
        Err(_) => {
            let message = format!("{to} takes no lines: it says nothing");
            Err(Failure::new(Exit::Failed, "not_lines", message)
                .hint("these do: udp-peer recv --reliable, udp-peer chat"))
        }
    }
}

/// Shows what comes, until the end, and tells when the first has come.
async fn hear(
    connection: &Connection,
    queue: mpsc::Sender<Heard>,
    greet: oneshot::Sender<()>,
) -> Result<Ended, Failure> {
    let mut heard = Had::default();
    let mut greet = Some(greet);
    loop {
        let message = match connection.recv(words::channel()).await {
            Ok(message) => message,
            Err(ended) => return Ok(ended),
        };
        let (Some(from), Some(key)) = (connection.address(), connection.peer()) else { continue };
        let lines = heard.lines(&message).map_err(|why| failures::not_lines(Some(from), &why))?;
        if let Some(greet) = greet.take() {
            // Who waited for it waits no more where the program is ending.
            let _ = greet.send(());
        }
        for line in lines {
            // The other end is gone only when the thread has died of a panic, which is told then.
            let _ = queue.send(Heard::Said(Said { from, key, line })).await;
        }
    }
}

async fn tell(
    connection: &Connection,
    to: SocketAddr,
    report: &Report,
    under_way: &RefCell<UnderWay>,
) {
    loop {
        match connection.news().await {
            Ok(News::Confirmed { number, .. }) => confirmed(number, to, report, under_way),
            Ok(News::Moved(to)) => report.moved(to),
            Ok(News::Unreachable(what)) => {
                report.unreachable_once(Unreachable { peer: to, what });
            }
            Ok(_) => {}
            Err(_) => return pending().await,
        }
    }
}

/// The peer has this line, and with it all those before it.
fn confirmed(number: u64, to: SocketAddr, report: &Report, under_way: &RefCell<UnderWay>) {
    let mut under_way = under_way.borrow_mut();
    while under_way.front().is_some_and(|(line, _)| *line <= number) {
        let Some((_, bytes)) = under_way.pop_front() else { return };
        report.confirmed(to, bytes);
    }
}
