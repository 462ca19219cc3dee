//! A command line that cannot be meant is told in the same form by every program.

use tests::{Running, piped, program};

#[track_caller]
fn check(name: &str, args: &[&str]) {
    let run = |args: &[&str]| Running::start(&mut piped(program(name), args)).finish();
    let text = run(args);
    text.failed(2, "--no-such-option");
    assert_eq!(text.stdout_text(), "", "{name}");
    let json = run(&[args, &["--format", "json"]].concat());
    json.failed(2, "--no-such-option");
    assert_eq!(json.events().len(), 1, "{name}: {json:?}");
    let end = json.end();
    assert_eq!(end["error"]["kind"], "usage", "{name}: {end}");
    assert!(end["schema"].as_str().unwrap().contains('/'), "{name}: {end}");
}

#[test]
fn each_program_ends_with_an_event_and_code_2() {
    for name in ["tcp-server", "tcp-client", "relay"] {
        check(name, &["--no-such-option"]);
    }
    check("udp-peer", &["recv", "--no-such-option"]);
    check("scenarios", &["run", "backlog", "--no-such-option"]);
    check("scenarios", &["list", "--no-such-option"]);
}
