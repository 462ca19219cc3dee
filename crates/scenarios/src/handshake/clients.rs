//! Three clients, two of them behind one address: what makes a segment one client's?

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use netlab::inject::{Injector, Limits, Segment};
use netlab::{Lab, Record, Rule, Tcp, TcpState, Wire};

use crate::claims::ToldApart;
use crate::findings::{Check, Story, Table};
use crate::observe::{Observer, Watch, lifelines};
use crate::stage::{PORT, SOON, Server, Stage, Trouble, sockets};

/// Who comes: the name, the host, and the port to talk from.
const CLIENTS: [(&str, &str, u16); 3] =
    [("anna", "client", 40_001), ("ben", "client", 40_002), ("carl", "other", 40_001)];

/// A port of the first host that no connection has.
const FREE_PORT: u16 = 40_009;

/// Two more, for two requests with one and the same number.
const TWINS: [u16; 2] = [40_010, 40_011];

const TWINS_NUMBER: u32 = 7_000_000;

/// How far before what is expected a wrong number is: farther than any window.
const FAR: u32 = 1_000_000_000;

const TUPLES: (&str, &str) =
    ("clients-tuples", "different pairs of address and port among the server's connections");

const SERVED: (&str, &str) = ("clients-served", "clients that got the reply to their own words");

const WIRE_CHECKS: [(&str, &str); 6] = [
    ("clients-same-address", "connections from one address, told apart by the port"),
    ("clients-same-port", "connections from one port number, told apart by the address"),
    (
        "clients-right-number",
        "anna's next number, from a port that no connection has, is answered by",
    ),
    ("clients-wrong-number", "anna's address and port, with a number far off, are answered by"),
    ("clients-twin-numbers", "requests with one address and one number that are both answered"),
    ("clients-still", "anna's connection afterwards"),
];

/// Plays the story; gives back what the server took for one client.
pub(super) fn play(stage: &Stage) -> Result<(Story, ToldApart), Trouble> {
    let lab = stage.lab(&["client", "server", "other"])?;
    if let Some(wire) = lab.wire() {
        wire.add(Rule::delay("5 ms each way", Duration::from_millis(5)));
    }
    let args = ["--mode", "lines", "--idle", "0"];
    let server = stage.server(&lab, "server", "tcp-server", PORT, &args)?;
    let watch = Watch::begin(&lab, server.address.port())?;
    let (mut actors, mut replies) = (Vec::new(), Vec::new());
    for (name, host, port) in CLIENTS {
        // On the machine's own loopback the ports are the kernel's to give.
        let port = if lab.wire().is_some() { port } else { 0 }.to_string();
        let mut actor =
            stage.client(&lab, host, name, server.address, &["--source-port", &port])?;
        actor.say(&format!("I am {name}"))?;
        replies.push(actor.expect("data")?["text"].as_str().unwrap_or_default().to_owned());
        actors.push(actor);
    }
    let at_server = sockets(&lab, "server")?;
    let of_server = |s: &&netlab::TcpSocket| {
        s.local.port() == server.address.port() && s.state == TcpState::Established
    };
    let peers: Vec<_> = at_server.iter().filter(of_server).map(|s| s.remote).collect();
    let own_words = |((name, ..), reply): &(&(&str, &str, u16), &String)| reply.contains(name);
    let served = CLIENTS.iter().zip(&replies).filter(own_words).count();
    let pairs = peers.iter().collect::<BTreeSet<_>>().len();
    let mut story = story(&lab, &server, &args);
    story.checks = vec![
        Check::equal(TUPLES.0, TUPLES.1, 3, pairs),
        Check::equal(SERVED.0, SERVED.1, 3, served),
    ];
    let Some(wire) = lab.wire() else {
        let why = "needs a wire: level L0 or L1";
        story.checks.extend(Check::all_skipped(&WIRE_CHECKS, why));
        watch.end(&lab)?.put_into(&mut story, &Observer::default());
        story.queue.clear();
        return Ok((story, ToldApart { twins_are_one: None, other_number_is_another: None }));
    };

    let answers = Forger::new(&lab, wire, &server)?.try_all()?;
    let anna = &mut actors[0];
    anna.say("still me")?;
    let still = anna.event_where(SOON, "data", |data| {
        data["text"].as_str().is_some_and(|text| text.contains("still me"))
    });
    let mut seen = watch.end(&lab)?;
    let same =
        |is_it: &dyn Fn(&std::net::SocketAddr) -> bool| peers.iter().filter(|p| is_it(p)).count();
    let address = lab.host("client").address();
    let [same_address, same_port, right, wrong, twins, afterwards] = WIRE_CHECKS;
    story.checks.extend([
        Check::equal(same_address.0, same_address.1, 2, same(&|peer| peer.ip() == address)),
        Check::equal(same_port.0, same_port.1, 2, same(&|peer| peer.port() == CLIENTS[0].2)),
        Check::equal(right.0, right.1, "RST", &*answers.to_right_number),
        Check::equal(wrong.0, wrong.1, "ACK of anna's next number", &*answers.to_wrong_number),
        Check::equal(twins.0, twins.1, 2, answers.to_twins),
        Check::equal(
            afterwards.0,
            afterwards.1,
            "goes on",
            if still.is_some() { "goes on" } else { "is gone" },
        ),
    ]);
    story.tables = vec![who_is_who(&lab, &wire.records(), &replies), answers.table()];
    story.not_drawn = seen.hide(lab.host("other"), "carl, who talks from the other address");
    let mut observer = Observer::new(&seen.records);
    for (name, _, port) in &CLIENTS[..2] {
        observer.name(*port, name);
    }
    for port in [FREE_PORT, TWINS[0], TWINS[1]] {
        observer.name(port, "forged");
    }
    seen.put_into(&mut story, &observer);
    story.queue.clear();
    let told_apart = ToldApart {
        twins_are_one: Some(answers.to_twins < 2),
        other_number_is_another: Some(!answers.wrong_number_is_annas),
    };
    Ok((story, told_apart))
}

