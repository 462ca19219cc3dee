//! `tcp-client chat`, as the one who runs it sees it.

use std::io::Write as _;

use nix::sys::signal::Signal;
use proto::{Change, Goodbye, Message, Rename, Why};

use crate::relay::{OTHER, Session, YOU, said};
use crate::support::{
    Finished, Peer, Running, command, read_to_end, reset, run, start, unused_port,
};

fn chat(relay: &Peer, args: &[&str]) -> Running {
    start(&[&["chat", &relay.target(), "--retry-delay", "10ms"], args].concat())
}

fn lines(done: &Finished) -> Vec<&str> {
    done.stdout_text().lines().collect()
}

#[test]
fn what_is_said_is_shown_with_its_time_room_and_name() {
    let relay = Peer::listen();
    let mut client = chat(&relay, &["--name", "peter"]);
    let mut session = Session::accept(&relay);
    session.welcome();
    session.join(&[said(OTHER, 41, 9, "早上好")]);
    session.knows("小明", Change::Joined);
    session.send_frame(&said(OTHER, 42, 10, "你好，世界"));
    client.write("hey!\n".as_bytes());
    assert_eq!(session.take_line(43).1, "hey!");
    client.close_stdin();
    session.finish();
    let done = client.finish();
    assert_eq!(done.code, 0, "{done:?}");
    let shown = lines(&done);
    assert_eq!(shown[0], "2026-11-22T07:26:45Z #lobby person 3: 早上好");
    assert!(shown[1].ends_with("Z #lobby * 小明 joined"), "{shown:?}");
    assert_eq!(shown[2], "2026-11-22T07:26:45Z #lobby 小明: 你好，世界");
    assert_eq!(shown[3], "2026-11-22T07:26:45Z #lobby peter: hey!");
    assert_eq!(done.stderr, "you are peter\nyou are in #lobby: peter; 1 line was said before\n");
}

/// The connection breaks between the line and its `Ack`: the line comes again, with the same number, and
/// the person is told of both.
#[test]
fn a_line_that_was_not_taken_is_sent_again_with_its_number() {
    let relay = Peer::listen();
    let mut client = chat(&relay, &[]);
    let mut session = Session::joined(&relay, &[]);
    client.write(b"hello\n");
    let (id, text) = session.line();
    assert_eq!(text, "hello");
    reset(session.stream);
    client.stderr.wait_for("not sent yet: hello\n");
    // This one is typed while there is no connection, or before the next one has led into the room.
    client.write(b"and you?\n");
    client.stderr.wait_for("not sent yet: and you?\n");
    let mut session = Session::joined(&relay, &[]);
    assert_eq!(session.take_line(1), (id, "hello".into()));
    assert_eq!(session.take_line(2), (id + 1, "and you?".into()));
    client.stderr.wait_for("sent now: and you?\n");
    client.close_stdin();
    session.finish();
    let done = client.finish();
    assert_eq!(done.code, 0, "{done:?}");
    let stories: Vec<_> = done.stderr.lines().filter(|line| line.contains("hello")).collect();
    assert_eq!(stories, ["not sent yet: hello", "sent now: hello"]);
    let reset = "disconnected: reset by peer (RST); connecting again at once\nnot sent yet";
    assert!(done.stderr.contains(reset), "{done:?}");
    assert_eq!(lines(&done).len(), 2, "{done:?}");
}

/// Only the relay's word was lost: the line is found in the past.
#[test]
fn a_line_that_was_taken_is_not_sent_again() {
    let relay = Peer::listen();
    let mut client = chat(&relay, &[]);
    let mut session = Session::joined(&relay, &[]);
    client.write(b"hello\n");
    let (id, _) = session.line();
    reset(session.stream);
    client.stderr.wait_for("not sent yet: hello\n");
    let session = Session::joined(&relay, &[said(YOU, 1, id, "hello")]);
    client.stderr.wait_for("sent now: hello\n");
    client.close_stdin();
    session.finish();
    let done = client.finish();
    assert_eq!((done.code, lines(&done).len()), (0, 1), "{done:?}");
}

