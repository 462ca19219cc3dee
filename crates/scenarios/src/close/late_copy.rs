//! A copy of an old segment comes when the connection is over: what else TIME_WAIT is for.

use std::thread;
use std::time::Duration;

use netlab::{Lab, Packet, Record, Rule, TcpState};

use crate::findings::{Check, Story, Table};
use crate::observe::knobs;
use crate::stage::{SOON, Stage, Trouble, sockets};

use super::scene::{DELAY, Ended, Ends, WHY, Watched, lab, server, tcp};

/// Whether a RST ends TIME_WAIT: it does where this is 0.
const KNOB: &str = "net.ipv4.tcp_rfc1337";

/// How late the copy is: the close is over long before.
const LATE: Duration = Duration::from_millis(500);

const COPY: &str = "a copy, 500 ms late";

const CHECKS: [(&str, &str); 4] = [
    ("late-copy-taken", "bytes that tcp-client gets, the copy being of six"),
    ("late-copy-answer", "what TIME_WAIT answers to the copy"),
    ("late-copy-ended", "TIME_WAIT after the server's RST, tcp_rfc1337=0"),
    ("late-copy-kept", "TIME_WAIT after the server's RST, tcp_rfc1337=1"),
];

/// What came of a connection with a late copy.
struct Late {
    lab: Lab,
    ended: Ended,
    received: u64,
    answer: &'static str,
    /// Whether the client's kernel still has TIME_WAIT at the end.
    left: bool,
    set_up: Vec<String>,
}

/// Plays the story.
pub(super) fn play(stage: &Stage) -> Result<Story, Trouble> {
    let mut story = Story {
        name: "late-copy".into(),
        says: "a copy of the server's answer comes half a second after the close".into(),
        belief: "what arrives after the close finds nobody".into(),
        explanation: vec![
            "TIME_WAIT knows the numbers of the connection, so the copy is recognised as old: nobody gets its \
             bytes, and the answer says where the connection stands. Without TIME_WAIT the ports would be free \
             for the next connection, and the copy might fall into it."
                .into(),
            "The server has forgotten the connection and answers that ACK with a RST. By default the RST ends \
             TIME_WAIT before its time: a hazard that RFC 1337 describes as the assassination of TIME_WAIT. With \
             tcp_rfc1337=1 the RST is ignored (tcp_timewait_state_process, net/ipv4/tcp_minisocks.c)."
                .into(),
        ],
        ..Story::default()
    };
    if !stage.level.has_namespaces() {
        story.checks = Check::all_skipped(&CHECKS, WHY);
        return Ok(story);
    }
    // Side by side: each waits for its copy.
    let (default, careful) = thread::scope(|scope| {
        let careful = scope.spawn(|| come_late(stage, "1"));
        let default = come_late(stage, "0");
        (default, careful.join().expect("a story does not panic"))
    });
    let (default, careful) = (default?, careful?);
    let [taken, answer, ended, kept] = CHECKS;
    story.checks = vec![
        Check::equal(taken.0, taken.1, 6, default.received),
        Check::equal(answer.0, answer.1, "ACK", default.answer),
        Check::equal(ended.0, ended.1, "gone", default.state()),
        Check::equal(kept.0, kept.1, "TIME-WAIT", careful.state()),
    ];
    story.set_up.clone_from(&default.set_up);
    let row = |knob: &str, late: &Late| {
        let then = if late.answer == "ACK" { "RST" } else { "nothing" };
        [knob, late.answer, then, late.state()].map(str::to_owned).to_vec()
    };
    let columns =
        ["tcp_rfc1337", "client answers", "server answers that", "client's TIME_WAIT then"];
    story.tables = vec![Table {
        says: "what becomes of TIME_WAIT".into(),
        columns: columns.map(str::to_owned).to_vec(),
        rows: vec![row("0, the default", &default), row("1", &careful)],
    }];
    default.ended.put_into(&mut story, &default.lab);
    Ok(story)
}

impl Late {
    fn state(&self) -> &'static str {
        if self.left { "TIME-WAIT" } else { "gone" }
    }
}

/// Closes a connection, and has a copy of the server's answer arrive afterwards.
fn come_late(stage: &Stage, rfc1337: &str) -> Result<Late, Trouble> {
    let lab = lab(stage, DELAY)?;
    let lab = lab.ok_or_else(|| Trouble::Recording("there is no wire".into()))?;
    stage.turn(&lab, "client", KNOB, rfc1337)?;
    let server = server(stage, &lab, &["--idle", "0"])?;
    let wire = lab.wire().expect("a wire was asked for");
    let from = lab.host("server").id();
    let is_data = |packet: &Packet| packet.tcp().is_some_and(|tcp| tcp.len > 0);
    wire.add(Rule::duplicate(COPY).from(from).matching(is_data).times(1));
    wire.add(Rule::delay("500 ms", LATE).from(from).matching(is_data).only([2]));

    let mut client = stage.client(&lab, "client", "client", server.address, &[])?;
    let ends = Ends::of(&lab, &client, &server)?;
    let watched = Watched::begin(&lab, ends)?;
    client.say("hello")?;
    client.close_input();
    let end = client.expect("end")?;
    ends.wait_for_the_end(&lab)?;
    let is_copy = |record: &Record| record.copy_of.is_some() && record.delivered().is_some();
    let copy = wire.wait_for(SOON, is_copy);
    let copy = copy.ok_or_else(|| Trouble::program("the wire", "delivered no copy"))?;
    let delivered = copy.delivered().unwrap_or_default();
    let answers = |record: &Record, host| record.from == host && record.sent >= delivered;
    let from_client = lab.host("client").id();
    let answer = wire.wait_for(SOON, |record| answers(record, from_client));
    let answer = answer.ok_or_else(|| Trouble::program("TIME_WAIT", "did not answer the copy"))?;
    let was_reset = tcp(&answer).is_some_and(|tcp| tcp.flags.rst);
    if !was_reset {
        let is_reset = |record: &Record| {
            let says_reset = tcp(record).is_some_and(|tcp| tcp.flags.rst);
            answers(record, from) && says_reset && record.delivered().is_some()
        };
        wire.wait_for(SOON, is_reset)
            .ok_or_else(|| Trouble::program("the server's kernel", "sent no RST"))?;
    }
    // The kernel has dealt with the RST when its delivery is recorded.
    let left = sockets(&lab, "client")?.iter().any(|socket| socket.state == TcpState::TimeWait);
    let set_up = vec![
        format!("server: tcp-server --idle 0 {}", server.address),
        format!("client: tcp-client {}: one line, then the end of its input", server.address),
        "wire: the server's answer is delivered twice, the second time 500 ms late".into(),
        knobs(&lab, "client", &[KNOB]),
    ];
    let mut ended = watched.end(&lab)?;
    let is_copy = |record: &&Record| record.copy_of.is_some();
    ended.dropped = ended.seen.records.iter().find(is_copy).map(|record| record.number);
    Ok(Late {
        ended,
        received: end["received"].as_u64().unwrap_or(0),
        answer: if was_reset { "RST" } else { "ACK" },
        left,
        set_up,
        lab,
    })
}
