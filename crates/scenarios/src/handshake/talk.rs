//! One request and one reply, and the sockets of both ends while they become a connection.

use std::io::{self, Read as _};
use std::process::Command;
use std::time::Duration;

use netlab::clock::Moment;
use netlab::{Lab, Rule, SocketWatch, TcpSocket, TcpState};

use crate::findings::{Check, Story, Table};
use crate::observe::{Observer, Seen, Watch, lifelines};
use crate::played_again::{Played, unspoiled};
use crate::stage::{Actor, PORT, Server, Stage, Trouble, sockets};

/// Each way: long beside what the programs take, so that each step has a time of its own.
const DELAY: Duration = Duration::from_millis(20);

/// How often the story is played at most.
const TRIES: usize = 8;

const LINE: &str = "你好, 안녕, hello";

const WIRE_CHECKS: [(&str, &str); 7] = [
    ("talk-three", "the segments before the first data"),
    ("talk-together", "what the server's only segment among them carries"),
    ("talk-answer", "the SYN, ACK leaves, after the SYN"),
    ("talk-third", "the ACK leaves, after the SYN"),
    ("talk-client-states", "the states of the client's socket"),
    ("talk-server-states", "the states of the server's"),
    ("talk-rtt", "the round trip that the client's kernel has measured"),
];

/// The states of one socket over time.
type States = Vec<(Moment, Option<TcpState>)>;

/// Plays the story; gives back whether the server's SYN and ACK travelled in one segment.
///
/// A machine so busy that nobody looked at the sockets for as long as a state lasts has not seen the story,
/// and it is played again.
pub(super) fn play(stage: &Stage) -> Result<(Story, Option<bool>), Trouble> {
    unspoiled(TRIES, || play_once(stage))
}

fn play_once(stage: &Stage) -> Result<Played<Option<bool>>, Trouble> {
    let lab = stage.lab(&["client", "server"])?;
    if let Some(wire) = lab.wire() {
        wire.add(Rule::delay("20 ms each way", DELAY));
    }
    let args = ["--mode", "lines", "--idle", "0"];
    let server = stage.server(&lab, "server", "tcp-server", PORT, &args)?;
    let port = server.address.port();
    let watch = Watch::begin(&lab, port)?;
    let states = lab.wire().is_some().then(|| {
        let of = |host, is_it: fn(&TcpSocket, u16) -> bool| {
            SocketWatch::start(lab.host(host), lab.clock(), move |sockets| {
                sockets.iter().find(|socket| is_it(socket, port)).map(|socket| socket.state)
            })
        };
        let at_server = |s: &TcpSocket, port| s.local.port() == port && s.state != TcpState::Listen;
        (of("client", |s, port| s.remote.port() == port), of("server", at_server))
    });

    let (told, story_of_client) = io::pipe().map_err(Trouble::io("make a pipe"))?;
    let mut command = Command::new(stage.programs.join("tcp-client"));
    command.args(["--format", "json", "-v"]).arg(server.address.to_string());
    command.stderr(story_of_client);
    let mut client = Actor::start_overheard(&lab, "client", "client", command)?;
    client.say(LINE)?;
    let reply = client.expect("data")?["text"].as_str().unwrap_or_default().trim_end().to_owned();
    let at_client = sockets(&lab, "client")?;
    let states = match states {
        None => None,
        Some((client, server)) => {
            let finish = |watch: SocketWatch<_>| watch.finish().map_err(Trouble::io("read states"));
            Some((finish(client)?, finish(server)?))
        }
    };
    client.close_input();
    client.exit()?;
    let seen = watch.end(&lab)?;
    let local = client.local_port()?;

    let mut story = story(&lab, &server, &args);
    let observer = {
        let mut observer = Observer::new(&seen.records);
        observer.name(local, "client");
        observer
    };
    let (tells, told) = verbose(&lab, &server, local, told)?;
    let (bytes, characters) = (LINE.len(), LINE.chars().count());
    story.checks = vec![
        Check::equal(
            "talk-reply",
            "the reply to one line of text",
            format!("{bytes} bytes, {characters} characters: {LINE}"),
            reply,
        ),
        tells,
    ];
    let Some((at_client_end, at_server_end)) = states else {
        let why = "needs a wire: level L0 or L1";
        story.checks.extend(Check::all_skipped(&WIRE_CHECKS, why));
        story.tables = vec![told];
        seen.put_into(&mut story, &observer);
        return Ok(Played { story, seen: None, spoiled: None });
    };
    let blind = at_client_end.blind.max(at_server_end.blind);
    let (client_states, server_states) = (at_client_end.changes, at_server_end.changes);
    let rtt = at_client.iter().find(|s| s.local.port() == local).and_then(|s| s.info);
    let rtt = rtt.map_or(0.0, |info| info.rtt.as_secs_f64());
    let (checks, together) = wire_checks(&seen, local, (&client_states, &server_states), rtt);
    story.checks.extend(checks);
    story.tables = vec![told, moments(&observer, client_states, server_states)];
    seen.put_into(&mut story, &observer);
    // Nobody waits in it for long enough to be seen.
    story.queue.clear();
    let words = || format!("nobody looked at the sockets for {} ms", blind.as_millis());
    Ok(Played { story, seen: Some(together), spoiled: (blind >= DELAY).then(words) })
}

