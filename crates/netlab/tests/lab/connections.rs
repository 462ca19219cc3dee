//! What the kernel knows of a connection, beside what `ss` shows of it.

use std::io::{self, Read as _, Write as _};
use std::time::{Duration, Instant};

use netlab::connection_watch::{ConnectionSample, ConnectionWatch, EVERY};
use netlab::{Lab, Level, Rule, TcpSocket, TcpState, Timer};

use super::{LIMIT, connect, lab, output_in};

/// The client's end of the only connection, as soon as `is_it` holds.
#[track_caller]
fn client_end(lab: &Lab, is_it: impl Fn(&TcpSocket) -> bool) -> TcpSocket {
    let start = Instant::now();
    loop {
        let sockets = lab.host("client").tcp_sockets().unwrap();
        if let Some(socket) = sockets.iter().find(|socket| is_it(socket)) {
            return socket.clone();
        }
        assert!(start.elapsed() < LIMIT, "{sockets:?}");
        std::thread::sleep(EVERY);
    }
}

/// With the cable cut the sender's timer runs: its doublings are the longest silences that `ss` can be
/// asked in.
pub(super) fn known_as_by_ss(level: Level) {
    let lab = lab(level);
    let (mut client, _server, _listener) = connect(&lab);
    lab.wire().unwrap().add(Rule::cut("cable cut"));
    client.write_all(b"four").unwrap();
    client_end(&lab, |socket| socket.info.is_some_and(|info| info.backoff >= 3));
    let Some(ss) = output_in(&lab, "client", "ss -H -t -n -i -o") else { return };
    let ours = client_end(&lab, |socket| socket.state == TcpState::Established);
    let info = ours.info.unwrap();

    let words: Vec<&str> = ss.split_whitespace().collect();
    let theirs = |name: &str| words.iter().find_map(|word| word.strip_prefix(name));
    // As ss writes them: milliseconds, without zeros at the end.
    let millis = |time: Duration| (time.as_micros() as f64 / 1e3).to_string();
    assert_eq!(theirs("rto:"), Some(&*millis(info.rto)), "{ss}");
    let rtt = format!("{}/{}", millis(info.rtt), millis(info.rtt_variance));
    assert_eq!(theirs("rtt:"), Some(&*rtt), "{ss}");
    assert_eq!(theirs("backoff:"), Some(&*info.backoff.to_string()), "{ss}");
    assert_eq!(theirs("unacked:"), Some(&*info.unacked.to_string()), "{ss}");
    assert_eq!(theirs("lost:"), Some(&*info.lost.to_string()), "{ss}");
    assert_eq!(theirs("cwnd:"), Some(&*info.congestion_window.to_string()), "{ss}");
    assert_eq!(theirs("mss:"), Some(&*info.send_mss.to_string()), "{ss}");
    assert_eq!(theirs("retrans:"), Some(&*format!("{}/{}", info.retrans, info.total_retrans)));
    let options = (words.contains(&"ts"), words.contains(&"sack"), theirs("wscale:").is_some());
    let of_ours = (info.options.timestamps(), info.options.sack(), info.options.window_scale());
    assert_eq!(of_ours, options, "{ss}");
    assert_eq!((info.bytes_acked, info.not_sent), (Some(1), Some(0)), "the SYN counts as a byte");

    assert_eq!((ours.timer, ours.send_queue), (Some(Timer::Retransmit), 4));
    assert!(theirs("timer:(on,").is_some(), "{ss}");
    let left = ours.expires.unwrap();
    assert!(left > Duration::ZERO && left <= info.rto, "{left:?} of {:?}", info.rto);
}

pub(super) fn watched(level: Level) {
    let lab = lab(level);
    let delay = Duration::from_millis(50);
    lab.wire().unwrap().add(Rule::delay("50 ms", delay));
    let (mut client, mut server, _listener) = connect(&lab);
    let (local, remote) = (client.local_addr().unwrap(), client.peer_addr().unwrap());
    let watch = ConnectionWatch::start(lab.host("client"), lab.clock(), local, remote);
    client.write_all(b"four").unwrap();
    server.read_exact(&mut [0; 4]).unwrap();
    client_end(&lab, |socket| socket.send_queue == 0);
    // Many readings fit into this, and the watch takes one.
    std::thread::sleep(EVERY * 50);
    // A reset leaves no TIME_WAIT: the kernel forgets the connection at once.
    socket2::SockRef::from(&client).set_linger(Some(Duration::ZERO)).unwrap();
    drop(client);
    let samples = watch.finish().unwrap();

    let queue = |sample: &ConnectionSample| sample.socket.as_ref().map(|s| s.send_queue);
    let mut queues: Vec<Option<u32>> = samples.iter().map(queue).collect();
    queues.dedup();
    assert_eq!(queues, [Some(0), Some(4), Some(0), None], "{samples:?}");
    let at = |is: Option<u32>| samples.iter().position(|s| queue(s) == is).unwrap();
    let sent = at(Some(4));
    let acked = sent + samples[sent..].iter().position(|s| queue(s) == Some(0)).unwrap();
    let kept = samples[acked].at.since(samples[sent].at);
    assert!((delay..LIMIT).contains(&kept), "kept for {kept:?}");
    let unacked = samples[sent].socket.as_ref().unwrap().info.unwrap().unacked;
    assert_eq!(unacked, 1);
}

pub(super) fn time_wait_counts_down(level: Level) {
    let lab = lab(level);
    let (client, mut server, _listener) = connect(&lab);
    drop(client);
    assert_eq!(server.read(&mut [0]).unwrap(), 0);
    drop(server);
    let waiting = || client_end(&lab, |socket| socket.state == TcpState::TimeWait);
    let first = waiting();
    assert_eq!((first.timer, first.inode, first.info), (Some(Timer::TimeWait), 0, None));
    // `TCP_TIMEWAIT_LEN` is a minute, and no knob changes it.
    let minute = Duration::from_secs(50)..=Duration::from_secs(61);
    assert!(minute.contains(&first.expires.unwrap()), "{first:?}");
    let later = client_end(&lab, |socket| socket.expires < first.expires);
    assert_eq!(later.state, TcpState::TimeWait);
}

/// A connection that is destroyed is reset at its peer and aborted for its program; one that is not
/// there is not found.
pub(super) fn destroyed(level: Level) {
    let lab = lab(level);
    let (mut client, mut server, _listener) = connect(&lab);
    let [local, remote] = [client.local_addr(), client.peer_addr()].map(Result::unwrap);
    match lab.host("client").destroy(local, remote) {
        // A kernel that was built without it.
        Err(error) if error.kind() == io::ErrorKind::Unsupported => return,
        destroyed => destroyed.unwrap(),
    }
    for socket in [&mut client, &mut server] {
        socket.set_read_timeout(Some(LIMIT)).unwrap();
    }
    let read = |socket: &mut std::net::TcpStream| socket.read(&mut [0; 8]).unwrap_err().kind();
    assert_eq!(read(&mut client), io::ErrorKind::ConnectionAborted);
    assert_eq!(read(&mut server), io::ErrorKind::ConnectionReset);
    let again = lab.host("client").destroy(local, remote).unwrap_err();
    assert_eq!(again.kind(), io::ErrorKind::NotFound);
}
