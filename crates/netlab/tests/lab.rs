//! The lab on the real kernel, against programs that we did not write.
//!
//! Where namespaces are refused every test is skipped, and says so; with `CI` set that is a failure.
#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]
#![allow(clippy::print_stdout, reason = "this is its own test harness")]

// Not beside this file, where cargo would take it for tests of its own.
#[path = "lab/connections.rs"]
mod connections;
#[path = "lab/ends.rs"]
mod ends;
#[path = "lab/injection.rs"]
mod injection;
#[path = "lab/ipv6.rs"]
mod ipv6;
#[path = "lab/rules.rs"]
mod rules;

use std::env;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::panic;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use netlab::queue_watch::QueueWatch;
use netlab::{Lab, Level, Rule, TcpState, Verdict};
use nix::sys::signal::Signal;

/// Long enough for anything that is only waited for.
const LIMIT: Duration = Duration::from_secs(10);

const PORT: u16 = 7878;

fn main() -> ExitCode {
    if env::args().any(|argument| argument == ends::ENDLESS) {
        return ends::endless_lab();
    }
    // Before the namespaces: this one starts labs of its own and looks at all processes.
    let mut passed = 0;
    let mut failed = 0;
    let mut run = |name: &str, test: &dyn Fn()| {
        let ok = panic::catch_unwind(panic::AssertUnwindSafe(test)).is_ok();
        println!("test {name} ... {}", if ok { "ok" } else { "FAILED" });
        *(if ok { &mut passed } else { &mut failed }) += 1;
    };
    run("nothing_is_left_when_the_lab_is_killed", &ends::nothing_is_left_when_killed);
    run("a_lab_that_is_deaf_ends_by_a_signal_all_the_same", &ends::a_deaf_lab_ends_by_a_signal);
    let level = match netlab::enter() {
        Ok(level) => level,
        Err(refusal) => {
            println!("test result: skipped, {refusal}");
            return if env::var_os("CI").is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
        }
    };
    let tests: [(&str, Test); 24] = [
        ("a_handshake_is_recorded_with_both_times", a_handshake_is_recorded_with_both_times),
        ("a_dropped_segment_is_sent_again", a_dropped_segment_is_sent_again),
        ("a_cut_cable_carries_nothing_until_it_is_whole", a_cut_cable_carries_nothing),
        ("packets_are_lost_doubled_and_reordered", rules::lost_doubled_and_reordered),
        ("a_rate_is_kept", rules::a_rate_is_kept),
        ("the_same_seed_loses_the_same", rules::the_same_seed_loses_the_same),
        ("a_wire_that_carries_nothing_sleeps", rules::a_wire_that_carries_nothing_sleeps),
        ("parts_and_errors_are_read", rules::parts_and_errors_are_read),
        ("segments_are_honest", segments_are_honest),
        ("counters_agree_with_nstat", counters_agree_with_nstat),
        ("sockets_agree_with_ss", sockets_agree_with_ss),
        ("a_queue_is_watched", a_queue_is_watched),
        ("what_is_known_of_a_connection_agrees_with_ss", connections::known_as_by_ss),
        ("a_connection_is_watched", connections::watched),
        ("a_time_wait_counts_down", connections::time_wait_counts_down),
        ("a_connection_is_ended_over_its_program_s_head", connections::destroyed),
        ("a_forged_request_is_answered_to_nobody", injection::answered_to_nobody),
        (
            "injected_datagrams_arrive_from_whom_they_say",
            injection::datagrams_arrive_from_whom_they_say,
        ),
        ("a_lab_with_ipv6_carries_it_and_is_quiet", ipv6::carried_and_quiet),
        ("sockets_over_ipv6_agree_with_ss", ipv6::sockets_agree_with_ss),
        ("datagrams_over_ipv6_are_counted_as_by_nstat", ipv6::counters_agree_with_nstat),
        ("sysctls_are_per_host", sysctls_are_per_host),
        ("a_program_and_its_children_are_counted", a_program_and_its_children_are_counted),
        ("a_program_that_is_stopped_does_nothing", a_program_that_is_stopped_does_nothing),
    ];
    for (name, test) in tests {
        run(name, &|| test(level));
    }
    println!("test result: {passed} passed; {failed} failed; level {level}");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

type Test = fn(Level);

fn lab(level: Level) -> Lab {
    Lab::new(level, &["client", "server"]).unwrap()
}

/// A connection over the lab's wire, and the listener, which stays open.
fn connect(lab: &Lab) -> (TcpStream, TcpStream, TcpListener) {
    let address = SocketAddr::from((lab.host("server").address(), PORT));
    let listener = lab.host("server").run(move || TcpListener::bind(address)).unwrap();
    let client = lab.host("client").run(move || TcpStream::connect(address)).unwrap();
    let (server, _) = listener.accept().unwrap();
    (client, server, listener)
}

fn a_handshake_is_recorded_with_both_times(level: Level) {
    let lab = lab(level);
    let wire = lab.wire().unwrap();
    let delay = Duration::from_millis(20);
    wire.add(Rule::delay("20 ms", delay));
    let start = Instant::now();
    let _ends = connect(&lab);
    assert!(start.elapsed() >= 2 * delay, "a handshake takes a round trip");
    let is_ack = |r: &netlab::Record| {
        let tcp = r.packet.as_ref().and_then(|p| p.tcp());
        r.delivered().is_some() && tcp.is_some_and(|tcp| tcp.flags.to_string() == "ACK")
    };
    wire.wait_for(LIMIT, is_ack).expect("the third segment of the handshake");
    let records = wire.records();
    let flags: Vec<String> =
        records.iter().filter_map(|r| Some(r.packet.as_ref()?.tcp()?.flags.to_string())).collect();
    assert_eq!(flags[..3], ["SYN", "SYN, ACK", "ACK"]);
    for record in &records[..3] {
        let on_the_way = record.delivered().unwrap().since(record.sent);
        assert!((delay..delay * 3).contains(&on_the_way), "{on_the_way:?}");
        assert_eq!(record.rule.as_deref(), Some("20 ms"));
    }
    // The answer leaves after the question has arrived: one clock for both ends.
    assert!(records[1].sent >= records[0].delivered().unwrap());
    assert_eq!((wire.missed(), wire.failure()), (0, None));
}

fn a_dropped_segment_is_sent_again(level: Level) {
    let lab = lab(level);
    let client = lab.host("client");
    let wire = lab.wire().unwrap();
    wire.add(
        Rule::drop("the first data is lost")
            .from(client.id())
            .matching(|packet| packet.tcp().is_some_and(|tcp| tcp.len > 0))
            .times(1),
    );
    let before = client.counters().unwrap();
    let (mut sender, mut receiver, _listener) = connect(&lab);
    sender.write_all(b"hello").unwrap();
    let mut text = [0; 5];
    receiver.read_exact(&mut text).unwrap();
    assert_eq!(&text, b"hello");
    // The receiver may have read a frame before the wire has noted that it was handed over.
    assert!(wire.settle(LIMIT));
    let data: Vec<Verdict> = wire
        .records()
        .iter()
        .filter(|r| r.packet.as_ref().and_then(|p| p.tcp()).is_some_and(|tcp| tcp.len > 0))
        .map(|r| r.verdict)
        .collect();
    assert_eq!(data[0], Verdict::Dropped);
    assert!(matches!(data[1], Verdict::Delivered(_)), "{data:?}");
    // A drop at the sender's own output would have counted nothing: the wire drops between the hosts.
    let moved = client.counters().unwrap().since(&before);
    assert_eq!(moved.get("TcpRetransSegs"), Some(1), "{moved:?}");
}

fn a_cut_cable_carries_nothing(level: Level) {
    let lab = lab(level);
    let wire = lab.wire().unwrap();
    let (mut sender, mut receiver, _listener) = connect(&lab);
    wire.add(Rule::cut("cable cut"));
    sender.write_all(b"x").unwrap();
    let dropped = wire.wait_for(LIMIT, |r| r.rule.as_deref() == Some("cable cut")).unwrap();
    assert_eq!(dropped.verdict, Verdict::Dropped);
    receiver.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    assert!(receiver.read(&mut [0]).is_err(), "a byte came through a cable that is cut");
    wire.remove("cable cut");
    receiver.set_read_timeout(Some(LIMIT)).unwrap();
    assert_eq!(receiver.read(&mut [0]).unwrap(), 1);
}

fn segments_are_honest(level: Level) {
    let lab = lab(level);
    let (mut sender, mut receiver, _listener) = connect(&lab);
    let sending = std::thread::spawn(move || sender.write_all(&vec![7; 300_000]).unwrap());
    let mut bytes = Vec::new();
    sending.join().unwrap();
    receiver.read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes.len(), 300_000);
    let records = lab.wire().unwrap().records();
    let longest = records.iter().map(|r| r.frame.len()).max().unwrap();
    assert!(longest <= 1514, "a frame of {longest} bytes on a link of 1500");
    assert_eq!(lab.wire().unwrap().missed(), 0);
}

