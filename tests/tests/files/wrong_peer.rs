//! What is said where nobody transfers files, or not this way.

use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::UnixListener;

use tests::{Server, piped, program};

use crate::support::{Directory, dropped, fetch, run, send, server, text};

#[test]
fn a_server_that_does_something_else_is_told_from_one_of_files() {
    let out = Directory::new();
    let file = out.write("a", b"a");
    for (mode, why) in
        [("echo", "it is an echo"), ("frames", "it is an echo"), ("lines", "it says nothing")]
    {
        let server = Server::start(&["--mode", mode]);
        let finished = run(send(server.addr(), &[&file], &[]));
        finished.failed(1, "transfers no files: ");
        assert!(finished.stderr.contains(why), "{mode}: {}", finished.stderr);
        assert!(finished.stderr.contains("hint: this does: tcp-server --mode files"));
    }
}

#[test]
fn where_nobody_listens_the_command_of_the_other_side_is_told() {
    let out = Directory::new();
    let file = out.write("a", b"a");
    let (_socket, nobody) = tests::sockets::unused_port();
    let nobody = nobody.to_string();
    let finished = run(piped(program("tcp-client"), &["send-file", "--to", &nobody, text(&file)]));
    finished.failed(1, "connection refused (nothing listens there)");
    let hint = format!("tcp-server --mode files --dir DIR {nobody}");
    assert!(finished.stderr.contains(&hint), "{}", finished.stderr);
}

#[test]
fn a_server_says_which_way_files_go() {
    let (out, inbox) = (Directory::new(), Directory::new());
    let file = out.write("a", b"a");
    let giver = server(&out, &["--share", "give"]);
    run(send(giver.addr(), &[&file], &[]))
        .failed(1, "refused: this server gives files, and takes none");
    assert_eq!(run(fetch(giver.addr(), &inbox, &[])).code, 0);
    let taker = server(&inbox, &["--share", "take"]);
    run(fetch(taker.addr(), &out, &[]))
        .failed(1, "refused: this server takes files, and gives none");
    assert_eq!(run(send(taker.addr(), &[&file], &[])).code, 0);
}

#[test]
fn what_is_no_file_is_left_out_and_told() {
    let (out, inbox) = (Directory::new(), Directory::new());
    out.write("all/a", b"a");
    std::os::unix::fs::symlink("/etc/passwd", out.path().join("all/link")).unwrap();
    let server = server(&inbox, &[]);
    let finished = run(send(server.addr(), &[&out.path().join("all")], &[]));
    assert_eq!(dropped(&finished).1, "a symbolic link, which is not followed");
    finished.failed(1, "1 file not sent to");
    assert_eq!(inbox.list(), ["all/", "all/a"]);
}

#[test]
fn what_the_server_leaves_out_is_told_to_who_asked_for_it() {
    let (out, back) = (Directory::new(), Directory::new());
    out.write("all/a", b"a");
    std::os::unix::fs::symlink("/etc/passwd", out.path().join("all/link")).unwrap();
    let _socket = UnixListener::bind(out.path().join("socket")).unwrap();
    let name = std::ffi::OsStr::from_bytes(b"all/caf\xe9");
    std::fs::write(out.path().join(name), b"latin").unwrap();
    let mut server = server(&out, &[]);
    let left_out = |finished: &tests::Finished| -> Vec<(String, String)> {
        let events = finished.events();
        let dropped = events.iter().filter(|event| event["event"] == "dropped");
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        dropped.map(|event| (text(&event["path"]), text(&event["reason"]))).collect()
    };
    let told = |path: &str, reason: &str| (path.to_owned(), reason.to_owned());
    let expected = [
        told("all/caf\\xe9", "its name is no text in UTF-8"),
        told("all/link", "a symbolic link, which is not followed"),
        told("socket", "neither a file nor a folder"),
    ];
    for _ in 0..2 {
        let finished = run(fetch(server.addr(), &back, &[]));
        finished.failed(1, "3 files not received from");
        assert_eq!(left_out(&finished), expected);
        assert_eq!(back.list(), ["all/", "all/a"]);
        for _ in &expected {
            server.take("dropped");
        }
    }
    let finished = run(fetch(server.addr(), &back, &["socket"]));
    finished.failed(1, "1 file not received from");
    assert_eq!(left_out(&finished), expected[2..]);
    let args =
        ["recv-file", "--from", server.addr(), "--dir", text(back.path()), "nowhere", "socket"];
    let finished = run(piped(program("tcp-client"), &args));
    assert!(
        finished.stderr.starts_with(
            "not received: nowhere: there is no nowhere here\n\
             not received: socket: neither a file nor a folder\n"
        ),
        "{}",
        finished.stderr
    );
}
