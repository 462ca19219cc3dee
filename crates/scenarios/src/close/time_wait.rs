//! Who keeps TIME_WAIT, for how long, and what is in it?

use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use netlab::{Lab, TcpSocket, TcpState};

use crate::claims::{Side, TimeWait};
use crate::findings::{Check, Story, Table};
use crate::observe::knobs;
use crate::stage::{Actor, Stage, Trouble, sockets, until};

use super::scene::{DELAY, Ends, client, lab, server};

const NAME: &str = "time-wait";

/// The kernel's own countdown, in seconds (`TCP_TIMEWAIT_LEN`).
const LENGTH: f64 = 60.0;

/// How far a busy machine may be behind when it looks.
const LATE: f64 = 2.0;

/// How long the countdown is watched.
const WATCHED: Duration = Duration::from_secs(1);

const FIN_TIMEOUT: &str = "net.ipv4.tcp_fin_timeout";

/// What was seen of one close.
struct Kept {
    first: Side,
    /// The side that keeps TIME_WAIT; none where nobody does.
    owner: Option<Side>,
    /// What it is, at once and a while later.
    at_once: Option<TcpSocket>,
    later: Option<TcpSocket>,
    /// How long that while was.
    passed: Duration,
    /// How the program ended that closed first; none where it goes on.
    exit: Option<i32>,
    /// A knob that has no say in it.
    knobs: Option<String>,
}

/// Plays the story; gives back what it says of the claim.
pub(super) fn play(stage: &Stage) -> Result<(Story, TimeWait), Trouble> {
    // Side by side: each waits for a second.
    let (client_first, server_first) = thread::scope(|scope| {
        let other = scope.spawn(|| {
            let kept = close_first(stage, Side::Client);
            stage.hosts_made_here_are_of(NAME);
            kept
        });
        let server_first = close_first(stage, Side::Server);
        (other.join().expect("a story does not panic"), server_first)
    });
    let both = [client_first?, server_first?];
    let mut story = Story {
        name: NAME.into(),
        says: "once the client closes first, once the server".into(),
        belief: "TIME_WAIT is the server making sure that it has sent everything".into(),
        explanation: vec![
            "TIME_WAIT is where the side ends up whose FIN went first, be it client or server. Everything has \
             been sent and acknowledged before: it holds no data, no file holds it, and the program may have \
             ended. What is left is a note of the addresses and the numbers, for 60 s."
                .into(),
            "The 60 s are a constant of the kernel (TCP_TIMEWAIT_LEN, include/net/tcp.h). tcp_fin_timeout, \
             here 5 s, does not shorten them: it bounds FIN-WAIT-2 of a socket that no program holds (tcp(7))."
                .into(),
        ],
        ..Story::default()
    };
    story.set_up = vec![
        "client first: tcp-server --idle 0, and tcp-client at the end of its input".into(),
        "server first: tcp-server --idle 300ms, and tcp-client that waits".into(),
    ];
    story.set_up.extend(both[0].knobs.clone());
    story.tables = vec![table(&both)];
    for kept in &both {
        story.checks.extend(kept.checks());
    }
    let [client_first, server_first] = &both;
    let held = both.iter().filter_map(|kept| kept.at_once.as_ref()).map(bytes_in);
    let time_wait = TimeWait {
        client_closes: client_first.owner,
        server_closes: server_first.owner,
        bytes_to_send: held.reduce(|one, other| one + other),
    };
    Ok((story, time_wait))
}

fn bytes_in(socket: &TcpSocket) -> u32 {
    socket.send_queue + socket.receive_queue
}

/// Has one side close first, and looks at what is left.
fn close_first(stage: &Stage, first: Side) -> Result<Kept, Trouble> {
    // It is turned to show that it has no say, so a kernel that lacks it shows the rest.
    let (lab, is_turned) = match lab(stage, DELAY)? {
        Some(lab) => {
            let client = stage.turn_if_there(&lab, "client", FIN_TIMEOUT, "5")?;
            let server = stage.turn_if_there(&lab, "server", FIN_TIMEOUT, "5")?;
            (lab, client && server)
        }
        None => (stage.lab(&["client", "server"])?, false),
    };
    let idle = if first == Side::Client { "0" } else { "300ms" };
    let server = server(stage, &lab, &["--idle", idle])?;
    let mut client: Actor = client(stage, &lab, &server)?;
    let ends = Ends::of(&lab, &client, &server)?;
    if first == Side::Client {
        client.close_input();
    }
    // Whoever closes first, our client ends when the server has closed too.
    let exit = client.exit()?;
    ends.wait_for_the_end(&lab)?;
    let at_once = left_over(&lab, ends)?;
    let looked = lab.clock().now();
    let mut later = None;
    if let Some((_, socket)) = &at_once {
        let low = socket.expires.unwrap_or_default().saturating_sub(WATCHED);
        // A RST may end it before its time: then nothing is left to count down.
        later = until("TIME_WAIT counting down", || {
            let now = left_over(&lab, ends)?.map(|(_, socket)| socket);
            let goes_on = now.as_ref().and_then(|now| now.expires).is_some_and(|left| left > low);
            Ok((!goes_on).then_some(now))
        })?;
    }
    let passed = lab.clock().now().since(looked);
    let knobs = is_turned.then(|| knobs(&lab, "client", &[FIN_TIMEOUT]));
    Ok(Kept {
        first,
        owner: at_once.as_ref().map(|(side, _)| *side),
        at_once: at_once.map(|(_, socket)| socket),
        later,
        passed,
        exit: exit.filter(|_| first == Side::Client),
        knobs,
    })
}

