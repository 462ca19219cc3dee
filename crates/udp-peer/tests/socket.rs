//! What the library tells that the program cannot show alone.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use tokio::time::timeout;
use udp_peer::{Incoming, Plain, SendError, Socket, SocketOptions, What};

/// How long anything may take before the test has failed.
const LIMIT: Duration = Duration::from_secs(20);

fn socket(options: &SocketOptions) -> Socket {
    Socket::bind("127.0.0.1:0".parse().unwrap(), options).unwrap()
}

/// A socket that sends to this peer only.
fn to(peer: SocketAddr) -> Plain {
    let mut socket = socket(&SocketOptions::default());
    socket.connect(peer).unwrap();
    Plain::new(socket)
}

/// A socket that is connected to itself takes nobody else's datagrams.
fn deaf() -> (UdpSocket, SocketAddr) {
    let deaf = UdpSocket::bind("127.0.0.1:0").unwrap();
    deaf.set_read_timeout(Some(LIMIT)).unwrap();
    let addr = deaf.local_addr().unwrap();
    deaf.connect(addr).unwrap();
    (deaf, addr)
}

#[track_caller]
fn assert_unreachable(incoming: Incoming, peer: SocketAddr) {
    let Incoming::Unreachable(unreachable) = incoming else { panic!("{incoming:?}") };
    assert_eq!((unreachable.peer, unreachable.what), (peer, What::Port));
}

/// Nothing else happens on the socket that could wake the receiver.
#[tokio::test]
async fn a_receiver_that_waits_is_woken_by_a_refusal() {
    let (_deaf, addr) = deaf();
    let plain = to(addr);
    let mut buf = [0; 16];
    let mut next = Box::pin(plain.next(&mut buf));
    // It waits already when the datagram is sent.
    assert!(timeout(Duration::ZERO, &mut next).await.is_err());
    plain.send(b"anybody?").await.unwrap();
    assert_unreachable(timeout(LIMIT, next).await.unwrap().unwrap(), addr);
}

#[tokio::test]
async fn a_datagram_whose_sending_a_refusal_disturbed_is_sent_again() {
    let (deaf, addr) = deaf();
    let plain = to(addr);
    plain.send(b"lost").await.unwrap();
    deaf.connect(plain.socket().local_addr().unwrap()).unwrap();
    // The kernel tells this call of the datagram before it.
    plain.send(b"heard").await.unwrap();
    let mut buf = [0; 16];
    let len = deaf.recv(&mut buf).unwrap();
    assert_eq!(&buf[..len], b"heard");
    assert_unreachable(timeout(LIMIT, plain.next(&mut buf)).await.unwrap().unwrap(), addr);
    assert_eq!(plain.try_next(&mut buf).unwrap(), None);
}

/// The kernel wakes the receiver, but has told the sender by the time that the receiver asks.
#[tokio::test]
async fn a_refusal_that_a_sender_was_told_reaches_the_receiver_that_waits() {
    let (deaf, addr) = deaf();
    let plain = to(addr);
    let mut buf = [0; 16];
    let mut next = Box::pin(plain.next(&mut buf));
    assert!(timeout(Duration::ZERO, &mut next).await.is_err());
    plain.send(b"lost").await.unwrap();
    deaf.connect(plain.socket().local_addr().unwrap()).unwrap();
    plain.send(b"heard").await.unwrap();
    assert_unreachable(timeout(LIMIT, next).await.unwrap().unwrap(), addr);
}

#[tokio::test]
async fn what_was_lost_is_told_once() {
    let options = SocketOptions { recv_buffer: Some(4096), ..SocketOptions::default() };
    let receiver = Plain::new(socket(&options));
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    let addr = receiver.socket().local_addr().unwrap();
    let flood = || {
        for _ in 0..100 {
            sender.send_to(&[1; 100], addr).unwrap();
        }
    };
    let mut buf = [0; 200];
    let drain = |buf: &mut [u8]| {
        let (mut received, mut lost) = (0, 0);
        while let Some(Incoming::Datagram(datagram)) = receiver.try_next(buf).unwrap() {
            received += 1;
            lost += datagram.lost_before;
        }
        (received, lost)
    };

    flood();
    // What was lost came after the last datagram that found a place, so none of them tells of it.
    let (received, lost) = drain(&mut buf);
    assert!(received > 0 && received < 100 && lost == 0, "{received} {lost}");
    sender.send_to(b"next", addr).unwrap();
    assert_eq!(drain(&mut buf), (1, 100 - received));
    assert_eq!(receiver.socket().lost_since(), 0);

    flood();
    let (received, lost) = drain(&mut buf);
    assert_eq!(lost, 0);
    assert_eq!(receiver.socket().lost_since(), 100 - received);
    assert_eq!(receiver.socket().lost_since(), 0);
    sender.send_to(b"next", addr).unwrap();
    assert_eq!(drain(&mut buf), (1, 0));
}

#[tokio::test]
async fn the_largest_datagram_passes_and_a_larger_one_does_not() {
    let receiver = socket(&SocketOptions::default());
    let plain = to(receiver.local_addr().unwrap());
    plain.send(&vec![7; 65_507]).await.unwrap();
    let mut buf = [0; 16];
    let received = timeout(LIMIT, receiver.recv(&mut buf)).await.unwrap().unwrap();
    assert_eq!((received.len, received.kept, buf), (65_507, 16, [7; 16]));
    let refused = plain.send(&vec![7; 65_508]).await;
    assert!(matches!(refused, Err(SendError::TooLong { len: 65_508, limit: 65_507 })));
}

#[tokio::test]
async fn one_socket_serves_many_peers() {
    let hub = socket(&SocketOptions::default());
    let addr = hub.local_addr().unwrap();
    let peers = [(); 3].map(|()| socket(&SocketOptions::default()));
    let mut buf = [0; 16];
    for (number, peer) in (0..).zip(&peers) {
        peer.send_to(&[number], addr).await.unwrap();
        let received = timeout(LIMIT, hub.recv(&mut buf)).await.unwrap().unwrap();
        assert_eq!((received.from, buf[0]), (peer.local_addr().unwrap(), number));
        hub.send_to(&buf[..received.kept], received.from).await.unwrap();
    }
    for (number, peer) in (0..).zip(&peers) {
        let received = timeout(LIMIT, peer.recv(&mut buf)).await.unwrap().unwrap();
        assert_eq!((received.from, received.len, buf[0]), (addr, 1, number));
    }
    let nobody = Plain::new(hub).send(b"to whom?").await;
    assert!(matches!(nobody, Err(SendError::NoPeer)));
}

/// A second socket on the same port would take the datagrams of the first.
#[tokio::test]
async fn a_port_is_never_shared() {
    let first = socket(&SocketOptions::default());
    let second = Socket::bind(first.local_addr().unwrap(), &SocketOptions::default());
    assert!(second.is_err());
}
