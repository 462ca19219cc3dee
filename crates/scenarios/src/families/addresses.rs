//! One server, and a client over each family: what is each called?

use std::net::SocketAddr;
use std::time::Duration;

use netlab::{Lab, LabOptions, Rule, TcpState};

use super::ways::{NO_IPV6, NO_LINK, Servers, Way};
use crate::findings::{Check, Story, Table};
use crate::observe::{Observer, Seen, Watch, lifelines};
use crate::scratch::Scratch;
use crate::stage::{Actor, PORT, Stage, Trouble, sockets, until};

/// A line that is longer than a packet, with its end.
const LEN: usize = 2000;

const WAYS: [Way; 4] = [Way::Mapped, Way::V6, Way::LinkLocal, Way::Unix];

/// What was seen of a client.
struct Called {
    way: Way,
    to: String,
    /// Its address, as it has it itself.
    itself: String,
    /// As tcp-server has it.
    by_server: String,
    /// As the server's kernel has it.
    by_kernel: String,
    /// How many bytes of the echo came back.
    echoed: u64,
    port: Option<u16>,
}

/// The check of what the client is called.
const fn check_of(way: Way) -> (&'static str, &'static str) {
    match way {
        Way::Mapped => ("families-ipv4", "the client over IPv4, as the server's program has it"),
        Way::V6 => ("families-ipv6", "the client over IPv6"),
        Way::LinkLocal => {
            ("families-link-local", "the link-local one, with the number of its link")
        }
        Way::Unix => ("families-unix", "the client over a Unix socket: it has no name"),
    }
}

const MAPPED: (&str, &str) =
    ("families-mapped", "the client over IPv4, as the kernel has it at a socket of IPv6");

const ECHO: (&str, &str) = ("families-echo", "bytes that came back over each way");

const SEGMENT_V4: (&str, &str) =
    ("families-segment-ipv4", "bytes in the longest segment over IPv4, of an MTU of 1500");

const SEGMENT_V6: (&str, &str) =
    ("families-segment-ipv6", "and over IPv6, whose header is 20 bytes longer");

/// Plays the story.
pub(super) fn play(stage: &Stage) -> Result<Story, Trouble> {
    let mut story = Story {
        name: "addresses".into(),
        says: "a server, and a client over each family that sends it a line of 2000 bytes".into(),
        belief: "the client's address is an IP address".into(),
        explanation: vec![
            "The bytes are the same over each way; the program does the same calls. What differs is what the \
             other side is called. To a socket of IPv6 an IPv4 client is ::ffff:10.0.0.1, an IPv4 address in \
             the last 32 bits of an IPv6 address (RFC 4291, 2.5.5.2), so one socket serves both; tcp-server \
             turns it back before it shows it, so that a log or a list of addresses knows it again."
                .into(),
            "A link-local address is the same on every link, so it comes with the number of one (%2, RFC 4007): \
             without it connect(2) fails with EINVAL. And a client over a Unix socket has no name at all, \
             unless it has bound one: it is told from the others by its connection only."
                .into(),
        ],
        ..Story::default()
    };
    let lab = stage
        .lab_with(&["client", "server"], LabOptions { ipv6: true, ..LabOptions::default() })?;
    if let Some(wire) = lab.wire() {
        wire.add(Rule::delay("5 ms each way", Duration::from_millis(5)));
    }
    let scratch = Scratch::new()?;
    let start = |at: &str| stage.server_at(&lab, "server", "tcp-server", at, &[]);
    let mut servers = Servers::over_ip(&lab, PORT, start)?;
    let at = format!("unix:{}", scratch.path("server").display());
    let unix = servers.add(&at, start)?;
    servers.ways.push((Way::Unix, unix, at));
    let watch = Watch::begin(&lab, PORT)?;
    let mut called = Vec::new();
    for (way, server, to) in &servers.ways {
        called.push(call(stage, &lab, *way, &servers.actors[*server], to)?);
    }
    let seen = watch.end(&lab)?;

    story.set_up = servers.at.iter().map(|at| format!("server: tcp-server {at}")).collect();
    story.set_up.push("client: tcp-client to each address in turn, a line of 2000 bytes".into());
    story.lifelines = lifelines(&lab, "client", "server", PORT);
    story.tables = vec![table(&called)];
    story.checks = checks(&lab, &called, &seen);
    let mut observer = Observer::new(&seen.records);
    for client in &called {
        if let Some(port) = client.port {
            observer.name(port, client.way.over());
        }
    }
    seen.put_into(&mut story, &observer);
    Ok(story)
}

