use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tests::{Directory, Finished, foreign, piped};

use crate::events::all_are_told;
use crate::{events, failed_checks, has_namespaces, pages, run, scenarios};

/// What a reader of packets says of one of them, of the things that are compared.
#[derive(Debug, PartialEq)]
struct Said {
    what: BTreeSet<&'static str>,
    /// The ports of sender and receiver.
    ports: (u64, u64),
    /// Bytes of data that it carries.
    len: u64,
}

const OPENS: &str = "opens a connection";
const RESETS: &str = "resets one";
const REPEATS: &str = "was sent before";
const PROBES: &str = "asks whether the other side is there, or has room";
const FULL: &str = "has no room for a byte more";
/// Of a packet that was dropped, or sent again, the file's comment says so.
const LOST: &str = "is said to be dropped";
const AGAIN: &str = "is said to be sent again";
const SAID_FULL: &str = "is said to be from one that has no room";
const COPY: &str = "is said to be a copy";
const OVER_IPV6: &str = "is over IPv6";
const DATAGRAM: &str = "is a datagram";
const PART: &str = "is a part of one";
const ERROR: &str = "says what became of one";

/// All demos are played once, because that takes most of a minute: what they tell is looked at, and what they
/// write is then read by programs that others have made. Tests begin in the order of their names, and this one takes longest, so it has a
/// name that comes early.
#[test]
fn what_the_demos_write_is_read_by_others() {
    let Some(tshark) = foreign("tshark") else { return };
    if !has_namespaces() {
        return;
    }
    let folder = Directory::new();
    let path = folder.path().to_str().unwrap();
    let demos = scenarios(&["run", "all", "--json", "--pcap", path, "--html", path]);
    let told = events(&demos);
    assert_eq!(demos.code, 0, "{:?} {}", failed_checks(&told), demos.stderr);
    all_are_told(&told);
    packets_are_what_tshark_says(&tshark, folder.path(), &demos);
    pages::look_at(folder.path());
}

/// The ladder says of every packet what tshark says of it: it opens a connection, it resets one, it was
/// sent before, it has no room, or it is a probe; from which port to which, and how much it carries. And
/// tshark reads in the file what became of it.
#[track_caller]
fn packets_are_what_tshark_says(tshark: &Path, folder: &Path, demos: &Finished) {
    let mut ours: BTreeMap<String, BTreeMap<u64, Said>> = BTreeMap::new();
    for event in events(demos).iter().filter(|event| event["event"] == "packet") {
        let file =
            format!("{}-{}", event["demo"].as_str().unwrap(), event["story"].as_str().unwrap());
        let number = event["number"].as_u64().unwrap();
        ours.entry(file).or_default().insert(number, we_say(event));
    }
    let mut compared: BTreeMap<&str, usize> = BTreeMap::new();
    for (file, ours) in &ours {
        let theirs = tshark_says(tshark, &folder.join(format!("{file}.pcapng")));
        for (number, (_, theirs)) in &theirs {
            // Also where no ladder shows it, and where a copy was made that nobody sent again.
            let again = theirs.what.contains(REPEATS) && !theirs.what.contains(COPY);
            assert_eq!(
                again,
                theirs.what.contains(AGAIN),
                "the comment of packet {number} of {file}"
            );
        }
        for (number, ours) in ours {
            let theirs = theirs.get(number);
            let (over_ipv6, theirs) = theirs.map_or((false, None), |(v6, said)| (*v6, Some(said)));
            assert_eq!(Some(ours), theirs, "packet {number} of {file}");
            for said in ours.what.iter().copied().chain(over_ipv6.then_some(OVER_IPV6)) {
                *compared.entry(said).or_default() += 1;
            }
        }
    }
    // There was something to compare.
    for (said, at_least) in [
        (OPENS, 8 + 3 + 3 + 20 + 7),
        (RESETS, 3),
        (REPEATS, 3),
        (PROBES, 3),
        (LOST, 5 + 14),
        (OVER_IPV6, 20),
        (DATAGRAM, 10),
        (PART, 5),
        (ERROR, 1),
        (FULL, 1),
        (SAID_FULL, 1),
    ] {
        assert!(compared.get(said) >= Some(&at_least), "{compared:?}");
    }
}

