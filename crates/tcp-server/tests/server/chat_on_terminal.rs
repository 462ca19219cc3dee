//! `chat` at a terminal: what a person typed for one client reaches no other.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::process::Stdio;
use std::time::Duration;

use nix::pty::openpty;
use nix::sys::signal::Signal;
use socket2::SockRef;
use tcp_server::modes::{Chat, Ear, Spoken, Word};
use tcp_server::{Connection, Limits};
use tests::{LIMIT, Output, Running};
use tokio::io::AsyncReadExt as _;
use tokio::sync::mpsc;

use crate::support::library::Server;
use crate::support::program::{Program, command};
use crate::support::{connect, soon};

/// A server at a terminal, and the person who sits there.
struct Terminal {
    keyboard: File,
    screen: Output,
    server: Program,
}

impl Terminal {
    fn start() -> Self {
        let terminal = openpty(None, None).unwrap();
        let keyboard = File::from(terminal.master);
        let screen = Output::of(Some(keyboard.try_clone().unwrap()), LIMIT);
        let mut command = command(&["-p", "0", "-m", "chat"]);
        let server = Program::spawn(command.stdin(Stdio::from(terminal.slave)));
        Self { keyboard, screen, server }
    }

    /// Types, and waits until the terminal has it, which shows what it is given.
    #[track_caller]
    fn types(&mut self, text: &str) {
        self.keyboard.write_all(text.as_bytes()).unwrap();
        self.screen.wait_for(&text.replace('\n', "\r\n"));
    }

    /// Waits for the turn of this client.
    #[track_caller]
    fn turn(&mut self, client: &TcpStream) {
        let who = format!("you talk with {} now;", client.local_addr().unwrap());
        self.server.running.stdout.take_event(|event| {
            event["kind"] == "turn" && event["text"].as_str().unwrap().starts_with(&who)
        });
    }

    #[track_caller]
    fn ends_with_q(mut self) {
        self.types("q\n");
        let left = self.server.wait();
        assert_eq!((left.code, left.stderr.as_str()), (0, ""));
    }
}

#[track_caller]
fn line(client: &TcpStream) -> String {
    let mut line = String::new();
    BufReader::with_capacity(1, client).read_line(&mut line).unwrap();
    line
}

#[test]
fn a_line_that_was_begun_for_one_client_does_not_end_at_the_next() {
    // With Ctrl-D the program itself has what was begun.
    for begun in ["typing to ", "typing to \u{4}"] {
        let mut terminal = Terminal::start();
        let first = connect(&terminal.server.addr);
        terminal.turn(&first);
        terminal.keyboard.write_all(begun.as_bytes()).unwrap();
        terminal.screen.wait_for("typing to ");
        let second = connect(&terminal.server.addr);
        drop(first);
        terminal.turn(&second);
        terminal.types("the first\n");
        assert_eq!(line(&second), "the first\n", "{begun:?}");
        terminal.ends_with_q();
    }
}

#[test]
fn lines_that_ended_before_the_turn_passed_do_not_reach_the_next_client() {
    let mut terminal = Terminal::start();
    let first = connect(&terminal.server.addr);
    terminal.turn(&first);
    let second = connect(&terminal.server.addr);
    // While the server stands still the lines pile up in the terminal, and the first client goes.
    terminal.server.signal(Signal::SIGSTOP);
    terminal.types(&"for the first\n".repeat(200));
    SockRef::from(&first).set_linger(Some(Duration::ZERO)).unwrap();
    drop(first);
    terminal.server.signal(Signal::SIGCONT);
    terminal.turn(&second);
    terminal.types("for the second\n");
    assert_eq!(line(&second), "for the second\n");
    terminal.ends_with_q();
}

#[test]
fn the_story_begins_each_turn_on_a_line_of_its_own() {
    let terminal = openpty(None, None).unwrap();
    let mut command = command(&["-p", "0", "-m", "chat"]);
    let mut server = Running::start(command.stdin(Stdio::from(terminal.slave)));
    let addr = server.stderr.line_with("listening on ");
    let client = connect(addr.rsplit(' ').next().unwrap());
    let peer = client.local_addr().unwrap();
    server.stderr.wait_for(&format!(
        " open\n\nyou talk with {peer} now; a line that was begun before is thrown away\n"
    ));
}

/// What an ear is told: whose turn it is, and what was not told.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Turn(u64),
    Not(String),
}

struct Notes(mpsc::UnboundedSender<Told>);

impl Ear for Notes {
    fn turn(&self, connection: &Connection) {
        self.0.send(Told::Turn(connection.id())).unwrap();
    }
    fn heard(&self, _: &Connection, _: &[u8]) {}
    fn not_told(&self, line: &str) {
        self.0.send(Told::Not(line.to_owned())).unwrap();
    }
    fn turn_over(&self) {}
}

/// Such a word can come at any moment of another's turn: whoever hears the person may be slow.
#[tokio::test]
async fn a_word_for_another_client_is_told_as_not_said_and_ends_no_turn() {
    let (words, heard) = mpsc::channel(1);
    let (sender, mut told) = mpsc::unbounded_channel();
    let chat = Chat::new(heard, Notes(sender), false);
    let server = Server::start(chat, Limits { connections: 1, ..Limits::default() }).await;
    let first = server.connect().await;
    assert_eq!(soon("a turn", told.recv()).await, Some(Told::Turn(1)));
    let mut second = server.connect().await;
    drop(first);
    assert_eq!(soon("the next turn", told.recv()).await, Some(Told::Turn(2)));
    for (to, word) in [
        (1, Word::Line("late".into())),
        (1, Word::Next),
        (2, Word::Line("in time".into())),
        (2, Word::Next),
    ] {
        soon("room", words.send(Spoken { to: Some(to), word })).await.unwrap();
    }
    let mut said = String::new();
    soon("the end", second.read_to_string(&mut said)).await.unwrap();
    assert_eq!(said, "in time\n");
    assert_eq!(soon("word of it", told.recv()).await, Some(Told::Not("late".into())));
}
