//! `recv -c` and `-W`: how many, and how long.

use std::time::{Duration, Instant};

use crate::support::{peer, receiver, run};

#[test]
fn it_stops_after_the_count_and_leaves_the_rest() {
    let (receiver, addr) = receiver(&["-c", "2"]);
    let sender = peer();
    for _ in 0..3 {
        sender.send_to(b"x", &*addr).unwrap();
    }
    assert_eq!(receiver.finish().end()["received"], 2);
}

#[test]
fn a_time_of_its_own_is_a_clean_end() {
    let started = Instant::now();
    let done = run(&["recv", "--json", "-p", "0", "-W", "200ms"], b"");
    assert_eq!(done.end()["exit"], 0);
    assert!(started.elapsed() >= Duration::from_millis(200));
}

#[test]
fn a_count_that_is_not_reached_in_time_is_told() {
    let done = run(&["recv", "--json", "-p", "0", "-c", "2", "-W", "100ms"], b"");
    done.failed(124, "0 of 2 datagrams within 100ms");
    assert_eq!(done.end()["error"]["kind"], "timed_out");
}
