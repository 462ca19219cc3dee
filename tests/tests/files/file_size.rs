//! `ulimit -f`: a file that grows beyond it is refused in words, and takes nobody else with it. Its default
//! is a signal that ends the program (SIGXFSZ, setrlimit(2)).

use std::path::Path;
use std::process::Command;

use tests::{Running, Server, noise, piped, program};

use crate::support::{Directory, dropped, fetch, run, send, server, text};

/// A program that may write files of 512 KiB.
fn limited(name: &str, args: &[&str]) -> Command {
    // POSIX: in units of 512 bytes, which dash, bash and ksh agree on in `sh`; bash outside of it counts KiB.
    let script = "ulimit -f 1024; exec \"$@\"";
    let program = program(name);
    piped("sh", &[&["-c", script, "sh", text(&program)], args].concat())
}

#[track_caller]
fn assert_whole(folder: &Directory, name: &str, bytes: &[u8]) {
    assert!(std::fs::read(folder.path().join(Path::new(name))).unwrap() == bytes, "{name}");
}

#[test]
fn a_server_refuses_the_file_and_serves_on() {
    let (out, inbox) = (Directory::new(), Directory::new());
    let (large, small) = (out.write("large", &noise(3 << 20)), out.write("small", b"fits"));
    let args = ["--json", "--port", "0", "--mode", "files", "--dir", text(inbox.path())];
    let server = Server::watch(Running::start(&mut limited("tcp-server", &args)));
    for _ in 0..2 {
        let finished = run(send(server.addr(), &[&large, &small], &[]));
        let (why, reason) = dropped(&finished);
        assert_eq!(
            (why.as_str(), reason.as_str()),
            ("no_room", "cannot write large: file too large")
        );
        finished.failed(1, "1 file not sent to");
        assert_whole(&inbox, "small", b"fits");
    }
    let finished = server.stop();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
}

#[test]
fn a_client_refuses_the_file_and_takes_the_others() {
    let (out, inbox) = (Directory::new(), Directory::new());
    out.write("large", &noise(3 << 20));
    out.write("small", b"fits");
    let server = server(&out, &[]);
    let args = ["recv-file", "--from", server.addr(), "--json", "--dir", text(inbox.path())];
    let finished = run(limited("tcp-client", &args));
    let (why, _) = dropped(&finished);
    assert_eq!(why, "no_room");
    assert_eq!((finished.code, finished.signal), (1, None), "{}", finished.stderr);
    assert_whole(&inbox, "small", b"fits");
}

/// As `tcp-client h p > file` does.
#[test]
fn standard_output_that_may_not_grow_is_an_error_in_words() {
    let (inbox, mut server) = (Directory::new(), Server::start(&["--mode", "chargen"]));
    let out = std::fs::File::create(inbox.path().join("out")).unwrap();
    let finished = run({
        let mut client = limited("tcp-client", &[server.addr()]);
        client.stdout(out);
        client
    });
    assert_eq!((finished.code, finished.signal), (1, None), "{}", finished.stderr);
    assert!(finished.stderr.contains("file too large"), "{}", finished.stderr);
    server.take("closed");
}

#[test]
fn a_request_that_no_server_takes_is_refused_before_connecting() {
    let inbox = Directory::new();
    let (_socket, nobody) = tests::sockets::unused_port();
    let nobody = nobody.to_string();
    let many: Vec<String> = (0..257).map(|number| format!("file-{number}")).collect();
    let long = vec!["x".repeat(4097)];
    let much = vec!["x".repeat(4000); 20];
    for (names, why) in [
        (many, "257 names are more than one request may have, which is 256"),
        (long, "a name of 4097 bytes is longer than any path, which has at most 4096"),
        (much, "the names are longer together than one request may be, which is 65536 bytes"),
    ] {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let finished = run(fetch(&nobody, &inbox, &names));
        finished.failed(2, &format!("error: cannot ask for that: {why}"));
    }
}
