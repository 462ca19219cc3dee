//! A server is stopped while a client is connected, and started again at once.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use netlab::{Lab, Rule, TcpSocket, TcpState};
use nix::sys::signal::Signal;

use crate::findings::{Check, Story, Table};
use crate::observe::{Observer, Watch, lifelines};
use crate::stage::{PORT, Server, Stage, Trouble, sockets, until};

use super::again::{Again, OPTION};

pub(super) const PLAIN: (&str, &str) =
    ("restart-plain", "the server, started again at once as before");

pub(super) const LATE: (&str, &str) =
    ("restart-late", "the same with SO_REUSEADDR, which the old one lacked");

const FREE: (&str, &str) = ("restart-free", "until the port is free for it, by itself");

/// What the first story saw.
pub(super) struct Seen {
    /// Whether the port was in use for a server that started again without the option.
    pub(super) plain_in_use: bool,
    /// Whether it was for one that said the option, which the old server had not.
    pub(super) late_in_use: bool,
}

/// Both servers start without the option; then a third says it.
pub(super) fn without_the_option(stage: &Stage) -> Result<(Story, Seen), Trouble> {
    let scene = Scene::open(stage)?;
    let (server, watch) = scene.serve_and_stop(&[OPTION])?;
    let left = scene.left_on(server.address.port())?;
    let mut plain = scene.again(server.address, &[OPTION])?;
    plain.stop()?;
    let late = scene.again(server.address, &[])?;
    let free = scene.free_again(server.address, &left)?;
    let seen = watch.end(&scene.lab)?;
    let seen_of_claim =
        Seen { plain_in_use: plain.found_in_use(), late_in_use: late.found_in_use() };

    let mut story = Story {
        name: "restart".into(),
        says: "a server without SO_REUSEADDR is stopped and started again".into(),
        belief: "the port is free when the server is gone; if not, it is a Mac".into(),
        set_up: set_up(&server, OPTION),
        lifelines: lifelines(&scene.lab, "client", "server", server.address.port()),
        explanation: vec![
            "The program is gone and its listener with it, but not its connection: the server closed it \
             first, so its kernel keeps it in TIME_WAIT for a minute, to answer a FIN that may come again and \
             to keep late segments out of a new connection (RFC 9293, 3.6.1). That is a socket on the port, \
             and bind(2) finds it."
                .into(),
            "To say SO_REUSEADDR now does not help: on Linux the old socket must have said it too, and TIME_WAIT \
             remembers that it did not (socket(7), BUGS). So the option belongs in the server from its first \
             start. Our server says it unless told otherwise, as does every listener of Rust's standard \
             library; a bare socket, in C or in Python, does not."
                .into(),
        ],
        ..Story::default()
    };
    story.tables = vec![
        sockets_table(&left),
        Table {
            says: "what the user gets".into(),
            columns: ["started again as", "outcome"].map(str::to_owned).to_vec(),
            rows: outcomes(&server, &[(OPTION, &plain), ("", &late)]),
        },
    ];
    let expected = "address in use (EADDRINUSE), exit code 2".to_owned();
    let hint = plain.told.iter().any(|line| line.contains("TIME_WAIT"));
    story.checks = vec![
        Check::equal(
            "restart-time-wait",
            "what the old server leaves on the port",
            "TIME-WAIT".to_owned(),
            states(&left),
        ),
        Check::equal(PLAIN.0, PLAIN.1, expected.clone(), plain.outcome),
        Check::equal("restart-hint", "its hint names TIME_WAIT", true, hint),
        Check::equal(LATE.0, LATE.1, expected, late.outcome),
        free,
    ];
    let observer = Observer::new(&seen.records);
    seen.put_into(&mut story, &observer);
    Ok((story, seen_of_claim))
}

/// Both servers say the option, as ours does by itself.
pub(super) fn with_the_option(stage: &Stage) -> Result<Story, Trouble> {
    let scene = Scene::open(stage)?;
    let (server, watch) = scene.serve_and_stop(&[])?;
    let left = scene.left_on(server.address.port())?;
    let again = scene.again(server.address, &[])?;
    let echo = if again.found_in_use() { None } else { Some(scene.ask(server.address)?) };
    let after = scene.left_on(server.address.port())?;
    let seen = watch.end(&scene.lab)?;

    let mut story = Story {
        name: "restart-reuse".into(),
        says: "the same with SO_REUSEADDR from the start".into(),
        belief: "SO_REUSEADDR takes the port from somebody who still uses it".into(),
        set_up: set_up(&server, ""),
        lifelines: lifelines(&scene.lab, "client", "server", server.address.port()),
        explanation: vec![
            "The new server listens beside the connection in TIME_WAIT, which stays there for its minute. The \
             two cannot be confused: a segment belongs to the connection whose four numbers it carries, and to \
             the listener only where there is none."
                .into(),
        ],
        ..Story::default()
    };
    story.tables = vec![
        sockets_table(&left),
        Table {
            says: "what the user gets".into(),
            columns: ["started again as", "outcome"].map(str::to_owned).to_vec(),
            rows: outcomes(&server, &[("", &again)]),
        },
    ];
    story.checks = vec![
        Check::equal(
            "restart-reuse-time-wait",
            "what the old server leaves on the port",
            "TIME-WAIT".to_owned(),
            states(&left),
        ),
        Check::equal(
            "restart-reuse-listens",
            "the server, started again at once",
            "listens".to_owned(),
            again.outcome,
        ),
        Check::equal(
            "restart-reuse-serves",
            "what a client of it gets",
            "its echo".to_owned(),
            echo.unwrap_or_else(|| "nothing".to_owned()),
        ),
        Check::equal(
            "restart-reuse-beside",
            "the old connection is there still, in TIME_WAIT",
            true,
            after.iter().any(|socket| socket.state == TcpState::TimeWait),
        ),
    ];
    drop(again.actor);
    let observer = Observer::new(&seen.records);
    seen.put_into(&mut story, &observer);
    Ok(story)
}

