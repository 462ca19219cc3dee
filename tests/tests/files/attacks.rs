//! What a peer could do that is not our client: a Python script that speaks the frames by the book.

use std::fs;
use std::os::unix::fs::symlink;

use tests::{Running, python};

use crate::support::{Directory, run, send, server};

/// Frames as `docs/protocol.md` has them. What is sent is what the test says; then it is told, one a line,
/// what the server says.
const PEER: &str = r#"
import json, socket, struct, sys

def frame(kind, payload, room=0, id=0):
    return struct.pack(">IBBHIIQQQ", 36 + len(payload), kind, 0, 0, room, 0, 0, 0, id) + payload

def control(kind, **fields):
    return frame(kind, json.dumps(fields).encode())

def read(stream, count):
    data = b""
    while len(data) < count:
        more = stream.recv(count - len(data))
        if not more:
            sys.exit()
        data += more
    return data

host, port = sys.argv[1].rsplit(":", 1)
stream = socket.create_connection((host, int(port)), timeout=15)
stream.sendall(control(0x10, version=1, features=["files"]) + control(0x20, way="to_server"))
offers = json.loads(sys.argv[2])
for number, (path, size) in enumerate(offers, 1):
    stream.sendall(control(0x22, file=number, path=path, size=size))
for step in json.loads(sys.argv[3]):
    if step[0] == "data":
        stream.sendall(frame(1, step[3].encode(), room=step[1], id=step[2]))
    elif step[0] == "raw":
        stream.sendall(step[1].encode())
    elif step[0] == "end":
        stream.shutdown(socket.SHUT_WR)
while True:
    length, kind = struct.unpack(">IB", read(stream, 5))
    rest = read(stream, length - 1)
    print(hex(kind), rest[35:].decode(), flush=True)
"#;

/// What the server answers to these offers and what follows them.
#[track_caller]
fn attack(inbox: &Directory, offers: &str, steps: &str) -> Option<String> {
    let mut server = server(inbox, &[]);
    let mut peer = python(PEER, &[server.addr(), offers, steps])?;
    let finished = Running::start(&mut peer).finish();
    assert_eq!(finished.code, 0, "{finished:?}");
    // However it ends, it is told, and the server serves on.
    server.take("closed");
    let out = Directory::new();
    let file = out.write("after", b"served");
    assert_eq!(run(send(server.addr(), &[&file], &[])).code, 0);
    Some(finished.stdout_text().to_owned())
}

