use serde_json::Value;
use tests::{Directory, foreign, piped, program, skip};

use crate::{events, failed_checks, on_loopback, run, scenarios};

fn checks_with<'a>(events: &'a [Value], field: &'a str) -> Vec<&'a str> {
    let checks = events.iter().filter(|event| event["event"] == "check");
    checks.filter(|check| check.get(field).is_some()).map(|c| c["id"].as_str().unwrap()).collect()
}

fn of<'a>(events: &'a [Value], name: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["event"] == name).collect()
}

/// Without namespaces the demo shows what loopback shows, and skips the rest with the reason.
#[test]
fn on_loopback_what_cannot_be_seen_is_skipped() {
    let _alone = on_loopback();
    let finished = scenarios(&["run", "backlog", "--loopback", "--format", "json"]);
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    let events = events(&finished);
    let end = events.last().unwrap();
    assert_eq!(end["level"], "L2");
    let (measured, skipped) = (checks_with(&events, "measured"), checks_with(&events, "skipped"));
    assert!(measured.contains(&"queue-holds"), "{measured:?}");
    assert!(skipped.contains(&"race-half-open"), "{skipped:?}");
    assert_eq!(end["skipped"], skipped.len());
    assert!(!measured.iter().any(|check| skipped.contains(check)));
}

/// The reports of what a loopback shows name no check that was skipped, explain no story that was not
/// played, and say of the wire that it was not seen.
#[test]
fn on_loopback_nothing_is_said_that_was_not_seen() {
    let _alone = on_loopback();
    for demo in ["backlog", "disconnect"] {
        let finished = scenarios(&["run", demo, "--loopback", "--json"]);
        assert_eq!(finished.code, 0, "{}", finished.stderr);
        let events = events(&finished);
        let measured = checks_with(&events, "measured");
        for claim in of(&events, "claim") {
            for check in claim["because"].as_array().unwrap() {
                assert!(measured.contains(&check.as_str().unwrap()), "{claim}: {check}");
            }
            let instead = claim["instead"].as_str().unwrap();
            for unseen in ["wire", "cable", "dropped", "limit of half-open", "peer has long gone"] {
                assert!(!instead.contains(unseen), "{claim}");
            }
        }
        let mut not_played = 0;
        for story in of(&events, "story").iter().map(|story| story["story"].as_str().unwrap()) {
            let of_it = |name| of(&events, name).into_iter().filter(|e| e["story"] == story);
            if of_it("check").count() == 0 || of_it("check").any(|c| c.get("measured").is_some()) {
                continue;
            }
            let why = of_it("check").next().unwrap()["skipped"].as_str().unwrap();
            let says: Vec<&Value> = of_it("explanation").map(|e| &e["says"]).collect();
            assert_eq!(says, [&Value::from(format!("This was not played ({why})."))], "{story}");
            not_played += 1;
        }
        assert!(not_played >= 2, "{not_played} stories of {demo} were not played");
    }
}

/// The summary has no wire to speak of, and what is counted while a server does not close is counted
/// after all the other stories, for there is one kernel for all of them.
#[test]
fn on_loopback_the_stories_of_disconnect_do_not_mix() {
    let _alone = on_loopback();
    let events = events(&scenarios(&["run", "disconnect", "--loopback", "--json"]));
    let tables = of(&events, "table");
    let summary = tables.iter().find(|table| table["story"] == "summary").unwrap();
    assert_eq!(summary["columns"][1], "on the wire");
    for row in summary["rows"].as_array().unwrap() {
        assert_eq!(row[1], "not seen", "{row}");
    }
    let opens = |story: &str, field: &str| {
        let is_it = |e: &&&Value| e["story"] == story && e["name"] == "TcpActiveOpens";
        of(&events, "counter").iter().find(is_it).unwrap()[field].as_i64().unwrap()
    };
    assert!(opens("forgotten", "before") >= opens("late-sender", "after"));
    assert!(opens("exited", "before") >= opens("forgotten", "after"));
}

/// Where namespaces are refused, the step and the knob are named, and the demo goes on on loopback.
#[test]
fn a_refusal_names_the_step_and_the_knob() {
    let _alone = on_loopback();
    let (Some(unshare), Some(_)) = (foreign("unshare"), foreign("setpriv")) else { return };
    // A user namespace in which nobody may make another, and a user in it who may do nothing else.
    let script = "echo 0 > /proc/sys/user/max_user_namespaces && \
                  exec setpriv --bounding-set=-all --inh-caps=-all \"$@\"";
    let scenarios = program("scenarios");
    let arguments = ["--user", "--map-root-user", "sh", "-c", script, "sh"];
    let mut command = piped(unshare, &arguments);
    command.arg(scenarios).args(["run", "disconnect", "--format", "json"]);
    let finished = run(&mut command);
    if finished.stderr.contains("unshare:") {
        skip("user namespaces are refused to the test itself");
        return;
    }
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    let told = "error: this system refuses to create a user namespace: unshare(CLONE_NEWUSER)";
    assert!(finished.stderr.starts_with(told), "{}", finished.stderr);
    assert!(finished.stderr.contains("hint: user.max_user_namespaces is 0"), "{}", finished.stderr);
    assert_eq!(events(&finished).last().unwrap()["level"], "L2");
}

