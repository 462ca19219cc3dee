//! Two that send a file of the same name at the same time.

use std::fs;

use tests::{Running, noise};

use crate::support::{Directory, run, send, server, wire};

const SIZE: usize = 1 << 20;

/// Sends the two files so that both are under way at once: each wire waits until the other has passed on
/// something of its file.
#[track_caller]
fn at_once(one: &[u8], other: &[u8]) -> Directory {
    let (first, second, inbox) = (Directory::new(), Directory::new(), Directory::new());
    let server = server(&inbox, &[]);
    let barrier = std::sync::Arc::new(std::sync::Barrier::new(2));
    let clients: Vec<_> = [(&first, one), (&second, other)]
        .map(|(out, bytes)| {
            let file = out.write("same.bin", bytes);
            // The same time, so that nothing but the bytes tells them apart.
            let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
            fs::File::options().write(true).open(&file).unwrap().set_modified(time).unwrap();
            let (barrier, mut has_met) = (barrier.clone(), false);
            let to = wire(server.socket_addr(), move |passed, _| {
                if passed > 100_000 && !has_met {
                    barrier.wait();
                    has_met = true;
                }
                true
            });
            Running::start(&mut send(&to, &[&file], &[]))
        })
        .into();
    for client in clients {
        let finished = client.finish();
        assert_eq!(finished.code, 0, "{finished:?}");
    }
    inbox
}

#[test]
fn two_different_files_are_both_there() {
    let (one, other) = (noise(SIZE), noise(SIZE + 1)[1..].to_vec());
    let inbox = at_once(&one, &other);
    assert_eq!(inbox.list(), ["same (1).bin", "same.bin"]);
    let there = ["same.bin", "same (1).bin"].map(|name| fs::read(inbox.path().join(name)).unwrap());
    assert!(there == [one.clone(), other.clone()] || there == [other, one]);
}

#[test]
fn the_same_file_twice_disturbs_nobody() {
    let one = noise(SIZE);
    let inbox = at_once(&one, &one);
    for path in inbox.list() {
        assert!(fs::read(inbox.path().join(&path)).unwrap() == one, "{path}");
        assert!(["same.bin", "same (1).bin"].contains(&path.as_str()), "{path}");
    }
}

#[test]
fn two_files_of_one_name_in_one_command_are_both_there() {
    let (out, inbox) = (Directory::new(), Directory::new());
    let (one, other) = (out.write("a/x", b"one"), out.write("b/x", b"other"));
    let server = server(&inbox, &[]);
    let finished = run(send(server.addr(), &[&one, &other], &[]));
    assert_eq!(finished.code, 0, "{finished:?}");
    assert_eq!(inbox.list(), ["x", "x (1)"]);
}
