//! What the receive buffer could not hold is counted: nothing is lost without a word.

use std::fs;
use std::time::Instant;

use nix::sys::signal::Signal;
use tests::{LIMIT, Running};

use crate::support::{peer, receiver, take, take_text};

const FLOOD: u64 = 2000;

#[test]
fn received_and_lost_are_what_was_sent() {
    let (mut receiver, addr) = receiver(&["--rcvbuf", "100K"]);
    let sender = peer();
    sender.send_to(b"first", &*addr).unwrap();
    take_text(&mut receiver, "first");
    stop(&receiver);
    for _ in 1..FLOOD {
        // On the loopback a datagram is in the buffer, or lost, when this returns.
        sender.send_to(&[b'x'; 100], &*addr).unwrap();
    }
    // It ends as soon as it goes on, with no datagram after the last one that was lost.
    receiver.signal(Signal::SIGTERM);
    receiver.signal(Signal::SIGCONT);
    let done = receiver.finish();
    let end = done.end();
    let (received, lost) = (end["received"].as_u64().unwrap(), end["lost"].as_u64().unwrap());
    assert_eq!(received + lost, FLOOD, "{end}");
    assert!(received > 1 && lost > FLOOD / 2, "{end}");
    let told: u64 = done
        .events()
        .iter()
        .filter(|event| event["event"] == "lost")
        .map(|event| event["count"].as_u64().unwrap())
        .sum();
    assert_eq!(told, lost);
    let words = "lost in the receive buffer, because it was full\n";
    assert!(done.stderr.contains(words), "{}", done.stderr);
}

#[test]
fn a_loss_is_told_with_the_next_datagram() {
    let (mut receiver, addr) = receiver(&["--rcvbuf", "100K"]);
    let sender = peer();
    stop(&receiver);
    for _ in 0..FLOOD {
        sender.send_to(&[b'x'; 100], &*addr).unwrap();
    }
    receiver.signal(Signal::SIGCONT);
    // There is room for another when it has read so many: the kernel gives the room of what was read back
    // when that is a quarter of the buffer (`udp_rmem_release`), which holds a few hundred.
    for _ in 0..150 {
        take(&mut receiver, "datagram");
    }
    sender.send_to(b"after", &*addr).unwrap();
    let lost = take(&mut receiver, "lost");
    assert_eq!(lost["count"], lost["total"]);
    receiver.stdout.take_event(|event| event["text"] == "after");
}

/// Stops it, and waits until the kernel says that it is stopped.
fn stop(program: &Running) {
    program.signal(Signal::SIGSTOP);
    let deadline = Instant::now() + LIMIT;
    loop {
        let stat = fs::read_to_string(format!("/proc/{}/stat", program.pid())).unwrap();
        // The state comes after the name, which may have anything in it but ends at the last bracket.
        if stat.rsplit(") ").next().unwrap().starts_with('T') {
            return;
        }
        assert!(Instant::now() < deadline, "{stat}");
        std::thread::yield_now();
    }
}
