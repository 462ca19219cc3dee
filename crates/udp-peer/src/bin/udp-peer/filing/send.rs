//! One run of `send-file`: connect, send, and again where the connection breaks.

use std::net::SocketAddr;
use std::time::Duration;

use arq::CloseCode;
use cli::{Exit, Failure};
use files::ClientOpening;
use proto::transfer::Way;
use proto::{Ending, sanitize};
use tokio::select;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};
use transfer::{Broken, Meter, Patience, Sending, Source, Wire};
use udp_peer::{Reliable, Stream};

use super::{CHANNEL, Ended, LAST_WORDS, SendFileArgs, unfit};
use crate::private::call::{Met, no_answer, reach};
use crate::private::meeting::Peer;
use crate::private::{GREETING, LAST_CLOSE, own_key, start, stopped};
use crate::report::Report;
use crate::talk;

/// How long to wait before the next attempt: 1 s.
const PAUSE: Duration = Duration::from_secs(1);

/// How an attempt ended.
enum Stopped {
    /// Another one is no better.
    Failed(Failure),
    NoAnswer,
    Broken(Broken),
}

impl From<Ending> for Stopped {
    fn from(ending: Ending) -> Self {
        Self::Broken(ending.into())
    }
}

pub(super) async fn run(
    args: &SendFileArgs,
    source: Source,
    meter: &mut Meter<'_, Report>,
    stop: oneshot::Receiver<i32>,
) -> Result<Ended, Failure> {
    let plan = args.plan()?;
    let (local, to) = talk::ends(&plan).await?;
    let socket = talk::unconnected(local, to, plan.mode)?;
    let reliable = start(socket, &args.way.private, meter.report())?;
    meter.left_out(&source);
    let peer = Peer::new(&plan.peer, args.way.private.peer_key);
    let run = own_key::chance();
    let mut session =
        Session { args, reliable: &reliable, to, peer, run, meter, sending: Sending::new(source) };
    let stop = stopped(stop);
    let ended = select! {
        biased;
        signal = stop => {
            session.meter.interrupted();
            Ended { failure: None, signal: Some(signal) }
        }
        failure = session.send() => {
            let failure = failure.or_else(|| session.meter.not_all(&plan.peer));
            Ended { failure, signal: None }
        }
    };
    drop(session);
    let _ = timeout(LAST_CLOSE, reliable.finish()).await;
    Ok(ended)
}

struct Session<'a, 'r> {
    args: &'a SendFileArgs,
    reliable: &'a Reliable,
    to: SocketAddr,
    peer: Peer,
    /// What tells this run from others, over all its connections.
    run: u64,
    meter: &'a mut Meter<'r, Report>,
    sending: Sending,
}

impl Session<'_, '_> {
    async fn send(&mut self) -> Option<Failure> {
        let address = self.args.to.to_string();
        // How many attempts have brought nothing.
        let mut failed = 0;
        loop {
            let before = self.meter.steps();
            let why = match self.attempt().await {
                Ok(()) => return None,
                Err(Stopped::Failed(failure)) => return Some(failure),
                Err(Stopped::NoAnswer) if !self.meter.has_connected() => {
                    return Some(no_answer(&address));
                }
                Err(Stopped::NoAnswer) => "nobody answers".to_owned(),
                Err(Stopped::Broken(broken)) => {
                    let words = broken.to_string();
                    sanitize::line(&words).into_owned()
                }
            };
            failed = if self.meter.steps() > before { 1 } else { failed + 1 };
            let why = format!("the connection to {address} broke: {why}");
            if failed > self.args.retry {
                return Some(
                    Failure::new(Exit::Failed, "broken", why)
                        .hint("what has come over is kept: the same command goes on from there"),
                );
            }
            self.meter.connecting_again(&why, PAUSE);
            sleep(PAUSE).await;
        }
    }

    /// Sends what is left over a connection.
    async fn attempt(&mut self) -> Result<(), Stopped> {
        let report = self.meter.report();
        let met = reach(self.reliable, self.to, &self.peer, report).await;
        let met = met.map_err(Stopped::Failed)?;
        let Met { connection, key, known } = met.ok_or(Stopped::NoAnswer)?;
        self.meter.connected();
        report.connected(self.to, &key, known, self.peer.file());
        let mut stream = Stream::new(connection, CHANNEL);
        let mut wire = Wire::new(&mut stream, Patience::default());
        let opening = ClientOpening::new(Way::ToServer, Vec::new(), self.run);
        open(&mut wire, opening, &self.args.to.to_string()).await?;
        let sent = transfer::send(&mut wire, &mut self.sending, self.meter).await;
        drop(wire);
        match sent {
            Ok(()) => {
                let close = stream.connection().close(CloseCode::Done, "", LAST_WORDS);
                close.await;
                Ok(())
            }
            Err(broken) if broken.may_pass() => Err(Stopped::Broken(broken)),
            Err(broken) => Err(Stopped::Failed(unfit(&self.args.to.to_string(), &broken))),
        }
    }
}

/// Comes to a transfer, or finds out that nobody here does that.
async fn open(
    wire: &mut Wire<&mut Stream>,
    opening: ClientOpening,
    address: &str,
) -> Result<(), Stopped> {
    wire.say(&ClientOpening::hello());
    let unfit = |why: &str| {
        let message = format!("{address} receives no files: {}", sanitize::line(why));
        let failure = Failure::new(Exit::Failed, "not_files", message);
        Stopped::Failed(failure.hint("this does: udp-peer recv-file --dir DIR"))
    };
    let Ok(heard) = timeout(GREETING, wire.hear()).await else {
        return Err(unfit("it says nothing"));
    };
    let message = match heard {
        Ok(message) => message,
        Err(Ending::Protocol(error)) => return Err(unfit(&error.to_string())),
        Err(ending) => return Err(ending.into()),
    };
    let begin = opening.welcomed(&message).map_err(|error| unfit(&error.to_string()))?;
    wire.say(&begin);
    Ok(())
}
