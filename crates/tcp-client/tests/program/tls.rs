//! TLS, against servers that are not ours: whom the client trusts, what it remembers, and how it ends.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use tests::{Authority, foreign, noise, python};

use crate::support::{Finished, Peer, Running, command, run_with_input, unused_port};

const NAMES: &[&str] = &["localhost", "127.0.0.1"];

/// A server that does with each connection what follows, in `tls`.
const SERVER: &str = "
import socket, ssl, sys, time
file, ca = sys.argv[1], sys.argv[2]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(file)
if ca:
    context.load_verify_locations(ca)
    context.verify_mode = ssl.CERT_REQUIRED
listener = socket.create_server(('127.0.0.1', 0))
print(listener.getsockname()[1], flush=True)
def read_all(tls):
    got = b''
    while part := tls.recv(65536): got += part
    return got
while True:
    raw, _ = listener.accept()
    try:
        tls = context.wrap_socket(raw, server_side=True, suppress_ragged_eofs=False)
    except OSError as error:
        print('refused', type(error).__name__, flush=True)
        continue
    try:
        serve(tls)
    except OSError as error:
        print('failed', type(error).__name__, flush=True)
";

/// Reads to the end, and only then answers: the client must have said that it is the end, and read on.
const LATE: &str = "
def serve(tls):
    got = read_all(tls)
    print('got', len(got), flush=True)
    time.sleep(0.1)
    tls.sendall(b'%d bytes\\n' % len(got))
    tls.unwrap().close()
";

/// Answers and is gone, without a word that it is the end.
const CUT: &str = "
def serve(tls):
    tls.sendall(b'a part')
    raw = socket.socket(fileno=tls.detach())
    raw.shutdown(socket.SHUT_WR)
    raw.recv(65536)
    raw.close()
";

/// Sends back what comes.
const ECHO: &str = "
def serve(tls):
    while part := tls.recv(65536): tls.sendall(part)
    tls.unwrap().close()
";

/// Closes the first connection at once, as a server may that is starting.
const SECOND_TIME: &str = "
before = []
def serve(tls):
    tls.sendall(b'welcome')
    tls.unwrap().close()
class Listener:
    def __init__(self, inner): self.inner = inner
    def getsockname(self): return self.inner.getsockname()
    def accept(self):
        while True:
            raw, peer = self.inner.accept()
            if before: return raw, peer
            before.append(1); raw.close()
import socket
create = socket.create_server
socket.create_server = lambda *args: Listener(create(*args))
";

/// A server that runs, and where.
struct Theirs {
    running: Running,
    addr: String,
}

/// A folder that the client takes for the user's own.
struct Home(PathBuf);

