//! Nobody listens, or nobody answers: two failures that take very different times.

use std::net::SocketAddr;
use std::time::Duration;

use netlab::{Lab, Record, Rule};
use serde_json::Value;
use socket2::{Domain, Socket, Type};

use crate::findings::{Check, Story, Table};
use crate::observe::{Observer, Watch, knobs, lifelines};
use crate::stage::{PORT, Stage, Trouble};

const LOST: &str = "lost: every SYN";

/// Long enough for a second SYN, and on kernels since 6.5 for a third.
const LIMIT: &str = "2500ms";

const REFUSED_WIRE: [(&str, &str); 3] = [
    ("refused-wire", "the segments of either try"),
    ("refused-attempts", "attempts that failed, as the client's kernel counts (AttemptFails)"),
    ("refused-resets", "resets that the server's kernel sent (OutRsts)"),
];

const UNANSWERED: [(&str, &str); 3] = [
    ("unanswered-outcome", "what tcp-client says in the end"),
    ("unanswered-tries", "SYNs that its kernel sent"),
    ("unanswered-again", "time between the first two"),
];

/// Plays the tries that are refused.
pub(super) fn refused(stage: &Stage) -> Result<Story, Trouble> {
    let lab = stage.lab(&["client", "server"])?;
    if let Some(wire) = lab.wire() {
        wire.add(Rule::delay("20 ms each way", Duration::from_millis(20)));
    }
    // A bare socket, because tcp-server listens on what it has bound: bind takes the address, listen is what
    // takes connections.
    let address = SocketAddr::new(lab.host("server").address().into(), 0);
    let bound = lab.host("server").run(move || {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.bind(&address.into())?;
        let address = socket.local_addr()?.as_socket().unwrap_or(address);
        Ok((socket, address))
    });
    let (bound, address) = bound.map_err(Trouble::io("bind a socket"))?;
    let watch = Watch::begin(&lab, address.port())?;
    let to_bound = connect(stage, &lab, "bound", address, &[])?;
    drop(bound);
    let to_nobody = connect(stage, &lab, "nobody", address, &[])?;
    let seen = watch.end(&lab)?;

    let mut story = Story {
        name: "refused".into(),
        says: "clients come to a port on which nobody listens".into(),
        belief: "no server there means waiting until the client gives up".into(),
        set_up: vec![
            format!("server: a socket that is bound to {address} and does not listen; then none"),
            format!("client: tcp-client {address}, once each"),
        ],
        lifelines: lifelines(&lab, "client", "server", address.port()),
        tables: vec![Table {
            says: "what the client is told".into(),
            columns: ["on the server's port", "tcp-client says", "after"].map(str::to_owned).to_vec(),
            rows: vec![
                vec!["bound, not listening".into(), outcome(&to_bound), took(&to_bound)],
                vec!["nothing".into(), outcome(&to_nobody), took(&to_nobody)],
            ],
        }],
        explanation: vec![
            "A kernel that has no listener for a SYN says so at once: a RST, which connect(2) reports as \
             ECONNREFUSED, one round trip later. A socket that is only bound counts as nobody. So refused is \
             good news of a kind: the machine is there, and nothing in between dropped the SYN."
                .into(),
        ],
        ..Story::default()
    };
    let expected = "connection_refused, exit code 1";
    story.checks = vec![
        Check::equal("refused-bound", "a port that is bound only", expected, &*outcome(&to_bound)),
        Check::equal("refused-nobody", "a port that nobody has", expected, &*outcome(&to_nobody)),
    ];
    let [wire, attempts, resets] = REFUSED_WIRE;
    if lab.wire().is_some() {
        let flags = seen.records.iter().filter_map(|r| Some(r.packet.as_ref()?.tcp()?.flags));
        let flags = flags.map(|flags| flags.to_string()).collect::<Vec<_>>().join(" / ");
        story.checks.extend([
            Check::equal(wire.0, wire.1, "SYN / RST, ACK / SYN / RST, ACK".to_owned(), flags),
            Check::equal(attempts.0, attempts.1, 2, seen.moved("client", "TcpAttemptFails")),
            Check::equal(resets.0, resets.1, 2, seen.moved("server", "TcpOutRsts")),
        ]);
    } else {
        let why = "needs a wire and counters of its own: level L0 or L1";
        story.checks.extend(Check::all_skipped(&REFUSED_WIRE, why));
    }
    let observer = Observer::new(&seen.records);
    seen.put_into(&mut story, &observer);
    Ok(story)
}

