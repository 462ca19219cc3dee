//! Our two programs over TLS: what a person does with them who has read the server's first screen.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use tests::{Authority, Directory, Running, Server, noise, piped, program};

/// A folder for what both programs keep, removed when this is dropped.
pub(crate) struct Home(Directory);

impl Home {
    pub(crate) fn new() -> Self {
        Self(Directory::new())
    }

    fn server(&self, args: &[&str]) -> Server {
        let mut command = piped(program("tcp-server"), &[&["--json", "--tls"], args].concat());
        Server::watch(Running::start(command.env("XDG_STATE_HOME", self.0.path())))
    }

    pub(crate) fn client(&self, args: &[&str]) -> Command {
        let mut command = piped(program("tcp-client"), args);
        command.env("XDG_CONFIG_HOME", self.0.path());
        command
    }

    pub(crate) fn folder(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    /// Both kinds of sockets, each known by its own address.
    pub(crate) fn addresses(&self) -> [String; 2] {
        ["127.0.0.1:0".to_owned(), format!("unix:{}", self.path("socket"))]
    }
}

#[test]
fn megabytes_come_back_as_they_were_sent() {
    let home = Home::new();
    for address in home.addresses() {
        let mut server = home.server(&[&address]);
        let addr = server.addr().to_owned();
        for is_first in [true, false] {
            let sent = noise(5_000_000);
            let mut client = Running::start(&mut home.client(&["--tls", &addr]));
            let mut stdin = client.take_stdin();
            let input = sent.clone();
            let writing = thread::spawn(move || stdin.write_all(&input));
            let done = client.finish();
            writing.join().unwrap().unwrap();
            assert_eq!(done.code, 0, "{}", done.stderr);
            assert!(done.stdout == sent, "{} bytes came back", done.stdout.len());
            assert_eq!(done.stderr.contains("for the first time"), is_first, "{}", done.stderr);
            let closed = server.take("closed");
            let figures = (&closed["ending"], &closed["received"]);
            assert_eq!(figures, (&"PeerFin".into(), &5_000_000.into()));
        }
        assert_eq!(server.stop().code, 0);
    }
}

/// A server that gets another certificate is refused, and not a byte is sent to it.
#[test]
fn a_server_with_a_new_certificate_is_refused() {
    let home = Home::new();
    let unix = format!("unix:{}", home.path("socket"));
    let server = home.server(&[&unix]);
    let run = |code| {
        let mut client = Running::start(&mut home.client(&["--tls", &unix]));
        // One that has refused the server may have ended, and takes nothing.
        let _ = client.take_stdin().write_all(b"a secret");
        let done = client.finish();
        assert_eq!(done.code, code, "{}", done.stderr);
        done
    };
    run(0);
    server.stop();
    fs::remove_file(home.path("sockeye/tls.pem")).unwrap();
    let mut server = home.server(&[&unix]);
    run(3).failed(3, &format!("the certificate of {unix} has changed"));
    let closed = server.take("closed");
    assert_eq!((&closed["ending"], &closed["received"]), (&"Tls".into(), &0.into()));
    assert_eq!(closed["detail"], "TLS: the peer refused: it does not trust our certificate");
    server.stop();
}

#[test]
fn files_cross_over_tls_both_ways() {
    const NAME: &str = "报告.bin";
    let home = Home::new();
    let authority = Authority::new();
    let file = authority.sign("server.pem", &["localhost", "127.0.0.1"]);
    let (inbox, outbox, sent) = (home.path("inbox"), home.path("outbox"), noise(3_000_000));
    fs::create_dir(&inbox).unwrap();
    fs::create_dir(&outbox).unwrap();
    let path = home.path(NAME);
    fs::write(&path, &sent).unwrap();
    for address in home.addresses() {
        let shown = ["--cert", &file, "--key", &file];
        let mode = ["-m", "files", "--dir", &inbox, &address];
        let mut server = home.server(&[&mode[..], &shown].concat());
        let addr = server.addr().to_owned();
        let trust = ["--tls-ca", &authority.file(), "--tls-name", "localhost"];
        let mut cross = |args: &[&str]| {
            let done = Running::start(&mut home.client(&[args, &trust].concat())).finish();
            assert_eq!(done.code, 0, "{}", done.stderr);
            assert_eq!(server.take("closed")["ending"], "PeerFin");
        };
        cross(&["send-file", &path, "--to", &addr]);
        cross(&["recv-file", "--from", &addr, "--dir", &outbox]);
        for folder in [&inbox, &outbox] {
            let come = PathBuf::from(folder).join(NAME);
            assert!(fs::read(&come).unwrap() == sent, "{}", come.display());
            fs::remove_file(come).unwrap();
        }
        assert_eq!(server.stop().code, 0);
    }
}

/// In TLS 1.3 the server looks at the client's certificate when the client's handshake is over already.
#[test]
fn who_shows_no_certificate_is_told_so_at_once_and_does_not_try_again() {
    let (home, authority) = (Home::new(), Authority::new());
    let file = authority.sign("server.pem", &["localhost", "127.0.0.1"]);
    let inbox = home.path("inbox");
    fs::create_dir(&inbox).unwrap();
    let path = home.path("a.txt");
    fs::write(&path, b"a").unwrap();
    let ca = authority.file();
    let mode = ["-m", "files", "--dir", &inbox, "127.0.0.1:0"];
    let server =
        home.server(&[&mode[..], &["--cert", &file, "--key", &file, "--client-ca", &ca]].concat());
    let addr = server.addr();
    for args in [&["send-file", &path, "--to", addr][..], &["recv-file", "--from", addr]] {
        let args = [args, &["--tls-ca", &ca, "--tls-name", "localhost"]].concat();
        let done = Running::start(&mut home.client(&args)).finish();
        done.failed(1, &format!("error: no TLS with {addr}: the server refused: "));
        assert!(done.stderr.contains("hint: --tls-cert FILE --tls-key FILE"), "{}", done.stderr);
        assert!(!done.stderr.contains("connecting again"), "{}", done.stderr);
    }
    let own = authority.sign("client.pem", &["client"]);
    let args = ["send-file", &path, "--to", addr, "--tls-ca", &ca, "--tls-name", "localhost"];
    let args = [&args[..], &["--tls-cert", &own, "--tls-key", &own]].concat();
    assert_eq!(Running::start(&mut home.client(&args)).finish().code, 0);
}