fn story(lab: &Lab, server: &Server, args: &[&str]) -> Story {
    Story {
        name: "clients".into(),
        says: "three clients of one server, two of them at one address; then forged segments".into(),
        belief: "the server tells clients apart by IP address and SYN number".into(),
        set_up: vec![
            format!("server: tcp-server {} {}", args.join(" "), server.address),
            "client: anna, tcp-client --source-port 40001, and ben, --source-port 40002".into(),
            "other:  carl, tcp-client --source-port 40001".into(),
            "client: then frames that no socket sent, with anna's numbers and with others".into(),
        ],
        lifelines: lifelines(lab, "client", "server", server.address.port()),
        explanation: vec![
            "A segment belongs to the connection that has its four numbers: both addresses and both ports \
             (__inet_lookup_established). The server's own are the same for all, so its clients differ in \
             address or in port; their systems see to it that no two connections have the same."
                .into(),
            "Sequence numbers are looked at after that. The right ones from a wrong port belong to nobody: RST. \
             Wrong ones from the right port belong to anna's connection, whose kernel says what it \
             expects, and goes on (tcp_validate_incoming). Two requests may have the same first number."
                .into(),
        ],
        ..Story::default()
    }
}

/// What the server answered to segments that no socket sent.
struct Answers {
    to_right_number: String,
    to_wrong_number: String,
    wrong_number_is_annas: bool,
    to_twins: usize,
}

impl Answers {
    fn table(&self) -> Table {
        let twins = format!("{} SYN, ACKs: {} clients", self.to_twins, self.to_twins);
        let rows = [
            ["anna's", "another", "anna's next", &self.to_right_number],
            ["anna's", "anna's", "far off", &self.to_wrong_number],
            ["anna's", "two others", "SYNs of one and the same", &twins],
        ];
        Table {
            says: "forged segments, and what the server answers".into(),
            columns: ["address", "port", "sequence number", "answer"].map(str::to_owned).to_vec(),
            rows: rows.map(|row| row.map(str::to_owned).to_vec()).to_vec(),
        }
    }
}

/// Sends from anna's host what no socket there would.
struct Forger<'a> {
    wire: &'a Wire,
    injector: Injector,
    client: Ipv4Addr,
    server: SocketAddrV4,
}