impl Home {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self(std::env::temp_dir().join(format!("tcp-client-{}-{number}", std::process::id())))
    }

    fn file(&self) -> PathBuf {
        self.0.join("sockeye/known_peers")
    }

    fn client(&self, args: &[&str]) -> Command {
        let mut command = command(args);
        command.env("XDG_CONFIG_HOME", &self.0);
        command
    }

    /// Runs the client with this input.
    fn run(&self, args: &[&str], input: &[u8]) -> Finished {
        let mut client = Running::start(&mut self.client(args));
        // One that has refused the server may have ended, and takes nothing.
        let _ = client.take_stdin().write_all(input);
        client.finish()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Theirs {
    fn start(serve: &str, file: &str, ca: &str) -> Option<Self> {
        Some(Self::watch(&mut python(&format!("{serve}{SERVER}"), &[file, ca])?))
    }

    fn watch(command: &mut Command) -> Self {
        let mut running = Running::start(command.stdin(Stdio::null()));
        let line = running.stdout.line_with("");
        let addr = format!("127.0.0.1:{}", line.trim());
        Self { running, addr }
    }
}

fn fingerprint_of(file: &str) -> Option<String> {
    let openssl = foreign("openssl")?;
    let args = ["x509", "-noout", "-fingerprint", "-sha256", "-in", file];
    let shown = Running::start(&mut tests::piped(openssl, &args)).finish();
    Some(shown.stdout_text().trim().split_once('=').unwrap().1.to_owned())
}

/// As openssl writes it, without the colons and in small letters.
fn pin_of(file: &str) -> Option<String> {
    Some(format!("sha256:{}", fingerprint_of(file)?.replace(':', "").to_lowercase()))
}

#[test]
fn a_server_is_trusted_at_first_use_and_known_the_next_time() {
    let (authority, home) = (Authority::new(), Home::new());
    let file = authority.sign("a.pem", NAMES);
    let Some(pin) = pin_of(&file) else { return };
    let Some(server) = Theirs::start(LATE, &file, "") else { return };
    let first = home.run(&["--tls", &server.addr], b"hello");
    assert_eq!((first.code, first.stdout_text()), (0, "5 bytes\n"), "{first:?}");
    let told = format!(
        "warning: {} is met for the first time, and nobody vouches for it. Its certificate is\n  {pin}\n",
        server.addr
    );
    assert!(first.stderr.starts_with(&told), "{first:?}");
    let kept = fs::read_to_string(home.file()).unwrap();
    assert_eq!(kept, format!("tls {} {pin}\n", server.addr));
    let second = home.run(&["--tls", &server.addr], b"hello");
    assert_eq!((second.code, second.stdout_text(), second.stderr.as_str()), (0, "5 bytes\n", ""));
}

/// Another certificate where one is known: both are named, and where the old one stands, and not a byte of
/// the input is sent.
#[test]
fn a_server_that_has_changed_is_refused_loudly() {
    let (authority, home) = (Authority::new(), Home::new());
    let file = authority.sign("a.pem", NAMES);
    let Some(pin) = pin_of(&file) else { return };
    let Some(mut server) = Theirs::start(LATE, &file, "") else { return };
    let old = format!("sha256:{}", "ab".repeat(32));
    fs::create_dir_all(home.file().parent().unwrap()).unwrap();
    fs::write(home.file(), format!("# mine\ntls {} {old}\n", server.addr)).unwrap();
    let done = home.run(&["--tls", &server.addr, "--json"], b"a secret");
    done.failed(3, &format!("the certificate of {} has changed: it is {pin}", server.addr));
    let place = format!("(line 2 of {}) is {old}", home.file().display());
    assert!(done.stderr.contains(&place), "{done:?}");
    assert!(done.stderr.contains("sed -i 2d"), "{done:?}");
    assert_eq!(done.end()["error"]["kind"], "certificate_changed");
    // Nor does any number of attempts help.
    home.run(&["--tls", &server.addr, "--retry", "3"], b"a secret").failed(3, "has changed");
    server.running.stdout.wait_for("refused SSLError\nrefused SSLError\n");
    assert!(!server.running.stdout.text().contains("got"), "{}", server.running.stdout.text());
    let kept = fs::read_to_string(home.file()).unwrap();
    assert!(kept.contains(&old) && !kept.contains(&pin), "{kept}");
    // What is to be remembered must be remembered.
    fs::remove_file(home.file()).unwrap();
    fs::create_dir(home.file()).unwrap();
    home.run(&["--tls", &server.addr], b"a secret").failed(1, "cannot be read or written");
}

#[test]
fn a_pin_takes_one_certificate_and_remembers_nothing() {
    let (authority, home) = (Authority::new(), Home::new());
    // Neither its name nor its dates matter.
    let file = authority.sign_expired("a.pem", &["elsewhere.example"]);
    let Some(with_colons) = fingerprint_of(&file) else { return };
    let Some(server) = Theirs::start(LATE, &file, "") else { return };
    let right = home.run(&["--tls-pin", &format!("SHA256:{with_colons}"), &server.addr], b"hello");
    assert_eq!((right.code, right.stdout_text(), right.stderr.as_str()), (0, "5 bytes\n", ""));
    let wrong = format!("sha256:{}", "ab".repeat(32));
    home.run(&["--tls-pin", &wrong, &server.addr], b"").failed(3, "and not the one asked for");
    home.run(&["--tls-pin", "sha256:abc", &server.addr], b"").failed(2, "64 hexadecimal digits");
    assert!(!home.file().exists());
}

/// An authority vouches for names, and until a day.
#[test]
fn an_authority_is_asked_about_name_and_dates() {
    let (authority, other, home) = (Authority::new(), Authority::new(), Home::new());
    let ca = &authority.file();
    let check = |file: &str, args: &[&str], refusal: Option<&str>| {
        let Some(server) = Theirs::start(LATE, file, "") else { return };
        let done = home.run(&[args, &[&server.addr]].concat(), b"hello");
        match refusal {
            None => assert_eq!((done.code, done.stdout_text()), (0, "5 bytes\n"), "{done:?}"),
            Some(why) => done.failed(1, why),
        }
    };
    check(&authority.sign("good.pem", NAMES), &["--tls-ca", ca], None);
    let strange = other.sign("strange.pem", NAMES);
    check(&strange, &["--tls-ca", ca], Some("nobody who is trusted here has signed it"));
    let old = authority.sign_expired("old.pem", NAMES);
    check(&old, &["--tls-ca", ca], Some("is refused: it has expired"));
    // Nor is what has expired trusted at first use.
    check(&old, &["--tls"], Some("is refused: it has expired"));
    let named = authority.sign("named.pem", &["a.example"]);
    check(&named, &["--tls-ca", ca], Some("and not for 127.0.0.1"));
    check(&named, &["--tls-ca", ca, "--tls-name", "a.example"], None);
    check(&named, &["--tls-ca", ca, "--tls-name", "b.example"], Some("and not for b.example"));
    assert!(!home.file().exists(), "an authority was asked, so nothing is remembered");
}

/// Where one of this machine's authorities vouches for a server nothing is asked, and one for which nobody
/// vouches any more is refused: who is on the way could else show a certificate of his own.
#[test]
fn a_server_that_was_vouched_for_has_to_stay_so() {
    let (authority, home) = (Authority::new(), Home::new());
    let file = authority.sign("a.pem", NAMES);
    let Some(server) = Theirs::start(LATE, &file, "") else { return };
    let run = |trusted: &str| {
        let mut client = home.client(&["--tls", &server.addr]);
        let mut client = Running::start(client.env("SSL_CERT_FILE", trusted));
        let _ = client.take_stdin().write_all(b"hello");
        client.finish()
    };
    let vouched = run(&authority.file());
    assert_eq!((vouched.code, vouched.stderr.as_str()), (0, ""), "{vouched:?}");
    let kept = fs::read_to_string(home.file()).unwrap();
    assert_eq!(kept, format!("tls {} authority\n", server.addr));
    run(&Authority::new().file())
        .failed(3, "an authority vouched for the one of before (line 1 of");
}

#[test]
fn a_certificate_of_ones_own_is_shown_where_one_is_asked_for() {
    let (authority, home) = (Authority::new(), Home::new());
    let file = authority.sign("server.pem", NAMES);
    let own = authority.sign("own.pem", &["a client"]);
    let ca = &authority.file();
    let Some(server) = Theirs::start(LATE, &file, ca) else { return };
    let with = ["--tls-ca", ca, "--tls-cert", &own, "--tls-key", &own, &server.addr];
    let done = home.run(&with, b"hello");
    assert_eq!((done.code, done.stdout_text()), (0, "5 bytes\n"), "{done:?}");
    let without = home.run(&["--tls-ca", ca, &server.addr], b"hello");
    without.failed(1, "refused: ");
    assert!(without.stderr.contains("--tls-cert FILE --tls-key FILE"), "{without:?}");
    home.run(&["--tls-cert", ca, "--tls-key", ca, &server.addr], b"")
        .failed(2, "has no private key in PEM");
}

/// The server died, or somebody on the way sent its FIN: what came is shown, and is not taken for the whole.
#[test]
fn an_end_without_a_word_is_told_from_an_end() {
    let (authority, home) = (Authority::new(), Home::new());
    let file = authority.sign("a.pem", NAMES);
    let ca = &authority.file();
    let Some(server) = Theirs::start(CUT, &file, "") else { return };
    let done = home.run(&["--tls-ca", ca, "--json", &server.addr], b"");
    done.failed(1, "ended without close_notify after 0 bytes sent, 6 bytes received");
    let end = done.end();
    assert_eq!((&end["ending"], &end["error"]["kind"]), (&"Tls".into(), &"cut_off".into()));
}

#[test]
fn openssl_gets_every_byte_and_the_end() {
    let (authority, home) = (Authority::new(), Home::new());
    let file = authority.sign("a.pem", NAMES);
    let Some(openssl) = foreign("openssl") else { return };
    for version in ["-tls1_2", "-tls1_3"] {
        let args = [
            "s_server",
            "-accept",
            "127.0.0.1:0",
            "-cert",
            &file,
            "-naccept",
            "1",
            "-rev",
            version,
        ];
        let mut server = Running::start(&mut tests::piped(&openssl, &args));
        let line = server.stdout.line_with("ACCEPT");
        let addr = line.trim().trim_start_matches("ACCEPT ");
        let done = home.run(&["--tls-ca", &authority.file(), addr], b"hello\n");
        assert_eq!((done.code, done.stdout_text()), (0, "olleh\n"), "{version} {done:?}");
        server.stdout.wait_for("1 server accepts that finished");
    }
}

/// Several megabytes, so that both directions are full at times.
#[test]
fn many_bytes_arrive_as_they_were_sent() {
    let (authority, home) = (Authority::new(), Home::new());
    let file = authority.sign("a.pem", NAMES);
    let Some(server) = Theirs::start(ECHO, &file, "") else { return };
    let sent = noise(5_000_000);
    let mut client =
        Running::start(&mut home.client(&["--tls-ca", &authority.file(), &server.addr]));
    let mut stdin = client.take_stdin();
    let input = sent.clone();
    let writing = std::thread::spawn(move || stdin.write_all(&input));
    let done = client.finish();
    writing.join().unwrap().unwrap();
    assert_eq!((done.code, done.stderr.as_str()), (0, ""));
    assert!(done.stdout == sent, "{} bytes came back", done.stdout.len());
}

#[test]
fn a_server_that_speaks_plain_is_told_apart() {
    let home = Home::new();
    let check = |greeting: &'static [u8], args: &[&str], code: i32, why: &str| {
        let peer = Peer::listen();
        let target = peer.target();
        let answering = std::thread::spawn(move || {
            let mut stream = peer.accept();
            stream.write_all(greeting).unwrap();
            // Until the client is gone.
            let _ = std::io::Read::read_to_end(&mut stream, &mut Vec::new());
        });
        let done = home.run(&[args, &[&target]].concat(), b"hello");
        done.failed(code, why);
        answering.join().unwrap();
    };
    check(b"220 mail.example ESMTP\r\n", &["--tls"], 1, "the peer does not speak TLS");
    let silent = &["--tls", "-w", "300ms"];
    check(b"", silent, 124, "within 300ms (connected, no answer: it may speak plain)");
    check(b"", &["-z", "--tls", "-w", "300ms"], 124, "no answer: it may speak plain");
    assert!(!home.file().exists());
}

