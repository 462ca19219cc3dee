//! The relay is asked to stop while everybody talks.

use std::collections::HashMap;
use std::io::Write as _;
use std::thread;
use std::time::{Duration, Instant};

use proto::{Kind, Message};
use relay::Limits;

use crate::support::{Client, Lines, Relay, data};

const TALKERS: usize = 6;

#[test]
fn all_that_was_taken_is_delivered_to_everybody_before_goodbye() {
    // The talkers go on talking after the goodbye, so the relay closes on unread input when it has read on
    // for long enough; on a busy machine they may not have read what was sent to them by then.
    let relay = Relay::start(Limits { linger: crate::support::PATIENCE, ..Limits::default() });
    let clients: Vec<_> = (0..TALKERS)
        .map(|n| Client::in_room(relay.address, &format!("talker {n}"), "lobby"))
        .collect();
    let mut lines = Lines::in_room(relay.address, "reader", "lobby");
    let (heard, stops) = std::sync::mpsc::channel();
    let talkers: Vec<_> = clients
        .into_iter()
        .map(|(mut client, room)| {
            let mut writer = client.stream.try_clone().unwrap();
            // It talks until it cannot any more.
            let speaking = thread::spawn(move || {
                for id in 1.. {
                    if writer.write_all(&data(room, id, &[b'x'; 200])).is_err() {
                        return;
                    }
                }
            });
            let heard = heard.clone();
            thread::spawn(move || {
                let (mut acked, mut seen, mut ending) = (0, HashMap::new(), None);
                while let Ok(Some(frame)) = client.try_frame() {
                    if frame.header.kind == Kind::Data {
                        assert!(ending.is_none(), "nothing comes after a goodbye");
                        seen.insert(frame.header.seq, (frame.header.from, frame.header.id));
                        if seen.len() == 2000 {
                            heard.send(()).unwrap();
                        }
                        continue;
                    }
                    match Message::from_frame(&frame).unwrap() {
                        Message::Ack(ack) => acked = acked.max(ack.seq + u64::from(ack.count) - 1),
                        Message::Goodbye(goodbye) => ending = Some(goodbye.ending),
                        _ => {}
                    }
                }
                // Its own direction is closed now, or its writer would go on.
                let _ = client.stream.shutdown(std::net::Shutdown::Both);
                speaking.join().unwrap();
                (acked, seen, ending)
            })
        })
        .collect();
    let reader = thread::spawn(move || {
        let (mut said, mut last) = (0_u64, String::new());
        loop {
            let line = lines.line();
            if line.is_empty() {
                return (said, last);
            }
            said += u64::from(line.starts_with("talker "));
            last = line;
        }
    });
    for _ in 0..TALKERS {
        stops.recv_timeout(crate::support::PATIENCE).unwrap();
    }
    let summary = relay.stop();
    assert_eq!(summary.cut, 0);
    let results: Vec<_> = talkers.into_iter().map(|talker| talker.join().unwrap()).collect();
    let last = results.iter().map(|(acked, ..)| *acked).max().unwrap();
    for (_, seen, ending) in &results {
        assert_eq!(ending.as_deref(), Some("Shutdown"));
        // Every place up to the last one that anybody was promised.
        assert_eq!(seen.len() as u64, last);
        assert!((1..=last).all(|seq| seen.contains_key(&seq)));
        assert_eq!(*seen, results[0].1);
    }
    let (said, words) = reader.join().unwrap();
    assert_eq!((said, &*words), (last, "* goodbye: the relay shuts down"));
}

#[test]
fn who_takes_nothing_holds_the_end_up_for_no_longer_than_the_drain() {
    let drain = Duration::from_millis(300);
    let relay = Relay::start(Limits { drain, ..Limits::default() });
    let (mut alice, room) = Client::in_room(relay.address, "alice", "lobby");
    let (deaf, _) = Client::in_room(relay.address, "deaf", "lobby");
    socket2::SockRef::from(&deaf.stream).set_recv_buffer_size(4096).unwrap();
    // More than the kernel takes for it, and less than its outbox may pin.
    let words = vec![b'x'; 64 * 1024];
    for id in 1..=20 {
        alice.stream.write_all(&data(room, id, &words)).unwrap();
        assert_eq!(alice.data().header.seq, id);
    }
    assert!(relay.log.endings().is_empty(), "nobody has been ended");
    let start = Instant::now();
    let summary = relay.stop();
    assert_eq!(summary.cut, 1, "who reads is not cut");
    assert!(start.elapsed() >= drain, "the deaf one had its time: {:?}", start.elapsed());
    drop((alice, deaf));
}
