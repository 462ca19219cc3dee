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

/// The verdicts that hold on every Linux since 4.10.
fn expected() -> Vec<(&'static str, Vec<(String, String)>)> {
    vec![
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
        ("files", owned(&[("s", "refuted")])),
    ]
}

/// The form that scripts rely on, and the verdicts, of a run of all demos.
#[track_caller]
pub(crate) fn all_are_told(events: &[Value]) {
    let played: BTreeSet<&str> = events.iter().filter_map(|event| event["demo"].as_str()).collect();
    assert_eq!(played, expected().iter().map(|(demo, _)| *demo).collect());
    for (demo, verdicts) in expected() {
        let of_it: Vec<Value> =
            events.iter().filter(|event| event["demo"] == demo).cloned().collect();
        is_told(&of_it, &verdicts);
        let tally = of_it.iter().find(|event| event["event"] == "played").unwrap();
        all_is_well(&of_it, tally);
    }
}

/// The events of a demo: what it is first, every check and every claim, and each by its name.
#[track_caller]
fn is_told(events: &[Value], expected: &[(String, String)]) {
    assert_eq!(events[0]["event"], "start");
    assert_eq!(verdicts(events), expected);
    let checks: Vec<&Value> = events.iter().filter(|e| e["event"] == "check").collect();
    let ids: BTreeSet<&str> = checks.iter().map(|c| c["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), checks.len(), "every check has a name of its own");
    for claim in events.iter().filter(|event| event["event"] == "claim") {
        for check in claim["because"].as_array().unwrap() {
            assert!(ids.contains(check.as_str().unwrap()), "{claim} names no check {check}");
        }
    }
}

/// None of the checks has failed, none was skipped, and as many are counted as were told.
#[track_caller]
fn all_is_well(events: &[Value], tally: &Value) {
    let of = |name: &'static str| events.iter().filter(move |event| event["event"] == name);
    let failed: Vec<&Value> = of("check").filter(|check| check["ok"] == false).collect();
    assert_eq!((&tally["failed"], &tally["skipped"]), (&0.into(), &0.into()), "{failed:?}");
    assert_eq!(tally["checks"], of("check").count());
}

/// One demo by itself is named in every event, and ends with what came of it.
#[test]
fn a_demo_is_told_as_events() {
    if !has_namespaces() {
        return;
    }
    let finished = scenarios(&["run", "stream", "--format", "json"]);
    let events = events(&finished);
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    assert_eq!(events[0]["schema"], "demo/1");
    for event in &events {
        assert_eq!(event["demo"], "stream", "{event}");
    }
    let verdicts = expected().into_iter().find(|(demo, _)| *demo == "stream").unwrap().1;
    is_told(&events, &verdicts);
    let end = events.last().unwrap();
    assert_eq!((&end["event"], &end["ok"]), (&"end".into(), &true.into()));
    all_is_well(&events, end);
}

#[test]
fn the_demos_are_named_with_what_they_show() {
    let finished = scenarios(&["list", "--format", "json"]);
    let events = events(&finished);
    let names: Vec<&str> = events.iter().filter_map(|event| event["demo"].as_str()).collect();
    assert!(names.starts_with(&["handshake", "ports"]), "{names:?}");
    assert_eq!(events.last().unwrap()["event"], "end");
}