/// The alert is the answer of a server of TLS to what is none. It is no reason where what was sent was TLS:
/// then it is somebody else's, who has a client of his own below him.
#[test]
fn a_plain_client_is_told_that_the_server_speaks_tls() {
    const ALERT: [u8; 7] = [0x15, 3, 3, 0, 2, 2, 10];
    let home = Home::new();
    let answered = |input: &[u8]| {
        let peer = Peer::listen();
        let target = peer.target();
        let answering = std::thread::spawn(move || {
            let mut stream = peer.accept();
            crate::support::read_to_end(&mut stream);
            stream.write_all(&ALERT).unwrap();
        });
        let done = home.run(&[&target], input);
        answering.join().unwrap();
        assert_eq!(done.stdout, ALERT);
        done
    };
    let done = answered(b"hello");
    done.failed(1, "speaks TLS, and refused what was plain after 5 bytes sent, 7 bytes received");
    assert!(done.stderr.contains("hint: --tls speaks it too"), "{done:?}");
    assert_eq!(answered(&[0x16, 3, 1, 0, 1, 1]).code, 0);
}

#[test]
fn the_check_of_a_port_shakes_hands_and_says_goodbye() {
    let (authority, home) = (Authority::new(), Home::new());
    let file = authority.sign("a.pem", NAMES);
    let Some(pin) = pin_of(&file) else { return };
    let Some(mut server) = Theirs::start(LATE, &file, "") else { return };
    let done = home.run(&["-z", "--tls-pin", &pin, &server.addr], b"");
    assert_eq!((done.code, done.stderr.as_str()), (0, ""));
    assert!(
        done.stdout_text().ends_with(&format!(", TLS 1.3 by the certificate {pin}\n")),
        "{done:?}"
    );
    // It came to its end, and was not cut off.
    server.running.stdout.wait_for("got 0\n");
}

