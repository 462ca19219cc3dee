//! Programs of others send to ours, and receive from it.

use tests::foreign::openbsd_netcat;
use tests::{Running, foreign, piped};

use crate::support::{deaf_port, receiver, start_with_events, take, take_text};

#[test]
fn netcat_is_heard() {
    let Some(nc) = openbsd_netcat() else { return };
    let (mut receiver, addr) = receiver(&[]);
    let (host, port) = addr.rsplit_once(':').unwrap();
    let mut netcat = Running::start(&mut piped(nc, &["-u", host, port]));
    netcat.write("你好\n".as_bytes());
    // What it reads at once is one datagram, with the end of its line.
    assert_eq!(take_text(&mut receiver, "你好\n")["bytes"], 7);
}

#[test]
fn netcat_hears_and_answers() {
    let Some(nc) = openbsd_netcat() else { return };
    // Netcat does not say where it listens, so it gets a port that was free a moment ago.
    let (deaf, addr) = deaf_port();
    drop(deaf);
    let (host, port) = addr.rsplit_once(':').unwrap();
    let mut netcat = Running::start(&mut piped(nc, &["-v", "-u", "-l", host, port]));
    netcat.stderr.wait_for("Bound on");
    let (mut chat, local) = start_with_events(&["chat", "--plain", "127.0.0.1:0", &addr]);
    chat.write("你好\n".as_bytes());
    assert_eq!(netcat.stdout.wait_for("你好"), "你好");
    netcat.write(b"hi\n");
    assert_eq!(take_text(&mut chat, "hi\n")["from"], *addr);
    assert_ne!(local, addr);
}

#[test]
fn socat_echoes() {
    let Some(socat) = foreign("socat") else { return };
    let listen = ["-d", "-d", "UDP4-LISTEN:0,bind=127.0.0.1", "EXEC:cat"];
    let mut echo = Running::start(&mut piped(socat, &listen));
    let story = echo.stderr.wait_for("listening on UDP AF=2 127.0.0.1:");
    let story = if story.ends_with('\n') { story } else { echo.stderr.wait_for("\n") };
    let addr = story.trim_end().rsplit(' ').next().unwrap();
    let (mut sender, _) = start_with_events(&["send", addr, "--wait", "1m"]);
    sender.write("乒乓\n".as_bytes());
    take_text(&mut sender, "乒乓");
    assert_eq!(take(&mut sender, "sent")["bytes"], 6);
}