/// Runs a program in a host and gives back what it printed; `None` where it is not installed.
fn output_in(lab: &Lab, host: &str, command: &str) -> Option<String> {
    let words: Vec<String> = command.split(' ').map(str::to_owned).collect();
    let output = lab
        .host(host)
        .run(move || Command::new(&words[0]).args(&words[1..]).stderr(Stdio::inherit()).output());
    match output {
        Ok(output) => {
            assert!(output.status.success(), "{command}: {}", output.status);
            Some(String::from_utf8(output.stdout).unwrap())
        }
        Err(error) => {
            println!("skipped: {command}: {error}");
            assert!(env::var_os("CI").is_none(), "{command} must be there in CI");
            None
        }
    }
}

fn counters_agree_with_nstat(level: Level) {
    let lab = lab(level);
    let _ends = connect(&lab);
    for host in ["client", "server"] {
        // -a: since the namespace began; -z: zeros too; -s: leaves no history behind.
        let Some(nstat) = output_in(&lab, host, "nstat -asz") else { return };
        let counters = lab.host(host).counters().unwrap();
        let mut compared = 0;
        for line in nstat.lines().skip(1) {
            let mut words = line.split_whitespace();
            let (name, value) = (words.next().unwrap(), words.next().unwrap());
            if let Some(ours) = counters.get(name) {
                assert_eq!(value.parse(), Ok(ours), "{name} of {host}");
                compared += 1;
            }
        }
        assert!(compared > 100, "only {compared} counters have the names of nstat");
        let opened = if host == "client" { "TcpActiveOpens" } else { "TcpPassiveOpens" };
        assert_eq!(counters.get(opened), Some(1), "{host}");
    }
}

