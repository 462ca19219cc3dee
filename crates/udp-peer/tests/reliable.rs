//! Reliable connections over real sockets of the loopback.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use arq::limits::{MAX_MESSAGE, SEND_BUFFER};
use arq::{Channel, CloseCode, Config, End, Identity, SendError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;
use udp_peer::limits::MAX_WAITING;
use udp_peer::{Connection, Entropy, News, Reliable, Socket, SocketOptions, Stream, What};

/// Nothing takes a tenth of it.
const LIMIT: Duration = Duration::from_secs(20);

const ORDERED: u8 = 0;

fn reliable_on(addr: &str, options: &SocketOptions) -> Reliable {
    let socket = Socket::bind(addr.parse().unwrap(), options).unwrap();
    let identity = Identity::generate(&mut Entropy::default());
    Reliable::start(socket, identity, Config::default()).unwrap()
}

fn reliable() -> Reliable {
    reliable_on("127.0.0.1:0", &SocketOptions::default())
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(LIMIT, future).await.expect("nothing takes so long")
}

async fn pair(one: &Reliable, other: &Reliable, to: SocketAddr) -> (Connection, Connection) {
    let calling = one.connect(to, Some(other.public_key())).unwrap();
    let called = within(other.accept()).await.unwrap();
    assert_eq!(within(calling.established()).await.ok(), Some(other.public_key()));
    assert_eq!(within(called.established()).await.ok(), Some(one.public_key()));
    assert!(called.is_incoming() && !calling.is_incoming());
    (calling, called)
}

async fn joined() -> (Reliable, Reliable, Connection, Connection) {
    let (one, other) = (reliable(), reliable());
    let (calling, called) = pair(&one, &other, other.local_addr()).await;
    (one, other, calling, called)
}

#[tokio::test]
async fn messages_go_both_ways_in_their_order_and_are_confirmed() {
    let (_one, _other, calling, called) = joined().await;
    calling.tell_confirmed();
    let channel = Channel::ordered(ORDERED);
    for number in 0..500_u64 {
        let len = usize::try_from(number * 37 % 5000).unwrap();
        let message = [number.to_string().as_bytes(), &vec![b'x'; len]].concat();
        assert_eq!(calling.send(channel, message.into()).await, Ok(number));
        assert_eq!(called.send(channel, number.to_string().into()).await, Ok(number));
    }
    for number in 0..500_u64 {
        let there = within(called.recv(channel)).await.unwrap();
        assert!(there.starts_with(number.to_string().as_bytes()));
        let here = within(calling.recv(channel)).await.unwrap();
        assert_eq!(here, number.to_string());
    }
    let mut confirmed: Vec<u64> = Vec::new();
    while confirmed.len() < 500 {
        if let News::Confirmed { number, .. } = within(calling.news()).await.unwrap() {
            confirmed.push(number);
        }
    }
    confirmed.sort_unstable();
    assert!(confirmed.into_iter().eq(0..500));
    let ended = within(calling.close(CloseCode::Done, "bye", LIMIT)).await;
    assert_eq!((ended.end, ended.unconfirmed), (End::Closed, 0));
    let ended = within(called.recv(channel)).await.unwrap_err();
    let code = CloseCode::Done.number();
    assert_eq!(ended.end, End::ClosedByPeer { code, reason: "bye".into() });
}

#[tokio::test]
async fn over_ipv6_and_to_every_address_of_a_machine_it_is_the_same() {
    for (bound, called_at) in [
        ("[::1]:0", "[::1]"),
        ("[::]:0", "[::1]"),
        ("0.0.0.0:0", "127.0.0.1"),
        // An answer from the address that the kernel would choose would be somebody else's.
        ("0.0.0.0:0", "127.9.8.7"),
    ] {
        let other = reliable_on(bound, &SocketOptions::default());
        let own = if called_at.starts_with('[') { "[::1]:0" } else { "127.0.0.1:0" };
        let one = reliable_on(own, &SocketOptions::default());
        let to = format!("{called_at}:{}", other.local_addr().port()).parse().unwrap();
        let (calling, called) = pair(&one, &other, to).await;
        called.send(Channel::ordered(ORDERED), "你好".into()).await.unwrap();
        let heard = within(calling.recv(Channel::ordered(ORDERED))).await;
        assert_eq!(heard.as_deref(), Ok("你好".as_bytes()), "{bound}");
    }
}

/// Who does not read makes the other wait, and what waits is bounded.
#[tokio::test]
async fn a_reader_that_does_not_read_holds_back_the_sender() {
    let (_one, _other, calling, called) = joined().await;
    let channel = Channel::ordered(ORDERED);
    let message = bytes::Bytes::from(vec![b'x'; 100_000]);
    let mut sent = 0_u64;
    while let Ok(given) =
        timeout(Duration::from_secs(2), calling.send(channel, message.clone())).await
    {
        given.unwrap();
        sent += 1;
        assert!(sent < 1000, "it is never held back");
    }
    let most = SEND_BUFFER as u64 + Config::default().channel_window;
    assert!(sent * 100_000 <= most + 100_000, "{sent}");
    for _ in 0..sent {
        assert_eq!(within(called.recv(channel)).await.unwrap().len(), 100_000);
    }
    within(calling.send(channel, message)).await.unwrap();
    let too_long = calling.send(channel, vec![0; MAX_MESSAGE + 1].into()).await;
    assert!(matches!(too_long, Err(SendError::TooLong { .. })));
}

/// With the count of what was lost the kernel would have no room for the rest of what it tells of several
/// datagrams that it gives in one buffer.
#[tokio::test]
async fn a_receive_buffer_that_overflows_loses_datagrams_and_nothing_else() {
    let options = SocketOptions { recv_buffer: Some(20_000), ..SocketOptions::default() };
    let (one, other) = (reliable(), reliable_on("127.0.0.1:0", &options));
    let noise = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (calling, called) = pair(&one, &other, other.local_addr()).await;
    let message = bytes::Bytes::from(vec![b'x'; 300_000]);
    for _ in 0..10 {
        // The runtime has one thread, which is this one: nobody reads meanwhile.
        for _ in 0..200 {
            noise.send_to(&[0; 1200], other.local_addr()).unwrap();
        }
        calling.send(Channel::ordered(ORDERED), message.clone()).await.unwrap();
        let heard = within(called.recv(Channel::ordered(ORDERED))).await;
        assert!(heard.as_ref() == Ok(&message));
    }
    assert!(other.counts().unreadable > 0);
}

#[tokio::test]
async fn that_nothing_receives_is_told_and_ends_nothing() {
    let one = reliable();
    let deaf = UdpSocket::bind("127.0.0.1:0").unwrap();
    let to = deaf.local_addr().unwrap();
    drop(deaf);
    let calling = one.connect(to, None).unwrap();
    assert_eq!(within(calling.news()).await, Ok(News::Unreachable(What::Port)));
    let other = reliable_on(&to.to_string(), &SocketOptions::default());
    assert_eq!(within(calling.established()).await.ok(), Some(other.public_key()));
    let called = within(other.accept()).await.unwrap();
    // Gone without a word: what is said to it is answered by the kernel.
    drop(other);
    drop(called);
    tokio::task::yield_now().await;
    calling.send(Channel::ordered(ORDERED), "still there?".into()).await.unwrap();
    assert_eq!(within(calling.news()).await, Ok(News::Unreachable(What::Port)));
    assert_eq!(calling.ended(), None);
}

#[tokio::test]
async fn a_stream_carries_bytes_and_ends_each_way_by_itself() {
    let (_one, _other, calling, called) = joined().await;
    let (mut near, mut far) = (Stream::new(calling, 3), Stream::new(called, 3));
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|n| n.to_le_bytes()[0] ^ 0x5a).collect();
    let expected = bytes.clone();
    let writing = tokio::spawn(async move {
        near.write_all(&bytes).await.unwrap();
        near.shutdown().await.unwrap();
        let mut answer = Vec::new();
        near.read_to_end(&mut answer).await.unwrap();
        answer
    });
    let mut read = Vec::new();
    within(far.read_to_end(&mut read)).await.unwrap();
    assert!(read == expected);
    far.write_all("收到".as_bytes()).await.unwrap();
    far.shutdown().await.unwrap();
    assert_eq!(within(writing).await.unwrap(), "收到".as_bytes());
}

