//! Two bare ends of one connection, for what our programs do not do: to read four bytes at a time.

use std::collections::HashSet;
use std::io;
use std::net::{SocketAddr, TcpStream};

use netlab::{Lab, Tcp, TcpSocket};
use socket2::{Domain, Socket, Type};

use crate::findings::{Check, Story};
use crate::observe::{Observer, Seen, lifelines};
use crate::stage::{PORT, SOON, Stage, Trouble, sockets, until};

/// A connection, both of whose ends are in this program.
#[derive(Debug)]
pub(super) struct Pair {
    /// The end that connected; it sends what it is given at once.
    pub(super) client: TcpStream,
    /// The end that was accepted.
    pub(super) server: TcpStream,
    /// Where the server listened.
    pub(super) address: SocketAddr,
    /// The client's port.
    pub(super) port: u16,
}

/// A bare client on the host "client", which sends what it is given at once, and its port.
pub(super) fn connect_bare(lab: &Lab, to: SocketAddr) -> io::Result<(TcpStream, u16)> {
    let client = lab.host("client").run(move || TcpStream::connect(to))?;
    client.set_nodelay(true)?;
    client.set_read_timeout(Some(SOON))?;
    let port = client.local_addr()?.port();
    Ok((client, port))
}

impl Pair {
    /// Connects the host "client" with the host "server".
    pub(super) fn connect(stage: &Stage, lab: &Lab) -> Result<Self, Trouble> {
        Self::connect_with(stage, lab, |_| Ok(()))
    }

    /// The same, with a listener that is prepared first.
    pub(super) fn connect_with(
        stage: &Stage,
        lab: &Lab,
        prepare: impl FnOnce(&Socket) -> io::Result<()>,
    ) -> Result<Self, Trouble> {
        let failed = || Trouble::io("make a bare connection");
        let listener = listen(stage, lab).map_err(failed())?;
        prepare(&listener).map_err(failed())?;
        listener.listen(1).map_err(failed())?;
        let address = listener.local_addr().map_err(failed())?;
        let address = address.as_socket().expect("an IPv4 address");
        let (client, port) = connect_bare(lab, address).map_err(failed())?;
        let (server, _) = listener.accept().map_err(failed())?;
        let server = TcpStream::from(server);
        server.set_read_timeout(Some(SOON)).map_err(failed())?;
        Ok(Self { client, server, address, port })
    }

    /// Waits until so many bytes lie unread in the server's kernel.
    pub(super) fn wait_for_unread(&self, lab: &Lab, bytes: u32) -> Result<(), Trouble> {
        until(&format!("{bytes} unread bytes"), || Ok((self.unread(lab)? >= bytes).then_some(())))
    }

    /// How many bytes lie unread in the server's kernel: `Recv-Q`.
    pub(super) fn unread(&self, lab: &Lab) -> Result<u32, Trouble> {
        let sockets = sockets(lab, "server")?;
        let is_it =
            |s: &&TcpSocket| s.local.port() == self.address.port() && s.remote.port() == self.port;
        Ok(sockets.iter().find(is_it).map_or(0, |socket| socket.receive_queue))
    }

    /// Waits until all that the client has sent is acknowledged.
    pub(super) fn wait_for_acknowledgement(&self, lab: &Lab) -> Result<(), Trouble> {
        wait_for_acknowledgement(lab, self.port)
    }

    /// Puts what was seen into the story.
    pub(super) fn put_into(&self, lab: &Lab, seen: Seen, story: &mut Story) {
        story.lifelines = lifelines(lab, "client", "server", self.address.port());
        let mut observer = Observer::new(&seen.records);
        observer.name(self.port, "client");
        seen.put_into(story, &observer);
    }
}

/// A socket of the host "server" that is bound and does not listen yet.
fn listen(stage: &Stage, lab: &Lab) -> io::Result<Socket> {
    let port = if stage.level.has_namespaces() { PORT } else { 0 };
    let address = SocketAddr::new(lab.host("server").address().into(), port);
    lab.host("server").run(move || {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.bind(&address.into())?;
        Ok(socket)
    })
}

/// Waits until all that a socket of the client's host has sent is acknowledged.
pub(super) fn wait_for_acknowledgement(lab: &Lab, port: u16) -> Result<(), Trouble> {
    crate::stage::wait_for_acknowledgement(lab, "client", |socket| socket.local.port() == port)
}

/// The lengths of the segments with data that this port has sent; what was sent again counts once.
pub(super) fn segment_lengths(seen: &Seen, port: u16) -> Vec<usize> {
    let mut begun = HashSet::new();
    let mut lengths = Vec::new();
    for record in seen.segments(|_, tcp| tcp.source_port == port && tcp.len > 0) {
        let tcp: &Tcp = record.packet.as_ref().and_then(|p| p.tcp()).expect("a segment");
        if begun.insert(tcp.sequence) {
            lengths.push(tcp.len);
        }
    }
    lengths
}

/// A check of lengths of segments; skipped where there is no recording.
pub(super) fn check_lengths(
    lab: &Lab,
    id: &str,
    says: &str,
    expected: &[usize],
    measured: &[usize],
) -> Check {
    if lab.wire().is_none() {
        return Check::skipped(id, says, "needs a recording: level L0 or L1");
    }
    Check::equal(id, says, in_words(expected), in_words(measured))
}

/// `1024, 1024, 952`.
pub(super) fn in_words(lengths: &[usize]) -> String {
    lengths.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")
}
