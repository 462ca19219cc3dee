//! One run of `recv-file`: take what one peer sends, over as many connections as it takes.

use std::future::pending;
use std::pin::pin;
use std::time::Duration;

use arq::{CloseCode, PublicKey};
use cli::values::time_in_words;
use cli::{Exit, Failure};
use files::{Opened, ServerOpening, opening};
use proto::transfer::Way;
use proto::{Ending, Goodbye, Message, ProtocolError, Why, sanitize};
use tokio::select;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use transfer::limits::OPENING;
use transfer::{Broken, Folder, Meter, Patience, Receiving, Wire};
use udp_peer::{Connection, Reliable, Stream};

use super::{CHANNEL, Ended, LAST_WORDS, RecvFileArgs, unfit};
use crate::failures;
use crate::private::call::NOT_YOU;
use crate::private::{LAST_CLOSE, start, stopped};
use crate::recv::bind_to;
use crate::report::Report;
use udp_peer::limits::RELIABLE_RECV_BUFFER;

/// What a second peer is told.
const BUSY: &str = "somebody else is sending";

pub(super) async fn run(
    args: &RecvFileArgs,
    folder: &Folder,
    meter: &mut Meter<'_, Report>,
    stop: oneshot::Receiver<i32>,
) -> Result<Ended, Failure> {
    let socket = bind_to(&args.address(), Some(RELIABLE_RECV_BUFFER)).await?;
    let reliable = start(socket, &args.way.private, meter.report())?;
    meter.report().listening(reliable.local_addr(), None);
    let mut taking = Taking { args, folder, reliable: &reliable, meter };
    let stop = stopped(stop);
    let ended = select! {
        biased;
        signal = stop => {
            taking.meter.interrupted();
            // Who is asked to go on until he is stopped has done so.
            Ended { failure: None, signal: Some(signal).filter(|_| !args.keep) }
        }
        failure = taking.run() => Ended { failure: failure?, signal: None },
    };
    let _ = timeout(LAST_CLOSE, reliable.finish()).await;
    Ok(ended)
}

struct Taking<'a, 'r> {
    args: &'a RecvFileArgs,
    folder: &'a Folder,
    reliable: &'a Reliable,
    meter: &'a mut Meter<'r, Report>,
}

/// How a connection ended.
enum Taken {
    /// Everything has come.
    All,
    Broken(Broken),
    /// The same peer is here again: he has lost it.
    Again(Connection),
}

impl Taking<'_, '_> {
    /// Receives from one peer after the other, or from one.
    async fn run(&mut self) -> Result<Option<Failure>, Failure> {
        loop {
            let failure = self.one_peer().await?;
            let failure = failure.or_else(|| self.meter.not_all(&"the peer"));
            if !self.args.keep {
                return Ok(failure);
            }
            if let Some(failure) = failure {
                failure.print();
            }
        }
    }

    /// Receives from one peer, and waits for him where his connection breaks.
    async fn one_peer(&mut self) -> Result<Option<Failure>, Failure> {
        let until = self.args.wait.map(|wait| Instant::now() + wait);
        let mut receiving = Receiving::remembering();
        let mut who: Option<PublicKey> = None;
        let mut next: Option<Connection> = None;
        loop {
            let connection = match next.take() {
                Some(connection) => connection,
                None => match self.accept(who, until).await? {
                    Some(connection) => connection,
                    None => return Ok(Some(self.nobody())),
                },
            };
            let (Some(key), Some(from)) = (connection.peer(), connection.address()) else {
                continue;
            };
            who = Some(key);
            self.meter.connected();
            self.meter.report().came(from, &key);
            match self.take(connection, key, &mut receiving).await? {
                Taken::All => return Ok(None),
                Taken::Again(connection) => next = Some(connection),
                Taken::Broken(broken) if broken.may_pass() => {
                    let words = broken.to_string();
                    let words = sanitize::line(&words);
                    self.meter.report().waiting_for(from, &words);
                }
                Taken::Broken(broken) => return Ok(Some(unfit(&from.to_string(), &broken))),
            }
        }
    }

