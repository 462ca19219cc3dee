//! A chair comes free, and the client that found none gets in, but only when its system tries again.

use std::thread;
use std::time::Duration;

use netlab::clock::Moment;
use netlab::queue_watch::QueueSample;
use netlab::{Rule, TcpSocket, TcpState};

use crate::findings::{Check, Story};
use crate::observe::{Observer, Seen, Watch, knobs, lifelines};
use crate::stage::{PORT, Stage, Trouble, sockets, until};

/// How long the guest at the table stays after the third one has come.
const STAYS: Duration = Duration::from_millis(300);

/// Plays the story.
pub(super) fn play(stage: &Stage) -> Result<Story, Trouble> {
    let lab = stage.lab(&["client", "server"])?;
    if let Some(wire) = lab.wire() {
        wire.add(Rule::delay("5 ms each way", Duration::from_millis(5)));
    }
    let args = ["--backlog", "0", "--max-conns", "1", "--idle", "0"];
    let server = stage.server(&lab, "server", "tcp-server", PORT, &args)?;
    let watch = Watch::begin(&lab, server.address.port())?;
    let come = |name| stage.client(&lab, "client", name, server.address, &["--timeout", "60"]);

    let mut served = come("client 1")?;
    served.say("one")?;
    served.expect("data")?;
    let mut waits = come("client 2")?;
    waits.say("two")?;
    waits.expect("connected")?;
    let mut outside = come("client 3")?;
    outside.say("three")?;
    until("the third client's SYN", || {
        let trying = |s: &TcpSocket| s.state == TcpState::SynSent && s.remote == server.address;
        Ok(sockets(&lab, "client")?.iter().any(trying).then_some(()))
    })?;
    // The guest at the table finishes its meal.
    thread::sleep(STAYS);
    served.close_input();
    let connected = outside.expect("connected")?;
    let got_in = lab.clock().now();
    waits.expect("data")?;
    waits.close_input();
    let heard = outside.expect("data")?;
    let seen = watch.end(&lab)?;

    let mut story = Story {
        name: "recover".into(),
        says: "a chair comes free while the third client stands outside".into(),
        belief: "who waits gets in as soon as there is a place".into(),
        set_up: vec![
            format!("server: tcp-server {} {}", args.join(" "), server.address),
            format!(
                "client: tcp-client {}, three times; the first leaves after 0.3 s",
                server.address
            ),
            knobs(
                &lab,
                "client",
                &["net.ipv4.tcp_syn_retries", "net.ipv4.tcp_syn_linear_timeouts"],
            ),
        ],
        lifelines: lifelines(&lab, "client", "server", server.address.port()),
        ..Story::default()
    };
    let took = connected["seconds"].as_f64().unwrap_or_default();
    let echo = heard["text"].as_str().unwrap_or_default().trim_end().to_owned();
    let empty = came_free(&seen.queue, got_in).map(|free| got_in.since(free).as_secs_f64());
    story.explanation = vec![format!(
        "Nobody calls the client when a chair comes free: the server's kernel has forgotten the SYN that it \
         dropped. The client gets in when its own system tries again, and here its connect took {took:.1} s. \
         A connect that takes 1.0 s, or 3, or 7 on older kernels, is the fingerprint of a full queue."
    )];
    story.checks = checks(&seen, (took, empty), echo, lab.wire().is_some());

    let mut observer = Observer::new(&seen.records);
    for actor in [&served, &waits, &outside] {
        observer.name(actor.local_port()?, actor.program.name());
    }
    let port = outside.local_port()?;
    let unanswered = seen.segments(|_, tcp| tcp.flags.is_first_syn() && tcp.source_port == port);
    // All but the last were in vain.
    for syn in unanswered.iter().rev().skip(1) {
        observer.dropped_by_kernel(syn.number, "no reply: queue full");
    }
    seen.put_into(&mut story, &observer);
    Ok(story)
}

fn checks(
    seen: &Seen,
    (took, empty): (f64, Option<f64>),
    echo: String,
    has_wire: bool,
) -> Vec<Check> {
    let mut checks = vec![
        // The first repetition is due after a second, the next after two.
        Check::seconds(
            "recover-latency",
            "time that the third client's connect took",
            0.95..=1.8,
            took,
        ),
        Check::seconds_until(
            "chair-empty",
            "time that the free chair stood empty",
            0.4..=1.6,
            empty,
        ),
        Check::equal("recover-served", "what it hears at last", "three".to_owned(), echo),
    ];
    let (id, says) = ("recover-retries", "times that its SYN was sent again");
    checks.push(if has_wire {
        Check::equal(id, says, 1, seen.moved("client", "TcpExtTCPSynRetrans"))
    } else {
        Check::skipped(id, says, "needs counters of its own: level L0 or L1")
    });
    checks
}

/// The last moment before `got_in` at which the queue came to have room.
fn came_free(queue: &[QueueSample], got_in: Moment) -> Option<Moment> {
    queue.iter().rev().find(|sample| sample.at < got_in && sample.length == 0).map(|free| free.at)
}
