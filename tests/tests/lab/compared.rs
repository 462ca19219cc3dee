//! A demo that is played twice: with two values of a knob, or with the same.

use serde_json::{Value, json};

use crate::{events, has_namespaces, scenarios};

fn of<'a>(events: &'a [Value], name: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["event"] == name).collect()
}

/// The knob does what it is for, and a check that fails because of it is no failure of the run.
#[test]
fn what_a_knob_changes_stands_side_by_side() {
    if !has_namespaces() {
        return;
    }
    let compare = ["--compare", "tcp_syncookies=0,1"];
    let finished = scenarios(&[&["run", "backlog", "--json"], &compare[..]].concat());
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    let events = events(&finished);
    let variants = json!(["net.ipv4.tcp_syncookies=0", "net.ipv4.tcp_syncookies=1"]);

    let starts: Vec<&Value> = of(&events, "start").iter().map(|start| &start["variant"]).collect();
    assert_eq!(json!(starts), variants);
    assert!(of(&events, "check").iter().all(|check| check["variant"].is_string()));

    let differences = of(&events, "compare");
    let find = |kind: &str, what: &str| {
        let found = differences.iter().find(|event| {
            event["story"] == "half-open" && event["kind"] == kind && event["what"] == what
        });
        let found = found.unwrap_or_else(|| panic!("no {kind} {what} in {differences:?}"));
        assert_eq!(found["variants"], variants);
        (found["values"][0].as_str().unwrap(), found["values"][1].as_str().unwrap())
    };
    let dropped = find("check", "the others, dropped (TCPReqQFullDrop)");
    assert!(dropped.0.starts_with("ok: ") && dropped.1.starts_with("FAILED: 0"), "{dropped:?}");
    assert_eq!(find("counter", "server TcpExtTCPReqQFullDrop").1, "0");
    assert_eq!(find("counter", "server TcpExtSyncookiesSent").0, "0");

    let compared = of(&events, "compared");
    assert_eq!(compared.len(), 1);
    assert_eq!(compared[0]["differ"], differences.len());
    let end = finished.end();
    assert!(end["failed"].as_u64() > Some(0), "{end}");
}

/// The wire's knobs are compared as the hosts' are, and each packet that one takes has its name.
#[test]
fn what_the_wire_loses_stands_beside_a_wire_that_loses_nothing() {
    if !has_namespaces() {
        return;
    }
    let compare = ["--compare", "wire.loss=0%,10%"];
    let finished = scenarios(&[&["run", "stream", "--json"], &compare[..]].concat());
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    let events = events(&finished);
    let lost: Vec<&Value> = of(&events, "packet")
        .into_iter()
        .filter(|packet| !packet["fate"]["dropped_on_the_wire"].is_null())
        .collect();
    assert!(!lost.is_empty());
    for packet in lost {
        assert_eq!(packet["fate"]["dropped_on_the_wire"], "wire.loss=10%");
        assert_eq!(packet["variant"], "wire.loss=10%");
    }
}

/// A knob with which stories come to no end is compared all the same: a check tells it, which is no failure of
/// the comparison.
#[test]
fn a_variant_that_comes_to_no_end_is_compared_as_far_as_it_came() {
    if !has_namespaces() {
        return;
    }
    // No socket has room for what it is sent.
    let knob = "tcp_rmem=1 1 1";
    let compare = format!("{knob},4096 131072 6291456");
    let finished = scenarios(&["run", "stream", "--json", "--compare", &compare]);
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    let events = events(&finished);
    assert_eq!(of(&events, "not_played").len(), 0);
    let is_cut_short = |check: &&&Value| check["id"].as_str().unwrap().ends_with("-played");
    let checks = of(&events, "check");
    let cut_short: Vec<&&Value> = checks.iter().filter(is_cut_short).collect();
    assert!(!cut_short.is_empty());
    for check in cut_short {
        assert_eq!(check["ok"], false);
        assert!(check["measured"].as_str().unwrap().starts_with("not to its end: "), "{check}");
        assert_eq!(check["variant"], format!("net.ipv4.{knob}"));
    }
    assert_eq!(of(&events, "story").len() % 2, 0, "both variants have every story");
    assert_eq!(finished.end()["error"], Value::Null);
}

#[test]
fn the_same_demo_gives_the_same_verdicts_each_time() {
    if !has_namespaces() {
        return;
    }
    let finished = scenarios(&["run", "silence", "--repeat", "2", "--json"]);
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    let events = events(&finished);
    let repeated = of(&events, "repeated");
    assert_eq!(repeated.len(), 1);
    let told = ["times", "same", "unlike"].map(|field| repeated[0][field].clone());
    assert_eq!(told, [json!(2), json!(true), json!([])]);
    let claims: Vec<&Value> = of(&events, "claim").iter().map(|claim| &claim["variant"]).collect();
    assert_eq!(json!(claims), json!(["time 1", "time 2"]));
}
