//! Which of a name's addresses is taken: the first that answers (RFC 8305, "happy eyeballs").
//!
//! The addresses are tried in the resolver's order (RFC 6724), but the families in turn, as it is most often
//! a whole family that leads nowhere. Each gets a head start before the next one is tried beside it, and the
//! next one begins at once where it has failed. When one has answered, the others are given up.

use std::collections::VecDeque;
use std::net::SocketAddr;

use proto::Address;
use tokio::select;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tracing::debug;

use crate::connect::{
    Cause, ConnectOptions, Connected, Family, Limit, Unreached, Why, connect_addr,
};
use crate::limits::HEAD_START;
use crate::stream::Stream;

/// How one address was tried.
struct Tried {
    /// Which one it was, in the order in which they were begun.
    number: usize,
    addr: SocketAddr,
    started: Instant,
    reached: Result<(Stream, Address), Why>,
}

/// Connects to the first of `addresses` that answers.
pub(crate) async fn race(
    addresses: Vec<SocketAddr>,
    options: &ConnectOptions,
    limit: Limit,
) -> Result<Connected, Cause> {
    let mut left = VecDeque::from(in_turn(addresses));
    // Two attempts cannot have one port of this end, so where it is asked for they come one by one.
    let is_race = options.source_port == 0;
    let (mut trying, mut number) = (JoinSet::new(), 0);
    let mut unreached: Vec<(usize, Unreached)> = Vec::new();
    let mut next_at = Instant::now();
    loop {
        let has_next = !left.is_empty();
        let begins_alone = trying.is_empty();
        select! {
            // What has ended first: it may be what is waited for.
            biased;
            Some(tried) = trying.join_next() => {
                let tried: Tried = tried.expect("nobody aborts it, and it does not panic");
                match settle(tried) {
                    Ok(connected) => {
                        unreached.sort_by_key(|(number, _)| *number);
                        let unreached = unreached.into_iter().map(|(_, one)| one).collect();
                        return Ok(Connected { unreached, ..connected });
                    }
                    Err(one) => unreached.push(one),
                }
                next_at = Instant::now();
            }
            () = sleep_until(next_at), if has_next && (is_race || begins_alone) => {
                let addr = left.pop_front().expect("there is a next one");
                let (options, started, of) = (options.clone(), Instant::now(), number);
                // One by one, each has an equal part of what is left, so that one that does not answer
                // leaves time for the next.
                let parts = if is_race { 1 } else { u32::try_from(left.len()).unwrap_or(u32::MAX) + 1 };
                let share = limit.left().map(|left| left / parts);
                trying.spawn(async move {
                    let reached = connect_addr(addr, &options, share).await;
                    Tried { number: of, addr, started, reached }
                });
                number += 1;
                next_at = started + HEAD_START;
            }
            else => {
                unreached.sort_by_key(|(number, _)| *number);
                return Err(Cause::Unreached(unreached.into_iter().map(|(_, one)| one).collect()));
            }
        }
    }
}

fn settle(tried: Tried) -> Result<Connected, (usize, Unreached)> {
    let Tried { number, addr, started, reached } = tried;
    let elapsed = started.elapsed();
    match reached {
        Ok((stream, local)) => {
            debug!(%addr, %local, seconds = elapsed.as_secs_f64(), "connected");
            let (peer, unreached) = (addr.into(), Vec::new());
            Ok(Connected {
                stream,
                peer,
                local,
                elapsed,
                attempt: 1,
                unreached,
                #[cfg(feature = "tls")]
                agreed: None,
            })
        }
        Err(why) => {
            debug!(%addr, seconds = elapsed.as_secs_f64(), %why, "not reached");
            Err((number, Unreached { peer: addr.into(), elapsed, why }))
        }
    }
}

