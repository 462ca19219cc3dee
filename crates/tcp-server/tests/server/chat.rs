//! `chat`: the person at the server talks with one client at a time, in plain lines.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::process::Stdio;

use nix::sys::signal::Signal;
use tests::Running;
use tokio::io::AsyncWriteExt as _;

use crate::support::connect;
use crate::support::library::read_to_end;
use crate::support::program::{Program, command};
use crate::support::way::{Way, certificate_file};

fn start() -> Program {
    Program::spawn(command(&["-p", "0", "-m", "chat"]).stdin(Stdio::piped()))
}

#[track_caller]
fn line(client: &TcpStream) -> String {
    let mut line = String::new();
    BufReader::with_capacity(1, client).read_line(&mut line).unwrap();
    line
}

#[track_caller]
fn event(server: &mut Program, name: &str) -> serde_json::Value {
    server.running.stdout.take_event(|event| event["event"] == name)
}

#[test]
fn two_clients_are_talked_with_one_after_the_other() {
    let mut server = start();
    let mut first = connect(&server.addr);
    let mut second = connect(&server.addr);
    second.write_all(b"I wait\n").unwrap();
    first.write_all("你好\r\n".as_bytes()).unwrap();
    let said = event(&mut server, "said");
    assert_eq!((&said["conn"], &said["text"]), (&1.into(), &"你好".into()));
    server.running.write("你也好\n//next is no command\n".as_bytes());
    assert_eq!(line(&first), "你也好\n");
    assert_eq!(line(&first), "/next is no command\n");

    server.running.write(b"/next\n");
    assert_eq!(line(&first), "");
    let closed = event(&mut server, "closed");
    assert_eq!((&closed["conn"], &closed["ending"]), (&1.into(), &"Done".into()));
    let said = event(&mut server, "said");
    assert_eq!((&said["conn"], &said["text"]), (&2.into(), &"I wait".into()));
    server.running.write(b"sorry to keep you waiting\n");
    assert_eq!(line(&second), "sorry to keep you waiting\n");

    // Its last line lacks its end.
    second.write_all(b"bye").unwrap();
    second.shutdown(Shutdown::Write).unwrap();
    assert_eq!(event(&mut server, "said")["text"], "bye");
    assert_eq!(event(&mut server, "closed")["ending"], "PeerFin");
    server.running.write(b"q\n");
    let left = server.wait();
    assert_eq!((left.code, left.stderr.as_str()), (0, ""));
    assert_eq!(left.end()["served"], 2);
}

#[test]
fn an_empty_line_is_refused_with_a_word_why_at_both_ends() {
    let mut server = start();
    let mut client = connect(&server.addr);
    client.write_all(b"\n \t\nhello\n").unwrap();
    for _ in 0..2 {
        assert_eq!(line(&client), "* nothing was said: the line is empty\n");
    }
    assert_eq!(event(&mut server, "said")["text"], "hello");
    for (typed, told) in [
        ("\n", "nothing to send: type a line, or /help"),
        ("/nxet\n", "unknown command /nxet; did you mean /next?"),
    ] {
        server.running.write(typed.as_bytes());
        assert_eq!(event(&mut server, "notice")["text"], told);
    }
    server.running.close_stdin();
    assert_eq!(line(&client), "");
    assert_eq!(server.wait().code, 0);
}

#[test]
fn the_lines_of_a_pipe_wait_for_a_client_and_all_of_them_arrive() {
    let mut server = start();
    server.running.write(b"one\ntwo\n/next\nthree\n");
    server.running.close_stdin();
    for expected in ["one\ntwo\n", "three\n"] {
        let mut said = String::new();
        connect(&server.addr).read_to_string(&mut said).unwrap();
        assert_eq!(said, expected);
    }
    let left = server.wait();
    assert_eq!((left.code, left.endings()), (0, vec!["Done", "Done"]));
}