#[test]
fn what_cannot_be_sent_is_refused_with_a_word_why() {
    let relay = Peer::listen();
    let mut client = chat(&relay, &[]);
    let mut session = Session::joined(&relay, &[]);
    client.write(b"\n  \n/jion ops\n/who\n");
    client.stderr.wait_for("nothing to send: type a line, or /help\nnothing to send");
    client.stderr.wait_for("unknown command /jion; did you mean /join?\n");
    client.stderr.wait_for("in #lobby: peter\n");
    client.write(b"//etc\n");
    assert_eq!(session.take_line(1).1, "/etc");
    client.write(b"/quit\n");
    session.finish();
    assert_eq!(client.finish().code, 0);
}

/// A line is too long, and another one is no text: they are lost, and the exit code tells.
#[test]
fn what_was_refused_for_good_is_a_failure() {
    let relay = Peer::listen();
    let mut client = chat(&relay, &["-q"]);
    let session = Session::joined(&relay, &[]);
    client.write(&[&b"x".repeat(65_537)[..], b"\n\xff\n"].concat());
    client.close_stdin();
    session.finish();
    let done = client.finish();
    done.failed(1, "2 lines were not sent to 127.0.0.1:");
    assert!(done.stderr.contains("the line has 65537 bytes, and 65536 is the limit\n"), "{done:?}");
    assert!(done.stderr.contains("not sent: the line is no text in UTF-8\n"), "{done:?}");
}

#[test]
fn nothing_of_others_reaches_the_output_as_it_came() {
    let relay = Peer::listen();
    let mut client = chat(&relay, &[]);
    let mut session = Session::joined(&relay, &[]);
    session.knows("b\u{202e}ob", Change::Joined);
    session.send_frame(&said(OTHER, 1, 1, "\u{1b}]0;x\u{7}\nbob: forged\u{200b}"));
    session.refuse(Why::Other, "\u{1b}c");
    client.stderr.wait_for("the relay refuses: \\u{1b}c\n");
    client.close_stdin();
    session.finish();
    let done = client.finish();
    let shown = lines(&done);
    assert!(shown[0].ends_with(" * b\\u{202e}ob joined"), "{shown:?}");
    let expected = " b\\u{202e}ob: \\u{1b}]0;x\\u{7}\\u{a}bob: forged\\u{200b}";
    assert!(shown[1].ends_with(expected), "{shown:?}");
}

#[test]
fn at_the_end_what_was_not_sent_is_listed() {
    let relay = Peer::listen();
    let mut client = chat(&relay, &["--drain", "300ms"]);
    let mut session = Session::joined(&relay, &[]);
    client.write("taken\n没有送出\nnor this".as_bytes());
    session.take_line(1);
    client.close_stdin();
    // It reads no more and answers no more.
    let done = client.finish();
    done.failed(1, "2 lines were not sent to 127.0.0.1:");
    let why = "(the relay did not take it in time)";
    assert!(done.stderr.contains(&format!("not sent: 没有送出 {why}\n")), "{done:?}");
    assert!(done.stderr.contains(&format!("not sent: nor this {why}\n")), "{done:?}");
    drop(session);
}

#[test]
fn ctrl_c_lists_what_was_not_sent_too() {
    let relay = Peer::listen();
    let mut client = chat(&relay, &["--json"]);
    let mut session = Session::joined(&relay, &[]);
    client.write(b"hello\n");
    session.line();
    client.signal(Signal::SIGINT);
    let done = client.finish();
    assert_eq!(done.signal, Some(Signal::SIGINT as i32), "{done:?}");
    let end = done.end();
    assert_eq!((&end["sent"], &end["unsent"]), (&0.into(), &1.into()));
    let events = done.events();
    let unsent = &events[events.len() - 2];
    assert_eq!((&unsent["event"], &unsent["text"]), (&"unsent".into(), &"hello".into()));
    assert_eq!((&unsent["final"], &unsent["why"]), (&true.into(), &"interrupted".into()));
}