/// The same addresses with the families in turn, that of the first one first (RFC 8305, section 4).
fn in_turn(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let Some(first) = addresses.first().map(|addr| Family::of(addr.ip())) else { return addresses };
    let count = addresses.len();
    let (one, other): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|addr| Family::of(addr.ip()) == first);
    let (mut one, mut other) = (one.into_iter(), other.into_iter());
    let mut turned = Vec::with_capacity(count);
    while turned.len() < count {
        turned.extend(one.next());
        turned.extend(other.next());
    }
    turned
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::time::Duration;

    use super::*;

    fn addrs(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    /// A listener that drops each SYN, as its queue is full.
    fn silent() -> (TcpListener, TcpStream, SocketAddr) {
        let full = TcpListener::bind("127.0.0.1:0").unwrap();
        socket2::SockRef::from(&full).listen(0).unwrap();
        let addr = full.local_addr().unwrap();
        let filling = TcpStream::connect(addr).unwrap();
        (full, filling, addr)
    }

    fn refused() -> (socket2::Socket, SocketAddr) {
        let socket =
            socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into()).unwrap();
        let addr = socket.local_addr().unwrap().as_socket().unwrap();
        (socket, addr)
    }

    async fn connect(addresses: &[SocketAddr], timeout: Duration) -> Result<Connected, Cause> {
        let options = ConnectOptions { timeout: Some(timeout), ..ConnectOptions::default() };
        race(addresses.to_vec(), &options, Limit::start(options.timeout)).await
    }

    #[test]
    fn families_come_in_turn() {
        for (given, turned) in [
            (
                &["[::1]:1", "[::2]:1", "1.0.0.1:1", "1.0.0.2:1", "1.0.0.3:1"][..],
                &["[::1]:1", "1.0.0.1:1", "[::2]:1", "1.0.0.2:1", "1.0.0.3:1"][..],
            ),
            (&["1.0.0.1:1", "[::1]:1"], &["1.0.0.1:1", "[::1]:1"]),
            (&["[::1]:1", "[::2]:1"], &["[::1]:1", "[::2]:1"]),
            (&[], &[]),
        ] {
            assert_eq!(in_turn(addrs(given)), addrs(turned));
        }
    }

    /// The second is there after `HEAD_START`, not after the time limit of the first.
    #[tokio::test]
    async fn an_address_that_does_not_answer_has_a_head_start_and_no_more() {
        let (_full, _filling, silent) = silent();
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let answering = server.local_addr().unwrap();
        let started = Instant::now();
        let connected = connect(&[silent, answering], Duration::from_secs(60)).await.unwrap();
        assert_eq!(connected.peer, answering.into());
        let took = started.elapsed();
        assert!((HEAD_START..Duration::from_secs(10)).contains(&took), "{took:?}");
        // It was given up, and not found wanting.
        assert!(connected.unreached.is_empty());
    }

    #[tokio::test]
    async fn the_next_one_begins_at_once_where_one_has_failed() {
        let (_socket, refusing) = refused();
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let answering = server.local_addr().unwrap();
        // Ten of them would be two seconds and a half.
        let addresses = [vec![refusing; 10], vec![answering]].concat();
        let started = Instant::now();
        let connected = connect(&addresses, Duration::from_secs(60)).await.unwrap();
        assert!(started.elapsed() < 4 * HEAD_START, "{:?}", started.elapsed());
        assert_eq!((connected.peer, connected.unreached.len()), (answering.into(), 10));
    }

    #[tokio::test]
    async fn every_address_is_told_in_the_order_in_which_they_were_begun() {
        let (_full, _filling, silent) = silent();
        let (_socket, refusing) = refused();
        let error = connect(&[silent, refusing], Duration::from_millis(400)).await.unwrap_err();
        let Cause::Unreached(all) = error else { panic!("{error}") };
        let peers: Vec<_> = all.iter().map(|one| one.peer.clone()).collect();
        assert_eq!(peers, [silent.into(), refusing.into()]);
        assert!(matches!(all[0].why, Why::TimedOut(limit) if limit > Duration::from_millis(300)));
        assert!(matches!(all[1].why, Why::Connect(_)), "{}", all[1]);
    }

    /// Two connects from one port at a time would be refused by this end.
    #[tokio::test]
    async fn from_a_port_of_ones_own_they_come_one_by_one() {
        let (_full, _filling, silent) = silent();
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let answering = server.local_addr().unwrap();
        let (socket, own) = refused();
        drop(socket);
        let options = ConnectOptions {
            timeout: Some(Duration::from_millis(800)),
            source_port: own.port(),
            ..ConnectOptions::default()
        };
        let limit = Limit::start(options.timeout);
        let connected = race(vec![silent, answering], &options, limit).await.unwrap();
        assert_eq!(connected.peer, answering.into());
        let [first] = &connected.unreached[..] else { panic!("{:?}", connected.unreached) };
        assert!(matches!(first.why, Why::TimedOut(share) if share <= Duration::from_millis(400)));
    }
}