/// The end of the connection that is in TIME_WAIT, and whose it is.
fn left_over(lab: &Lab, ends: Ends) -> Result<Option<(Side, TcpSocket)>, Trouble> {
    let sides = [
        (Side::Client, "client", ends.client, ends.server),
        (Side::Server, "server", ends.server, ends.client),
    ];
    for (side, host, local, remote) in sides {
        let is_it = |socket: &TcpSocket, local: SocketAddr, remote: SocketAddr| {
            let ports = (socket.local.port(), socket.remote.port());
            socket.state == TcpState::TimeWait && ports == (local.port(), remote.port())
        };
        let all = sockets(lab, host)?;
        if let Some(socket) = all.into_iter().find(|socket| is_it(socket, local, remote)) {
            return Ok(Some((side, socket)));
        }
    }
    Ok(None)
}

impl Kept {
    fn id(&self, part: &str) -> String {
        format!("tw-{}-{part}", self.first)
    }

    fn checks(&self) -> Vec<Check> {
        let first = self.first;
        let owner = self.owner.map_or("nobody".to_owned(), |side| side.to_string());
        let mut checks = vec![Check::equal(
            &self.id("owner"),
            &format!("who keeps TIME_WAIT when the {first} closes first"),
            first.to_string(),
            owner,
        )];
        checks.extend(PARTS.map(|(part, says)| {
            let (id, says) = (self.id(part), format!("{first} first: {says}"));
            match &self.at_once {
                Some(socket) => self.check(part, &id, &says, socket),
                None => {
                    Check::new(&id, &says, "TIME-WAIT".into(), "nobody keeps any".into(), false)
                }
            }
        }));
        if first == Side::Client {
            let exit = self.exit.map_or("none: it goes on".to_owned(), |code| code.to_string());
            let says = "client first: exit code of the program that closed";
            checks.push(Check::equal(&self.id("program"), says, "0".to_owned(), exit));
        }
        checks
    }

    fn check(&self, part: &str, id: &str, says: &str, socket: &TcpSocket) -> Check {
        let left = seconds_left(socket);
        match part {
            LEFT => Check::seconds(id, says, LENGTH - LATE..=LENGTH, left),
            COUNTDOWN => {
                let fell = left - self.later.as_ref().map_or(left, seconds_left);
                // The kernel counts in ticks, and the second look comes a little after the moment.
                let most = ((self.passed.as_secs_f64() + 0.1) * 10.0).ceil() / 10.0;
                Check::seconds(id, says, 0.9..=most, fell)
            }
            BYTES => Check::equal(id, says, 0, bytes_in(socket)),
            _ => Check::equal(id, says, 0, socket.inode),
        }
    }
}

const LEFT: &str = "left";

const COUNTDOWN: &str = "countdown";

const BYTES: &str = "bytes";

/// What is looked at in what is left of a connection.
const PARTS: [(&str, &str); 4] = [
    (LEFT, "time left at once, by the kernel's countdown"),
    (COUNTDOWN, "how far that falls while a second passes"),
    (BYTES, "bytes that it holds"),
    ("file", "the file that holds it (inode)"),
];

fn seconds_left(socket: &TcpSocket) -> f64 {
    socket.expires.unwrap_or_default().as_secs_f64()
}

fn table(both: &[Kept]) -> Table {
    let left = |socket: Option<&TcpSocket>| match socket {
        Some(socket) => format!("{:.1} s", seconds_left(socket)),
        None => "-".to_owned(),
    };
    let row = |kept: &Kept| {
        let socket = kept.at_once.as_ref();
        vec![
            kept.first.to_string(),
            kept.owner.map_or("nobody".to_owned(), |side| side.to_string()),
            left(socket),
            left(kept.later.as_ref()),
            socket.map_or("-".to_owned(), |s| format!("{}, {}", s.receive_queue, s.send_queue)),
            socket.map_or("-".to_owned(), |socket| socket.inode.to_string()),
            match kept.exit {
                Some(code) => format!("ended, exit code {code}"),
                None => "serves others".to_owned(),
            },
        ]
    };
    let columns = [
        "closed first",
        "TIME-WAIT at",
        "left at once",
        "left later",
        "Recv-Q, Send-Q",
        "inode",
        "the program that closed",
    ];
    Table {
        says: "what is left of the connection (ss -tano state time-wait)".into(),
        columns: columns.map(str::to_owned).to_vec(),
        rows: both.iter().map(row).collect(),
    }
}