fn sockets_agree_with_ss(level: Level) {
    let lab = lab(level);
    let (mut client, _server, _listener) = connect(&lab);
    client.write_all(b"four").unwrap();
    let is_data = |r: &netlab::Record| {
        r.delivered().is_some()
            && r.packet.as_ref().and_then(|p| p.tcp()).is_some_and(|t| t.len == 4)
    };
    lab.wire().unwrap().wait_for(LIMIT, is_data).expect("the data");
    let Some(ours) = sockets_as_by_ss(&lab, "server") else { return };
    assert!(ours.iter().any(|line| line.starts_with("ESTAB 4 0 10.0.0.2:7878")), "{ours:?}");
}

/// Compares the TCP sockets of a host with those that `ss` has, and gives them as it writes them.
fn sockets_as_by_ss(lab: &Lab, host: &str) -> Option<Vec<String>> {
    let ss = output_in(lab, host, "ss -H -t -a -n")?;
    let mut theirs: Vec<String> = ss
        .lines()
        .map(|line| line.split_whitespace().take(5).collect::<Vec<_>>().join(" "))
        .collect();
    let mut ours: Vec<String> = lab
        .host(host)
        .tcp_sockets()
        .unwrap()
        .iter()
        .map(|s| {
            let (local, remote) = match s.state {
                // Both families, unless it is told to take IPv6 only.
                TcpState::Listen if s.local.ip() == Ipv6Addr::UNSPECIFIED => {
                    (format!("*:{}", s.local.port()), "*:*".to_owned())
                }
                TcpState::Listen => (s.local.to_string(), "0.0.0.0:*".to_owned()),
                _ => (s.local.to_string(), s.remote.to_string()),
            };
            // It writes a link behind the bracket, by its name, and at the near end only.
            let local = local.replace("%2]", "]%eth0");
            let remote = remote.replace("%2]", "]");
            format!("{} {} {} {local} {remote}", s.state, s.receive_queue, s.send_queue)
        })
        .collect();
    theirs.sort();
    ours.sort();
    assert_eq!(ours, theirs);
    Some(ours)
}

