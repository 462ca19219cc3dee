//! The events of our programs are what `docs/schema` says that they are, in every mode.

use std::collections::BTreeSet;
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::{fs, thread};

use jsonschema::Validator;
use nix::sys::signal::Signal;
use serde_json::Value;
use tests::{Authority, Directory, Finished, Running, Server, piped, program, python};

struct Schema {
    text: Value,
    validator: Validator,
    /// The names of the events that were seen.
    seen: BTreeSet<String>,
}

impl Schema {
    fn of(name: &str) -> Self {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schema");
        let text = fs::read_to_string(docs.join(format!("{name}.schema.json"))).unwrap();
        let text: Value = serde_json::from_str(&text).unwrap();
        let validator = jsonschema::draft202012::new(&text).unwrap();
        Self { text, validator, seen: BTreeSet::new() }
    }

    /// Whether every event of a run is as the schema says, and has no field that it does not speak of.
    #[track_caller]
    fn conforms(&mut self, finished: &Finished) {
        let events = finished.events();
        assert_eq!(events[0]["schema"], self.text["title"], "{}", events[0]);
        finished.end();
        for event in &events {
            if let Err(error) = self.validator.validate(event) {
                panic!("{error} at {}: {event}", error.instance_path());
            }
            let name = event["event"].as_str().unwrap();
            let known = &self.text["$defs"][name]["properties"];
            let everywhere = &self.text["properties"];
            for field in event.as_object().unwrap().keys() {
                let is_known = known.get(field).is_some() || everywhere.get(field).is_some();
                assert!(is_known, "nothing is said of `{field}`: {event}");
            }
            self.seen.insert(name.to_owned());
        }
    }

    /// Every event of the schema was seen, but for those that take longer than a test may.
    #[track_caller]
    fn all_seen_but(&self, rare: &[&str]) {
        let all = self.text["properties"]["event"]["enum"].as_array().unwrap();
        let all = all.iter().map(|name| name.as_str().unwrap().to_owned());
        let missing: Vec<String> = all.filter(|name| !self.seen.contains(name)).collect();
        assert_eq!(missing, rare);
    }

    /// Each field is described, and the schema itself is one.
    #[track_caller]
    fn is_sound(&self) {
        assert!(jsonschema::draft202012::meta::is_valid(&self.text));
        for (name, event) in self.text["$defs"].as_object().unwrap() {
            assert!(event["description"].is_string(), "{name}");
            for (field, says) in event["properties"].as_object().unwrap() {
                let is_told = says["description"].is_string() || says["$ref"].is_string();
                assert!(field == "event" || is_told, "{name}.{field}");
            }
        }
    }
}

/// Says something, reads some of an answer, and closes in order.
fn visit(server: &Server, says: &[u8], answer: usize) {
    let mut client = TcpStream::connect(server.addr()).unwrap();
    client.write_all(says).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    client.set_read_timeout(Some(tests::LIMIT)).unwrap();
    client.read_exact(&mut vec![0; answer]).unwrap();
}

#[test]
fn every_mode_of_tcp_server_tells_what_its_schema_says() {
    let mut schema = Schema::of("tcp-server-1");
    schema.is_sound();

    for (mode, says, answer) in [
        ("echo", &b"hello"[..], 5),
        ("discard", b"hello", 0),
        ("chargen", b"", 740),
        ("lines", b"hello\n", 10),
        ("lines", b"\xff\x1b[2J\n", 10),
        ("frames", b"these are no frames", 40),
        ("hold", b"hello", 0),
    ] {
        let mut server = Server::start(&["--mode", mode]);
        if mode == "hold" {
            server.running.write(b"one more\n");
        }
        visit(&server, says, answer);
        server.running.stdout.wait_for("\"closed\"");
        schema.conforms(&server.stop());
    }
    // One of an address, figures, an open connection at the end, and all that is told of these.
    let mut server = Server::start(&["--max-conns-per-addr", "1", "--metrics", "0"]);
    let connect = || {
        let client = TcpStream::connect(server.addr()).unwrap();
        client.set_read_timeout(Some(tests::LIMIT)).unwrap();
        client
    };
    let mut first = connect();
    first.write_all(b"x").unwrap();
    first.read_exact(&mut [0]).unwrap();
    let mut second = connect();
    second.read(&mut [0]).unwrap_err();
    server.running.stdout.wait_for("\"refused\"");
    server.running.signal(Signal::SIGUSR1);
    server.running.stdout.wait_for("\"stats\"");
    schema.conforms(&server.stop());
    drop(first);

    handed_over(&mut schema);
    tls(&mut schema);
    chat(&mut schema);
    files(&mut schema);
    let args = ["--json", "--mode", "files", "--dir", "/nowhere"];
    schema.conforms(&Running::start(&mut piped(program("tcp-server"), &args)).finish());
    let args = ["--json", "--backlog", "x"];
    schema.conforms(&Running::start(&mut piped(program("tcp-server"), &args)).finish());
    // That takes a reader that reads nothing of a pipe's worth of events.
    schema.all_seen_but(&["lost"]);
}