/// One waits for a client and one for room; the person is told of both, and of those behind them.
#[test]
fn lines_that_nobody_came_for_are_told() {
    let mut server = start();
    server.running.write(b"/nonsense\none\ntwo\nthree\n");
    // It has been read.
    event(&mut server, "notice");
    server.signal(Signal::SIGTERM);
    let left = server.wait();
    assert_eq!(left.code, 0);
    let notices = left.events.iter().filter(|event| event["kind"] == "not_sent");
    let mut told: Vec<_> = notices.map(|notice| notice["text"].as_str().unwrap()).collect();
    told.sort_unstable();
    assert_eq!(told, ["not sent: one", "not sent: three", "not sent: two"]);
}

#[test]
fn what_a_client_had_begun_to_say_is_shown_when_its_turn_is_over() {
    let mut server = start();
    let mut client = connect(&server.addr);
    client.write_all(b"one\nbut I have not").unwrap();
    assert_eq!(event(&mut server, "said")["text"], "one");
    server.running.write(b"/next\n");
    assert_eq!(event(&mut server, "said")["text"], "but I have not");
    assert_eq!(event(&mut server, "closed")["ending"], "Done");
}

#[test]
fn the_text_on_the_terminal_is_what_was_said_made_harmless() {
    let mut server = Running::start(command(&["-p", "0", "-m", "chat"]).stdin(Stdio::piped()));
    let addr = server.stderr.line_with("listening on ");
    let addr = addr.rsplit(' ').next().unwrap().to_owned();
    server.stderr.wait_for("what you type goes to the client; /next takes the next one, q ends\n");
    let mut client = connect(&addr);
    client.write_all(b"\x1b]0;x\x07 \xff\n").unwrap();
    let local = client.local_addr().unwrap();
    server.stdout.wait_for(&format!("{local}: \\u{{1b}}]0;x\\u{{7}} \\xff\n"));
    drop(client);
    server.stderr.wait_for("closed by peer (FIN)");
    server.write(b"/help\n");
    server.stderr.wait_for("/next   say goodbye to this client and take the next one\n");
    server.write(b"q\n");
    assert_eq!(server.finish().code, 0);
}

#[test]
fn a_line_that_never_ends_ends_its_client_alone() {
    let mut server = start();
    let mut client = connect(&server.addr);
    // It may meet the server's end before all of it is written.
    let _ = client.write_all(&b"x".repeat(200_000));
    assert_eq!(event(&mut server, "closed")["ending"], "Protocol");
    let mut next = connect(&server.addr);
    next.write_all(b"hello\n").unwrap();
    assert_eq!(event(&mut server, "said")["text"], "hello");
    server.signal(Signal::SIGTERM);
    assert_eq!(line(&next), "");
    assert_eq!(server.wait().code, 0);
}

/// Both directions, with a client that waits in the middle of its handshake while another one has the turn.
#[tokio::test]
async fn the_person_at_the_server_talks_over_tls() {
    let file = certificate_file();
    let args = ["-p", "0", "-m", "chat", "--cert", &file, "--key", &file];
    let mut server = Program::spawn(command(&args).stdin(Stdio::piped()));
    fs::remove_file(file).unwrap();
    let mut first = Way::Tls.dial(&server.addr).await.stream;
    let second = Way::Tls.knock(&server.addr).await.unwrap();
    first.write_all("你好\n \n".as_bytes()).await.unwrap();
    first.flush().await.unwrap();
    assert_eq!(event(&mut server, "said")["text"], "你好");
    server.running.write("你也好\n/next\n".as_bytes());
    let heard = String::from_utf8(read_to_end(&mut first).await).unwrap();
    assert_eq!(heard, "* nothing was said: the line is empty\n你也好\n");
    drop(first);
    assert_eq!(event(&mut server, "closed")["ending"], "Done");

    let mut second = second.enter().await.stream;
    second.write_all(b"I waited\n").await.unwrap();
    second.flush().await.unwrap();
    assert_eq!(event(&mut server, "said")["text"], "I waited");
    // A line that never ends.
    second.write_all(&b"x".repeat(200_000)).await.unwrap();
    second.flush().await.unwrap();
    assert_eq!(event(&mut server, "closed")["ending"], "Protocol");
    server.running.write(b"q\n");
    assert_eq!(server.wait().code, 0);
}
