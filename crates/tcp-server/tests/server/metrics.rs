//! `--metrics`: figures that Prometheus reads, and a scraper that is stuck costs nobody anything.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use nix::sys::signal::Signal;
use tests::Running;

use crate::support::program::{Program, command};
use crate::support::{PATIENCE, assert_echoes, connect};

/// A server with figures, and where they are.
fn start(args: &[&str]) -> (Running, String, String) {
    let args = [&["-p", "0", "--metrics", "0", "--json"], args].concat();
    let mut running = Running::start(&mut command(&args));
    let listening = running.stdout.take_event(|event| event["event"] == "listening");
    let url = listening["metrics"].as_str().unwrap();
    let figures = url.strip_prefix("http://").unwrap().strip_suffix("/metrics").unwrap();
    assert!(figures.starts_with("127.0.0.1:"), "{listening}");
    (running, listening["addr"].as_str().unwrap().to_owned(), figures.to_owned())
}

/// What is answered to these bytes, up to the end of the stream: head and body.
#[track_caller]
fn ask(figures: &str, request: &str) -> (String, String) {
    let mut client = connect(figures);
    client.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

fn scrape(figures: &str) -> BTreeMap<String, String> {
    let (head, body) = ask(figures, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains("Content-Type: text/plain; version=0.0.4; charset=utf-8"), "{head}");
    assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{head}");
    parse(&body)
}

/// Reads the text format of Prometheus, and takes nothing that it does not allow: a family is told of
/// once, with HELP and TYPE before its values, which stand together; names follow the conventions
/// (`prometheus.io/docs/practices/naming`).
fn parse(text: &str) -> BTreeMap<String, String> {
    assert!(text.ends_with('\n'));
    let (mut values, mut families) = (BTreeMap::new(), BTreeSet::new());
    let (mut family, mut kind) = (String::new(), String::new());
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, words) = help.split_once(' ').unwrap();
            assert!(words.ends_with('.'), "{line}");
            assert!(families.insert(name.to_owned()), "{name} comes twice");
            name.clone_into(&mut family);
            let rest = lines.next().and_then(|line| line.strip_prefix("# TYPE ")).unwrap();
            let (of, is) = rest.split_once(' ').unwrap();
            assert_eq!(of, family);
            assert!(is == "gauge" || is == "counter", "{rest}");
            is.clone_into(&mut kind);
            let next = lines.peek().expect("a family has values");
            assert!(!next.starts_with('#'), "{family} has no values");
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap();
        let (name, labels) = match series.split_once('{') {
            Some((name, labels)) => (name, labels.strip_suffix('}').unwrap()),
            None => (series, ""),
        };
        assert_eq!(name, family, "a value without its family");
        assert!(name.starts_with("tcp_server_"), "{name}");
        assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{name}");
        assert_eq!(name.ends_with("_total"), kind == "counter", "{name} is a {kind}");
        for label in labels.split(',').filter(|label| !label.is_empty()) {
            let (name, value) = label.split_once('=').unwrap();
            assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{label}");
            let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap();
            assert!(!value.contains(['"', '\\', '\n']), "{label}");
        }
        value.parse::<f64>().unwrap();
        assert!(
            values.insert(series.to_owned(), value.to_owned()).is_none(),
            "{series} comes twice"
        );
    }
    values
}