/// Where a restart is played.
struct Scene<'a> {
    stage: &'a Stage,
    lab: Lab,
}

impl<'a> Scene<'a> {
    fn open(stage: &'a Stage) -> Result<Self, Trouble> {
        let lab = stage.lab(&["client", "server"])?;
        if let Some(wire) = lab.wire() {
            wire.add(Rule::delay("5 ms each way", Duration::from_millis(5)));
        }
        Ok(Self { stage, lab })
    }

    /// A server that has served a client is stopped by Ctrl-C while the client is connected.
    fn serve_and_stop(&self, args: &[&str]) -> Result<(Server, Watch), Trouble> {
        let Self { stage, lab } = self;
        let mut server = stage.server(lab, "server", "tcp-server", PORT, args)?;
        let watch = Watch::begin(lab, server.address.port())?;
        let mut client = stage.client(lab, "client", "client", server.address, &[])?;
        client.say("hello")?;
        client.expect("data")?;
        let program = &server.actor.program;
        program.signal(Signal::SIGINT).map_err(Trouble::io("stop the server"))?;
        match (server.actor.exit()?, client.exit()?) {
            (Some(0), Some(_)) => Ok((server, watch)),
            (server, _) => {
                Err(Trouble::program("tcp-server", format!("did not stop: exit code {server:?}")))
            }
        }
    }

    /// What is on the port, once nothing of it changes any more by itself.
    fn left_on(&self, port: u16) -> Result<Vec<TcpSocket>, Trouble> {
        until("the end of the connection", || {
            let mut all = sockets(&self.lab, "server")?;
            all.retain(|socket| socket.local.port() == port);
            let closing = |s: &TcpSocket| {
                !matches!(s.state, TcpState::TimeWait | TcpState::Listen | TcpState::Close)
            };
            Ok((!all.iter().any(closing)).then_some(all))
        })
    }

    /// Starts a server at this very address.
    fn again(&self, address: SocketAddr, args: &[&str]) -> Result<Again, Trouble> {
        Again::start(self.stage, &self.lab, "server", address, args)
    }

    /// When a server can start there again: waited for where there is time, else the kernel's countdown.
    fn free_again(&self, address: SocketAddr, left: &[TcpSocket]) -> Result<Check, Trouble> {
        let countdown = left.iter().filter_map(|socket| socket.expires).max().unwrap_or_default();
        let check = |after: Duration| {
            // A minute, less what the two attempts took; the kernel adds up to an eighth of its own.
            Check::seconds(FREE.0, FREE.1, 50.0..=70.0, after.as_secs_f64())
        };
        if !self.stage.full {
            return Ok(check(countdown).computed());
        }
        let start = Instant::now();
        thread::sleep(countdown);
        until("the end of TIME_WAIT", || {
            Ok(self.left_on(address.port())?.is_empty().then_some(()))
        })?;
        let again = self.again(address, &[OPTION])?;
        let listens = again.outcome == "listens";
        Ok(check(if listens { start.elapsed() } else { Duration::ZERO }))
    }

    /// Asks the server for an echo.
    fn ask(&self, address: SocketAddr) -> Result<String, Trouble> {
        let mut client = self.stage.client(&self.lab, "client", "next client", address, &[])?;
        client.say("hello again")?;
        client.expect("data")?;
        client.close_input();
        client.exit()?;
        Ok("its echo".to_owned())
    }
}

fn set_up(server: &Server, option: &str) -> Vec<String> {
    vec![
        format!("server: {}", command_line(server, option)),
        format!("client: tcp-client {}, which asks once and stays connected", server.address),
        "then Ctrl-C at the server, which closes the connection, and the server once more".into(),
    ]
}

/// A row for each line that the user gets.
fn outcomes(server: &Server, all: &[(&str, &Again)]) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for (option, again) in all {
        rows.push(vec![command_line(server, option), again.outcome.clone()]);
        rows.extend(again.told.iter().map(|line| vec![String::new(), line.clone()]));
    }
    rows
}

fn command_line(server: &Server, option: &str) -> String {
    ["tcp-server", option, &server.address.to_string()]
        .iter()
        .filter(|word| !word.is_empty())
        .copied()
        .collect::<Vec<_>>()
        .join(" ")
}

fn states(sockets: &[TcpSocket]) -> String {
    if sockets.is_empty() {
        return "nothing".to_owned();
    }
    sockets.iter().map(|socket| socket.state.to_string()).collect::<Vec<_>>().join(", ")
}

fn sockets_table(sockets: &[TcpSocket]) -> Table {
    let row = |socket: &TcpSocket| {
        let owner = if socket.inode == 0 { "no program" } else { "a program" };
        vec![
            socket.state.to_string(),
            socket.local.to_string(),
            socket.remote.to_string(),
            owner.to_owned(),
        ]
    };
    Table {
        says: "on the server's port, when the server is gone (ss -tan)".into(),
        columns: ["state", "local", "peer", "held by"].map(str::to_owned).to_vec(),
        rows: sockets.iter().map(row).collect(),
    }
}
