//! A socket that connects to itself.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use netlab::{Host, Lab, TcpSocket, TcpState};
use socket2::{Domain, Socket, Type};

use crate::findings::{Check, Story};
use crate::observe::{Observer, Watch, knobs};
use crate::stage::{SOON, Stage, Trouble, sockets};

use super::step::{outcome, outcome_of_client, own_address};

/// The only port that the host may choose, in the second half.
const ONLY: u16 = 40_000;

const BY_ACCIDENT: (&str, &str) =
    ("oneself-accident", "connecting to a free port, where the kernel may choose only that one");

const PASSIVE: (&str, &str) =
    ("oneself-passive", "connections that came by a listener (TcpPassiveOpens)");

const CLIENT: (&str, &str) = ("oneself-client", "what tcp-client says of the same");

/// Plays the story.
///
/// Bare sockets: our client tells this from a connection.
pub(super) fn play(stage: &Stage) -> Result<Story, Trouble> {
    let lab = stage.lab(&["host"])?;
    let host = lab.host("host");
    let failed = || Trouble::io("connect to oneself");
    let watch = Watch::begin(&lab, ONLY)?;
    let (socket, address) = host.run(connect_to_oneself).map_err(failed())?;
    let (state, listeners) = look(&lab, address)?;
    let heard = say_hello(&socket).map_err(failed())?;
    drop(socket);
    let free = host.run(free_port).map_err(failed())?;
    let by_accident = if lab.level().has_namespaces() {
        let range = format!("{ONLY} {ONLY}");
        stage.turn(&lab, "host", "net.ipv4.ip_local_port_range", &range)?;
        Some(by_accident(host))
    } else {
        None
    };
    let (own_port, to) = (free.port().to_string(), free.to_string());
    let args = ["--source", "127.0.0.1", "--source-port", &own_port, &to];
    let mut client = stage.failing_client(&lab, "host", "tcp-client", &args)?;
    let told = outcome_of_client(&client)?;
    client.exit()?;
    let seen = watch.end(&lab)?;

    let mut story = Story {
        name: "oneself".into(),
        says: "a socket connects to its own address and port".into(),
        belief: "connect() succeeds only where somebody listens".into(),
        set_up: vec![
            format!("a bare socket: bind() to {address}, connect() to {address}"),
            format!("tcp-client {}", args.join(" ")),
        ],
        explanation: vec![
            "The SYN goes out and comes in at the same socket, which has sent one and gets one: simultaneous \
             open, with itself. What it sends it reads. No packet is drawn, because none leaves the host."
                .into(),
            "It happens to programs that wait for a local server by trying again and again on a port of \
             the range from which the kernel takes theirs: sooner or later it takes that one, they are \
             \"connected\", and the server cannot bind any more. Servers belong on ports below the range; a \
             client can compare its own address with the peer's, as tcp-client does."
                .into(),
        ],
        ..Story::default()
    };
    if by_accident.is_some() {
        story.set_up.extend([
            format!("another: connect() to 127.0.0.1:{ONLY}, where nobody listens, with"),
            knobs(&lab, "host", &["net.ipv4.ip_local_port_range"]),
        ]);
    }
    story.checks = vec![
        Check::equal("oneself-state", "the socket whose two ends are the same", "ESTAB", &state),
        Check::equal("oneself-listeners", "listeners on its port", 0, listeners),
        Check::equal("oneself-heard", "what it reads when it says hello", "hello", &heard),
        Check::equal(CLIENT.0, CLIENT.1, "connected_to_itself", &told),
    ];
    story.checks.extend(match by_accident {
        Some(what) => {
            let expected = format!("connected to itself from port {ONLY}");
            let passive = seen.moved("host", "TcpPassiveOpens");
            [
                Check::equal(BY_ACCIDENT.0, BY_ACCIDENT.1, expected, what),
                Check::equal(PASSIVE.0, PASSIVE.1, 0, passive),
            ]
        }
        None => [BY_ACCIDENT, PASSIVE].map(|(id, says)| {
            Check::skipped(id, says, "needs a network of its own: level L0 or L1")
        }),
    });
    let observer = Observer::new(&seen.records);
    seen.put_into(&mut story, &observer);
    Ok(story)
}

fn connect_to_oneself() -> io::Result<(TcpStream, SocketAddr)> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    let address = own_address(&socket)?;
    socket.connect(&address.into())?;
    Ok((socket.into(), address))
}

/// A port that nobody has, nor had: a socket that was never connected leaves no TIME_WAIT behind.
fn free_port() -> io::Result<SocketAddr> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    own_address(&socket)
}

/// The state of the socket that is at both ends of its connection, and the listeners on its port.
fn look(lab: &Lab, address: SocketAddr) -> Result<(String, usize), Trouble> {
    let sockets = sockets(lab, "host")?;
    let is_it = |s: &&TcpSocket| s.local == address && s.remote == address;
    let state = sockets.iter().find(is_it).map_or("none".to_owned(), |s| s.state.to_string());
    let listens = |s: &&TcpSocket| s.state == TcpState::Listen && s.local.port() == address.port();
    Ok((state, sockets.iter().filter(listens).count()))
}

fn say_hello(mut socket: &TcpStream) -> io::Result<String> {
    socket.set_read_timeout(Some(SOON))?;
    socket.write_all(b"hello")?;
    let mut heard = [0; 5];
    socket.read_exact(&mut heard)?;
    Ok(String::from_utf8_lossy(&heard).into_owned())
}

/// Connects to a port where nobody listens, and says what came of it.
fn by_accident(host: &Host) -> String {
    host.run(|| {
        let tried = TcpStream::connect((Ipv4Addr::LOCALHOST, ONLY));
        let ends = tried.and_then(|socket| Ok((socket.local_addr()?, socket.peer_addr()?)));
        match ends {
            Ok((own, peer)) if own == peer => {
                format!("connected to itself from port {}", own.port())
            }
            Ok((own, peer)) => format!("connected from {own} to {peer}"),
            Err(error) => outcome(&Err::<(), _>(error)),
        }
    })
}
