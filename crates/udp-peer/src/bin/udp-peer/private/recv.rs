//! `udp-peer recv --reliable`: what anybody sends, in order and whole.

use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use arq::{CloseCode, PublicKey};
use cli::Failure;
use tokio::select;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use udp_peer::Connection;

use super::call::NOT_YOU;
use super::hear::{self, Heard, Said, Show};
use super::words::{self, Had};
use super::{LAST_CLOSE, start};
use crate::args::{PrivateArgs, RecvArgs};
use crate::failures;
use crate::recv::bind;
use crate::report::Report;

/// How many lines wait at most to be counted: 1. What is not counted is not taken from its connection.
const WAITING: usize = 1;

/// Why it is over.
enum Over {
    Asked,
    Counted,
    Time(Duration),
}

/// Receives until the count or the time is reached, or `stop` comes.
pub(crate) async fn receive(
    args: &RecvArgs,
    private: &PrivateArgs,
    report: &Arc<Report>,
    stop: oneshot::Receiver<i32>,
) -> Result<(), Failure> {
    let socket = bind(args).await?;
    let reliable = start(socket, private, report)?;
    report.listening(reliable.local_addr(), None);
    let show = Show::start(report);
    let (lines, mut said) = mpsc::channel::<Heard>(WAITING);
    let (end, ends) = watch::channel(false);
    let mut readers = JoinSet::new();
    let mut left = args.count;
    let mut stop = pin!(stop);
    let mut time = pin!(async {
        let Some(time) = args.time else { return pending().await };
        sleep(time).await;
        time
    });
    let queue = show.queue();
    let over = loop {
        select! {
            biased;
            _ = &mut stop => break Over::Asked,
            time = &mut time => break Over::Time(time),
            Some(heard) = said.recv() => {
                left = counted(left, &heard);
                // The other end is gone only when the thread has died of a panic, which is told then.
                let _ = queue.send(heard).await;
                if left == Some(0) {
                    break Over::Counted;
                }
            }
            accepted = reliable.accept() => {
                let connection = accepted.map_err(|error| failures::of_receiving(&error))?;
                let reader = Reader {
                    connection,
                    only: private.peer_key,
                    lines: lines.clone(),
                    report: Arc::clone(report),
                };
                readers.spawn(reader.run(ends.clone()));
            }
            Some(read) = readers.join_next() => {
                if let Err(error) = read && error.is_panic() {
                    std::panic::resume_unwind(error.into_panic());
                }
            }
        }
    };
    drop(lines);
    // Nobody says more; what was confirmed to its sender is shown.
    let _ = end.send(true);
    while left != Some(0) {
        let Ok(Some(heard)) = timeout(LAST_CLOSE, said.recv()).await else { break };
        left = counted(left, &heard);
        let _ = queue.send(heard).await;
    }
    drop((queue, said));
    readers.shutdown().await;
    let half_open = reliable.half_open();
    let _ = timeout(LAST_CLOSE, reliable.finish()).await;
    show.finish().await;
    report.handshakes(&reliable.counts(), half_open);
    match (over, args.count, left) {
        (Over::Time(time), Some(count), Some(left @ 1..)) => {
            Err(failures::too_few(count - left, count, time))
        }
        _ => Ok(()),
    }
}

/// How many lines are left to be waited for after this.
fn counted(left: Option<u64>, heard: &Heard) -> Option<u64> {
    left.map(|left| left - u64::from(matches!(heard, Heard::Said(_))))
}

/// Reads from one connection.
struct Reader {
    connection: Connection,
    /// The only key whose owner is heard, if it is one.
    only: Option<PublicKey>,
    lines: mpsc::Sender<Heard>,
    report: Arc<Report>,
}

impl Reader {
    async fn run(self, mut ends: watch::Receiver<bool>) {
        let Self { connection, only, lines, report } = &self;
        let (Some(key), Some(from)) = (connection.peer(), connection.address()) else { return };
        if only.is_some_and(|only| only != key) {
            report.stranger(from, &key);
            connection.close(CloseCode::Refused, NOT_YOU, Duration::ZERO).await;
            return;
        }
        report.came(from, &key);
        // If it has ended, that is told below.
        let _ = connection.send(words::channel(), words::greeting()).await;
        let mut heard = Had::default();
        let mut is_ending = false;
        loop {
            let message = select! {
                biased;
                message = connection.recv(words::channel()) => message,
                Ok(_) = ends.wait_for(|ends| *ends), if !is_ending => {
                    is_ending = true;
                    connection.begin_close(CloseCode::Done, "", Duration::ZERO);
                    continue;
                }
            };
            let message = match message {
                Ok(message) => message,
                Err(ended) => {
                    let stats = connection.stats();
                    let over = hear::Over { from, end: ended.end, stats };
                    let _ = lines.send(Heard::Over(over)).await;
                    return;
                }
            };
            let from = connection.address().unwrap_or(from);
            match heard.lines(&message) {
                Ok(new) => {
                    for line in new {
                        if lines.send(Heard::Said(Said { from, key, line })).await.is_err() {
                            return;
                        }
                    }
                }
                Err(ending) => {
                    failures::not_lines(Some(from), &ending).print();
                    let reason = "a message that is no line";
                    connection.close(CloseCode::Protocol, reason, Duration::ZERO).await;
                    return;
                }
            }
        }
    }
}
