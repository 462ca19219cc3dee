//! The load generator of `bench relay` with a relay in this process, and with one that loses a message.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use bench::relay::client::Target;
use bench::relay::crowd::{Shape, Writes};
use bench::relay::pump::WINDOW;
use bench::relay::speech::Speech;
use bench::relay::{flood, turns, verify};
use bytes::BytesMut;
use proto::limits::MAX_FRAME_LENGTH;
use proto::{Decoder, Frame, Kind};
use tcp_server::{BindOptions, Listener, stop_pair};

const TIME: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(10);
const SHAPE: Shape =
    Shape { senders: 1, receivers: 3, payload: 64, writes: Writes::Batched, window: WINDOW };

/// A relay, until the test ends.
fn relay() -> SocketAddr {
    let (sender, address) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let any = "127.0.0.1:0".parse().unwrap();
            let listener = Listener::bind(&any, &BindOptions::default()).await.unwrap();
            sender.send(listener.local_address().to_string()).unwrap();
            let (_stopper, stop) = stop_pair();
            relay::serve(listener, relay::Limits::default(), (), stop).await
        })
    });
    address.recv_timeout(PATIENCE).unwrap().parse().unwrap()
}

fn frames(address: SocketAddr) -> Target {
    Target { address, speech: Speech::Frames }
}

/// Called with a data frame and how many a client had before it; gives what is sent on.
type Change = fn(Frame, u64) -> Vec<Frame>;

/// Stands before a relay, and changes what each client gets.
fn before(relay: SocketAddr, change: Change) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming() {
            let (client, server) = (client.unwrap(), TcpStream::connect(relay).unwrap());
            let (mut upward, mut downward) =
                (client.try_clone().unwrap(), server.try_clone().unwrap());
            thread::spawn(move || io::copy(&mut upward, &mut downward));
            thread::spawn(move || pass(server, client, change));
        }
    });
    address
}

fn pass(mut server: TcpStream, mut client: TcpStream, change: Change) -> io::Result<()> {
    let (mut decoder, mut count) = (Decoder::default(), 0);
    let mut buffer = vec![0; 65_536];
    loop {
        let read = server.read(&mut buffer)?;
        if read == 0 {
            return Ok(());
        }
        decoder.push(&buffer[..read]);
        let mut out = BytesMut::new();
        while let Some(frame) = decoder.take_frame().unwrap() {
            let is_data = frame.header.kind == Kind::Data;
            let changed = if is_data { change(frame, count) } else { vec![frame] };
            count += u64::from(is_data);
            for frame in changed {
                frame.encode(MAX_FRAME_LENGTH, &mut out).unwrap();
            }
        }
        client.write_all(&out)?;
    }
}

#[test]
fn every_message_arrives_from_one_sender_and_from_four() {
    let target = frames(relay());
    for shape in [SHAPE, Shape { senders: 4, receivers: 1, payload: 16, ..SHAPE }] {
        verify::run(target, shape).unwrap();
    }
    verify::run(target, Shape { payload: 20_000, writes: Writes::Single, ..SHAPE }).unwrap();
}

#[test]
fn a_message_that_is_lost_repeated_or_stamped_otherwise_fails_the_round() {
    // The first data frame of a client is the one with which the round begins.
    let wrong: [(Change, &str); 5] = [
        (
            |frame, count| if count == 50 { vec![] } else { vec![frame] },
            "message 51 of sender 0 came after 49",
        ),
        (
            |frame, count| vec![frame; if count == 50 { 2 } else { 1 }],
            "message 50 of sender 0 came after 50",
        ),
        (
            |mut frame, count| {
                frame.header.seq += u64::from(count >= 50);
                vec![frame]
            },
            "seq 52 came after 50",
        ),
        (
            |mut frame, count| {
                frame.header.from += u32::from(count == 50);
                vec![frame]
            },
            "room, from and id are ",
        ),
        (
            |mut frame, count| {
                if count == 50 {
                    let mut payload = frame.payload.to_vec();
                    payload[20] ^= 1;
                    frame.payload = payload.into();
                }
                vec![frame]
            },
            "message 50 of sender 0 has other bytes than were sent",
        ),
    ];
    let relay = relay();
    for (change, expected) in wrong {
        let error = verify::run(frames(before(relay, change)), SHAPE).unwrap_err().to_string();
        let (receiver, wrong) = error.split_once(": ").unwrap();
        assert!(receiver.starts_with("receiver "), "{error}");
        assert!(wrong.starts_with(expected), "{error}");
    }
}

#[test]
fn what_arrives_is_counted_and_turns_are_timed() {
    let target = frames(relay());
    for writes in [Writes::Batched, Writes::Single] {
        let measured =
            flood::run(target, std::process::id(), Shape { writes, ..SHAPE }, TIME).unwrap();
        assert!(measured.value > 0.0);
        assert!(measured.server_cores.is_some() && measured.load_cores.is_some());
    }
    let turns = turns::run(target, 128, TIME).unwrap();
    assert!(turns.p50.value > 0.0 && turns.p50.value <= turns.p99);
}

#[test]
fn a_flood_that_arrives_with_more_than_was_sent_fails() {
    let address = before(relay(), |frame, count| vec![frame; if count >= 500 { 2 } else { 1 }]);
    let error = flood::run(frames(address), std::process::id(), SHAPE, TIME).unwrap_err();
    assert!(error.to_string().contains(" bytes where "), "{error}");
}

#[test]
fn a_server_that_closes_a_connection_fails_the_measurement() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || listener.incoming().for_each(drop));
    for speech in [Speech::Frames, Speech::Nats] {
        let target = Target { address, speech };
        verify::run(target, SHAPE).unwrap_err();
        flood::run(target, std::process::id(), SHAPE, TIME).unwrap_err();
        turns::run(target, 128, TIME).unwrap_err();
    }
}
