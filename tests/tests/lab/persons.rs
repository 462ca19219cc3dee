//! What a person at a terminal can ask for: the theory, a pause after each story, hosts that stay.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::thread;

use nix::pty::openpty;
use nix::sys::signal::Signal;
use serde_json::Value;
use tests::{Running, foreign, piped, program};

use crate::{LIMIT, events, has_namespaces, on_loopback, scenarios};

#[test]
fn the_theory_comes_first_and_says_where_to_read_on() {
    let _alone = on_loopback();
    let finished = scenarios(&["run", "silence", "--loopback", "--explain", "--json"]);
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    let events = events(&finished);
    let theory = |event: &&Value| event["event"] == "theory";
    let told = events.iter().skip(1).take_while(theory).count();
    assert!(told >= 6, "{told}");
    assert_eq!(events.iter().filter(theory).count(), told);
    let links = |event: &&Value| event["says"].as_str().unwrap().contains("https://");
    assert!(events.iter().filter(theory).any(|event| links(&event)));
}

/// Presses Enter whenever it is asked for, and counts how often that was.
#[test]
fn at_a_terminal_it_waits_for_enter_after_each_story() {
    let _alone = on_loopback();
    let terminal = openpty(None, None).unwrap();
    let mut command = piped(program("scenarios"), &["run", "silence", "--loopback", "--step"]);
    command.stdin(Stdio::from(terminal.slave.try_clone().unwrap()));
    command.stderr(Stdio::from(terminal.slave));
    let demo = Running::start(&mut command);
    // The command keeps the terminal open, and a reader would wait for it.
    drop(command);
    let mut person = File::from(terminal.master);
    let asked = thread::spawn(move || {
        let (mut shown, mut asked) = (Vec::new(), 0);
        let mut buf = [0; 1024];
        // The end of a terminal whose other side is closed is EIO.
        while let Ok(count @ 1..) = person.read(&mut buf) {
            shown.extend(&buf[..count]);
            let questions = String::from_utf8_lossy(&shown).matches("-- Enter to go on --").count();
            if questions > asked {
                asked = questions;
                person.write_all(b"\n").unwrap();
            }
        }
        asked
    });
    let finished = demo.finish();
    assert_eq!(finished.code, 0, "{finished:?}");
    assert_eq!(asked.join().unwrap(), finished.stdout_text().matches("\n== ").count());
}

/// The command that is printed for each host leads into that host, and the hosts end with the signal.
#[test]
fn hosts_that_stay_can_be_entered() {
    let Some(_) = foreign("nsenter") else { return };
    if !has_namespaces() {
        return;
    }
    let args = ["run", "silence", "--keep", "--json"];
    let mut demo = Running::start_with_limit(&mut piped(program("scenarios"), &args), LIMIT);
    let is_host = |event: &Value, story: &str, host: &str| {
        event["event"] == "kept" && event["story"] == story && event["host"] == host
    };
    let addresses = |command: &Value| {
        let words: Vec<&str> = command.as_str().unwrap().split(' ').collect();
        let mut enter = Command::new(words[0]);
        let output = enter.args(&words[1..]).args(["cat", "/proc/self/net/fib_trie"]).output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    };
    let mut commands = Vec::new();
    for story in ["both-receive", "empty-send", "empty-datagram"] {
        for (host, address) in [("client", "10.0.0.1"), ("server", "10.0.0.2")] {
            let kept = demo.stdout.take_event(|event| is_host(event, story, host));
            assert_eq!(kept["address"], address);
            let found = addresses(&kept["command"]);
            let is_there = found.lines().any(|line| line.trim() == format!("|-- {address}"));
            assert!(is_there, "{kept}: {found}");
            commands.push(kept["command"].clone());
        }
    }
    demo.signal(Signal::SIGTERM);
    let finished = demo.finish();
    // The signal stood for Enter: the demo ends as it would have.
    assert_eq!(finished.code, 0, "{finished:?}");
    assert_eq!(finished.end()["ok"], true);
    for command in commands {
        assert_eq!(addresses(&command), "", "{command} leads somewhere still");
    }
}
