//! The third segment is lost: the client is connected, and the server is not.

use std::time::Duration;

use netlab::{Record, Rule, TcpSocket, TcpState};

use crate::findings::{Check, Story, Table};
use crate::observe::{Observer, Watch, knobs, lifelines};
use crate::stage::{PORT, SOON, Stage, Trouble, sockets};

const LOST: &str = "lost: the third segment, and what follows it";

/// The server asks again after a second; this is how long it is waited for.
const ASKS_AGAIN: Duration = Duration::from_secs(3);

const CHECKS: [(&str, &str); 5] = [
    ("third-client", "the client's socket meanwhile"),
    ("third-server", "the server's"),
    ("third-accepted", "connections that tcp-server has been given"),
    ("third-again", "time until the server sends its SYN, ACK again"),
    ("third-reply", "the reply, when the segments get through"),
];

/// Plays the story.
pub(super) fn play(stage: &Stage) -> Result<Story, Trouble> {
    let mut story = Story {
        name: "third".into(),
        says: "the client's third segment is lost, and all that it sends after it".into(),
        belief: "two would do: the client has asked and the server has answered".into(),
        explanation: vec![
            "After two segments the server knows only that somebody asked, perhaps long ago, perhaps under a \
             false address. Its number may not have arrived. So it keeps the connection half-open, gives no \
             program anything, sends its SYN, ACK again after 1, 3, 7 seconds (tcp_synack_retries), and at \
             last forgets it."
                .into(),
            "The client is connected all the while: it has heard all that it needs. What it sends waits in its \
             kernel, and whatever arrives of it first serves as the third segment, because every segment from \
             now on carries an ACK."
                .into(),
        ],
        ..Story::default()
    };
    let lab = stage.lab(&["client", "server"])?;
    let Some(wire) = lab.wire() else {
        let why = "needs a wire: level L0 or L1";
        story.checks = Check::all_skipped(&CHECKS, why);
        return Ok(story);
    };
    wire.add(Rule::delay("5 ms each way", Duration::from_millis(5)));
    let is_later = |packet: &netlab::Packet| packet.tcp().is_some_and(|tcp| !tcp.flags.syn);
    wire.add(Rule::drop(LOST).from(lab.host("client").id()).matching(is_later));
    let args = ["--mode", "lines", "--idle", "0"];
    let server = stage.server(&lab, "server", "tcp-server", PORT, &args)?;
    let watch = Watch::begin(&lab, server.address.port())?;
    let mut client = stage.client(&lab, "client", "client", server.address, &[])?;
    client.say("hello")?;
    let port = client.local_port()?;
    let said = |record: &Record| {
        let tcp = record.packet.as_ref().and_then(|packet| packet.tcp());
        tcp.is_some_and(|tcp| tcp.source_port == port && tcp.len > 0)
    };
    wire.wait_for(SOON, said).ok_or_else(|| Trouble::program("client", "said nothing"))?;
    let at_client = state(&sockets(&lab, "client")?, |s| s.local.port() == port);
    let at_server = state(&sockets(&lab, "server")?, |s| s.remote.port() == port);
    let accepted = server.actor.events("open").len();

    let is_answer = |record: &Record| {
        let tcp = record.packet.as_ref().and_then(|packet| packet.tcp());
        tcp.is_some_and(|tcp| tcp.flags.syn && tcp.flags.ack)
    };
    let first = wire.wait_for(SOON, is_answer).map(|record| record.sent);
    let is_second = |record: &Record| is_answer(record) && Some(record.sent) > first;
    let again = wire.wait_for(ASKS_AGAIN, is_second);
    wire.remove(LOST);
    let reply = client.event(SOON, "data");
    let seen = watch.end(&lab)?;

    story.set_up = vec![
        format!("server: tcp-server {} {}", args.join(" "), server.address),
        format!("client: tcp-client {}, then the line \"hello\"", server.address),
        knobs(&lab, "server", &["net.ipv4.tcp_synack_retries"]),
    ];
    story.lifelines = lifelines(&lab, "client", "server", server.address.port());
    let row =
        |who: &str, state: &str, program: &str| [who, state, program].map(str::to_owned).to_vec();
    let has = if accepted == 0 { "has heard of nobody" } else { "has the connection" };
    story.tables = vec![Table {
        says: "while the third segment is missing".into(),
        columns: ["who", "its socket", "its program"].map(str::to_owned).to_vec(),
        rows: vec![
            row("client", &at_client, "is connected and has sent its line"),
            row("server", &at_server, has),
        ],
    }];
    let [client_check, server_check, given, asks, answered] = CHECKS;
    let gap = again.zip(first).map_or(0.0, |(again, first)| again.sent.since(first).as_secs_f64());
    let reply = reply.and_then(|data| Some(data["text"].as_str()?.trim_end().to_owned()));
    story.checks = vec![
        Check::equal(client_check.0, client_check.1, "ESTAB".to_owned(), at_client),
        Check::equal(server_check.0, server_check.1, "SYN-RECV".to_owned(), at_server),
        Check::equal(given.0, given.1, 0, accepted),
        // One second (RFC 6298, 2.1), in ticks of the kernel's clock, under the load of any machine.
        Check::seconds(asks.0, asks.1, 0.9..=1.5, gap),
        Check::equal(
            answered.0,
            answered.1,
            "5 bytes, 5 characters: hello".to_owned(),
            reply.unwrap_or_else(|| "none".into()),
        ),
    ];
    let mut observer = Observer::new(&seen.records);
    observer.name(port, "client");
    seen.put_into(&mut story, &observer);
    story.queue.clear();
    Ok(story)
}

fn state(sockets: &[TcpSocket], is_it: impl Fn(&TcpSocket) -> bool) -> String {
    let socket = sockets.iter().find(|s| s.state != TcpState::Listen && is_it(s));
    socket.map_or("none".to_owned(), |socket| socket.state.to_string())
}