/// Two sockets of a service manager, one of which has a name.
fn handed_over(schema: &mut Schema) {
    const LAUNCHER: &str = "
import os, socket, sys
made = [socket.create_server(('127.0.0.1', 0)) for _ in range(2)]
high = [os.dup2(one.fileno(), 100 + i) for i, one in enumerate(made)]
for i, fd in enumerate(high): os.dup2(fd, 3 + i)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='2', LISTEN_FDNAMES='web:')
os.execv(sys.argv[1], sys.argv[1:])
";
    let path = program("tcp-server");
    let Some(mut command) = python(LAUNCHER, &[path.to_str().unwrap(), "--json"]) else { return };
    let server = Server::watch(Running::start(&mut command));
    visit(&server, b"hello", 5);
    let finished = server.stop();
    let listening: Vec<Value> = finished.events().into_iter().take(2).collect();
    assert_eq!((&listening[0]["name"], listening[1].get("name")), (&"web".into(), None));
    schema.conforms(&finished);
}

#[test]
fn every_use_of_tcp_client_tells_what_its_schema_says() {
    let mut schema = Schema::of("tcp-client-1");
    schema.is_sound();
    let client = |args: &[&str], input: &[u8]| {
        let args = [args, &["--json"]].concat();
        let mut client = Running::start(&mut piped(program("tcp-client"), &args));
        client.write(input);
        client.close_stdin();
        client.finish()
    };
    let server = Server::start(&["--mode", "echo"]);
    schema.conforms(&client(&[server.addr()], "你\u{1b}[2J\n".as_bytes()));
    schema.conforms(&client(&["-z", server.addr()], b""));
    let (_socket, nobody) = tests::sockets::unused_port();
    schema.conforms(&client(&[&nobody.to_string()], b""));
    schema.conforms(&client(&["-p", "1"], b""));
    schema.conforms(&client(&["--nonsense"], b""));
    let authority = Authority::new();
    let file = authority.sign("server.pem", &["127.0.0.1"]);
    let secure = Server::start(&["--cert", &file, "--key", &file]);
    schema.conforms(&client(&["--tls-ca", &authority.file(), secure.addr()], b"hello\n"));
    let chargen = Server::start(&["--mode", "chargen"]);
    schema.conforms(&client(&["--deadline", "100ms", chargen.addr()], b""));

    let (out, inbox) = (Directory::new(), Directory::new());
    fs::create_dir(out.join("folder")).unwrap();
    fs::write(out.join("a"), tests::noise(8 << 20)).unwrap();
    let files = Server::start(&["--mode", "files", "--dir", inbox.text()]);
    let send = ["send-file", "--to", files.addr(), out.text()];
    schema.conforms(&client(&send, b""));
    let addr = cable_that_is_cut_once(files.addr().to_owned(), 1 << 20);
    fs::write(out.join("b"), tests::noise(4 << 20)).unwrap();
    let again = ["send-file", "--to", &addr, "--retry-delay", "10ms", out.text()];
    schema.conforms(&client(&again, b""));
    let fetched = Directory::new();
    let fetch = ["recv-file", "--from", files.addr(), "--dir", fetched.text()];
    schema.conforms(&client(&fetch, b""));
    schema.conforms(&client(&[&fetch[..], &["not-there"]].concat(), b""));

    talk(&mut schema);
    schema.all_seen_but(&[]);
}

