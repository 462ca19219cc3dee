//! One run: connect, transfer, and again where the connection breaks.

use std::future::pending;
use std::time::Duration;

use cli::{Exit, Failure};
use files::{ClientOpening, OpeningError};
use proto::transfer::Way;
use proto::{Address, Ending, sanitize};
use tcp_client::{ConnectError, Connected, Retry, Stream, connect, connect_with_retry};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};
use transfer::{Broken, Folder, Meter, Patience, Receiving, Sending, Wire};

use crate::args::Plan;
use crate::failures;
use crate::report::Report;

/// How long a server may take for its first word: 5 s. One that waits for ours in lines says nothing.
const GREETING: Duration = Duration::from_secs(5);

/// What a run needs.
pub(super) struct Session<'a, 'r> {
    pub(super) plan: &'a Plan,
    pub(super) after_break: Retry,
    pub(super) work: Work,
    /// What tells this run from others, over all its connections.
    pub(super) run: u64,
    pub(super) meter: &'a mut Meter<'r, Report>,
}

/// What is to be done, and how far it has come.
pub(super) enum Work {
    Send(Sending),
    Receive { folder: Folder, receiving: Receiving },
}

/// How it ended.
pub(super) struct Ended {
    pub(super) failure: Option<Failure>,
    pub(super) signal: Option<i32>,
}

/// How a connection ended before the transfer was over.
enum Stopped {
    /// Whoever is there does not transfer files, or not this way: another attempt is no better.
    Unfit(Failure),
    Broken(Broken),
}

impl From<Broken> for Stopped {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

impl From<Ending> for Stopped {
    fn from(ending: Ending) -> Self {
        Self::Broken(ending.into())
    }
}

impl Session<'_, '_> {
    /// Runs until it is over, or until `stop` gives the number of a signal.
    pub(super) async fn run(mut self, stop: oneshot::Receiver<i32>) -> Ended {
        if let Work::Send(sending) = &self.work {
            self.meter.left_out(sending.source());
        }
        let stop = async {
            match stop.await {
                Ok(signal) => signal,
                Err(_) => pending().await,
            }
        };
        let stopped = tokio::select! {
            biased;
            signal = stop => Some(signal),
            failure = self.transfer() => {
                let failure = failure.or_else(|| self.meter.not_all(&self.plan.address));
                return Ended { failure, signal: None };
            }
        };
        self.meter.interrupted();
        Ended { failure: None, signal: stopped }
    }

    async fn transfer(&mut self) -> Option<Failure> {
        let plan = self.plan;
        let report = self.meter.report();
        let connecting =
            connect_with_retry(&plan.address, &plan.connect, &plan.retry, fastrand::f64, |e, w| {
                report.waiting(e, w);
            });
        let mut connected = connecting.await;
        // How many attempts have brought nothing.
        let (mut failed, started) = (0, Instant::now());
        loop {
            let why = match connected {
                Ok(connected) => {
                    self.meter.connected();
                    report.connected(&connected);
                    let before = self.meter.steps();
                    match self.over(connected).await {
                        Ok(()) => return None,
                        Err(Stopped::Unfit(failure)) => return Some(failure),
                        Err(Stopped::Broken(broken)) if !broken.may_pass() => {
                            return Some(unfit(broken, plan, started.elapsed()));
                        }
                        Err(Stopped::Broken(broken)) => {
                            if self.meter.steps() > before {
                                failed = 0;
                            }
                            Cause::Broken(broken)
                        }
                    }
                }
                Err(error) => Cause::NotConnected(error),
            };
            failed += 1;
            let wait = if why.may_pass() && self.meter.has_connected() {
                self.after_break.wait(failed, fastrand::f64())
            } else {
                None
            };
            let Some(wait) = wait else { return Some(why.failure(plan, failed)) };
            self.meter.connecting_again(&why.words(&plan.address), wait);
            sleep(wait).await;
            connected = connect(&plan.address, &plan.connect).await;
        }
    }

