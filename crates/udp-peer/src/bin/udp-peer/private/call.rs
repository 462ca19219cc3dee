//! From an address to a connection with whom is meant.

use std::net::SocketAddr;

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

/// Calls a peer.
pub(crate) async fn call(
    reliable: &Reliable,
    to: SocketAddr,
    peer: &Peer,
    report: &Report,
) -> Result<Met, Unmet> {
    let expected = peer.expected().map_err(Unmet::Failed)?;
    match attempt(reliable, to, expected, report).await {
        Ok((connection, key)) => judge(connection, key, peer),
        // Who is it? With the other handshake it shows its key, and proves it.
        Err(Ended { end: End::WrongKey, .. }) => {
            let shown = attempt(reliable, to, None, report).await;
            let (connection, key) = shown.map_err(|ended| unmet(&ended))?;
            judge(connection, key, peer)
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

fn judge(connection: Connection, key: PublicKey, peer: &Peer) -> Result<Met, Unmet> {
    match peer.judge(&key) {
        Ok(known) => Ok(Met { connection, key, known }),
        Err(failure) => {
            connection.begin_close(CloseCode::Refused, NOT_YOU, std::time::Duration::ZERO);
            Err(Unmet::Failed(failure))
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
