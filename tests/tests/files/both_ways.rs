//! What comes over is what was there, either way, and only once.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use tests::{Finished, Running, noise, piped, program};

use crate::support::{Directory, dropped, fetch, run, send, server, text};

const MIB: usize = 1 << 20;

/// Files and folders with names that people use.
fn some_files() -> Directory {
    let out = Directory::new();
    out.write("照片/海 (1).jpg", &noise(3 * MIB + 1));
    out.write("照片/2024/山.jpg", &noise(70_000));
    out.write("a.txt", b"hello\n");
    out.write("empty", b"");
    fs::create_dir(out.place("nothing in it")).unwrap();
    let sparse = fs::File::create(out.place("sparse")).unwrap();
    sparse.set_len(8 * MIB as u64).unwrap();
    out
}

#[track_caller]
fn same(one: &Directory, other: &Path) {
    for path in one.list() {
        let (here, there) = (one.path().join(&path), other.join(&path));
        if path.ends_with('/') {
            assert!(there.is_dir(), "{path}");
            continue;
        }
        assert!(fs::read(&here).unwrap() == fs::read(&there).unwrap(), "{path}");
        let (here, there) = (here.metadata().unwrap(), there.metadata().unwrap());
        // Microseconds go over.
        assert_eq!(here.mtime(), there.mtime(), "{path}");
        assert_eq!(there.mode() & 0o111, 0, "{path}: nothing becomes a program");
    }
}

/// How many bytes of files crossed.
#[track_caller]
fn crossed(finished: &Finished) -> u64 {
    assert_eq!(finished.code, 0, "{finished:?}");
    finished.end()["bytes"].as_u64().unwrap()
}

#[test]
fn a_folder_goes_over_and_back() {
    let (out, inbox, back) = (some_files(), Directory::new(), Directory::new());
    let server = server(&inbox, &[]);
    let total = 3 * MIB + 1 + 70_000 + 6 + 8 * MIB;
    let sent = run(send(server.addr(), &[out.path()], &[]));
    assert_eq!(crossed(&sent), total as u64);
    let name = out.path().file_name().unwrap();
    same(&out, &inbox.path().join(name));
    let sparse = inbox.path().join(name).join("sparse").metadata().unwrap();
    assert!(sparse.blocks() < 100, "a file with holes has them still: {} blocks", sparse.blocks());

    let fetched = run(fetch(server.addr(), &back, &[]));
    assert_eq!(crossed(&fetched), total as u64);
    same(&out, &back.path().join(name));
    assert!(back.part().is_none(), "{:?}", back.list());
}

#[test]
fn what_is_there_does_not_cross_again() {
    let (out, inbox) = (some_files(), Directory::new());
    let server = server(&inbox, &[]);
    assert!(crossed(&run(send(server.addr(), &[out.path()], &[]))) > 0);
    let before = inbox.list();
    let again = run(send(server.addr(), &[out.path()], &[]));
    assert_eq!((crossed(&again), inbox.list()), (0, before));
    assert_eq!(again.end()["already"], again.end()["files"]);

    let back = Directory::new();
    assert!(crossed(&run(fetch(server.addr(), &back, &[]))) > 0);
    assert_eq!(crossed(&run(fetch(server.addr(), &back, &[]))), 0);
}

#[test]
fn one_file_of_a_folder_is_fetched_by_its_name() {
    let (out, back) = (some_files(), Directory::new());
    let server = server(&out, &[]);
    let fetched = run(fetch(server.addr(), &back, &["照片/2024", "a.txt"]));
    assert_eq!(fetched.code, 0, "{fetched:?}");
    let got = ["a.txt", "照片/", "照片/2024/", "照片/2024/山.jpg"];
    assert_eq!(back.list(), got);

    let fetched = run(fetch(server.addr(), &back, &["nowhere", "../x", "a.txt"]));
    fetched.failed(1, "2 files not received from");
    let fetched = run(fetch(server.addr(), &back, &["nowhere"]));
    assert_eq!(dropped(&fetched), ("no_such_file".into(), "there is no nowhere here".into()));
}

#[test]
fn a_name_that_is_taken_gets_a_number_and_nothing_is_written_over() {
    let (out, inbox) = (Directory::new(), Directory::new());
    let file = out.write("报告.tar.gz", b"new");
    inbox.write("报告.tar.gz", b"what was there");
    let server = server(&inbox, &[]);
    assert_eq!(run(send(server.addr(), &[&file], &[])).code, 0);
    assert_eq!(inbox.list(), ["报告 (1).tar.gz", "报告.tar.gz"]);
    assert_eq!(fs::read(inbox.place("报告.tar.gz")).unwrap(), b"what was there");
    assert_eq!(fs::read(inbox.place("报告 (1).tar.gz")).unwrap(), b"new");
}

#[test]
fn a_person_is_told_in_words() {
    let (out, inbox) = (Directory::new(), Directory::new());
    let file = out.write("报告.tar", &noise(MIB));
    let server = server(&inbox, &[]);
    let args = ["send-file", "--to", server.addr(), text(&file)];
    let told = run(piped(program("tcp-client"), &args));
    assert_eq!((told.code, told.stdout_text()), (0, ""));
    assert!(told.stderr.starts_with("sent 报告.tar: 1.0 MiB in "), "{}", told.stderr);
    assert!(told.stderr.ends_with("/s), BLAKE3 ok\n"), "{}", told.stderr);
    let told = run(piped(program("tcp-client"), &args));
    assert_eq!(told.stderr, "报告.tar: all there already, BLAKE3 ok\n");

    let back = Directory::new();
    let args = ["recv-file", "--from", server.addr(), "--dir", text(back.path()), "-q"];
    let told = run(piped(program("tcp-client"), &args));
    assert_eq!((told.code, told.stdout_text(), told.stderr.as_str()), (0, "报告.tar\n", ""));

    let args = ["send-file", "--to", server.addr(), "--progress", "always", text(&file)];
    let told = run(piped(program("tcp-client"), &args));
    assert!(!told.stderr.contains('\u{1b}'), "{}", told.stderr);
}

#[test]
fn a_unix_socket_will_do() {
    let (out, inbox) = (Directory::new(), Directory::new());
    let file = out.write("a", b"over a Unix socket");
    let socket = format!("unix:{}", text(&out.place("socket")));
    let options = ["--mode", "files", "--dir", text(inbox.path()), &socket];
    let server = tests::Server::start_at(&options);
    assert_eq!(run(send(server.addr(), &[&file], &[])).code, 0);
    assert_eq!(fs::read(inbox.place("a")).unwrap(), b"over a Unix socket");
}

/// The most memory that a process has had.
fn peak(pid: i32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_large_file_takes_no_more_memory_than_a_small_one() {
    let (out, inbox) = (Directory::new(), Directory::new());
    let (small, large) =
        (out.write("small", &noise(4 * MIB)), out.write("large", &noise(128 * MIB)));
    let server = server(&inbox, &[]);
    assert_eq!(run(send(server.addr(), &[&small], &[])).code, 0);
    let before = peak(server.running.pid());
    let mut client = Running::start(&mut send(server.addr(), &[&large], &[]));
    // An event that comes when most of it is over: what the client takes, it has then.
    client.stdout.take_event(|event| event["event"] == "progress");
    let client_peak = peak(client.pid());
    assert_eq!(client.finish().code, 0);
    let (after, room) = (peak(server.running.pid()), 4 * 1024);
    assert!(after < before + room, "the server took {before} KiB, then {after} KiB");
    assert!(client_peak < 32 * 1024, "the client took {client_peak} KiB");
}
