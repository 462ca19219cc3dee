//! Sockets of the test itself, for a program to meet.

use std::io::Read as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};

use crate::running::LIMIT;

/// A listener of this process, on a free port of the loopback.
#[derive(Debug)]
pub struct Peer {
    listener: TcpListener,
    /// Where it listens.
    pub addr: SocketAddr,
}

impl Peer {
    /// Listens on IPv4.
    pub fn listen() -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    /// Takes over a listener.
    pub fn on(listener: TcpListener) -> Self {
        // `accept` keeps to the time limit of reads, see socket(7).
        SockRef::from(&listener).set_read_timeout(Some(LIMIT)).unwrap();
        let addr = listener.local_addr().unwrap();
        Self { listener, addr }
    }

    /// The address as a program takes it.
    pub fn target(&self) -> String {
        self.addr.to_string()
    }

    /// The next connection, whose reads and writes have a time limit too.
    pub fn accept(&self) -> TcpStream {
        with_limit(self.listener.accept().unwrap().0)
    }
}

/// A connection of this process whose reads and writes have a time limit.
pub fn connect(addr: SocketAddr) -> TcpStream {
    with_limit(TcpStream::connect_timeout(&addr, LIMIT).unwrap())
}

fn with_limit(stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.set_write_timeout(Some(LIMIT)).unwrap();
    stream
}

/// All that comes until the peer's FIN.
pub fn read_to_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    bytes
}

/// Closes with a reset.
pub fn reset(stream: TcpStream) {
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    drop(stream);
}

/// A port on which nothing listens, and on which nothing else will while the socket is kept: it is bound.
pub fn unused_port() -> (Socket, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let addr = socket.local_addr().unwrap().as_socket().unwrap();
    (socket, addr)
}

/// A listener whose queue is full, so that the kernel drops each further SYN, and what fills it.
///
/// The queue of `listen(0)` has room for one connection: the kernel refuses only when it holds more than
/// the backlog says (`sk_acceptq_is_full`).
pub fn full_queue() -> (Socket, TcpStream, SocketAddr) {
    let (socket, addr) = unused_port();
    socket.listen(0).unwrap();
    (socket, connect(addr), addr)
}