    /// Does what is left over a connection.
    async fn over(&mut self, connected: Connected) -> Result<(), Stopped> {
        let Self { plan, work, meter, run, .. } = self;
        let patience = Patience { idle: plan.idle, ..Patience::default() };
        let mut wire = Wire::new(connected.stream, patience);
        let (way, names) = match work {
            Work::Send(_) => (Way::ToServer, Vec::new()),
            Work::Receive { receiving, .. } => (Way::ToClient, receiving.asked().to_vec()),
        };
        open(&mut wire, ClientOpening::new(way, names, *run), &plan.address).await?;
        let ended = match work {
            Work::Send(sending) => transfer::send(&mut wire, sending, *meter).await,
            Work::Receive { folder, receiving } => {
                transfer::receive(&mut wire, folder, receiving, *meter).await
            }
        };
        let Err(broken) = ended else {
            // The server takes this end for the sign that everything was heard.
            let _ = tokio::time::timeout(GREETING, wire.close()).await;
            return Ok(());
        };
        Err(broken.into())
    }
}

/// What is wrong with a transfer that another attempt makes no better.
fn unfit(broken: Broken, plan: &Plan, elapsed: Duration) -> Failure {
    let (address, words) = (&plan.address, broken.to_string());
    let words = sanitize::line(&words);
    match broken.ending {
        Ending::Protocol(_) => {
            let message = format!("{address} broke the protocol: {words}");
            Failure::new(Exit::Failed, "protocol", message)
        }
        // In TLS 1.3 a server looks at the client's certificate when the client's handshake is over already.
        ending @ Ending::Tls(_) => {
            let (address, peer) = (address.clone(), address.clone());
            let cause = connect::Cause::NotAgreed { peer, ending };
            failures::no_connection(&ConnectError { address, elapsed, attempt: 1, cause }, plan)
        }
        _ => Failure::new(Exit::Failed, "refused", format!("{address} refused: {words}")),
    }
}

/// Comes to a transfer, or finds out that nobody here does that.
async fn open(
    wire: &mut Wire<Stream>,
    opening: ClientOpening,
    address: &Address,
) -> Result<(), Stopped> {
    wire.say(&ClientOpening::hello());
    let unfit = |kind, why: &str| {
        let message = format!("{address} transfers no files: {}", sanitize::line(why));
        let failure = Failure::new(Exit::Failed, kind, message);
        Stopped::Unfit(failure.hint("this does: tcp-server --mode files --dir DIR"))
    };
    let Ok(heard) = tokio::time::timeout(GREETING, wire.hear()).await else {
        let error = OpeningError::NoFiles;
        return Err(unfit("no_answer", &format!("it says nothing, so {error}")));
    };
    let message = match heard {
        Ok(message) => message,
        Err(Ending::Protocol(error)) => return Err(unfit("not_files", &error.to_string())),
        Err(ending) => return Err(ending.into()),
    };
    let begin =
        opening.welcomed(&message).map_err(|error| unfit("not_files", &error.to_string()))?;
    wire.say(&begin);
    Ok(())
}

/// Why there is another attempt, or none.
enum Cause {
    Broken(Broken),
    NotConnected(ConnectError),
}

impl Cause {
    fn may_pass(&self) -> bool {
        match self {
            Self::Broken(_) => true,
            Self::NotConnected(error) => error.may_pass(),
        }
    }

    fn words(&self, address: &Address) -> String {
        match self {
            Self::Broken(broken) => {
                let broken = broken.to_string();
                format!("the connection to {address} broke: {}", sanitize::line(&broken))
            }
            Self::NotConnected(error) => failures::no_connection_yet(error),
        }
    }

    fn failure(&self, plan: &Plan, failed: u32) -> Failure {
        match self {
            Self::NotConnected(error) => failures::no_connection(error, plan),
            Self::Broken(_) => {
                let times = if failed > 1 { format!(" {failed} times") } else { String::new() };
                let message = format!("{}{times}", self.words(&plan.address));
                Failure::new(Exit::Failed, "broken", message)
                    .hint("what has come over is kept: the same command goes on from there")
            }
        }
    }
}
