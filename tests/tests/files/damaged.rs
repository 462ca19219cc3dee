//! A byte that is not the one that was sent.

use std::fs;

use tests::noise;

use crate::support::{Directory, dropped, run, send, server, wire};

const SIZE: usize = 2 << 20;

#[test]
fn on_the_way_it_is_found_and_nothing_of_it_is_kept() {
    let (out, inbox) = (Directory::new(), Directory::new());
    let (file, other) = (out.write("file", &noise(SIZE)), out.write("other", b"whole"));
    let server = server(&inbox, &[]);
    let mut has_damaged = false;
    // Frames before and after have headers; far within the file nearly every byte is a payload's.
    let to = wire(server.socket_addr(), move |passed, bytes| {
        if passed > SIZE as u64 / 2 && bytes.len() > 1000 && !has_damaged {
            bytes[bytes.len() / 2] ^= 0x10;
            has_damaged = true;
        }
        true
    });
    let finished = run(send(&to, &[&file, &other], &["-r", "0"]));
    let (why, reason) = dropped(&finished);
    assert_eq!(why, "damaged", "{finished:?}");
    assert!(reason.contains("BLAKE3"), "{reason}");
    finished.failed(1, "1 file not sent to");
    assert_eq!(inbox.list(), ["other"]);
    // Without the damage it goes over.
    assert_eq!(run(send(server.addr(), &[&file], &[])).code, 0);
    assert!(fs::read(inbox.path().join("file")).unwrap() == noise(SIZE));
}

#[test]
fn in_a_part_it_is_found_and_all_of_the_file_crosses() {
    let (out, inbox) = (Directory::new(), Directory::new());
    let file = out.write("file", &noise(SIZE));
    let mut server = server(&inbox, &[]);
    let to = wire(server.socket_addr(), |passed, _| passed < SIZE as u64 / 2);
    assert_eq!(run(send(&to, &[&file], &["-r", "0"])).code, 1);
    // Nobody has it open any more.
    server.take("closed");
    let part = inbox.part().unwrap();
    let mut bytes = fs::read(&part).unwrap();
    bytes[100] ^= 1;
    fs::write(&part, bytes).unwrap();
    let finished = run(send(server.addr(), &[&file], &["-r", "9"]));
    assert_eq!(finished.code, 0, "{finished:?}");
    assert_eq!(finished.end()["bytes"], SIZE, "all of it crosses");
    assert!(fs::read(inbox.path().join("file")).unwrap() == noise(SIZE));
}