/// Two people in a room of a relay, which is killed while one of them types.
fn talk(schema: &mut Schema) {
    let mut relay = Running::start(&mut piped(program("relay"), &["--json", "--port", "0"]));
    let listening = relay.stdout.take_event(|event| event["event"] == "listening");
    let addr = listening["addr"].as_str().unwrap().to_owned();
    let join = |name: &str| {
        let args = ["chat", &addr, "--name", name, "--json"];
        let mut client = Running::start(&mut piped(program("tcp-client"), &args));
        client.stdout.wait_for("\"joined\"");
        client
    };
    let (mut anna, mut bob) = (join("anna"), join("bob"));
    anna.stdout.wait_for("\"presence\"");
    anna.write("你好\n\n/nick nana\n".as_bytes());
    bob.stdout.wait_for("你好");
    anna.stdout.wait_for("\"sent\"");
    anna.stdout.wait_for("\"renamed\"");
    bob.stdout.wait_for("nana");
    bob.close_stdin();
    schema.conforms(&bob.finish());
    anna.stdout.wait_for("\"left\"");
    relay.signal(Signal::SIGKILL);
    relay.finish();
    anna.stdout.wait_for("connecting again");
    anna.write(b"who hears this?\n");
    anna.stdout.wait_for("\"final\":false");
    anna.signal(Signal::SIGTERM);
    let left = anna.finish();
    assert!(left.stdout_text().contains("\"final\":true"), "{}", left.stdout_text());
    schema.conforms(&left);
}

/// A certificate that is read anew, and one that cannot be; and a client who speaks TLS where nobody does.
fn tls(schema: &mut Schema) {
    let authority = Authority::new();
    let file = authority.sign("server.pem", &["127.0.0.1"]);
    let mut server = Server::start(&["--cert", &file, "--key", &file]);
    server.running.signal(Signal::SIGHUP);
    server.running.stdout.wait_for("\"ok\":true");
    fs::write(&file, "no certificate").unwrap();
    server.running.signal(Signal::SIGHUP);
    server.running.stdout.wait_for("\"ok\":false");
    schema.conforms(&server.stop());
    let mut plain = Server::start(&["--mode", "echo"]);
    // How a greeting of TLS begins: a handshake, version 1.0 (RFC 8446 section 5.1), 512 bytes, ClientHello.
    visit(&plain, &[0x16, 3, 1, 2, 0, 1], 6);
    plain.running.stdout.wait_for("\"spoke\":\"TLS\"");
    schema.conforms(&plain.stop());
}

fn chat(schema: &mut Schema) {
    let mut server = Server::start(&["--mode", "chat"]);
    let mut client = TcpStream::connect(server.addr()).unwrap();
    client.write_all("你好\n\x1b[2J\n".as_bytes()).unwrap();
    server.running.stdout.wait_for("[2J");
    server.running.write(b"answer\n/nonsense\n/next\n");
    server.running.stdout.wait_for("\"closed\"");
    server.running.close_stdin();
    schema.conforms(&server.running.finish());
}

fn files(schema: &mut Schema) {
    let (out, inbox) = (Directory::new(), Directory::new());
    fs::create_dir(out.join("folder")).unwrap();
    let large = tests::noise(4 << 20);
    for (name, bytes) in [("a", &large[..]), ("folder/b", b"b"), ("x".repeat(250).as_str(), b"x")] {
        fs::write(out.join(name), bytes).unwrap();
    }
    let mut server = Server::start(&["--mode", "files", "--dir", inbox.text()]);
    let addr = cable_that_is_cut_once(server.addr().to_owned(), 1 << 20);
    let args = ["send-file", "--json", "--to", &addr, "--retry-delay", "10ms", out.text()];
    let sent = Running::start(&mut piped(program("tcp-client"), &args)).finish();
    assert_eq!(sent.code, 0, "{}", sent.stderr);
    server.running.stdout.wait_for("\"resumed\"");
    // What is a folder here is a file there.
    let there = inbox.join(out.path().file_name().unwrap());
    fs::remove_dir_all(there.join("folder")).unwrap();
    fs::write(there.join("folder"), b"in the way").unwrap();
    let args = ["send-file", "--json", "--to", server.addr(), out.text()];
    assert_eq!(Running::start(&mut piped(program("tcp-client"), &args)).finish().code, 1);
    schema.conforms(&server.stop());
}

/// Passes on what a client says, cuts its first connection after so many bytes, and lets the second be.
fn cable_that_is_cut_once(server: String, after: u64) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for limit in [after, u64::MAX] {
            let (client, _) = listener.accept().unwrap();
            let mut to = TcpStream::connect(&server).unwrap();
            let mut back = (to.try_clone().unwrap(), client.try_clone().unwrap());
            thread::spawn(move || {
                let _ = io::copy(&mut back.0, &mut back.1);
                let _ = back.1.shutdown(Shutdown::Both);
            });
            io::copy(&mut (&client).take(limit), &mut to).unwrap();
            to.shutdown(Shutdown::Both).unwrap();
        }
    });
    addr
}
