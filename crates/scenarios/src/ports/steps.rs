//! Every step left out, and the error that tells of it.

use std::io;
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, Shutdown, SocketAddr};

use socket2::{Domain, Socket, Type};

use crate::findings::{Check, Story, Table};
use crate::stage::{Stage, Trouble};

use super::step::{outcome, own_address};

/// A call that comes too early, or to the wrong socket.
struct Step {
    id: &'static str,
    call: &'static str,
    wrong: &'static str,
    expected: &'static str,
    act: fn() -> io::Result<()>,
}

const STEPS: [Step; 16] = [
    Step {
        id: "step-accept",
        call: "TCP accept()",
        wrong: "no listen()",
        expected: "EINVAL",
        act: || tcp()?.accept().map(|_| ()),
    },
    Step {
        id: "step-send",
        call: "TCP send()",
        wrong: "no connect()",
        expected: "EPIPE",
        act: || tcp()?.send(b"hello").map(|_| ()),
    },
    Step {
        id: "step-recv",
        call: "TCP recv()",
        wrong: "no connect()",
        expected: "ENOTCONN",
        act: || receive(&tcp()?),
    },
    Step {
        id: "step-shutdown",
        call: "TCP shutdown()",
        wrong: "no connect()",
        expected: "ENOTCONN",
        act: || tcp()?.shutdown(Shutdown::Write),
    },
    Step {
        id: "step-peer",
        call: "TCP getpeername()",
        wrong: "no connect()",
        expected: "ENOTCONN",
        act: || tcp()?.peer_addr().map(|_| ()),
    },
    Step {
        id: "step-connect",
        call: "TCP connect()",
        wrong: "the peer does not listen()",
        expected: "ECONNREFUSED",
        act: || {
            let peer = bound(&tcp()?)?;
            tcp()?.connect(&peer.1.into())
        },
    },
    Step {
        id: "step-connect-twice",
        call: "TCP connect()",
        wrong: "a second time",
        expected: "EISCONN",
        act: || {
            let (client, listener) = connected()?;
            client.connect(&listener.local_addr()?)
        },
    },
    Step {
        id: "step-bind-twice",
        call: "TCP bind()",
        wrong: "a second time",
        expected: "EINVAL",
        act: || {
            let socket = tcp()?;
            bound(&socket)?;
            bound(&socket).map(|_| ())
        },
    },
    Step {
        id: "step-bind-late",
        call: "TCP bind()",
        wrong: "after connect()",
        expected: "EINVAL",
        act: || bound(&connected()?.0).map(|_| ()),
    },
    Step {
        id: "step-listen-late",
        call: "TCP listen()",
        wrong: "after connect()",
        expected: "EINVAL",
        act: || connected()?.0.listen(1),
    },
    Step {
        id: "step-connect-listener",
        call: "TCP connect()",
        wrong: "after listen()",
        expected: "EISCONN",
        act: || {
            let (_, listener) = connected()?;
            listener.connect(&listener.local_addr()?)
        },
    },
    Step {
        id: "step-recv-listener",
        call: "TCP recv()",
        wrong: "at the listener",
        expected: "ENOTCONN",
        act: || receive(&connected()?.1),
    },
    Step {
        id: "step-udp-send",
        call: "UDP send()",
        wrong: "no connect() and no address",
        expected: "EDESTADDRREQ",
        act: || udp()?.send(b"hello").map(|_| ()),
    },
    Step {
        id: "step-udp-recv",
        call: "UDP recv()",
        wrong: "no bind(), so nothing comes",
        expected: "EAGAIN",
        act: || {
            let socket = udp()?;
            socket.set_nonblocking(true)?;
            receive(&socket)
        },
    },
    Step {
        id: "step-udp-listen",
        call: "UDP listen()",
        wrong: "UDP has none",
        expected: "EOPNOTSUPP",
        act: || udp()?.listen(1),
    },
    Step {
        id: "step-udp-accept",
        call: "UDP accept()",
        wrong: "UDP has none",
        expected: "EOPNOTSUPP",
        act: || udp()?.accept().map(|_| ()),
    },
];

/// Plays the story. Bare sockets: these are mistakes that our programs do not make.
pub(super) fn play(stage: &Stage) -> Result<Story, Trouble> {
    let lab = stage.lab(&["host"])?;
    let (mut rows, mut checks) = (Vec::new(), Vec::new());
    for Step { id, call, wrong, expected, act } in STEPS {
        let measured = outcome(&lab.host("host").run(act));
        rows.push([call, wrong, expected, &measured].map(str::to_owned).to_vec());
        let says = format!("{call}: {wrong}");
        checks.push(Check::equal(id, &says, expected, &measured));
    }
    Ok(Story {
        name: "steps".into(),
        says: "each call too early, too late, or at the wrong socket".into(),
        belief: "a step that is left out is noticed at once".into(),
        set_up: vec!["bare sockets on 127.0.0.1, each row with sockets of its own".into()],
        tables: vec![Table {
            says: "what each call says when a step is missing or comes at the wrong time".into(),
            columns: ["call", "what is wrong", "expected", "measured"].map(str::to_owned).to_vec(),
            rows,
        }],
        explanation: vec![
            "Most mistakes are told at once, and each has its own name. Two are not: bind() left out is no \
             mistake at all, and a UDP receiver without a port waits for ever."
                .into(),
            "send() on a socket that was never connected is EPIPE, the same as to a peer that is gone, while \
             recv() is ENOTCONN: the name alone does not tell whether there was a connection."
                .into(),
        ],
        checks,
        ..Story::default()
    })
}

fn tcp() -> io::Result<Socket> {
    Socket::new(Domain::IPV4, Type::STREAM, None)
}

fn udp() -> io::Result<Socket> {
    Socket::new(Domain::IPV4, Type::DGRAM, None)
}

/// Binds to a free port of 127.0.0.1, and gives another handle to the socket with the address.
fn bound(socket: &Socket) -> io::Result<(Socket, SocketAddr)> {
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    Ok((socket.try_clone()?, own_address(socket)?))
}

/// A client and the listener to which it is connected.
fn connected() -> io::Result<(Socket, Socket)> {
    let (listener, client) = (tcp()?, tcp()?);
    listener.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    listener.listen(1)?;
    client.connect(&listener.local_addr()?)?;
    Ok((client, listener))
}

fn receive(socket: &Socket) -> io::Result<()> {
    socket.recv(&mut [MaybeUninit::uninit(); 16]).map(|_| ())
}
