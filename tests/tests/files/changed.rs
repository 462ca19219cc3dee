//! A file that changes while it is sent is told, and is not taken for the one that was offered.

use std::fs::{self, OpenOptions};
use std::io::Write as _;

use tests::noise;

use crate::support::{Directory, dropped, run, send, server, wire};

/// Far more than the kernel holds under way.
const SIZE: usize = 32 << 20;

/// Sends two files, of which `change` changes the first when half of it has crossed.
#[track_caller]
fn check(change: impl Fn(&std::path::Path) + Send + 'static) {
    let (out, inbox) = (Directory::new(), Directory::new());
    let (log, other) = (out.write("a.log", &noise(SIZE)), out.write("other", b"as it was"));
    let server = server(&inbox, &[]);
    let place = log.clone();
    let mut has_changed = false;
    let to = wire(server.socket_addr(), move |passed, _| {
        if passed > SIZE as u64 / 8 && !has_changed {
            change(&place);
            has_changed = true;
        }
        true
    });
    let finished = run(send(&to, &[&log, &other], &[]));
    finished.failed(1, "1 file not sent to");
    assert_eq!(dropped(&finished), ("changed".into(), "it changed while it was sent".into()));
    assert_eq!(inbox.list(), ["other"], "what came of it is of no use");
}

#[test]
fn it_grows() {
    check(|log| {
        let mut log = OpenOptions::new().append(true).open(log).unwrap();
        log.write_all(b"one more line\n").unwrap();
    });
}

#[test]
fn it_is_cut() {
    check(|log| fs::File::options().write(true).open(log).unwrap().set_len(10).unwrap());
}

#[test]
fn a_byte_of_it_is_another() {
    check(|log| {
        use std::os::unix::fs::FileExt as _;
        let log = fs::File::options().write(true).open(log).unwrap();
        log.write_all_at(b"x", 0).unwrap();
    });
}