#[tokio::test]
async fn more_than_max_waiting_are_told_why_they_are_not_taken() {
    let (one, other) = (reliable(), reliable());
    let mut calls = Vec::new();
    for _ in 0..=MAX_WAITING {
        // One after the other, so that they come in this order.
        let call = one.connect(other.local_addr(), Some(other.public_key())).unwrap();
        within(call.established()).await.unwrap();
        calls.push(call);
    }
    let last = calls.pop().unwrap();
    let ended = within(last.recv(Channel::ordered(ORDERED))).await.unwrap_err();
    let code = CloseCode::Refused.number();
    assert!(matches!(ended.end, End::ClosedByPeer { code: told, .. } if told == code), "{ended:?}");
    for _ in 0..MAX_WAITING {
        within(other.accept()).await.unwrap();
    }
}

/// Closed with a peer that is gone, it says what is not confirmed.
#[tokio::test]
async fn what_is_not_confirmed_when_it_is_closed_is_counted() {
    let (_one, other, calling, called) = joined().await;
    drop((called, other));
    for _ in 0..3 {
        calling.send(Channel::ordered(ORDERED), "x".into()).await.unwrap();
    }
    let ended = within(calling.close(CloseCode::Done, "", Duration::from_millis(200))).await;
    assert!(ended.unconfirmed == 3 || matches!(ended.end, End::ClosedByPeer { .. }), "{ended:?}");
}

/// Bytes of the process in memory.
fn memory() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

/// Each of some thousand peers of one socket has said something, and is silent now. Both sides of each
/// are in this process.
#[tokio::test]
async fn an_idle_peer_costs_at_most_eight_kib() {
    const PEERS: usize = 2000;
    let (one, other) = (reliable(), reliable());
    let mut kept = Vec::new();
    let mut before = 0;
    for number in 0..PEERS + 100 {
        if number == 100 {
            before = memory();
        }
        let (calling, called) = pair(&one, &other, other.local_addr()).await;
        calling.send(Channel::ordered(ORDERED), "hello".into()).await.unwrap();
        assert_eq!(within(called.recv(Channel::ordered(ORDERED))).await.unwrap(), "hello");
        called.send(Channel::ordered(ORDERED), "hello".into()).await.unwrap();
        assert_eq!(within(calling.recv(Channel::ordered(ORDERED))).await.unwrap(), "hello");
        kept.push(Arc::new((calling, called)));
    }
    let per_side = (memory() - before) / PEERS / 2;
    println!("{per_side} bytes for an idle peer");
    assert!(per_side <= 8 * 1024, "{per_side}");
    assert!(kept.iter().all(|pair| pair.0.ended().is_none() && pair.1.ended().is_none()));
}
