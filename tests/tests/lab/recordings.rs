use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tests::{foreign, piped};

use crate::{Folder, events, has_namespaces, run, scenarios};

/// What a reader of packets says of one of them.
#[derive(Debug, Default, PartialEq, Eq)]
struct Said {
    opens: bool,
    resets: bool,
    repeats: bool,
    asks_for_life: bool,
}

/// The ladder says of every packet what tshark says of it: it opens a connection, it resets one, it was
/// sent before, or it is a keepalive probe.
#[test]
fn packets_are_what_tshark_says_that_they_are() {
    let Some(tshark) = foreign("tshark") else { return };
    if !has_namespaces() {
        return;
    }
    let folder = Folder::new("recordings");
    let demos = scenarios(&["run", "all", "--json", "--pcap", folder.path().to_str().unwrap()]);
    assert_eq!(demos.code, 0, "{}", demos.stderr);

    let mut ours: BTreeMap<String, BTreeMap<u64, Said>> = BTreeMap::new();
    for event in events(&demos).iter().filter(|event| event["event"] == "packet") {
        let file =
            format!("{}-{}", event["demo"].as_str().unwrap(), event["story"].as_str().unwrap());
        let number = event["number"].as_u64().unwrap();
        ours.entry(file).or_default().insert(number, we_say(event));
    }
    let (mut opened, mut reset, mut repeated, mut probes) = (0, 0, 0, 0);
    for (file, ours) in &ours {
        let theirs = tshark_says(&tshark, &folder.path().join(format!("{file}.pcap")));
        for (number, ours) in ours {
            assert_eq!(Some(ours), theirs.get(number), "packet {number} of {file}");
            opened += usize::from(ours.opens);
            reset += usize::from(ours.resets);
            repeated += usize::from(ours.repeats);
            probes += usize::from(ours.asks_for_life);
        }
    }
    // There was something to compare.
    assert!(opened >= 8 + 3 + 3 + 20 + 7, "{opened} connections");
    assert!(reset >= 3, "{reset} resets");
    assert!(repeated >= 3, "{repeated} repetitions");
    assert!(probes >= 3, "{probes} probes");
}

fn we_say(packet: &Value) -> Said {
    let label = packet["label"].as_str().unwrap();
    Said {
        opens: label == "SYN",
        resets: label.contains("RST"),
        repeats: packet["retry"].as_u64().unwrap() > 0,
        asks_for_life: label.contains("keepalive"),
    }
}

fn tshark_says(tshark: &Path, file: &Path) -> BTreeMap<u64, Said> {
    let mut command: Command = piped(tshark, &["-n", "-T", "fields", "-E", "separator=,", "-r"]);
    command.arg(file);
    for field in [
        "frame.number",
        "tcp.flags.syn",
        "tcp.flags.ack",
        "tcp.flags.reset",
        "tcp.analysis.retransmission",
        "tcp.analysis.keep_alive",
    ] {
        command.args(["-e", field]);
    }
    let read = run(&mut command);
    assert_eq!(read.code, 0, "{}", read.stderr);
    let say = |line: &str| {
        let fields: Vec<&str> = line.split(',').collect();
        let is_set = |at: usize| matches!(fields[at], "1" | "True");
        let said = Said {
            opens: is_set(1) && !is_set(2),
            resets: is_set(3),
            repeats: is_set(4),
            asks_for_life: is_set(5),
        };
        (fields[0].parse().unwrap(), said)
    };
    read.stdout_text().lines().map(say).collect()
}