/// A pipe holds more than may wait: it is read on as the relay takes lines, and all of them arrive.
#[test]
fn a_pipe_is_read_as_fast_as_the_relay_takes_lines() {
    let relay = Peer::listen();
    let mut client = chat(&relay, &["-q"]);
    let mut stdin = client.take_stdin();
    let typing = std::thread::spawn(move || {
        for n in 0..3000 {
            writeln!(stdin, "{n}").unwrap();
        }
    });
    let mut session = Session::joined(&relay, &[]);
    let first = session.take_line(1);
    assert_eq!(first.1, "0");
    for n in 1..3000 {
        assert_eq!(session.take_line(n + 1), (first.0 + n, n.to_string()));
    }
    typing.join().unwrap();
    session.finish();
    let done = client.finish();
    assert_eq!((done.code, done.stderr.as_str()), (0, ""));
    assert_eq!(lines(&done).len(), 3000);
}

#[test]
fn lines_before_the_welcome_are_skipped() {
    let relay = Peer::listen();
    let mut client = chat(&relay, &[]);
    let mut session = Session::accept(&relay);
    session.stream.write_all("* 欢迎; type /help\r\n* second line\n".as_bytes()).unwrap();
    session.welcome();
    session.join(&[]);
    client.close_stdin();
    session.finish();
    let done = client.finish();
    assert_eq!((done.code, done.stdout_text()), (0, ""), "{done:?}");
}

#[test]
fn events_tell_everything() {
    let relay = Peer::listen();
    let mut client = chat(&relay, &["--json", "-n", "peter", "--room", "#ops"]);
    let mut session = Session::joined(&relay, &[said(OTHER, 1, 5, "before\u{1b}")]);
    client.write(b"hey!\n\n");
    let (id, _) = session.take_line(2);
    session.knows("bob", Change::Joined);
    client.close_stdin();
    session.finish();
    let done = client.finish();
    assert_eq!((done.code, done.stderr.as_str()), (0, ""));
    let events = done.events();
    assert_eq!(events[0]["schema"], "tcp-client/1");
    let of = |name: &str| events.iter().filter(|event| event["event"] == name).collect::<Vec<_>>();
    assert_eq!((&of("welcome")[0]["you"], &of("welcome")[0]["name"]), (&7.into(), &"peter".into()));
    assert_eq!((&of("joined")[0]["room"], &of("joined")[0]["past"]), (&"ops".into(), &1.into()));
    let [past, own] = of("said")[..] else { panic!("{events:?}") };
    assert_eq!((&past["past"], &past["text"]), (&true.into(), &"before\u{1b}".into()));
    assert_eq!((&past["from"], &past["seq"], &past["id"]), (&3.into(), &1.into(), &5.into()));
    assert_eq!((&own["past"], &own["own"], &own["id"]), (&false.into(), &true.into(), &id.into()));
    let sent = of("sent")[0];
    assert_eq!((&sent["id"], &sent["seq"]), (&id.into(), &2.into()));
    assert_eq!(of("presence")[0]["change"], "joined");
    assert_eq!(of("notice")[0]["kind"], "nothing_to_send");
    assert_eq!((&done.end()["sent"], &done.end()["unsent"]), (&1.into(), &0.into()));
}

#[test]
fn an_event_is_the_same_text_and_nothing_that_a_terminal_obeys() {
    let relay = Peer::listen();
    let mut client = chat(&relay, &["--json"]);
    let evil = "\u{9b}2J\u{7f}\u{202e}\u{2028}\u{1b}c";
    let session = Session::joined(&relay, &[said(OTHER, 1, 5, evil)]);
    client.close_stdin();
    session.finish();
    let done = client.finish();
    let written = done.stdout_text();
    assert!(written.contains(r"\u009b2J\u007f\u202e\u2028\u001bc"), "{written}");
    let obeyed = |c: char| c != '\n' && proto::sanitize::is_unseen(c);
    assert_eq!(written.chars().find(|&c| obeyed(c)), None);
    let events = done.events();
    let said = events.iter().find(|event| event["event"] == "said").unwrap();
    assert_eq!(said["text"], evil);
}

