//! Segments and datagrams that no socket sent.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, UdpSocket};
use std::time::Duration;

use netlab::inject::{Datagram, Limits, MOST_FRAMES, Segment};
use netlab::{Lab, Level, SocketWatch, TcpState, Verdict};

use super::{LIMIT, PORT, lab};

/// Long enough to be told from a reading that takes no time.
const SLOW: Duration = Duration::from_millis(30);

pub(super) fn datagrams_arrive_from_whom_they_say(level: Level) {
    let lab = lab(level);
    let to = SocketAddrV4::new(lab.host("server").address(), PORT);
    let socket = lab.host("server").run(move || UdpSocket::bind(to)).unwrap();
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    let mut injector =
        lab.injector("client", "server", Limits { frames: 2, per_second: 1000 }).unwrap();
    let (from, mut heard) = ("198.18.0.1:1024".parse().unwrap(), [0; 2048]);
    // Without a way to its sender a datagram is dropped as any other, so there must be one.
    lab.route_to_nobody("server", Ipv4Addr::new(198, 18, 0, 0), 15).unwrap();
    let longest = [7; 1472];
    assert!(injector.send_datagram(Datagram { from, to, payload: &[7; 1473] }).is_err());
    injector.send_datagram(Datagram { from, to, payload: &longest }).unwrap();
    assert_eq!(socket.recv_from(&mut heard).unwrap(), (1472, from.into()));
    assert_eq!(heard[..1472], longest);
    injector.send_datagram(Datagram { from, to, payload: b"" }).unwrap();
    assert_eq!(socket.recv_from(&mut heard).unwrap(), (0, from.into()));
    assert!(
        injector.send_datagram(Datagram { from, to, payload: b"" }).is_err(),
        "two were allowed"
    );
}

pub(super) fn answered_to_nobody(level: Level) {
    let lab = lab(level);
    let (server, wire) = (lab.host("server"), lab.wire().unwrap());
    let address = SocketAddr::from((server.address(), PORT));
    let _listener = server.run(move || TcpListener::bind(address)).unwrap();
    let half_open = SocketWatch::start(server, lab.clock(), |sockets| {
        sockets.iter().filter(|socket| socket.state == TcpState::SynRecv).count()
    });
    let limits = Limits { frames: 2, per_second: 1000 };
    let mut injector = lab.injector("client", "server", limits).unwrap();
    let forged = |number: u8| Segment {
        from: format!("198.18.0.{number}:1024").parse().unwrap(),
        to: format!("10.0.0.2:{PORT}").parse().unwrap(),
        sequence: 7,
        acknowledgement: None,
    };
    // Without a way to its sender a request is not even kept.
    injector.send(forged(1)).unwrap();
    wire.wait_for(LIMIT, |record| record.delivered().is_some()).expect("the first request");
    lab.route_to_nobody("server", Ipv4Addr::new(198, 18, 0, 0), 15).unwrap();
    injector.send(forged(2)).unwrap();
    let lost = wire.wait_for(LIMIT, |r| r.to.is_none()).expect("an answer to the forged sender");
    assert_eq!(lost.packet.unwrap().destination, forged(2).from.ip().to_owned());
    assert_eq!(lost.verdict, Verdict::Dropped);
    assert!(injector.send(forged(3)).is_err(), "it may send two");
    // It is kept before it is answered, and the watch looks once more at the end.
    let half_open: Vec<usize> =
        half_open.finish().unwrap().changes.into_iter().map(|(_, n)| n).collect();
    assert_eq!(half_open, [0, 1]);

    let slow = SocketWatch::start(server, lab.clock(), |_| std::thread::sleep(SLOW));
    let blind = slow.finish().unwrap().blind;
    assert!(
        blind >= SLOW,
        "a watch that takes {SLOW:?} to look says that it was blind for {blind:?}"
    );

    let too_many = Limits { frames: MOST_FRAMES + 1, ..limits };
    assert!(lab.injector("client", "server", too_many).is_err());
    let on_loopback = Lab::new(Level::L2, &["client", "server"]).unwrap();
    assert!(on_loopback.injector("client", "server", limits).is_err());
    assert!(on_loopback.route_to_nobody("server", Ipv4Addr::new(198, 18, 0, 0), 15).is_err());
}
