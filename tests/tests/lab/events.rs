use std::collections::BTreeSet;

use serde_json::Value;

use crate::{events, has_namespaces, scenarios};

/// The claims of a run, each with its verdict.
fn verdicts(events: &[Value]) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let claims = events.iter().filter(|event| event["event"] == "claim");
    claims.map(|claim| (text(&claim["id"]), text(&claim["verdict"]))).collect()
}

fn owned(verdicts: &[(&str, &str)]) -> Vec<(String, String)> {
    verdicts.iter().map(|(id, verdict)| ((*id).to_owned(), (*verdict).to_owned())).collect()
}

/// The form that scripts rely on, and the verdicts that hold on every Linux since 4.10.
#[test]
fn a_demo_is_told_as_events() {
    if !has_namespaces() {
        return;
    }
    for (demo, expected) in [
        ("handshake", owned(&[("k", "refuted"), ("l", "confirmed"), ("r", "refuted")])),
        ("backlog", owned(&[("a", "refuted"), ("f", "partly")])),
        ("datagram", owned(&[("b", "confirmed"), ("n", "partly")])),
        ("disconnect", owned(&[("d", "partly"), ("q", "partly")])),
        ("close", owned(&[("j", "refuted"), ("p", "refuted")])),
        ("flood", owned(&[("f", "partly")])),
        ("feedback", owned(&[("c", "refuted"), ("m", "confirmed")])),
        ("reuse", owned(&[("e", "partly")])),
        ("silence", owned(&[("g", "partly")])),
        ("ports", owned(&[("o", "partly")])),
        ("stream", owned(&[("b", "refuted"), ("i", "refuted")])),
        ("chat", owned(&[("h", "refuted")])),
        ("families", owned(&[])),
    ] {
        let finished = scenarios(&["run", demo, "--format", "json"]);
        let events = events(&finished);
        let failed: Vec<&Value> =
            events.iter().filter(|e| e["event"] == "check" && e["ok"] == false).collect();
        assert_eq!(finished.code, 0, "{demo}: {failed:?} {}", finished.stderr);
        assert_eq!(events[0]["event"], "start");
        assert_eq!(events[0]["schema"], "demo/1");
        for event in &events {
            assert_eq!(event["demo"], demo, "{event}");
        }
        assert_eq!(verdicts(&events), expected);

        let checks: Vec<&Value> = events.iter().filter(|e| e["event"] == "check").collect();
        let ids: BTreeSet<&str> = checks.iter().map(|c| c["id"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), checks.len(), "every check has a name of its own");
        for claim in events.iter().filter(|event| event["event"] == "claim") {
            for check in claim["because"].as_array().unwrap() {
                assert!(ids.contains(check.as_str().unwrap()), "{claim} names no check {check}");
            }
        }
        let end = events.last().unwrap();
        assert_eq!(end["event"], "end");
        assert_eq!(
            (&end["ok"], &end["failed"], &end["skipped"]),
            (&true.into(), &0.into(), &0.into())
        );
        assert_eq!(end["checks"], checks.len());
    }
}

#[test]
fn the_demos_are_named_with_what_they_show() {
    let finished = scenarios(&["list", "--format", "json"]);
    let events = events(&finished);
    let names: Vec<&str> = events.iter().filter_map(|event| event["demo"].as_str()).collect();
    assert!(names.starts_with(&["handshake", "ports"]), "{names:?}");
    assert_eq!(events.last().unwrap()["event"], "end");
}
