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

/// A server whose own input is empty says so with its first segment, and reads on.
#[test]
fn a_file_arrives_at_a_server_that_has_nothing_to_say() {
    let directory = Directory::new();
    let (there, copy) = (directory.join("there"), directory.join("copy"));
    fs::write(&there, noise(SIZE)).unwrap();
    for tls in [&[][..], &["--tls"]] {
        let address = format!("unix:{}", directory.join("socket").display());
        for address in ["127.0.0.1:0", &address] {
            let mut command =
                piped(program("tcp-server"), &[tls, &["-v", "-m", "stdio", address]].concat());
            command.env("XDG_STATE_HOME", directory.path());
            command.stdin(Stdio::null()).stdout(Stdio::from(File::create(&copy).unwrap()));
            let mut server = Running::start(&mut command);
            let line = server.stderr.line_with("listening on ");
            let addr = line.rsplit(' ').next().unwrap().trim();
            let mut command = piped(program("tcp-client"), &[tls, &["-q", addr]].concat());
            command.env("XDG_CONFIG_HOME", directory.path());
            command.stdin(Stdio::from(File::open(&there).unwrap()));
            let done = Running::start(&mut command).finish();
            assert_eq!(done.code, 0, "{tls:?} {address}: {done:?}");
            let done = server.finish();
            assert_eq!(done.code, 0, "{tls:?} {address}: {done:?}");
            assert_eq!(fingerprint(&copy), fingerprint(&there), "{tls:?} {address}");
        }
    }
}