#[test]
fn names_that_attack_are_refused() {
    let around = Directory::new();
    fs::create_dir(around.place("inbox")).unwrap();
    let inbox = around.path().join("inbox");
    let mut server = tests::Server::start(&["--mode", "files", "--dir", inbox.to_str().unwrap()]);
    let long = "x".repeat(300);
    let names = [
        "../../x",
        "..",
        "/etc/passwd",
        "a/../../x",
        "a\\u0000b",
        "CON",
        "nul.txt",
        "a\\nb",
        "\\u001b]0;x\\u0007",
        "..\\\\x",
        "",
        &long,
    ];
    let offers: Vec<String> = names.iter().map(|name| format!("[\"{name}\", 4]")).collect();
    let offers = format!("[{}]", offers.join(","));
    let Some(mut peer) = python(PEER, &[server.addr(), &offers, r#"[["end"]]"#]) else { return };
    let finished = Running::start(&mut peer).finish();
    assert_eq!(finished.stdout_text().matches("\"name_bad\"").count(), names.len(), "{finished:?}");
    for _ in names {
        assert_eq!(server.take("dropped")["why"], "name_bad");
    }
    assert_eq!(around.list(), ["inbox/"]);
}

#[test]
fn a_thousand_bad_names_are_told_in_a_hundred_lines_and_a_sum() {
    let inbox = Directory::new();
    let mut server = server(&inbox, &[]);
    let offers = format!("[{}]", vec![r#"["..", 4]"#; 1000].join(","));
    let Some(mut peer) = python(PEER, &[server.addr(), &offers, r#"[["end"]]"#]) else { return };
    let finished = Running::start(&mut peer).finish();
    assert_eq!(finished.stdout_text().matches("\"name_bad\"").count(), 1000);
    server.take("closed");
    let events = server.stop().events();
    let dropped: Vec<_> = events.iter().filter(|event| event["event"] == "dropped").collect();
    assert_eq!(dropped.len(), 101);
    assert!(dropped[..100].iter().all(|event| event["path"] == ".."));
    let last = dropped[100];
    assert_eq!(
        (&last["path"], &last["why"], &last["reason"]),
        (&"".into(), &"other".into(), &"900 more".into())
    );
}

#[test]
fn a_link_leads_nobody_out_of_the_folder() {
    let (inbox, outside) = (Directory::new(), Directory::new());
    outside.write("precious", b"mine");
    symlink(outside.path(), inbox.path().join("link")).unwrap();
    symlink(outside.path().join("precious"), inbox.path().join("file")).unwrap();
    symlink(outside.path().join("new"), inbox.path().join("dangling")).unwrap();
    let offers = r#"[["link/evil", 4], ["file", 4], ["dangling", 4]]"#;
    let steps = r#"[["data", 2, 0, "evil"], ["data", 3, 0, "evil"], ["end"]]"#;
    let Some(answers) = attack(&inbox, offers, steps) else { return };
    assert!(answers.contains("\"in_the_way\""), "{answers}");
    assert_eq!(outside.list(), ["precious"]);
    assert_eq!(fs::read(outside.path().join("precious")).unwrap(), b"mine");

    // Nor does one give away what it points at.
    let (server, back) = (server(&inbox, &[]), Directory::new());
    let fetched = run(crate::support::fetch(server.addr(), &back, &["link/precious", "file"]));
    fetched.failed(1, "2 files not received");
    assert!(back.list().is_empty(), "{:?}", back.list());
}

/// A server that gives what it likes to whoever connects, whatever he asks for: each step is a kind and the
/// fields of a control frame, or what is sent of a file.
const GIVER: &str = r#"
listener = socket.create_server(("127.0.0.1", 0))
print(json.dumps({"addr": "127.0.0.1:%d" % listener.getsockname()[1]}), flush=True)
stream, _ = listener.accept()
stream.settimeout(15)
def hear():
    length = struct.unpack(">I", read(stream, 4))[0]
    return read(stream, length)
hear()
stream.sendall(control(0x11, version=1, you=0, name="", epoch=0, max_frame=1 << 20, features=["files"]))
hear()
for step in json.loads(sys.argv[1]):
    if step[0] == "data":
        stream.sendall(frame(1, step[2].encode(), room=step[1]))
    else:
        stream.sendall(control(step[0], **step[1]))
while True:
    hear()
"#;

/// What a client makes of such a server, whom it has asked for `a.txt`.
#[track_caller]
fn given(into: &Directory, steps: &serde_json::Value) -> Option<tests::Finished> {
    let frames = PEER.split("host, port").next().unwrap();
    let mut giver = python(&format!("{frames}{GIVER}"), &[&steps.to_string()])?;
    let mut giver = Running::start(&mut giver);
    let addr = giver.stdout.take_event(|_| true)["addr"].as_str().unwrap().to_owned();
    Some(run(crate::support::fetch(&addr, into, &["a.txt", "-r", "0"])))
}

#[test]
fn a_server_puts_nothing_into_the_folder_that_was_not_asked_for() {
    use serde_json::json;

    let hash = "d74981efa70a0c880b8d8c1985d075dbcbf679b99a5f9914e5aaf96b831a9e24";
    let into = Directory::new();
    // It takes no answer for an answer, and sends all the same.
    let steps = json!([
        [0x22, {"file": 1, "path": ".bashrc", "size": 11}],
        [0x22, {"file": 2, "path": "a.txt", "size": 11}],
        ["data", 2, "hello world"],
        [0x24, {"file": 2, "hash": hash}],
        [0x28, {"files": 2}],
    ]);
    let Some(finished) = given(&into, &steps) else { return };
    finished.failed(1, "1 file not received from");
    assert_eq!(crate::support::dropped(&finished).1, "it was not asked for");
    assert_eq!(into.list(), ["a.txt"]);
}

#[test]
fn a_server_that_says_nothing_of_what_was_asked_for_has_not_sent_it() {
    use serde_json::json;

    for steps in [
        json!([[0x28, {"files": 0}]]),
        json!([[0x29, {"path": "b.txt", "why": "failed", "reason": "no"}], [0x28, {"files": 0}]]),
    ] {
        let into = Directory::new();
        let Some(finished) = given(&into, &steps) else { return };
        assert_eq!(finished.code, 1, "{finished:?}");
        let events = finished.events();
        let dropped = events.iter().find(|event| event["path"] == "a.txt").unwrap();
        assert_eq!(dropped["event"], "dropped");
        assert_eq!(dropped["why"], "no_such_file");
        assert_eq!(dropped["reason"], "nothing of it was offered");
    }
}

#[test]
fn a_peer_that_breaks_the_rules_is_told_so_and_leaves_nothing() {
    for (offers, steps, told) in [
        (r#"[["a", 4]]"#, r#"[["data", 1, 2, "xx"]]"#, "in the wrong place"),
        (r#"[["a", 4]]"#, r#"[["data", 1, 0, "longer"]]"#, "beyond its size"),
        (r#"[["a", 4]]"#, r#"[["data", 9, 0, "xx"]]"#, "a block of no file"),
        (r#"[["a", 18446744073709551615]]"#, "[]", "it has no such size"),
        ("[]", r#"[["raw", "GET / HTTP/1.1\r\n\r\n"]]"#, "is longer than the limit"),
    ] {
        let inbox = Directory::new();
        let Some(answers) = attack(&inbox, offers, steps) else { return };
        let last = answers.lines().last().unwrap_or_default();
        assert!(last.starts_with("0x13 ") && last.contains(told), "{told}: {answers}");
        assert_eq!(inbox.list(), ["after"]);
    }
}

#[test]
fn whoever_says_nothing_is_not_waited_for() {
    let inbox = Directory::new();
    let mut server = server(&inbox, &[]);
    let _silent = std::net::TcpStream::connect(server.socket_addr()).unwrap();
    let closed = server.take("closed");
    assert_eq!(closed["ending"], "NoFirstByte", "{closed}");
    assert!(closed["seconds"].as_f64().unwrap() < 15.0, "{closed}");
}