fn story(lab: &Lab, server: &Server, args: &[&str]) -> Story {
    Story {
        name: "talk".into(),
        says: "a client connects, sends a line of text, and gets a reply".into(),
        belief: "the client knocks, the server opens, and both are connected".into(),
        set_up: vec![
            format!("server: tcp-server {} {}", args.join(" "), server.address),
            format!("client: tcp-client -v {}, then the line \"{LINE}\"", server.address),
        ],
        lifelines: lifelines(lab, "client", "server", server.address.port()),
        explanation: vec![
            "Three segments: here is my number (SYN), I have it and here is mine (SYN, ACK), I have yours (ACK). \
             The client is connected one round trip after its SYN, the server half a round trip later; in \
             between the two do not agree, which the table shows."
                .into(),
            "The ACK may carry data, and data may follow it at once, so a handshake costs the client one round \
             trip before its first byte, not one and a half."
                .into(),
        ],
        ..Story::default()
    }
}

/// What `tcp-client -v` tells a person about its connection.
fn verbose(
    lab: &Lab,
    server: &Server,
    local: u16,
    mut told: io::PipeReader,
) -> Result<(Check, Table), Trouble> {
    let mut text = String::new();
    told.read_to_string(&mut text).map_err(Trouble::io("read what the client tells"))?;
    let from = lab.host("client").address();
    let begins = format!("connected to {} from {from}:{local} after ", server.address);
    let first = text.lines().next().unwrap_or_default();
    let tells = first.starts_with(&begins) && first.ends_with(" ms");
    let check =
        Check::equal("talk-verbose", "tcp-client -v tells both ends and the time", true, tells);
    let rows = text.lines().map(|line| vec![line.to_owned()]).collect();
    let says = "what tcp-client -v tells".to_owned();
    Ok((check, Table { says, columns: vec!["on standard error".to_owned()], rows }))
}

fn wire_checks(
    seen: &Seen,
    client_port: u16,
    states: (&States, &States),
    rtt: f64,
) -> (Vec<Check>, bool) {
    let opening: Vec<_> = seen.records.iter().take_while(|r| carries(r) == Some(0)).collect();
    let flags = |record: &netlab::Record| {
        let tcp = record.packet.as_ref().and_then(|packet| packet.tcp());
        tcp.map(|tcp| tcp.flags.to_string()).unwrap_or_default()
    };
    let of_server = seen.segments(|record, tcp| {
        tcp.destination_port == client_port && opening.iter().any(|r| r.number == record.number)
    });
    let labels = |records: &[&netlab::Record]| {
        records.iter().map(|record| flags(record)).collect::<Vec<_>>().join(" / ")
    };
    let after = |index: usize| {
        let (first, this) = (opening.first(), opening.get(index));
        first.zip(this).map_or(0.0, |(first, this)| this.sent.since(first.sent).as_secs_f64())
    };
    let path = |states: &States| {
        let known = states.iter().filter_map(|(_, state)| *state);
        known.map(|state| state.to_string()).collect::<Vec<_>>().join(", ")
    };
    let [three, one, answer, third, client, server, round_trip] = WIRE_CHECKS;
    let together = labels(&of_server) == "SYN, ACK";
    let checks = vec![
        Check::equal(three.0, three.1, "SYN / SYN, ACK / ACK".to_owned(), labels(&opening)),
        Check::equal(one.0, one.1, "SYN, ACK".to_owned(), labels(&of_server)),
        // The link's 20 and 40 ms, and what a busy machine adds; a segment sent again is later.
        Check::seconds(answer.0, answer.1, 0.019..=0.250, after(1)),
        Check::seconds(third.0, third.1, 0.039..=0.500, after(2)),
        Check::equal(client.0, client.1, "SYN-SENT, ESTAB".to_owned(), path(states.0)),
        Check::equal(server.0, server.1, "SYN-RECV, ESTAB".to_owned(), path(states.1)),
        Check::seconds(round_trip.0, round_trip.1, 0.039..=0.500, rtt),
    ];
    (checks, together)
}

/// Bytes of data in a TCP segment.
fn carries(record: &netlab::Record) -> Option<usize> {
    record.packet.as_ref().and_then(|packet| packet.tcp()).map(|tcp| tcp.len)
}

/// Each change of a socket at either end, with the state of both from then on.
fn moments(observer: &Observer, client: States, server: States) -> Table {
    let mut changes: Vec<(Moment, usize, TcpState)> = Vec::new();
    for (end, states) in [client, server].into_iter().enumerate() {
        changes.extend(states.into_iter().filter_map(|(at, state)| Some((at, end, state?))));
    }
    changes.sort_by_key(|(at, ..)| *at);
    let mut now = ["none".to_owned(), "none, one that listens".to_owned()];
    let mut rows = vec![["before", "", &now[0], &now[1]].map(str::to_owned).to_vec()];
    for (at, end, state) in changes {
        now[end] = state.to_string();
        let because = match (end, state) {
            (0, TcpState::SynSent) => "the client has called connect: its SYN leaves",
            (1, TcpState::SynRecv) => "the SYN has arrived, the SYN, ACK leaves",
            (0, TcpState::Established) => {
                "the SYN, ACK has arrived, connect returns, the ACK leaves"
            }
            (1, TcpState::Established) => "the ACK has arrived, accept returns",
            _ => "",
        };
        let at = format!("{:.1} ms", observer.millis(at));
        rows.push([at.as_str(), because, &now[0], &now[1]].map(str::to_owned).to_vec());
    }
    Table {
        says: "the sockets of both ends (ss -tan), read every millisecond".into(),
        columns: ["when", "because", "the client's", "the server's"].map(str::to_owned).to_vec(),
        rows,
    }
}
