//! What a demo says that a kernel counted and has, beside what `nstat` and `ss` say inside that host.

use std::process::Command;

use nix::sys::signal::Signal;
use serde_json::Value;
use tests::{Running, foreign, piped, program};

use crate::{LIMIT, has_namespaces};

/// A demo whose hosts stay, and everything that it has told.
struct Kept {
    demo: Running,
    events: Vec<Value>,
}

impl Kept {
    /// Plays a demo until it says that the last of its hosts stays.
    fn play(name: &str, last: (&str, &str)) -> Self {
        let args = ["run", name, "--keep", "--json"];
        let mut demo = Running::start_with_limit(&mut piped(program("scenarios"), &args), LIMIT);
        let events = demo.stdout.take_until(|event| {
            event["event"] == "kept" && event["story"] == last.0 && event["host"] == last.1
        });
        Self { demo, events }
    }

    /// The events of this name, of a story.
    fn of<'a>(&'a self, event: &'a str, story: &'a str) -> impl Iterator<Item = &'a Value> {
        self.events.iter().filter(move |e| e["event"] == event && e["story"] == story)
    }

    /// What a check has measured.
    fn measured(&self, check: &str) -> &str {
        let is_it = |event: &&Value| event["event"] == "check" && event["id"] == check;
        self.events.iter().find(is_it).unwrap()["measured"].as_str().unwrap()
    }

    /// What a program prints inside a host that was made for a story.
    #[track_caller]
    fn inside(&self, story: &str, host: &str, command: &[&str]) -> String {
        let kept = self.of("kept", story).find(|kept| kept["host"] == host).unwrap();
        let words: Vec<&str> = kept["command"].as_str().unwrap().split(' ').collect();
        let output = Command::new(words[0]).args(&words[1..]).args(command).output().unwrap();
        assert!(output.status.success(), "{command:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// A counter as nstat has it: -a since the host began, -z zeros too, -s leaves no file behind.
    fn nstat(&self, story: &str, host: &str, counter: &str) -> i64 {
        let all = self.inside(story, host, &["nstat", "-asz"]);
        let words = all.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let line = words.into_iter().find(|words| words.first() == Some(&counter));
        line.unwrap_or_else(|| panic!("nstat has no {counter}"))[1].parse().unwrap()
    }

    /// Compares every counter that moved in a story.
    #[track_caller]
    fn compare_counters(&self, story: &str) {
        let mut compared = 0;
        for counter in self.of("counter", story) {
            let word = |name| counter[name].as_str().unwrap();
            let (host, name) = (word("host"), word("name"));
            assert_eq!(
                counter["after"],
                self.nstat(story, host, name),
                "{name} of {host}, {story}"
            );
            compared += 1;
        }
        assert!(compared >= 3, "{compared} counters of {story} moved");
    }

    fn end(self) {
        self.demo.signal(Signal::SIGINT);
        assert_eq!(self.demo.finish().code, 0);
    }
}

fn can_look_inside() -> bool {
    let tools = ["nsenter", "nstat", "ss"].map(foreign);
    tools.iter().all(Option::is_some) && has_namespaces()
}

#[test]
fn what_an_old_server_leaves_is_what_ss_and_nstat_show() {
    if !can_look_inside() {
        return;
    }
    let kept = Kept::play("reuse", ("udp", "host"));
    for story in ["restart", "restart-reuse"] {
        let mut tables = kept.of("table", story);
        let left = tables.find(|table| table["columns"][0] == "state").unwrap();
        let left = &left["rows"][0];
        let ss = kept.inside(story, "server", &["ss", "-Htan"]);
        let shown = |line: &str| {
            let words: Vec<&str> = line.split_whitespace().collect();
            [words[0], words[3], words[4]].map(Value::from)
        };
        let ours = [left[0].clone(), left[1].clone(), left[2].clone()];
        assert!(ss.lines().any(|line| shown(line) == ours), "{ours:?} is not in {ss}");
        kept.compare_counters(story);
    }
    kept.end();
}

#[test]
fn datagrams_that_find_no_room_are_counted_as_by_nstat() {
    if !can_look_inside() {
        return;
    }
    let kept = Kept::play("families", ("speed", "host"));
    for (check, counter) in
        [("datagrams-udp4", "UdpRcvbufErrors"), ("datagrams-udp6", "Udp6RcvbufErrors")]
    {
        let theirs = kept.nstat("datagrams", "host", counter);
        assert_eq!(kept.measured(check), theirs.to_string(), "{counter}");
    }
    for story in ["addresses", "datagram-addresses"] {
        kept.compare_counters(story);
    }
    kept.end();
}
