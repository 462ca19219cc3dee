//! A disk that is full: in a namespace of the test's own, on a file system in memory of a megabyte.

use std::fs;
use std::process::Command;

use tests::{Running, Server, foreign, noise, piped, program, skip};

use crate::support::{Directory, dropped, run, send, text};

/// The command for `script`, which may mount: its `$1` is the folder, and its `$2` the server. None where
/// namespaces are refused.
fn may_mount(script: &str, folder: &Directory) -> Option<Command> {
    let unshare = foreign("unshare")?;
    let may = Command::new(&unshare).args(["--map-root-user", "--mount", "true"]).output();
    if !may.is_ok_and(|output| output.status.success()) {
        skip("this system lets nobody make a mount namespace");
        return None;
    }
    let server = program("tcp-server");
    let folder = text(folder.path());
    let args = ["--map-root-user", "--mount", "sh", "-ec", script, "sh", folder, text(&server)];
    Some(piped(unshare, &args))
}

/// Runs a server whose folder is a small disk. None where namespaces are refused.
fn server_on_a_small_disk(folder: &Directory) -> Option<Server> {
    let script = "mount -t tmpfs -o size=1m none \"$1\" && cd \"$1\" && \
                  exec \"$2\" --json --port 0 --mode files --dir .";
    Some(Server::watch(Running::start(&mut may_mount(script, folder)?)))
}

#[test]
fn a_file_that_cannot_fit_is_refused_before_it_crosses() {
    let (out, inbox) = (Directory::new(), Directory::new());
    let (large, small) = (out.write("large", &noise(2 << 20)), out.write("small", b"fits"));
    let Some(server) = server_on_a_small_disk(&inbox) else { return };
    let finished = run(send(server.addr(), &[&large, &small], &[]));
    let (why, reason) = dropped(&finished);
    assert_eq!(why, "no_room");
    assert!(reason.starts_with("no room for it: 2097152 bytes are still to come, "), "{reason}");
    finished.failed(1, "1 file not sent to");
    let end = finished.end();
    assert_eq!((&end["files"], &end["bytes"]), (&1.into(), &4.into()));
}

#[test]
fn a_disk_that_fills_up_ends_the_file_and_not_the_transfer() {
    let (out, inbox) = (Directory::new(), Directory::new());
    // Each of them would fit, both do not, and which is known only when they come.
    let first = out.write("1", &noise(700_000));
    let second = out.write("2", &noise(700_000));
    let Some(server) = server_on_a_small_disk(&inbox) else { return };
    let finished = run(send(server.addr(), &[&first, &second], &[]));
    let (why, reason) = dropped(&finished);
    assert_eq!(
        (why.as_str(), reason.as_str()),
        ("no_room", "cannot write 2: no space left on device")
    );
    finished.failed(1, "1 file not sent to");
    assert_eq!(finished.end()["files"], 1);
}

#[test]
fn what_has_crossed_of_a_file_that_did_not_fit_is_not_told_as_sent() {
    let (out, inbox) = (Directory::new(), Directory::new());
    let first = out.write("1", &noise(700_000));
    let second = out.write("2", &noise(700_000));
    let Some(server) = server_on_a_small_disk(&inbox) else { return };
    let args = ["send-file", "--to", server.addr(), text(&first), text(&second)];
    let finished = run(piped(program("tcp-client"), &args));
    let told = "not sent: 2: cannot write 2: no space left on device\nsent 1: 683.6 KiB in ";
    assert!(finished.stderr.starts_with(told), "{}", finished.stderr);
}

#[test]
fn a_folder_that_is_read_only_is_told_before_anything() {
    let inbox = Directory::new();
    let script =
        "mount -t tmpfs -o ro none \"$1\" && exec \"$2\" --port 0 --mode files --dir \"$1\"";
    let Some(command) = may_mount(script, &inbox) else { return };
    let finished = run(command);
    finished.failed(2, "read-only file system");
    assert!(finished.stderr.contains("hint: --share give"), "{}", finished.stderr);
    assert!(fs::read_dir(inbox.path()).unwrap().next().is_none());
}
