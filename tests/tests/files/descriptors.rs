//! Few file descriptors: `ulimit -n` of a server, and more files at the same time than it may have open.

use tests::{Running, Server, noise, piped, program};

use crate::support::{Directory, run, send, text};

/// A server that may have so many files open.
fn limited(inbox: &Directory, most: u32) -> Server {
    let script = format!("ulimit -n {most}; exec \"$@\"");
    let program = program("tcp-server");
    let args = ["--json", "--port", "0", "--mode", "files", "--dir", text(inbox.path())];
    let args = [&["-c", &script, "sh", text(&program)], &args[..]].concat();
    Server::watch(Running::start(&mut piped("sh", &args)))
}

#[test]
fn all_files_come_where_few_may_be_open_at_a_time() {
    let (out, inbox) = (Directory::new(), Directory::new());
    for number in 0..300 {
        out.write(&format!("many/{number}"), &noise(100 + number));
    }
    let server = limited(&inbox, 50);
    let finished = run(send(server.addr(), &[&out.path().join("many")], &[]));
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    assert_eq!(inbox.list(), out.list());
}
