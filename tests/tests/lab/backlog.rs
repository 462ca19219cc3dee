//! The demo `backlog`: what its ladder says of each packet, also with its knobs turned.

use serde_json::Value;

use crate::{events, failed_checks, has_namespaces, scenarios};

/// The events of `backlog`, with this knob turned; none where there is no lab.
fn play(knob: Option<&str>) -> Option<Vec<Value>> {
    if !has_namespaces() {
        return None;
    }
    let mut args = vec!["run", "backlog", "--json"];
    args.extend(knob.into_iter().flat_map(|knob| ["--set", knob]));
    let finished = scenarios(&args);
    // What the programs of the lab say belongs to no terminal, be it an error.
    assert_eq!(finished.stderr, "", "{knob:?}");
    Some(events(&finished))
}

fn measured<'a>(events: &'a [Value], check: &str) -> &'a str {
    let is_it = |event: &&Value| event["event"] == "check" && event["id"] == check;
    events.iter().find(is_it).unwrap()["measured"].as_str().unwrap()
}

/// How many packets of a story the kernel is said to have dropped.
fn dropped(events: &[Value], story: &str) -> usize {
    let of_it = events.iter().filter(|e| e["event"] == "packet" && e["story"] == story);
    of_it.filter(|packet| packet["fate"]["dropped_by_kernel"].is_string()).count()
}

/// Of twenty SYNs the ladder marks as many as the kernel has counted, and with cookies, which answer
/// each of them, none.
#[test]
fn what_the_kernel_drops_is_drawn_as_dropped() {
    for (knob, at_least) in [(None, 14), (Some("tcp_syncookies=1"), 0)] {
        let Some(events) = play(knob) else { return };
        let counted: usize = measured(&events, "half-open-dropped").parse().unwrap();
        assert_eq!(dropped(&events, "half-open"), counted, "{knob:?}");
        assert!(counted >= at_least, "{knob:?}");
        assert!(dropped(&events, "overflow") >= 2, "{knob:?}");
        assert!(dropped(&events, "race") >= 1, "{knob:?}");
        // What becomes of the handshakes later is not looked at, so it is not drawn.
        let drawn = events.iter().filter(|e| e["event"] == "packet" && e["story"] == "half-open");
        let labels: Vec<&str> = drawn.map(|packet| packet["label"].as_str().unwrap()).collect();
        assert!(labels.iter().all(|label| label.starts_with("SYN")), "{knob:?}: {labels:?}");
    }
}

/// The sentences of a story: what is explained, or what is so instead of a claim.
fn told(events: &[Value], story: &str) -> String {
    let of_it = events.iter().filter(|e| e["event"] == "explanation" && e["story"] == story);
    of_it.map(|e| e["says"].as_str().unwrap()).collect::<Vec<_>>().join(" ")
}

/// A shorter queue fails what counts its places, and nothing else; what is said has its numbers.
#[test]
fn a_queue_that_is_cut_is_told_as_it_was() {
    let Some(events) = play(Some("net.core.somaxconn=3")) else { return };
    let expected =
        ["backlog", "queue-holds", "waiting", "waiting-heard", "turned-away", "half-open-limit"];
    assert_eq!(failed_checks(&events), expected);
    let says = told(&events, "overflow");
    assert!(says.contains("holds four") && says.contains("The three that found no"), "{says}");
    let claim = events.iter().find(|e| e["event"] == "claim" && e["id"] == "a").unwrap();
    assert!(claim["instead"].as_str().unwrap().starts_with("four wait"), "{claim}");
}

/// Who loses the race is reset, and nothing is said of a connection that stands or of a time that never
/// passed.
#[test]
fn a_race_whose_loser_is_reset_is_told_as_it_was() {
    let Some(events) = play(Some("tcp_abort_on_overflow=1")) else { return };
    assert_eq!(failed_checks(&events), ["race-half-open", "race-resend", "race-late-entry"]);
    assert_eq!(measured(&events, "race-resend"), "never");
    assert_eq!(dropped(&events, "race"), 0);
    let says = told(&events, "race");
    assert!(says.contains("answered with a RST") && !says.contains("stands"), "{says}");
}