/// A client comes, says its line and gets it back.
fn call(stage: &Stage, lab: &Lab, way: Way, server: &Actor, to: &str) -> Result<Called, Trouble> {
    let before = server.events("open").len();
    let mut client = stage.client(lab, "client", way.over(), to, &[])?;
    let connected = client.expect("connected")?;
    client.say(&"x".repeat(LEN - 1))?;
    let echoed = until("the whole echo", || {
        let data = client.events("data");
        let sum = data.iter().filter_map(|event| event["bytes"].as_u64()).sum::<u64>();
        Ok((sum >= LEN as u64).then_some(sum))
    })?;
    let open =
        until("the client at the server", || Ok(server.events("open").get(before).cloned()))?;
    let port = client.local_port().ok();
    let of_client = sockets(lab, "server")?
        .into_iter()
        .find(|socket| socket.state == TcpState::Established && Some(socket.remote.port()) == port);
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let called = Called {
        way,
        to: to.to_owned(),
        itself: text(&connected["local"]),
        by_server: text(&open["peer"]),
        by_kernel: of_client.map_or_else(|| "-".to_owned(), |socket| socket.remote.to_string()),
        echoed,
        port,
    };
    client.close_input();
    client.exit()?;
    Ok(called)
}

fn table(called: &[Called]) -> Table {
    let row = |client: &Called| {
        let Called { way, to, itself, by_server, by_kernel, .. } = client;
        [way.over(), to, itself, by_server, by_kernel].map(str::to_owned).to_vec()
    };
    Table {
        says: "what the client is called".into(),
        columns: ["over", "it connects to", "by itself", "by tcp-server", "by the kernel (ss)"]
            .map(str::to_owned)
            .to_vec(),
        rows: called.iter().map(row).collect(),
    }
}

fn checks(lab: &Lab, called: &[Called], seen: &Seen) -> Vec<Check> {
    let of = |way| called.iter().find(|client| client.way == way);
    let mut checks = Vec::new();
    for way in WAYS {
        let (id, says) = check_of(way);
        checks.push(match of(way) {
            Some(client) => {
                // A client without a name has nothing behind the colon.
                let itself = if way == Way::Unix { "unix:" } else { &client.itself };
                Check::equal(id, says, itself, &client.by_server)
            }
            None if way == Way::LinkLocal && lab.wire().is_none() => {
                Check::skipped(id, says, NO_LINK)
            }
            None => Check::skipped(id, says, NO_IPV6),
        });
    }
    checks.push(match of(Way::Mapped) {
        Some(client) => {
            let mapped = client.itself.parse::<SocketAddr>().map_or_else(
                |_| "an IPv4 address".to_owned(),
                |address| format!("[::ffff:{}]:{}", address.ip(), address.port()),
            );
            Check::equal(MAPPED.0, MAPPED.1, &mapped, &client.by_kernel)
        }
        None => Check::skipped(MAPPED.0, MAPPED.1, NO_IPV6),
    });
    let echoed: Vec<String> = called.iter().map(|client| client.echoed.to_string()).collect();
    let expected = vec![LEN.to_string(); called.len()].join(", ");
    checks.push(Check::equal(ECHO.0, ECHO.1, expected, echoed.join(", ")));
    for (way, (id, says), expected) in
        [(Way::Mapped, SEGMENT_V4, 1448), (Way::V6, SEGMENT_V6, 1428)]
    {
        checks.push(match of(way) {
            // 1500 less 20 or 40 for IP, 20 for TCP and 12 for its time stamps.
            Some(client) if lab.wire().is_some() => {
                let longest = seen
                    .records
                    .iter()
                    .filter_map(|record| record.packet.as_ref()?.tcp())
                    .filter(|tcp| Some(tcp.source_port) == client.port)
                    .map(|tcp| tcp.len)
                    .max();
                Check::equal(id, says, expected, longest.unwrap_or(0))
            }
            Some(_) => Check::skipped(id, says, "needs a recording: level L0 or L1"),
            None => Check::skipped(id, says, NO_IPV6),
        });
    }
    checks
}
