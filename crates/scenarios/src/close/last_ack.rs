//! The last ACK gets lost: what TIME_WAIT is for.

use std::sync::atomic::{AtomicBool, Ordering};

use netlab::clock::Moment;
use netlab::{Lab, Packet, Rule, TcpSocket};

use crate::findings::{Check, Story, Table};
use crate::observe::knobs;
use crate::stage::{SOON, Stage, Trouble, sockets};

use super::scene::{
    DELAY, Ended, Ends, WHY, Watched, client, is_fin, lab, server, states_in_words, tcp,
};

const BUCKETS: &str = "net.ipv4.tcp_max_tw_buckets";

const LOST: &str = "the last ACK is lost";

const CHECKS: [(&str, &str); 5] = [
    ("last-ack-fins", "FINs that the server sends"),
    ("last-ack-answer", "what the client's kernel answers to the second, its program gone"),
    ("last-ack-restart", "time left in TIME_WAIT, counted from that answer"),
    ("last-ack-program", "exit code of tcp-client, which ended before"),
    ("last-ack-without", "what a kernel answers that keeps no TIME_WAIT"),
];

/// What came of a close whose last ACK was lost.
struct Lost {
    lab: Lab,
    ended: Ended,
    /// The answer to the second FIN.
    answer: &'static str,
    /// Seconds left in TIME_WAIT when that answer left.
    left: Option<f64>,
    exit: i32,
    set_up: Vec<String>,
}

/// Plays the story.
pub(super) fn play(stage: &Stage) -> Result<Story, Trouble> {
    let mut story = Story {
        name: "last-ack".into(),
        says: "the client closes first, its program ends, and its last ACK is lost".into(),
        belief: "TIME_WAIT is the server making sure that it has sent everything".into(),
        explanation: vec![
            "Nobody acknowledges an ACK, so its sender never learns whether it has arrived. The server, in \
             LAST-ACK, sends its FIN again after the time of a retransmission. The client's program has \
             ended, but its kernel still knows the connection: TIME_WAIT answers with the ACK, and its \
             countdown begins anew (tcp_timewait_state_process, net/ipv4/tcp_minisocks.c)."
                .into(),
            "A kernel that has forgotten the connection answers with a RST, and what was a close in order ends \
             as an error at the other side. The other use of TIME_WAIT is that a late copy of an old segment \
             finds somebody who knows that it is old, and not the next connection between the same ports."
                .into(),
        ],
        ..Story::default()
    };
    if !stage.level.has_namespaces() {
        story.checks = Check::all_skipped(&CHECKS, WHY);
        return Ok(story);
    }
    let with = lose_the_last_ack(stage, None)?;
    let without = lose_the_last_ack(stage, Some("0"))?;

    let fins = with.ended.close().iter().filter(|r| !with.ended.is_clients(r) && is_fin(r)).count();
    let [count, answer, restart, program, forgotten] = CHECKS;
    story.checks = vec![
        Check::equal(count.0, count.1, 2, fins),
        Check::equal(answer.0, answer.1, "ACK", with.answer),
        Check::seconds(restart.0, restart.1, 59.9..=60.1, with.left.unwrap_or(-1.0)),
        Check::equal(program.0, program.1, 0, with.exit),
        Check::equal(forgotten.0, forgotten.1, "RST", without.answer),
    ];
    story.set_up.clone_from(&with.set_up);
    story.tables = vec![table(&with, &without)];
    with.ended.put_into(&mut story, &with.lab);
    Ok(story)
}

/// Closes a connection whose last ACK is lost, with so many places for TIME_WAIT at the client.
fn lose_the_last_ack(stage: &Stage, buckets: Option<&str>) -> Result<Lost, Trouble> {
    let lab = lab(stage, DELAY)?;
    let lab = lab.ok_or_else(|| Trouble::Recording("there is no wire".into()))?;
    if let Some(buckets) = buckets {
        stage.turn(&lab, "client", BUCKETS, buckets)?;
    }
    let server = server(stage, &lab, &["--idle", "0"])?;
    let mut client = client(stage, &lab, &server)?;
    let ends = Ends::of(&lab, &client, &server)?;
    let wire = lab.wire().expect("a wire was asked for");
    wire.add(Rule::drop(LOST).matching(last_ack_of(ends)).times(1));
    let watched = Watched::begin(&lab, ends)?;
    client.close_input();
    let exit = client.exit()?.unwrap_or(-1);

    let lost = wire.wait_for(SOON, |record| record.rule.as_deref() == Some(LOST));
    let lost = lost.ok_or_else(|| Trouble::program("client", "sent no last ACK"))?;
    let answered = wire.wait_for(SOON, |record| {
        let is_later = record.number > lost.number && record.delivered().is_some();
        is_later && tcp(record).is_some_and(|tcp| tcp.source_port == ends.client.port())
    });
    let answered =
        answered.ok_or_else(|| Trouble::program("the client's kernel", "did not answer a FIN"))?;
    let left = countdown_from(&lab, ends, answered.sent)?;
    ends.wait_for_the_end(&lab)?;
    let set_up = vec![
        format!("server: tcp-server --idle 0 {}", server.address),
        format!("client: tcp-client {}: one line, then the end of its input", server.address),
        knobs(&lab, "client", &[BUCKETS]),
    ];
    let is_reset = tcp(&answered).is_some_and(|tcp| tcp.flags.rst);
    Ok(Lost {
        ended: watched.end(&lab)?,
        answer: if is_reset { "RST" } else { "ACK" },
        left,
        exit,
        set_up,
        lab,
    })
}

/// Seconds that the client's TIME_WAIT had left at this moment; none where there is no TIME_WAIT.
///
/// Between reading the countdown and the clock the machine may do something else, which makes it longer: so the
/// shortest of several readings is the one to believe.
fn countdown_from(lab: &Lab, ends: Ends, moment: Moment) -> Result<Option<f64>, Trouble> {
    const READINGS: usize = 5;
    let of_it = |socket: &TcpSocket| socket.local.port() == ends.client.port();
    let mut shortest: Option<f64> = None;
    for _ in 0..READINGS {
        let socket = sockets(lab, "client")?.into_iter().find(of_it);
        let Some(left) = socket.and_then(|socket| socket.expires) else { break };
        let left = (left + lab.clock().now().since(moment)).as_secs_f64();
        shortest = Some(shortest.map_or(left, |shortest| shortest.min(left)));
    }
    Ok(shortest)
}

/// Whether a packet is the client's answer to the server's FIN.
fn last_ack_of(ends: Ends) -> impl Fn(&Packet) -> bool + Send + 'static {
    let fin_seen = AtomicBool::new(false);
    move |packet| {
        let Some(tcp) = packet.tcp() else { return false };
        if tcp.destination_port == ends.client.port() && tcp.flags.fin {
            fin_seen.store(true, Ordering::Relaxed);
        }
        tcp.source_port == ends.client.port() && !tcp.flags.fin && fin_seen.load(Ordering::Relaxed)
    }
}

/// The two kernels side by side.
fn table(with: &Lost, without: &Lost) -> Table {
    let row = |says: &str, lost: &Lost| {
        vec![
            says.to_owned(),
            lost.answer.to_owned(),
            states_in_words(&lost.ended.client),
            states_in_words(&lost.ended.server),
        ]
    };
    Table {
        says: "what a second FIN meets".into(),
        columns: ["the client's kernel", "answers", "client", "server"].map(str::to_owned).to_vec(),
        rows: vec![row("keeps TIME_WAIT", with), row("keeps none (tcp_max_tw_buckets=0)", without)],
    }
}
