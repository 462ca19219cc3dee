//! What a demo says that a kernel counted and has, beside what `nstat` and `ss` say inside that host.

use std::process::Command;

use nix::sys::signal::Signal;
use serde_json::Value;
use tests::{Running, foreign, piped, program};

use crate::inside::Started;
use crate::{LIMIT, has_namespaces};

/// A demo whose hosts stay, and everything that it has told.
pub(crate) struct Kept {
    demo: Running,
    events: Vec<Value>,
}

impl Kept {
    /// Plays a demo until it says that the last of its hosts stays.
    fn play(name: &str, last: (&str, &str)) -> Self {
        Self::go_on(Self::begin(name), last)
    }

    /// Goes on until it has said that all of these stay, a story and a host each: where stories are played
    /// side by side, nobody knows which comes last.
    pub(crate) fn with(mut demo: Running, mut hosts: Vec<(&str, &str)>) -> Self {
        let is = |event: &Value, (story, host): &(&str, &str)| {
            event["event"] == "kept" && event["story"] == *story && event["host"] == *host
        };
        let mut events = Vec::new();
        while !hosts.is_empty() {
            let seen = |event: &Value| hosts.iter().any(|host| is(event, host));
            events.extend(demo.stdout.take_until(seen));
            hosts.retain(|host| !events.last().is_some_and(|event| is(event, host)));
        }
        Self { demo, events }
    }

    pub(crate) fn begin(name: &str) -> Running {
        let args = ["run", name, "--keep", "--json"];
        Running::start_with_limit(&mut piped(program("scenarios"), &args), LIMIT)
    }