fn we_say(packet: &Value) -> Said {
    let label = packet["label"].as_str().unwrap();
    let number = |value: &Value| value.as_u64().unwrap();
    let datagram = label.starts_with("UDP") || label.starts_with("arq ");
    let what = said(&[
        (OPENS, label == "SYN"),
        (RESETS, label.contains("RST")),
        // A copy that the wire has made looks as if its sender had sent it again.
        (REPEATS, number(&packet["retry"]) > 0 || (label.contains("copy") && !datagram)),
        (PROBES, label.contains("probe")),
        (FULL, label.contains("zero window")),
        (SAID_FULL, label.contains("zero window")),
        (COPY, label.contains("copy")),
        (LOST, packet["fate"] != "taken" && packet["fate"] != "on_the_way"),
        (AGAIN, number(&packet["retry"]) > 0),
        (DATAGRAM, datagram),
        (PART, label.starts_with("part")),
        (ERROR, label.starts_with("ICMP")),
    ]);
    // Neither has ports; the ladder draws both with those of the datagram that they belong to.
    let has_ports = !what.contains(PART) && !what.contains(ERROR);
    let ports = (number(&packet["ports"][0]), number(&packet["ports"][1]));
    Said { what, ports: if has_ports { ports } else { (0, 0) }, len: number(&packet["len"]) }
}

fn said(all: &[(&'static str, bool)]) -> BTreeSet<&'static str> {
    all.iter().filter(|(_, is_so)| *is_so).map(|(what, _)| *what).collect()
}

/// The severity of what tshark cannot read at all (`PI_ERROR`, epan/proto.h).
const ERRORS: u64 = 0x0080_0000;

/// Of each packet whether it is over IPv6, and what is said of it.
fn tshark_says(tshark: &Path, file: &Path) -> BTreeMap<u64, (bool, Said)> {
    let mut command: Command = piped(tshark, &["-n", "-T", "fields", "-E", "separator=|"]);
    // Each part by itself, as it crossed the wire.
    command.args(["-o", "ip.defragment:FALSE", "-r"]).arg(file);
    for field in [
        "frame.number",
        "tcp.flags.syn",
        "tcp.flags.ack",
        "tcp.flags.reset",
        "tcp.analysis.retransmission",
        "tcp.analysis.keep_alive",
        "frame.comment",
        "tcp.analysis.out_of_order",
        "tcp.srcport",
        "tcp.dstport",
        "tcp.len",
        "udp.srcport",
        "udp.dstport",
        "udp.length",
        "ipv6.version",
        "ip.flags.mf",
        "ip.frag_offset",
        "ip.len",
        "icmp.type",
        "tcp.analysis.zero_window",
        "_ws.expert.severity",
    ] {
        command.args(["-e", field]);
    }
    let read = run(&mut command);
    assert_eq!(read.code, 0, "{}", read.stderr);
    // It says who runs it where that is root, and nothing else.
    let warnings = read.stderr.lines().filter(|line| !line.starts_with("Running as user"));
    assert_eq!(warnings.collect::<Vec<_>>(), [""; 0], "{}", file.display());
    let say = |line: &str| {
        let fields: Vec<&str> = line.split('|').collect();
        let is_set = |at: usize| matches!(fields[at], "1" | "True");
        // An ICMP message quotes the packet that it is about, whose fields come second.
        let number = |at: usize| fields[at].split(',').next().unwrap().parse::<u64>().ok();
        let first = |at: usize| fields[at].split(',').next().unwrap();
        let error = number(18).is_some();
        let part = !error && (matches!(first(15), "1" | "True") || number(16) > Some(0));
        let severities = fields[20].split(',').filter_map(|severity| severity.parse::<u64>().ok());
        assert!(severities.max() < Some(ERRORS), "{}: packet {}", file.display(), fields[0]);
        let datagram = number(11).is_some() && !part && !error;
        let what = said(&[
            (OPENS, is_set(1) && !is_set(2)),
            (RESETS, is_set(3)),
            // What comes again within a round trip it may take for late, although the first is there.
            (REPEATS, is_set(4) || is_set(7)),
            (PROBES, is_set(5)),
            (FULL, is_set(19)),
            (SAID_FULL, fields[6].contains("has no room")),
            (COPY, fields[6].contains("a copy of")),
            (LOST, fields[6].contains("dropped")),
            (AGAIN, fields[6].contains("sent again")),
            (DATAGRAM, datagram),
            (PART, part),
            (ERROR, error),
        ]);
        let (at, header) = if datagram { (11, 8) } else { (8, 0) };
        let of = |at| number(at).unwrap_or(0);
        let (ports, len) = match (part, error) {
            // What is behind the header of IP, which has no options here.
            (true, _) => ((0, 0), of(17) - 20),
            (_, true) => ((0, 0), 0),
            _ => ((of(at), of(at + 1)), of(at + 2).saturating_sub(header)),
        };
        (of(0), (number(14).is_some(), Said { what, ports, len }))
    };
    read.stdout_text().lines().map(say).collect()
}