#[test]
fn a_relay_that_says_goodbye_is_come_back_to() {
    let relay = Peer::listen();
    let mut client = chat(&relay, &[]);
    let mut session = Session::joined(&relay, &[]);
    let goodbye = Goodbye { ending: "Shutdown".into(), reason: "for an update".into() };
    session.send(&Message::Goodbye(goodbye));
    drop(session);
    client.stderr.wait_for("the relay shuts down: for an update\ndisconnected: ");
    client.stderr.wait_for("; connecting again at once\n");
    let session = Session::joined(&relay, &[]);
    client.close_stdin();
    session.finish();
    assert_eq!(client.finish().code, 0);
}

#[test]
fn nick_changes_the_name_and_keeps_the_connection() {
    let relay = Peer::listen();
    let mut client = chat(&relay, &["-n", "peter"]);
    let mut session = Session::joined(&relay, &[]);
    client.write(b"/nick rob\nhey\n");
    assert_eq!(session.message(), Message::Rename(Rename { name: "rob".into() }));
    session.send(&Message::Rename(Rename { name: "Rob".into() }));
    client.stderr.wait_for("you are Rob now\n");
    assert_eq!(session.take_line(1).1, "hey");
    client.close_stdin();
    session.finish();
    assert_eq!(client.finish().code, 0);
}

#[test]
fn a_name_that_is_taken_with_nobody_to_ask_is_a_failure() {
    let relay = Peer::listen();
    let mut client = chat(&relay, &["-n", "peter"]);
    let mut session = Session::accept(&relay);
    assert!(matches!(session.message(), Message::Hello(_)));
    client.write(b"hello\n");
    session.refuse(Why::NameTaken, "somebody goes by it");
    client.stderr.wait_for("you cannot be peter: somebody goes by it; /nick NAME");
    client.close_stdin();
    let done = client.finish();
    done.failed(1, "1 line was not sent to 127.0.0.1:");
    assert!(done.stderr.contains("not sent: hello (the relay knows us by no name)\n"), "{done:?}");
}

#[test]
fn what_is_no_relay_is_told_as_such() {
    let (_bound, addr) = unused_port();
    let done = run(&["chat", &addr.to_string()]);
    done.failed(
        1,
        &format!("cannot connect to {addr}: connection refused (nothing listens there)"),
    );
    assert!(done.stderr.contains(&format!("in another terminal: relay {addr}\n")), "{done:?}");

    let mail = Peer::listen();
    let client = chat(&mail, &[]);
    let mut stream = mail.accept();
    stream.write_all(b"220 mail ready\r\n").unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    client.finish().failed(1, &format!("there is no relay at {}: closed by peer", mail.addr));

    // An echo gives the client its own hello.
    let echo = Peer::listen();
    let client = chat(&echo, &[]);
    let mut session = Session::accept(&echo);
    let hello = session.message();
    session.send(&hello);
    client.finish().failed(1, "a Hello frame is out of turn");
    read_to_end(&mut session.stream);
}

#[test]
fn a_relay_that_comes_late_is_found_with_retry() {
    let (socket, addr) = unused_port();
    let mut command = command(&["chat", &addr.to_string(), "-r", "1000", "--retry-delay", "10ms"]);
    let mut client = Running::start(&mut command);
    let refused = format!("cannot connect to {addr}: connection refused");
    client.stderr.wait_for(&format!("{refused}; connecting again at once\n{refused}"));
    socket.listen(1).unwrap();
    let relay = Peer::on(socket.into());
    let session = Session::joined(&relay, &[]);
    client.close_stdin();
    session.finish();
    assert_eq!(client.finish().code, 0);
}

#[test]
fn a_host_of_the_same_name_is_written_with_its_port() {
    run(&["-n", "chat:7878"]).failed(2, "\"chat\" is a name, and -n takes numbers only");
    run(&["-n", "help", "7878"]).failed(2, "\"help\" is a name, and -n takes numbers only");
    run(&["chat", "7878x"]).failed(2, "\"7878x\" is not a port");
    run(&["chat", "--room", "#", "--json"]).failed(2, "it has no characters");
}