impl<'a> Forger<'a> {
    fn new(lab: &Lab, wire: &'a Wire, server: &Server) -> Result<Self, Trouble> {
        let limits = Limits { frames: 4, per_second: 1000 };
        let injector = lab.injector("client", "server", limits);
        Ok(Self {
            wire,
            injector: injector.map_err(Trouble::io("send frames past the sockets"))?,
            client: lab.host("client").address(),
            server: SocketAddrV4::new(lab.host("server").address(), server.address.port()),
        })
    }

    fn try_all(mut self) -> Result<Answers, Trouble> {
        // The server's last words to anna name both numbers that it expects.
        let anna = CLIENTS[0].2;
        let records = self.wire.records();
        let mut to_anna = records.iter().rev().filter_map(|record| self.answer(record, anna));
        let last = to_anna
            .find(|tcp| tcp.len > 0)
            .ok_or_else(|| Trouble::program("the recording", "has no reply to anna"))?;
        let sent = u32::try_from(last.len).expect("a segment is short");
        let (next, its_next) = (last.acknowledgement, last.sequence.wrapping_add(sent));

        self.send(FREE_PORT, next, Some(its_next))?;
        let right = self.wire.wait_for(SOON, |record| self.answer(record, FREE_PORT).is_some());
        let right =
            right.and_then(|record| Some(self.answer(&record, FREE_PORT)?.flags.to_string()));

        let before = self.wire.records().last().map(|record| record.sent);
        self.send(anna, next.wrapping_sub(FAR), Some(its_next))?;
        let wrong = self.wire.wait_for(SOON, |record| {
            Some(record.sent) > before && self.answer(record, anna).is_some()
        });
        let wrong = wrong.and_then(|record| self.answer(&record, anna));
        let wrong_number_is_annas = wrong
            .as_ref()
            .is_some_and(|tcp| tcp.flags.to_string() == "ACK" && tcp.acknowledgement == next);

        for port in TWINS {
            self.send(port, TWINS_NUMBER, None)?;
        }
        let answered = |port: &&u16| {
            let greets = |tcp: &Tcp| tcp.flags.syn && tcp.acknowledgement == TWINS_NUMBER + 1;
            let is_it =
                |record: &Record| self.answer(record, **port).is_some_and(|tcp| greets(&tcp));
            self.wire.wait_for(SOON, is_it).is_some()
        };
        let nothing = || "nothing".to_owned();
        Ok(Answers {
            to_right_number: right.unwrap_or_else(nothing),
            to_wrong_number: match wrong {
                Some(_) if wrong_number_is_annas => "ACK of anna's next number".to_owned(),
                Some(tcp) => tcp.flags.to_string(),
                None => nothing(),
            },
            wrong_number_is_annas,
            to_twins: TWINS.iter().filter(answered).count(),
        })
    }

    fn send(
        &mut self,
        port: u16,
        sequence: u32,
        acknowledgement: Option<u32>,
    ) -> Result<(), Trouble> {
        let from = SocketAddrV4::new(self.client, port);
        let segment = Segment { from, to: self.server, sequence, acknowledgement };
        self.injector.send(segment).map_err(Trouble::io("send a frame past the sockets"))
    }

    /// What the server said to this port of anna's host, where the record is that.
    fn answer(&self, record: &Record, port: u16) -> Option<Tcp> {
        let packet = record.packet.as_ref()?;
        let tcp = packet.tcp()?;
        let is_it = packet.destination == self.client && tcp.destination_port == port;
        is_it.then(|| tcp.clone())
    }
}

fn who_is_who(lab: &Lab, records: &[Record], replies: &[String]) -> Table {
    let row = |((name, host, port), reply): (&(&str, &str, u16), &String)| {
        let address = lab.host(host).address();
        let syn = records.iter().find_map(|record| {
            let packet = record.packet.as_ref()?;
            let tcp = packet.tcp()?;
            let is_it = packet.source == address && tcp.source_port == *port;
            (is_it && tcp.flags.is_first_syn()).then_some(tcp.sequence)
        });
        let number = syn.map_or("none".to_owned(), |number| number.to_string());
        let server = format!("{address}:{port}");
        vec![(*name).to_owned(), server, number, reply.trim_end().to_owned()]
    };
    Table {
        says: "three clients of one server".into(),
        columns: ["who", "talks from", "number of its SYN", "its reply"]
            .map(str::to_owned)
            .to_vec(),
        rows: CLIENTS.iter().zip(replies).map(row).collect(),
    }
}
