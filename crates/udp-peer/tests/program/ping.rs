//! `ping` counts what is lost, doubled and overtaken; `echo` answers it and nothing else.

use std::thread;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::{addr_of, deaf_port, peer, receive, run, start, start_with_events, take};

/// Makes a reply of a request.
fn reply(mut datagram: Vec<u8>) -> Vec<u8> {
    assert_eq!((&datagram[..8], datagram[8]), (&b"udp-ping"[..], 0));
    datagram[8] = 1;
    datagram
}

#[test]
fn what_an_echo_answers_is_counted_and_timed() {
    let (mut echo, addr) = start_with_events(&["echo", "-p", "0"]);
    let done = run(&["ping", "--json", &addr, "-c", "5", "-i", "10ms", "-s", "1400"], b"");
    assert_eq!(done.code, 0, "{}", done.stderr);
    let events = done.events();
    let replies: Vec<&Value> = events.iter().filter(|e| e["event"] == "reply").collect();
    assert_eq!(replies.len(), 5);
    for (number, reply) in (1..).zip(&replies) {
        assert_eq!((&reply["seq"], &reply["bytes"]), (&Value::from(number), &1400.into()));
        assert_eq!(reply["what"], "in_order");
    }
    let summary = events.iter().find(|event| event["event"] == "summary").unwrap();
    assert_eq!((&summary["sent"], &summary["lost"]), (&5.into(), &0.into()));
    let times = ["min", "avg", "p99", "max"].map(|name| summary[name].as_f64().unwrap());
    assert!(
        times[0] > 0.0 && times.is_sorted_by(|a, b| a <= b || (a - b).abs() < 0.01),
        "{times:?}"
    );
    for _ in 0..5 {
        assert_eq!(take(&mut echo, "answered")["bytes"], 1400);
    }
    echo.signal(Signal::SIGINT);
    assert_eq!(echo.finish().code, 0);
}

#[test]
fn what_is_lost_doubled_and_overtaken_is_told() {
    let echo = peer();
    let addr = addr_of(&echo);
    let answering = thread::spawn(move || {
        let mut held = None;
        for number in 1..=10 {
            let (datagram, from) = receive(&echo);
            match number {
                3 => {}
                5 => {
                    for _ in 0..2 {
                        echo.send_to(&reply(datagram.clone()), from).unwrap();
                    }
                }
                7 => held = Some(datagram),
                _ => {
                    echo.send_to(&reply(datagram), from).unwrap();
                    if let Some(datagram) = held.take() {
                        echo.send_to(&reply(datagram), from).unwrap();
                    }
                }
            }
            // What is no answer of ours counts for nothing.
            echo.send_to(b"udp-ping\x01 but not of this run, whatever it says", from).unwrap();
        }
    });
    let done = run(&["ping", &addr, "-c", "10", "-i", "20ms", "-W", "200ms"], b"");
    answering.join().unwrap();
    assert_eq!(done.code, 0, "{}", done.stderr);
    let text = done.stdout_text();
    let counts = "10 sent, 9 received, 10% lost, 1 out of order, 1 twice\n";
    assert!(text.contains(counts), "{text}");
    assert!(text.contains("seq=7 time=") && text.contains("ms  (out of order)\n"), "{text}");
    assert!(text.contains("ms  (again)\n"), "{text}");
    assert!(text.contains("rtt min/avg/p99/max = "), "{text}");
}

#[test]
fn ctrl_c_ends_it_with_the_summary() {
    let (_echo, addr) = start_with_events(&["echo", "-p", "0"]);
    let mut ping = start(&["ping", &addr, "-i", "10ms"]);
    ping.stdout.wait_for("seq=3 ");
    ping.signal(Signal::SIGINT);
    let done = ping.finish();
    assert_eq!((done.code, done.signal), (0, None));
    assert!(done.stdout_text().contains(" received, 0% lost"), "{}", done.stdout_text());
}

#[test]
fn nobody_there_is_told_and_is_a_failure() {
    let (_deaf, addr) = deaf_port();
    let done = run(&["ping", &addr, "-c", "2", "-i", "10ms", "-W", "100ms"], b"");
    done.failed(1, &format!("{addr} has answered nothing"));
    assert!(done.stderr.contains("port unreachable"), "{}", done.stderr);
    assert!(done.stdout_text().contains("2 sent, 0 received, 100% lost"), "{done:?}");
}

/// Two echoes must not be made to answer each other for ever.
#[test]
fn an_echo_answers_no_reply_and_nothing_else() {
    let (mut echo, addr) = start_with_events(&["echo", "-p", "0"]);
    let stranger = peer();
    let request = [&b"udp-ping\x00"[..], &[7; 16]].concat();
    let sent: [&[u8]; 4] = [b"", b"hello\n", &reply(request.clone()), &request[..24]];
    for datagram in sent {
        stranger.send_to(datagram, &addr).unwrap();
        assert_eq!(take(&mut echo, "not_answered")["bytes"], datagram.len());
    }
    stranger.send_to(&request, &addr).unwrap();
    assert_eq!(receive(&stranger).0, reply(request));
}
