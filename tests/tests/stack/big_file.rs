//! 100 MiB through both programs and back.

use std::fs::{self, File};
use std::process::Stdio;

use tests::noise::fingerprint;
use tests::{Directory, Running, Server, noise, piped, program};

const SIZE: usize = 100 << 20;

#[test]
fn an_echoed_file_is_the_same_file() {
    let directory = Directory::new();
    let (there, back) = (directory.join("there"), directory.join("back"));
    fs::write(&there, noise(SIZE)).unwrap();
    let mut server = Server::start(&["--mode", "echo"]);
    let mut command = piped(program("tcp-client"), &[server.addr()]);
    command.stdin(Stdio::from(File::open(&there).unwrap()));
    command.stdout(Stdio::from(File::create(&back).unwrap()));
    Running::start(&mut command).finish().silent();
    assert_eq!(fingerprint(&back), fingerprint(&there));
    let closed = server.take("closed");
    assert_eq!(closed["ending"], "PeerFin");
    assert_eq!((&closed["received"], &closed["sent"]), (&SIZE.into(), &SIZE.into()));
}
