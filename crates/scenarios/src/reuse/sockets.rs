//! Bare sockets for what our programs do not do: to bind and not listen, to share a port by
//! `SO_REUSEPORT`, and to share one of UDP.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use netlab::Lab;
use nix::errno::Errno;
use socket2::{Domain, Socket, Type};

use crate::stage::Trouble;

/// The host on whose loopback the pairs meet.
pub(super) const HOST: &str = "host";

/// What a socket says about sharing its address, before it is bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Says {
    Nothing,
    ReuseAddr,
    ReusePort,
}

impl Says {
    /// What it says if it is to say something.
    pub(super) fn when(self, it_does: bool) -> Self {
        if it_does { self } else { Self::Nothing }
    }
}

/// What becomes of a socket that wants an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is bound, and listens where it is to listen.
    Binds,
    /// EADDRINUSE.
    InUse,
    /// Another error.
    Fails(Errno),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Binds => f.write_str("binds"),
            Self::InUse => f.write_str("in use"),
            Self::Fails(errno) => write!(f, "{errno:?}"),
        }
    }
}

impl<T> From<&io::Result<T>> for Outcome {
    fn from(result: &io::Result<T>) -> Self {
        match result {
            Ok(_) => Self::Binds,
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => Self::InUse,
            Err(error) => Self::Fails(Errno::from_raw(error.raw_os_error().unwrap_or_default())),
        }
    }
}

/// A socket of the host, bound to an address.
pub(super) fn bound(lab: &Lab, kind: Type, says: Says, to: SocketAddr) -> io::Result<Socket> {
    lab.host(HOST).run(move || {
        let socket = Socket::new(Domain::for_address(to), kind, None)?;
        match says {
            Says::Nothing => {}
            Says::ReuseAddr => socket.set_reuse_address(true)?,
            Says::ReusePort => socket.set_reuse_port(true)?,
        }
        socket.bind(&to.into())?;
        Ok(socket)
    })
}

/// A socket of the host that listens.
pub(super) fn listener(lab: &Lab, says: Says, on: SocketAddr) -> io::Result<Socket> {
    let socket = bound(lab, Type::STREAM, says, on)?;
    socket.listen(128)?;
    Ok(socket)
}

/// The address that a socket has.
pub(super) fn address_of(socket: &Socket) -> Result<SocketAddr, Trouble> {
    let address = socket.local_addr().map_err(Trouble::io("read the address of a socket"))?;
    address.as_socket().ok_or_else(|| Trouble::program("a socket", "has no address"))
}

/// What a socket says, as a column's heading.
pub(super) fn pairs(option: &str) -> [(String, bool, bool); 4] {
    [
        ("neither says it".to_owned(), false, false),
        ("only the new one".to_owned(), false, true),
        ("only the old one".to_owned(), true, false),
        (format!("both say {option}"), true, true),
    ]
}

/// Four outcomes in one cell.
pub(super) fn in_words(outcomes: &[Outcome]) -> String {
    outcomes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
