//! The same relay over TLS: what it holds back follows, and handshakes hold nobody up.

use std::env;
use std::fs;
use std::net::SocketAddr;
use std::process;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use proto::{Decoder, Ending, Frame, Hello, Join, Kind, Message, TlsFault};
use relay::{Config, Limits};
use socket2::SockRef;
use tls::{Client as Trusting, Session, Trust, self_signed};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::sleep;

use crate::support::{Relay, data, until};

/// A relay over TLS, and who trusts it.
fn start(limits: Limits) -> (Relay, Trusting) {
    let thread = format!("{:?}", std::thread::current().id());
    let folder = env::temp_dir().join(format!("relay-tls-{}-{thread}", process::id()));
    let path = folder.join("tls.pem");
    let (identity, _) = self_signed::load_or_make(&path).unwrap();
    fs::remove_dir_all(&folder).unwrap();
    let tls = Arc::new(tls::Server::new(identity, None, &path).unwrap());
    let trusting = Trusting::new(Trust::Pins(vec![tls.fingerprint()]));
    (Relay::start_with(Config { limits, tls: Some(tls) }), trusting)
}

/// A client that speaks frames over TLS.
struct Client {
    session: Session<TcpStream>,
    decoder: Decoder,
}

impl Client {
    /// Its receive buffer is small where `room` says so.
    async fn connect(address: SocketAddr, trusting: &Trusting, room: Option<u32>) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        if let Some(room) = room {
            socket.set_recv_buffer_size(room).unwrap();
        }
        let stream = socket.connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let name = trusting.name_for(None).unwrap();
        let met = trusting.connect(name, stream).await.map_err(|none| none.ending);
        Self { session: met.unwrap().session, decoder: Decoder::default() }
    }

    async fn in_room(
        address: SocketAddr,
        trusting: &Trusting,
        name: &str,
        room: Option<u32>,
    ) -> Self {
        let mut client = Self::connect(address, trusting, room).await;
        let features = vec!["ack".to_owned()];
        let hello = Hello { version: 1, name: Some(name.into()), max_frame: 1 << 20, features };
        client.send(&Message::Hello(hello)).await;
        assert!(matches!(client.message().await, Message::Welcome(_)));
        client.send(&Message::Join(Join { room: "lobby".into(), listen: true })).await;
        assert!(matches!(client.message().await, Message::Joined(joined) if joined.room == 1));
        client
    }

    async fn send(&mut self, message: &Message) {
        let mut bytes = BytesMut::new();
        message.encode(&mut bytes).unwrap();
        self.write(&bytes).await;
    }

    async fn write(&mut self, bytes: &[u8]) {
        self.session.write_all(bytes).await.unwrap();
        self.session.flush().await.unwrap();
    }

    /// The next frame; `None` at the end that was said to be one.
    async fn frame(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = self.decoder.take_frame().unwrap() {
                return Some(frame);
            }
            if self.session.read_buf(self.decoder.space()).await.unwrap() == 0 {
                return None;
            }
        }
    }

    async fn message(&mut self) -> Message {
        Message::from_frame(&self.frame().await.expect("a frame before the end")).unwrap()
    }

    async fn hears(&mut self, seq: u64) {
        loop {
            let frame = self.frame().await.expect("a frame before the end");
            if frame.header.kind == Kind::Data {
                assert_eq!(frame.header.seq, seq);
                return;
            }
        }
    }
}

/// TLS takes in more than there is room for below it. Who says nothing more still gets all of it, though the
/// relay has nothing more to write.
#[test]
fn a_reader_that_is_slow_gets_everything_to_the_last_byte() {
    const FRAMES: u64 = 2000;
    let (relay, trusting) = start(Limits::default());
    relay.block_on(async {
        let mut alice = Client::in_room(relay.address, &trusting, "alice", None).await;
        let mut slow = Client::in_room(relay.address, &trusting, "slow", Some(4096)).await;
        let said: BytesMut = (1..=FRAMES).flat_map(|id| data(1, id, &[b'x'; 2000])).collect();
        let alice = tokio::spawn(async move {
            alice.write(&said).await;
            for seq in 1..=FRAMES {
                alice.hears(seq).await;
            }
            alice
        });
        // Everything is on its way, and nobody says a word from here on.
        let mut alice = alice.await.unwrap();
        for seq in 1..=FRAMES {
            slow.hears(seq).await;
            if seq % 50 == 0 {
                sleep(Duration::from_millis(1)).await; // The pace at which it reads.
            }
        }
        assert_eq!(relay.log.endings(), [""; 0]);
        // She has not said a word meanwhile, and is still there.
        alice.write(&data(1, FRAMES + 1, b"the end")).await;
        slow.hears(FRAMES + 1).await;
    });
    relay.stop();
}

