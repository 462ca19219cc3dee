//! Text of more than one byte a character, client to server and back.

use std::io::Write as _;
use std::net::TcpListener;

use serde_json::Value;
use tests::{Running, Server, piped, program};

#[test]
fn characters_and_bytes_are_counted_apart() {
    let mut server = Server::start(&["--mode", "lines"]);
    let addr = server.addr().to_owned();
    let mut client = Running::start(&mut piped(program("tcp-client"), &["-v", &addr]));
    client.write("你好，世界\n".as_bytes());
    client.stdout.wait_for("15 bytes, 5 characters: 你好，世界\n");
    // A character that comes in two pieces is one character.
    let (first, second) = "界\n".as_bytes().split_at(2);
    client.write(first);
    client.write(second);
    client.stdout.wait_for("3 bytes, 1 characters: 界\n");
    client.close_stdin();
    let done = client.finish();
    assert_eq!(done.code, 0);
    let told = format!("connected to {addr} from 127.0.0.1:");
    assert!(done.stderr.contains(&told), "{}", done.stderr);
    assert!(done.stderr.contains("20 bytes sent, "), "{}", done.stderr);
    assert!(done.stderr.contains(", closed by peer (FIN)"), "{}", done.stderr);
    let closed = server.take("closed");
    assert_eq!((&closed["ending"], &closed["received"]), (&"PeerFin".into(), &20.into()));
}

/// A character that two reads cut is whole in one event; what is no text is told as it comes.
#[test]
fn an_event_has_whole_characters() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut client = Running::start(&mut piped(program("tcp-client"), &["--json", &address]));
    let (mut server, _) = listener.accept().unwrap();
    let (first, second) = "你好".as_bytes().split_at(4);
    server.write_all(first).unwrap();
    client.stdout.wait_for("\"bytes\":3,\"text\":\"你\"");
    server.write_all(second).unwrap();
    client.stdout.wait_for("\"bytes\":3,\"text\":\"好\"");
    server.write_all(b"\xff!").unwrap();
    client.stdout.wait_for("\"bytes\":2,\"text\":\"\u{fffd}!\"");
    server.write_all(&first[..2]).unwrap();
    drop(server);
    client.close_stdin();
    let done = client.finish();
    let events: Vec<Value> =
        done.stdout_text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [.., cut, end] = &events[..] else { panic!("{events:?}") };
    assert_eq!((&cut["event"], &cut["bytes"]), (&"data".into(), &2.into()));
    assert_eq!((&end["event"], &end["received"]), (&"end".into(), &10.into()));
}