/// A server that is starting refuses at first, or closes in the middle.
#[test]
fn a_server_that_is_starting_is_tried_again() {
    let (authority, home) = (Authority::new(), Home::new());
    let file = authority.sign("a.pem", NAMES);
    let Some(server) = Theirs::start(SECOND_TIME, &file, "") else { return };
    let args = ["--tls-ca", &authority.file(), "-r", "5", "--retry-delay", "10ms", &server.addr];
    let done = home.run(&args, b"");
    assert_eq!((done.code, done.stdout_text()), (0, "welcome"), "{done:?}");
}

#[test]
fn what_cannot_be_asked_for_is_told() {
    let (_reserved, addr) = unused_port();
    let addr = addr.to_string();
    for (args, why) in [
        (&["--tls-ca", "/nowhere.pem"][..], "cannot read /nowhere.pem: no such file"),
        (&["--tls-name", "two words"], "is no name that a certificate can be for"),
        (&["--tls-cert", "/nowhere.pem"], "required arguments were not provided"),
        (&["--tls-ca", "x", "--tls-pin", "sha256:00"], "64 hexadecimal digits"),
    ] {
        run_with_input(&[args, &[&addr]].concat(), b"").failed(2, why);
    }
    let mut homeless = command(&["--tls", &addr]);
    homeless.env_remove("HOME").env_remove("XDG_CONFIG_HOME");
    Running::start(&mut homeless).finish().failed(2, "there is no home");
    assert!(!Path::new("sockeye").exists());
}
