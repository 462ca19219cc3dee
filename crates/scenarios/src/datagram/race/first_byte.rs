//! From the question to the first byte of the answer.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use netlab::Lab;

use crate::stage::{PORT, SOON, Trouble, UDP_PORT};

pub(super) fn over_tcp(lab: &Lab) -> Result<Duration, Trouble> {
    let address = SocketAddr::new(lab.host("server").address().into(), PORT);
    let failed = || Trouble::io("ask over TCP");
    let listener = lab.host("server").run(move || TcpListener::bind(address)).map_err(failed())?;
    let answering = thread::spawn(move || -> io::Result<()> {
        let (mut stream, _) = listener.accept()?;
        stream.read_exact(&mut [0])?;
        stream.write_all(b"!")
    });
    let ask = move || -> io::Result<Duration> {
        let start = Instant::now();
        let mut stream = TcpStream::connect_timeout(&address, SOON)?;
        stream.set_read_timeout(Some(SOON))?;
        stream.write_all(b"?")?;
        stream.read_exact(&mut [0])?;
        Ok(start.elapsed())
    };
    let time = lab.host("client").run(ask).map_err(failed())?;
    answering.join().expect("answering does not panic").map_err(failed())?;
    Ok(time)
}

pub(super) fn over_udp(lab: &Lab) -> Result<Duration, Trouble> {
    let address = SocketAddr::new(lab.host("server").address().into(), UDP_PORT);
    let failed = || Trouble::io("ask over UDP");
    let server = lab.host("server").run(move || UdpSocket::bind(address)).map_err(failed())?;
    let answering = thread::spawn(move || -> io::Result<()> {
        server.set_read_timeout(Some(SOON))?;
        let (_, peer) = server.recv_from(&mut [0])?;
        server.send_to(b"!", peer).map(drop)
    });
    let ask = move || -> io::Result<Duration> {
        let start = Instant::now();
        let socket = UdpSocket::bind("0.0.0.0:0")?;
        socket.set_read_timeout(Some(SOON))?;
        socket.send_to(b"?", address)?;
        socket.recv(&mut [0])?;
        Ok(start.elapsed())
    };
    let time = lab.host("client").run(ask).map_err(failed())?;
    answering.join().expect("answering does not panic").map_err(failed())?;
    Ok(time)
}
