//! From the question to the first byte of the answer.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use netlab::Lab;

use crate::stage::{PORT, SOON, Trouble, UDP_PORT};

/// TCP asks again by itself, so there is an answer in any case.
pub(super) fn over_tcp(lab: &Lab) -> Result<Option<Duration>, Trouble> {
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
    Ok(Some(time))
}

/// None where the question or its answer was lost: nobody asks again.
pub(super) fn over_udp(lab: &Lab) -> Result<Option<Duration>, Trouble> {
    let address = SocketAddr::new(lab.host("server").address().into(), UDP_PORT);
    let failed = || Trouble::io("ask over UDP");
    let server = lab.host("server").run(move || UdpSocket::bind(address)).map_err(failed())?;
    let answering = thread::spawn(move || -> io::Result<()> {
        server.set_read_timeout(Some(SOON))?;
        match server.recv_from(&mut [0]) {
            Ok((_, peer)) => server.send_to(b"!", peer).map(drop),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error),
        }
    });
    let ask = move || -> io::Result<Option<Duration>> {
        let start = Instant::now();
        let socket = UdpSocket::bind("0.0.0.0:0")?;
        socket.set_read_timeout(Some(SOON))?;
        socket.send_to(b"?", address)?;
        match socket.recv(&mut [0]) {
            Ok(_) => Ok(Some(start.elapsed())),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    };
    let time = lab.host("client").run(ask).map_err(failed())?;
    answering.join().expect("answering does not panic").map_err(failed())?;
    Ok(time)
}