#[test]
fn figures_are_those_of_the_connections() {
    let (server, addr, figures) = start(&["--max-conns-per-addr", "2", "--idle", "77s"]);
    let at_first = scrape(&figures);
    assert_eq!(at_first["tcp_server_connections"], "0");
    assert_eq!(at_first["tcp_server_connections_ended_total{ending=\"PeerFin\"}"], "0");
    assert_eq!(at_first["tcp_server_limit_connections"], "1024");
    assert_eq!(at_first["tcp_server_limit_connections_per_address"], "2");
    assert_eq!(at_first["tcp_server_limit_idle_seconds"], "77");
    // A limit that is off has no value.
    assert_eq!(at_first.get("tcp_server_limit_first_byte_seconds"), None);

    let mut first = connect(&addr);
    assert_echoes(&mut first, "12345");
    let mut second = connect(&addr);
    assert_echoes(&mut second, "1234567");
    connect(&addr).read(&mut [0]).unwrap_err();
    // The client may have an echo before the server has counted it.
    let now = crate::support::eventually("both echoes are counted", || {
        let now = scrape(&figures);
        (now["tcp_server_sent_bytes_total"] == "12").then_some(now)
    });
    let of = |name: &str| now[&format!("tcp_server_{name}")].as_str();
    assert_eq!(of("connections"), "2");
    assert_eq!(of("connections_accepted_total"), "2");
    assert_eq!(of("connections_refused_total{reason=\"per_address\"}"), "1");
    // Bytes of connections that are open count.
    assert_eq!((of("received_bytes_total"), of("sent_bytes_total")), ("12", "12"));
    assert_eq!(of("accept_errors_total{fault=\"system\"}"), "0");
    let uptime =
        |at: &BTreeMap<String, String>| at["tcp_server_uptime_seconds"].parse::<f64>().unwrap();
    assert!(uptime(&now) > uptime(&at_first));

    drop(first);
    let ended = crate::support::eventually("the end is counted", || {
        let now = scrape(&figures);
        (now["tcp_server_connections"] == "1").then_some(now)
    });
    assert_eq!(ended["tcp_server_connections_ended_total{ending=\"PeerFin\"}"], "1");
    assert_eq!(ended["tcp_server_received_bytes_total"], "12");
    server.signal(Signal::SIGTERM);
    assert_eq!(server.finish().code, 0);
    assert!(TcpStream::connect(&figures).is_err());
}

#[test]
fn what_is_no_request_for_figures_is_told_so() {
    let (_server, _, figures) = start(&[]);
    for (request, status, says) in [
        ("HEAD /metrics HTTP/1.1\r\n\r\n", "200 OK", ""),
        ("GET / HTTP/1.1\r\n\r\n", "404 Not Found", "the figures are at /metrics\n"),
        ("POST /metrics HTTP/1.1\r\nContent-Length: 1\r\n\r\nx", "405 Method Not Allowed", ""),
        ("hello\r\n\r\n", "400 Bad Request", "this is no request of HTTP/1: invalid token\n"),
    ] {
        let (head, body) = ask(&figures, request);
        assert!(head.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{request:?}: {head}");
        assert!(says.is_empty() || body == says, "{request:?}: {body}");
        assert!(!request.starts_with("HEAD") || body.is_empty());
    }
    let endless = format!("GET /metrics HTTP/1.1\r\nX: {}", "x".repeat(9000));
    assert!(ask(&figures, &endless).0.starts_with("HTTP/1.1 431 "));
}

/// Ten times as many as there are places: each gives way to the next.
#[test]
fn stuck_scrapers_hold_up_neither_the_server_nor_each_other() {
    let (_server, addr, figures) = start(&[]);
    let mut stuck: Vec<TcpStream> = (0..160).map(|_| connect(&figures)).collect();
    for client in &mut stuck {
        // Some have been ended by now.
        let _ = client.write_all(b"GET /met");
    }
    assert_echoes(&mut connect(&addr), "nobody waits here");
    scrape(&figures);
    for mut client in stuck {
        client.set_read_timeout(Some(PATIENCE + Duration::from_secs(5))).unwrap();
        // Words of why, or nothing: an end in any case.
        let _ = client.read_to_end(&mut Vec::new());
    }
}

#[test]
fn they_are_for_this_machine_unless_it_is_said_twice() {
    for address in ["0.0.0.0:0", "[::]:0"] {
        let finished = Running::start(&mut command(&["--metrics", address])).finish();
        assert_eq!(finished.code, 2);
        assert!(finished.stderr.contains("--metrics-for-all allows it"), "{}", finished.stderr);
    }
    let args = ["--metrics", "0.0.0.0:0", "--metrics-for-all"];
    let mut program = Program::start(&args);
    assert_echoes(&mut connect(&program.addr), "it runs");
    program.event("open");
}

#[test]
fn a_port_that_is_taken_is_told() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let finished = Running::start(&mut command(&["-p", "0", "--metrics", &port])).finish();
    assert_eq!(finished.code, 2);
    let told = format!("cannot listen on 127.0.0.1:{port}: address already in use");
    assert!(finished.stderr.contains(&told), "{}", finished.stderr);
    assert!(
        finished.stderr.contains("hint: --metrics 0 takes any free port"),
        "{}",
        finished.stderr
    );
    assert!(!finished.stderr.contains("--port 0"), "{}", finished.stderr);
}