/// What TLS holds back is owed too: who takes none of it is not waited for, although nothing is left in the
/// outbox. The step is less than the 64 KiB that TLS holds, so one of them ends there.
#[test]
fn who_takes_nothing_of_what_tls_holds_is_too_slow() {
    const STEP: usize = 15_000;
    let write = Duration::from_millis(100);
    let (relay, trusting) = start(Limits { write, ..Limits::default() });
    let said = relay.block_on(async {
        let mut alice = Client::in_room(relay.address, &trusting, "alice", None).await;
        let deaf = Client::in_room(relay.address, &trusting, "deaf", Some(4096)).await;
        let mut seq = 0;
        while relay.log.endings().is_empty() {
            assert!(seq < 40, "it is never too slow");
            seq += 1;
            alice.write(&data(1, seq, &[b'x'; STEP])).await;
            alice.hears(seq).await;
            sleep(3 * write).await; // Silence, for longer than a write may wait.
        }
        drop((alice, deaf));
        seq
    });
    let closed = relay.log.closed.lock().unwrap()[0].clone();
    assert_eq!(closed.ending, Ending::TooSlow);
    assert!(closed.sent >= said * STEP as u64, "the outbox was not empty: {closed:?}");
    relay.stop();
}

#[test]
fn a_handshake_that_stalls_ends_in_time_and_holds_nobody_up() {
    let handshake = Duration::from_millis(300);
    let (relay, trusting) = start(Limits { handshake, ..Limits::default() });
    let begun = Instant::now();
    relay.block_on(async {
        let _silent = TcpStream::connect(relay.address).await.unwrap();
        let mut half = TcpStream::connect(relay.address).await.unwrap();
        half.write_all(&[0x16, 3, 1, 2, 0, 1]).await.unwrap();
        let mut alice = Client::in_room(relay.address, &trusting, "alice", None).await;
        assert!(begun.elapsed() < handshake, "she was held up");
        assert_eq!(half.read(&mut [0]).await.unwrap(), 0);
        alice.write(&data(1, 1, b"still here")).await;
        alice.hears(1).await;
        alice.session.shutdown().await.unwrap();
        until(|| (relay.log.endings().len() == 3).then_some(()));
    });
    let closed = relay.log.closed.lock().unwrap().clone();
    let stalled = Ending::Tls(TlsFault::Stalled { limit: handshake });
    assert_eq!(closed.iter().filter(|closed| closed.ending == stalled).count(), 2, "{closed:?}");
    relay.stop();
}

/// Half of them in the middle of the handshake, half of them in the middle of a word.
#[test]
fn many_that_reset_at_once_leave_nothing_behind() {
    const CLIENTS: usize = 200;
    let descriptors = || fs::read_dir("/proc/self/fd").unwrap().count();
    let (relay, trusting) = start(Limits::default());
    relay.block_on(async {
        let mut alice = Client::in_room(relay.address, &trusting, "alice", None).await;
        let (mut cut, mut known) = (Vec::new(), Vec::new());
        for number in 0..CLIENTS / 2 {
            let mut stream = TcpStream::connect(relay.address).await.unwrap();
            stream.write_all(&[0x16, 3, 1, 2, 0, 1]).await.unwrap();
            stream.set_zero_linger().unwrap();
            cut.push(stream);
            let name = format!("client {number}");
            let client = Client::in_room(relay.address, &trusting, &name, None).await;
            SockRef::from(client.session.transport()).set_linger(Some(Duration::ZERO)).unwrap();
            known.push(client);
        }
        let during = descriptors();
        drop((cut, known));
        until(|| (relay.log.endings().len() == CLIENTS).then_some(()));
        // Other tests run beside this one: two for each, its own end and the relay's, and some room.
        until(|| (descriptors() + CLIENTS <= during).then_some(()));
        alice.write(&data(1, 1, b"still here")).await;
        alice.hears(1).await;
        alice.session.shutdown().await.unwrap();
    });
    let endings = relay.endings(CLIENTS + 1);
    assert!(endings[..CLIENTS].iter().all(|ending| *ending == "PeerReset"), "{endings:?}");
    assert_eq!(relay.stop().served, CLIENTS as u64 + 1);
}

/// People with `openssl s_client -quiet` and programs meet, and both are told of the end before it comes.
#[test]
fn lines_and_frames_meet_and_hear_goodbye() {
    let (relay, trusting) = start(Limits::default());
    let (mut alice, mut bob) = relay.block_on(async {
        let mut alice = Client::in_room(relay.address, &trusting, "alice", None).await;
        let bob = Client::connect(relay.address, &trusting, None).await.session;
        let mut bob = BufReader::new(bob);
        bob.write_all("/nick 小明\n/join lobby\n你好\n".as_bytes()).await.unwrap();
        bob.flush().await.unwrap();
        alice.hears(1).await;
        alice.write(&data(1, 1, b"hey")).await;
        let mut line = String::new();
        while line != "alice: hey\n" {
            line.clear();
            assert!(bob.read_line(&mut line).await.unwrap() > 0);
        }
        (alice, bob)
    });
    relay.stopper.stop();
    relay.block_on(async {
        let mut rest = String::new();
        bob.read_to_string(&mut rest).await.unwrap();
        assert!(rest.ends_with("* goodbye: the relay shuts down\n"), "{rest}");
        let mut last = None;
        while let Some(frame) = alice.frame().await {
            last = Some(frame);
        }
        let Message::Goodbye(goodbye) = Message::from_frame(&last.unwrap()).unwrap() else {
            panic!("it says goodbye last")
        };
        assert_eq!(goodbye.ending, "Shutdown");
        drop((alice, bob));
    });
    assert_eq!(relay.endings(2), ["Shutdown"; 2]);
    relay.stop();
}