fn a_queue_is_watched(level: Level) {
    let lab = lab(level);
    let address = SocketAddr::from((lab.host("server").address(), PORT));
    let listener = lab.host("server").run(move || TcpListener::bind(address)).unwrap();
    let watch = QueueWatch::start(lab.host("server"), lab.clock(), PORT);
    let _client = lab.host("client").run(move || TcpStream::connect(address)).unwrap();
    let queued = |length: u32| {
        let start = Instant::now();
        loop {
            let sockets = lab.host("server").tcp_sockets().unwrap();
            let listener = sockets.iter().find(|s| s.state == TcpState::Listen).unwrap();
            if listener.receive_queue == length {
                return;
            }
            assert!(start.elapsed() < LIMIT, "{sockets:?}");
        }
    };
    queued(1);
    // Two readings fit into this, and the watch takes one in each.
    std::thread::sleep(netlab::queue_watch::EVERY * 10);
    let _server = listener.accept().unwrap();
    queued(0);
    std::thread::sleep(netlab::queue_watch::EVERY * 10);
    let lengths: Vec<u32> = watch.finish().unwrap().iter().map(|sample| sample.length).collect();
    assert!(lengths.ends_with(&[1, 0]), "{lengths:?}");
}

fn sysctls_are_per_host(level: Level) {
    let lab = lab(level);
    let name = "net.ipv4.tcp_syn_retries";
    lab.host("client").set_sysctl(name, "2").unwrap();
    assert_eq!(lab.host("client").sysctl(name).unwrap(), "2");
    assert_eq!(lab.host("server").sysctl(name).unwrap(), "6");
    let missing = lab.host("client").sysctl("net.ipv4.no_such_knob").unwrap_err();
    assert_eq!(missing.kind(), std::io::ErrorKind::NotFound);
    assert_eq!(lab.host("server").address(), Ipv4Addr::new(10, 0, 0, 2));
}

fn a_program_and_its_children_are_counted(level: Level) {
    let lab = lab(level);
    let count = |script: &str| {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let program = lab.start("client", "sh", command).unwrap();
        program.wait_for(LIMIT, |_| Some(())).expect("the shell says that it is there");
        program.family().unwrap()
    };
    let alone = count("echo alone; read line");
    assert_eq!((alone.processes, alone.threads), (1, 1));
    let with_child = count("sleep 1000 & echo with a child; read line");
    assert_eq!((with_child.processes, with_child.threads), (2, 2));
    // A shell has some hundred KiB, and one with two mebibytes in a variable has those as well, or nearly: the
    // kernel counts on each processor, and adds that up only now and then (proc_pid_statm(5)).
    let large = count("x=$(head -c 2097152 /dev/zero | tr '\\0' x); echo large; read line");
    assert!(alone.resident > 100 << 10 && alone.resident < 100 << 20, "{alone:?}");
    assert!(large.resident > alone.resident + (3 << 19), "{large:?}, {alone:?}");
}

fn a_program_that_is_stopped_does_nothing(level: Level) {
    let lab = lab(level);
    let mut command = Command::new("sh");
    command.args(["-c", "echo ready; while read line; do echo \"$line\"; done"]);
    let mut program = lab.start("client", "sh", command).unwrap();
    let says = |program: &netlab::Program, limit, text: &str| {
        program.wait_for(limit, |line| (line.text == text).then_some(())).is_some()
    };
    assert!(says(&program, LIMIT, "ready"));
    program.stop().unwrap();
    program.write("hello\n").unwrap();
    assert!(!says(&program, Duration::from_millis(100), "hello"), "it is stopped");
    program.signal(Signal::SIGCONT).unwrap();
    assert!(says(&program, LIMIT, "hello"));
    drop(program.take_input());
    program.wait(LIMIT).unwrap().expect("the end of the program");
}
