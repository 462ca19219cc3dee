//! What a user may not read or write: the rest goes on.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;
use std::process::Command;

use nix::unistd::geteuid;
use tests::{Running, Server, foreign, piped, skip};

use crate::support::{Directory, dropped, run, send, server};

/// The user who owns nothing.
const NOBODY: u32 = 65_534;

/// The command, as a user who may do nothing that he was not given. Root may read and write everything,
/// so that there it is another user; elsewhere it is whoever runs the test.
fn as_nobody(command: &Command, folders: &[&Directory]) -> Option<Command> {
    let args: Vec<&str> = command.get_args().map(|arg| arg.to_str().unwrap()).collect();
    if !geteuid().is_root() {
        return Some(piped(command.get_program(), &args));
    }
    let setpriv = foreign("setpriv")?;
    for folder in folders {
        give(folder.path());
    }
    let nobody = NOBODY.to_string();
    let user = ["--reuid", &nobody, "--regid", &nobody, "--clear-groups", "--"];
    let may =
        Command::new(&setpriv).args(user).arg(command.get_program()).arg("--version").output();
    if !may.is_ok_and(|output| output.status.success()) {
        skip("another user cannot run the programs where they are");
        return None;
    }
    let program = command.get_program().to_str().unwrap();
    Some(piped(setpriv, &[&user[..], &[program], &args].concat()))
}

fn give(path: &Path) {
    chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            give(&entry.unwrap().path());
        }
    }
}

#[test]
fn a_file_that_may_not_be_read_is_told_and_the_rest_goes_on() {
    let (out, inbox) = (Directory::new(), Directory::new());
    let secret = out.write("all/secret", b"not for you");
    out.write("all/open", b"for you");
    out.write("all/closed/inside", b"not seen");
    out.write("all/empty secret", b"");
    let all = out.path().join("all");
    let server = server(&inbox, &[]);
    let command = send(server.addr(), &[&all], &[]);
    let Some(command) = as_nobody(&command, &[&out]) else { return };
    let none = Permissions::from_mode(0o000);
    for path in [&secret, &all.join("closed"), &all.join("empty secret")] {
        fs::set_permissions(path, none.clone()).unwrap();
    }
    let finished = run(command);
    // So that the folder can be removed.
    fs::set_permissions(all.join("closed"), Permissions::from_mode(0o700)).unwrap();
    finished.failed(1, "3 files not sent to");
    let why = |event: &serde_json::Value| event["why"] == "not_allowed";
    assert_eq!(finished.events().iter().filter(|event| why(event)).count(), 3, "{finished:?}");
    assert_eq!(inbox.list(), ["all/", "all/closed/", "all/open"]);
}

#[test]
fn a_folder_that_may_not_be_written_to_is_told_and_the_rest_goes_on() {
    let (out, inbox) = (Directory::new(), Directory::new());
    let folder = out.path().join("sub");
    out.write("sub/new", b"for a closed folder");
    let open = out.write("open", b"for an open one");
    fs::create_dir(inbox.path().join("sub")).unwrap();
    let args =
        ["--json", "--port", "0", "--mode", "files", "--dir", inbox.path().to_str().unwrap()];
    let command = piped(tests::program("tcp-server"), &args);
    let Some(mut command) = as_nobody(&command, &[&inbox]) else { return };
    fs::set_permissions(inbox.path().join("sub"), Permissions::from_mode(0o555)).unwrap();
    let server = Server::watch(Running::start(&mut command));
    let finished = run(send(server.addr(), &[&folder, &open], &[]));
    let (why, reason) = dropped(&finished);
    assert_eq!(
        (why.as_str(), reason.as_str()),
        ("not_allowed", "cannot write sub/new: permission denied")
    );
    finished.failed(1, "1 file not sent to");
    assert_eq!(inbox.list(), ["open", "sub/"]);
}

#[test]
fn a_folder_of_the_server_that_may_not_be_written_to_is_told_at_once() {
    let inbox = Directory::new();
    let args = ["--port", "0", "--mode", "files", "--dir", inbox.path().to_str().unwrap()];
    let command = piped(tests::program("tcp-server"), &args);
    let Some(command) = as_nobody(&command, &[&inbox]) else { return };
    fs::set_permissions(inbox.path(), Permissions::from_mode(0o555)).unwrap();
    run(command).failed(2, "permission denied");
}

#[test]
fn what_is_no_folder_is_told_with_the_cure() {
    let inbox = Directory::new();
    let missing = inbox.path().join("missing");
    let args = ["--port", "0", "--mode", "files", "--dir", missing.to_str().unwrap()];
    let finished = run(piped(tests::program("tcp-server"), &args));
    finished.failed(2, "cannot open the folder");
    assert!(finished.stderr.contains("hint: make it: mkdir -p "), "{}", finished.stderr);
    let args = ["send-file", missing.to_str().unwrap()];
    run(piped(tests::program("tcp-client"), &args)).failed(2, "nothing to send: ");
}
