//! What is said where nobody transfers files, or not this way.

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