    fn go_on(mut demo: Running, last: (&str, &str)) -> Self {
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
    pub(crate) fn measured(&self, check: &str) -> &str {
        let is_it = |event: &&Value| event["event"] == "check" && event["id"] == check;
        self.events.iter().find(is_it).unwrap()["measured"].as_str().unwrap()
    }

    /// What a program prints inside a host that was made for a story.
    #[track_caller]
    fn inside(&self, story: &str, host: &str, command: &[&str]) -> String {
        let all = self.inside_all(story, command);
        let of_it = all.into_iter().find(|(name, _)| name == host);
        of_it.unwrap_or_else(|| panic!("{host} of {story} does not stay")).1
    }

    /// What a program prints inside each host that was made for a story, with the host's name.
    #[track_caller]
    pub(crate) fn inside_all(&self, story: &str, command: &[&str]) -> Vec<(String, String)> {
        let in_one = |kept: &Value| {
            let words: Vec<&str> = kept["command"].as_str().unwrap().split(' ').collect();
            let output = Command::new(words[0]).args(&words[1..]).args(command).output().unwrap();
            assert!(output.status.success(), "{command:?}: {output:?}");
            let host = kept["host"].as_str().unwrap().to_owned();
            (host, String::from_utf8(output.stdout).unwrap())
        };
        self.of("kept", story).map(in_one).collect()
    }

    /// A counter as nstat has it: -a since the host began, -z zeros too, -s leaves no file behind.
    pub(crate) fn nstat(&self, story: &str, host: &str, counter: &str) -> i64 {
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

    /// Compares what a counter has come to in a story.
    ///
    /// Not every counter can be: the hosts stay, and their kernels count on when the programs are gone.
    #[track_caller]
    pub(crate) fn compare_counter(&self, story: &str, host: &str, name: &str) {
        let mut counters = self.of("counter", story);
        let is_it = |counter: &&Value| counter["host"] == host && counter["name"] == name;
        let ours = counters.find(is_it).unwrap_or_else(|| panic!("{name} did not move in {story}"));
        let theirs = self.nstat(story, host, name);
        assert!(theirs > 0, "{name} of {host}, {story}");
        assert_eq!(ours["after"], theirs, "{name} of {host}, {story}");
    }

    pub(crate) fn end(self) {
        self.demo.signal(Signal::SIGINT);
        let failed = self.events.iter().filter(|event| event["ok"] == false);
        let failed: Vec<String> = failed.map(Value::to_string).collect();
        assert_eq!(self.demo.finish().code, 0, "{failed:#?}");
    }
}

pub(crate) fn can_look_inside() -> bool {
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
    // Also those whose addresses mean something on their link only.
    for host in ["client", "server"] {
        let is_it = |lane: &&Value| lane["host"] == host && lane["who"] == "link-local";
        let lanes = kept.of("states", "addresses").filter(is_it);
        assert_eq!(lanes.count(), 1, "the link-local end of the {host} has states");
    }
    kept.end();
}

/// The accept queue as `ss` shows it while the eight are there, and what the kernel counted.
#[test]
fn a_full_queue_is_what_ss_and_nstat_show() {
    if !can_look_inside() {
        return;
    }
    let demo = Kept::begin("backlog");
    let server = Started::by(&demo, "tcp-server --format json --quiet --backlog 5 --max-conns 1");
    // Nobody leaves while the story plays, and at its end the server may be given one after the other: the
    // queue is looked at when it is longest.
    let number = |line: &str, at: usize| -> u32 {
        line.split_whitespace().nth(at).and_then(|word| word.parse().ok()).expect("a number")
    };
    let mut longest = String::new();
    while let Some(shown) = server.ss("-Hltn") {
        let listener = shown.lines().find(|line| line.starts_with("LISTEN"));
        if let Some(line) =
            listener.filter(|line| longest.is_empty() || number(line, 1) > number(&longest, 1))
        {
            longest = line.to_owned();
        }
    }
    let [receive, send] = [1, 2].map(|at| number(&longest, at).to_string());

    let kept = Kept::go_on(demo, ("half-open", "server"));
    let measured = (kept.measured("queue-holds"), kept.measured("backlog"));
    assert_eq!(measured, (&*receive, &*send), "{longest}");
    for (story, host, counter) in [
        ("overflow", "server", "TcpExtListenOverflows"),
        ("overflow", "server", "TcpExtListenDrops"),
        ("overflow", "client", "TcpExtTCPSynRetrans"),
        ("recover", "server", "TcpExtListenOverflows"),
        ("recover", "client", "TcpExtTCPSynRetrans"),
        ("race", "server", "TcpExtListenOverflows"),
        ("race", "server", "TcpExtListenDrops"),
        ("race", "server", "TcpExtTCPSynRetrans"),
        ("half-open", "server", "TcpExtTCPReqQFullDrop"),
        ("half-open", "server", "TcpExtListenDrops"),
    ] {
        kept.compare_counter(story, host, counter);
    }
    for (check, story, counter) in [
        ("overflow-counted", "overflow", "TcpExtListenOverflows"),
        ("half-open-dropped", "half-open", "TcpExtTCPReqQFullDrop"),
    ] {
        let theirs = kept.nstat(story, "server", counter);
        assert_eq!(kept.measured(check), theirs.to_string(), "{counter}");
    }
    kept.end();
}

/// The ways to go as the kernels of both sides count them, and the connection that stands behind a cut
/// cable as `ss` shows it.
#[test]
fn the_ways_to_go_are_what_ss_and_nstat_show() {
    if !can_look_inside() {
        return;
    }
    let demo = Kept::begin("disconnect");
    let server = Started::by(&demo, "tcp-server --format json --quiet --idle 0 --keepalive 1s");
    // The timer of the one behind the cut cable has asked in vain: the second number is how often.
    let asked_in_vain = |shown: &str| {
        let lines = shown.lines().filter(|line| line.starts_with("ESTAB"));
        lines.filter_map(|line| line.split("timer:(keepalive,").nth(1)).any(|timer| {
            timer.split([',', ')']).nth(1).and_then(|asked| asked.parse().ok()) >= Some(1)
        })
    };
    server.wait_for("-Htno", asked_in_vain).expect("a connection that is asked for in vain");

    let kept = Kept::go_on(demo, ("rebooted", "other"));
    for (story, host, counter) in [
        ("killed-unread", "client", "TcpExtTCPAbortOnClose"),
        ("reset", "client", "TcpExtTCPAbortOnData"),
        ("destroyed", "client", "TcpOutRsts"),
        ("late-sender", "server", "TcpOutRsts"),
        ("cut-keepalive", "server", "TcpExtTCPKeepAlive"),
        ("cut-keepalive", "server", "TcpExtTCPAbortOnTimeout"),
        ("rebooted", "client", "TcpOutRsts"),
        ("rebooted", "server", "TcpRetransSegs"),
    ] {
        kept.compare_counter(story, host, counter);
    }
    for (check, story, host, counter) in [
        ("killed-unread-counter", "killed-unread", "client", "TcpExtTCPAbortOnClose"),
        ("reset-counter", "reset", "client", "TcpExtTCPAbortOnData"),
        ("destroyed-counter", "destroyed", "client", "TcpOutRsts"),
        ("late-sender-counter", "late-sender", "server", "TcpOutRsts"),
    ] {
        assert_eq!(kept.measured(check), kept.nstat(story, host, counter).to_string(), "{check}");
    }
    kept.end();
}