/// A kernel that lacks a knob, which is hidden here, skips what needs it with the reason, and is no failure.
#[test]
fn a_kernel_without_a_knob_skips_what_needs_it() {
    let Some(unshare) = foreign("unshare") else { return };
    if !crate::has_namespaces() {
        return;
    }
    // All that is there is seen through links, which lead into each host's own; one leads nowhere.
    let script = "mount --rbind /proc/sys/net \"$1\" && mount -t tmpfs none /proc/sys/net && \
                  mkdir /proc/sys/net/ipv4 && ln -s \"$1\"/ipv4/* /proc/sys/net/ipv4/ && \
                  ln -s \"$1\"/core \"$1\"/ipv6 /proc/sys/net/ && \
                  ln -sfn /proc/nowhere/knob /proc/sys/net/ipv4/tcp_rfc1337 && shift && exec \"$@\"";
    let seen_through = Directory::new();
    let arguments = ["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"];
    let mut command = piped(unshare, &arguments);
    command.arg(seen_through.path()).arg(program("scenarios"));
    let finished = run(command.args(["run", "close", "--format", "json"]));
    if finished.stderr.contains("unshare:") || finished.stderr.contains("mount:") {
        skip("namespaces are refused to the test itself");
        return;
    }
    let events = events(&finished);
    assert_eq!(finished.code, 0, "{:?} {}", failed_checks(&events), finished.stderr);
    assert_eq!(checks_with(&events, "skipped"), ["late-copy-played"]);
    let check = events.iter().find(|event| event["id"] == "late-copy-played").unwrap();
    assert_eq!(check["skipped"], "this kernel has no net.ipv4.tcp_rfc1337 for each host");
}

#[test]
fn a_demo_that_there_is_not_is_bad_usage() {
    let finished = scenarios(&["run", "blacklog"]);
    assert_eq!(finished.code, 2);
    let told =
        "error: there is no demo \"blacklog\"\n  hint: the nearest is backlog\n  hint: there are: ";
    assert!(finished.stderr.starts_with(told), "{}", finished.stderr);
    let finished = scenarios(&["run", "blacklog", "--json"]);
    assert_eq!(finished.end()["error"]["kind"], "unknown_demo");
}

/// What can be drawn in ASCII is, where the locale has nothing else.
#[test]
fn a_plain_locale_gets_ascii() {
    let _alone = on_loopback();
    let finished = scenarios(&["run", "backlog", "--loopback"]);
    assert!(finished.stdout.is_ascii(), "{}", finished.stdout_text());
}

/// A verdict is not lost because a recording cannot be written.
#[test]
fn a_recording_that_cannot_be_written_loses_no_verdict() {
    if !crate::has_namespaces() {
        return;
    }
    let folder = Directory::new();
    let in_the_way = folder.path().join("file");
    std::fs::write(&in_the_way, "").unwrap();
    let finished = scenarios(&["run", "backlog", "--json", "--pcap", in_the_way.to_str().unwrap()]);
    assert_eq!(finished.code, 1);
    assert!(finished.stderr.starts_with("error: cannot write "), "{}", finished.stderr);
    let events = events(&finished);
    assert!(events.iter().any(|event| event["event"] == "claim" && event["id"] == "a"));
    assert_eq!(events.last().unwrap()["ok"], false);
}

/// A page is a file that needs no other, and several come with a list.
#[test]
fn pages_are_written_and_one_that_cannot_be_loses_no_verdict() {
    let _alone = on_loopback();
    let folder = Directory::new();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let finished = scenarios(&["run", "backlog", "--loopback", "--html", &at("one.html")]);
    assert!(finished.stdout_text().contains("\nreport: "), "{}", finished.stdout_text());
    let page = std::fs::read_to_string(at("one.html")).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"), "{page}");

    let several = ["run", "backlog", "stream", "--loopback", "--lang", "zh", "--html"];
    scenarios(&[&several[..], &[&at("all")]].concat());
    let index = std::fs::read_to_string(at("all/index.html")).unwrap();
    for demo in ["backlog", "stream"] {
        assert!(index.contains(&format!("href=\"./{demo}.html\"")), "{index}");
        let page = std::fs::read_to_string(at(&format!("all/{demo}.html"))).unwrap();
        assert!(page.contains("lang=\"zh-CN\""), "{page}");
    }

    let full = ["run", "backlog", "--loopback", "--json", "--html", "/dev/full"];
    let finished = scenarios(&full);
    assert_eq!(finished.code, 1);
    assert!(finished.stderr.contains("error: cannot write /dev/full: "), "{}", finished.stderr);
    let events = events(&finished);
    assert!(events.iter().any(|event| event["event"] == "claim" && event["id"] == "a"));
    assert_eq!(events.last().unwrap()["exit"], 1);
}