    /// Waits for the peer, who may be anybody where none has come yet.
    async fn accept(
        &self,
        who: Option<PublicKey>,
        until: Option<Instant>,
    ) -> Result<Option<Connection>, Failure> {
        let mut over = pin!(async {
            match until {
                Some(until) => sleep_until(until).await,
                None => pending().await,
            }
        });
        let only = who.or(self.args.way.private.peer_key);
        loop {
            let accepted = select! {
                accepted = self.reliable.accept() => accepted,
                () = &mut over => return Ok(None),
            };
            let connection = accepted.map_err(|error| failures::of_receiving(&error))?;
            match connection.peer() {
                Some(key) if only.is_none_or(|only| only == key) => return Ok(Some(connection)),
                _ => self.refuse(&connection, who.is_some()),
            }
        }
    }

    fn refuse(&self, connection: &Connection, is_busy: bool) {
        let why = if is_busy { BUSY } else { NOT_YOU };
        if let (Some(from), Some(key)) = (connection.address(), connection.peer()) {
            self.meter.report().stranger(from, &key);
        }
        connection.begin_close(CloseCode::Refused, why, Duration::ZERO);
    }

    /// Takes what comes over one connection, until it is over or the peer begins another one.
    async fn take(
        &mut self,
        connection: Connection,
        key: PublicKey,
        receiving: &mut Receiving,
    ) -> Result<Taken, Failure> {
        let mut stream = Stream::new(connection, CHANNEL);
        let mut wire = Wire::new(&mut stream, Patience::default());
        let Self { folder, reliable, meter, .. } = self;
        let again = async {
            loop {
                let connection = reliable.accept().await?;
                if connection.peer() == Some(key) {
                    return Ok(connection);
                }
                connection.begin_close(CloseCode::Refused, BUSY, Duration::ZERO);
            }
        };
        let ended = select! {
            biased;
            ended = receive(&mut wire, folder, receiving, meter) => ended,
            again = again => {
                return again.map(Taken::Again).map_err(|e: std::io::Error| failures::of_receiving(&e));
            }
        };
        if let Err(Broken { ending: ending @ Ending::Protocol(_), .. }) = &ended {
            let (name, reason) = (ending.name().into(), ending.to_string());
            wire.say(&Message::Goodbye(Goodbye { ending: name, reason }));
            // Whether or not it can still be told, that is how it ended.
            let _ = timeout(LAST_WORDS, wire.flush()).await;
        }
        drop(wire);
        match ended {
            Ok(()) => {
                stream.connection().close(CloseCode::Done, "", LAST_WORDS).await;
                Ok(Taken::All)
            }
            Err(broken) => {
                // What was said last is heard, if the peer is there.
                stream.connection().close(CloseCode::Done, "", LAST_CLOSE).await;
                // A peer that goes and comes back at once is not to find us busy with this.
                sleep(Duration::ZERO).await;
                Ok(Taken::Broken(broken))
            }
        }
    }

    fn nobody(&self) -> Failure {
        let wait = time_in_words(self.args.wait.unwrap_or_default());
        let message = format!("nobody has sent everything within {wait}");
        Failure::new(Exit::TimeLimit, "timed_out", message).hint("-W 10m waits longer")
    }
}

/// Comes to a transfer, and receives.
async fn receive(
    wire: &mut Wire<&mut Stream>,
    folder: &Folder,
    receiving: &mut Receiving,
    meter: &mut Meter<'_, Report>,
) -> Result<(), Broken> {
    let limit = OPENING;
    let opened = timeout(limit, async {
        let mut opening = ServerOpening::default();
        loop {
            match opening.handle(wire.hear().await?)? {
                Opened::Say(message) => wire.say(&message),
                Opened::Begin(begin) => return Ok::<_, Ending>(begin),
            }
        }
    });
    let begin = opened.await;
    let begin = begin.map_err(|_| Ending::Protocol(ProtocolError::Unfinished { limit }))??;
    if begin.way != Way::ToServer {
        let reason = "this takes files, and gives none".to_owned();
        wire.say(&opening::refused(Why::WrongWay, reason));
        wire.flush().await?;
        return Err(Ending::Protocol(ProtocolError::Unfinished { limit }).into());
    }
    transfer::receive(wire, folder, receiving, meter).await
}
