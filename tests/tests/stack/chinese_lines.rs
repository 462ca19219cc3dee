//! Text of more than one byte a character, client to server and back.

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
