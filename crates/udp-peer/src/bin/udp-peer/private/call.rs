//! From an address to a connection with whom is meant.

use std::net::SocketAddr;
use std::time::Duration;

use arq::{CloseCode, End, PublicKey};
use cli::{Exit, Failure};
use tokio::select;
use udp_peer::{Connection, Ended, News, Reliable, Unreachable};

use super::meeting::{Known, Peer};
use crate::report::Report;

/// What a peer is told whose key is another one.
pub(crate) const NOT_YOU: &str = "your key is not the one that is known here";

/// A connection with the one who is meant.
#[derive(Debug)]
pub(crate) struct Met {
    pub(crate) connection: Connection,
    pub(crate) key: PublicKey,
    pub(crate) known: Known,
}

/// Why there is none.
#[derive(Debug)]
pub(crate) enum Unmet {
    /// The peer has called us, and is to be accepted.
    Crossed,
    /// Nobody answers.
    NoAnswer,
    /// It is somebody else, or something is wrong here.
    Failed(Failure),
}

/// Comes to a connection with a peer who may be calling us meanwhile. There is none where nobody answers.
pub(crate) async fn reach(
    reliable: &Reliable,
    to: SocketAddr,
    peer: &Peer,
    report: &Report,
) -> Result<Option<Met>, Failure> {
    loop {
        match call(reliable, to, peer, report).await {
            Ok(met) => return Ok(Some(met)),
            Err(Unmet::Failed(failure)) => return Err(failure),
            Err(Unmet::NoAnswer) => return Ok(None),
            Err(Unmet::Crossed) => {}
        }
        // Where he has gone again, or there was no room for one more, he is called once more.
        if let Some((connection, key)) = theirs(reliable, to) {
            return judge(connection, key, peer).map(Some);
        }
    }
}

/// The connection that the peer there has begun. Others who have begun one are left waiting no longer.
fn theirs(reliable: &Reliable, to: SocketAddr) -> Option<(Connection, PublicKey)> {
    while let Some(connection) = reliable.try_accept() {
        let (Some(key), Some(from)) = (connection.peer(), connection.address()) else { continue };
        if canonical(from) == canonical(to) && connection.ended().is_none() {
            return Some((connection, key));
        }
        connection.begin_close(CloseCode::Refused, NOT_YOU, Duration::ZERO);
    }
    None
}

/// The same address whether or not the socket speaks both families.
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// Calls a peer.
pub(crate) async fn call(
    reliable: &Reliable,
    to: SocketAddr,
    peer: &Peer,
    report: &Report,
) -> Result<Met, Unmet> {
    let expected = peer.expected().map_err(Unmet::Failed)?;
    match attempt(reliable, to, expected, report).await {
        Ok((connection, key)) => judge(connection, key, peer).map_err(Unmet::Failed),
        // Who is it? With the other handshake it shows its key, and proves it.
        Err(Ended { end: End::WrongKey, .. }) => {
            let shown = attempt(reliable, to, None, report).await;
            let (connection, key) = shown.map_err(|ended| unmet(&ended))?;
            judge(connection, key, peer).map_err(Unmet::Failed)
        }
        Err(ended) => Err(unmet(&ended)),
    }
}

async fn attempt(
    reliable: &Reliable,
    to: SocketAddr,
    key: Option<PublicKey>,
    report: &Report,
) -> Result<(Connection, PublicKey), Ended> {
    let too_many = |_| Ended { end: End::NoAnswer, unconfirmed: 0 };
    let connection = reliable.connect(to, key).map_err(too_many)?;
    loop {
        select! {
            biased;
            key = connection.established() => {
                let key = key?;
                return Ok((connection, key));
            }
            news = connection.news() => {
                if let Ok(News::Unreachable(what)) = news {
                    report.unreachable_once(Unreachable { peer: to, what });
                }
            }
        }
    }
}

fn judge(connection: Connection, key: PublicKey, peer: &Peer) -> Result<Met, Failure> {
    match peer.judge(&key) {
        Ok(known) => Ok(Met { connection, key, known }),
        Err(failure) => {
            connection.begin_close(CloseCode::Refused, NOT_YOU, Duration::ZERO);
            Err(failure)
        }
    }
}

fn unmet(ended: &Ended) -> Unmet {
    match ended.end {
        End::Crossed => Unmet::Crossed,
        _ => Unmet::NoAnswer,
    }
}

/// Nobody answers, and nobody is waited for any longer.
pub(crate) fn no_answer(to: &str) -> Failure {
    let limit = arq::limits::HANDSHAKE_TIME.as_secs();
    let message = format!("no answer from {to} within {limit}s");
    Failure::new(Exit::Failed, "no_answer", message)
        .hint("somebody must listen there who speaks the same: udp-peer recv --reliable, or chat")
}