/// Plays the try that is not answered.
pub(super) fn unanswered(stage: &Stage) -> Result<Story, Trouble> {
    let mut story = Story {
        name: "unanswered".into(),
        says: "every SYN is lost on its way".into(),
        belief: "somebody will say that nobody is there".into(),
        explanation: vec![
            "Silence has many causes: a firewall that drops, a machine that is off, a full queue, a slow \
             network. The kernel cannot tell, so it sends its SYN again: each second at first \
             (tcp_syn_linear_timeouts, since Linux 6.5), then after twice as long each time, and gives up \
             after about two minutes (tcp_syn_retries). A program that cannot wait so long sets a limit of \
             its own, as tcp-client does with -w."
                .into(),
        ],
        ..Story::default()
    };
    let lab = stage.lab(&["client", "server"])?;
    let Some(wire) = lab.wire() else {
        let why = "needs a wire: level L0 or L1";
        story.checks = Check::all_skipped(&UNANSWERED, why);
        return Ok(story);
    };
    wire.add(Rule::drop(LOST).from(lab.host("client").id()));
    let address = SocketAddr::new(lab.host("server").address().into(), PORT);
    let watch = Watch::begin(&lab, PORT)?;
    let end = connect(stage, &lab, "client", address, &["-w", LIMIT])?;
    let seen = watch.end(&lab)?;

    story.set_up = vec![
        format!("client: tcp-client -w {LIMIT} {address}"),
        knobs(&lab, "client", &["net.ipv4.tcp_syn_retries", "net.ipv4.tcp_syn_linear_timeouts"]),
    ];
    story.lifelines = lifelines(&lab, "client", "server", PORT);
    let syns = seen.segments(|_, tcp| tcp.flags.is_first_syn());
    let gap = |two: &[&Record]| two[1].sent.since(two[0].sent).as_secs_f64();
    let gap = syns.windows(2).next().map_or(0.0, gap);
    let [said, tries, again] = UNANSWERED;
    story.checks = vec![
        Check::equal(said.0, said.1, "timed_out, exit code 124", &*outcome(&end)),
        Check::within(tries.0, tries.1, 2..=3, syns.len()),
        // One second (RFC 6298, 2.1), in ticks of the kernel's clock, under the load of any machine.
        Check::seconds(again.0, again.1, 0.9..=1.5, gap),
    ];
    let mut observer = Observer::new(&seen.records);
    if let Some(port) = syns.first().and_then(|syn| syn.packet.as_ref()?.ports()).map(|p| p.0) {
        observer.name(port, "client");
    }
    seen.put_into(&mut story, &observer);
    Ok(story)
}

/// The last event of a client that could not connect.
fn connect(
    stage: &Stage,
    lab: &Lab,
    name: &str,
    to: SocketAddr,
    args: &[&str],
) -> Result<Value, Trouble> {
    stage.failing_client(lab, "client", name, &[args, &[&to.to_string()]].concat())?.expect("end")
}

fn outcome(end: &Value) -> String {
    format!("{}, exit code {}", end["error"]["kind"].as_str().unwrap_or("no error"), end["exit"])
}

fn took(end: &Value) -> String {
    format!("{:.0} ms", end["seconds"].as_f64().unwrap_or_default() * 1e3)
}
