//! People who talk through a relay over TLS: they come back after it was killed, and talk with no other one.

use std::process::Command;

use nix::sys::signal::Signal;
use serde_json::Value;
use tests::sockets::Peer;
use tests::{Authority, Running, piped, program};

use crate::tls::Home;

const NAMES: &[&str] = &["localhost", "127.0.0.1"];

/// A relay that speaks TLS.
struct Relay {
    running: Running,
    addr: String,
    tls: Value,
}

impl Relay {
    fn start(home: &Home, args: &[&str]) -> Self {
        let mut command = piped(program("relay"), &[&["--json"], args].concat());
        let mut running = Running::start(command.env("XDG_STATE_HOME", home.folder()));
        let listening = running.stdout.take_event(|_| true);
        let addr = listening["addr"].as_str().unwrap().to_owned();
        Self { running, addr, tls: listening["tls"].clone() }
    }

    fn pin(&self) -> String {
        self.tls["fingerprint"].as_str().unwrap().to_owned()
    }

    fn closed(&mut self) -> Value {
        self.running.stdout.take_event(|event| event["event"] == "closed")
    }

    /// Is killed while Alice is in it, who says a secret to nobody. Gives where it was.
    fn dies_under(self, alice: &mut Running) -> String {
        alice.stderr.wait_for("you are in #lobby: alice\n");
        let addr = self.addr.clone();
        self.kill();
        alice.stderr.wait_for("disconnected: ");
        alice.write(b"a secret\n");
        alice.stderr.wait_for("not sent yet: a secret\n");
        addr
    }

    /// Ends it without a word.
    fn kill(self) {
        self.running.signal(Signal::SIGKILL);
        self.running.finish();
    }
}

fn chat(home: &Home, relay: &Relay, name: &str, args: &[&str]) -> Command {
    let args = [&["chat", &relay.addr, "-n", name, "--retry-delay", "10ms"], args].concat();
    home.client(&args)
}

#[test]
fn two_people_talk_and_come_back_after_a_kill() {
    let home = Home::new();
    for address in home.addresses() {
        let relay = Relay::start(&home, &["--tls", &address]);
        let (pin, addr) = (relay.pin(), relay.addr.clone());
        let mut alice = Running::start(&mut chat(&home, &relay, "alice", &["--tls"]));
        alice.stderr.wait_for("you are in #lobby: alice\n");
        let told = alice.stderr.text();
        assert!(told.contains(&format!("is met for the first time, and nobody vouches for it. Its certificate is\n  {pin}\n")), "{told}");
        let mut bob = Running::start(&mut chat(&home, &relay, "bob", &["--tls-pin", &pin]));
        alice.stdout.wait_for(" * bob joined\n");
        alice.write("你好，bob\n".as_bytes());
        bob.stdout.wait_for(" #lobby alice: 你好，bob\n");
        bob.write(b"hey\n");
        alice.stdout.wait_for(" #lobby bob: hey\n");

        relay.kill();
        alice.stderr.wait_for("disconnected: ");
        bob.stderr.wait_for("disconnected: ");
        alice.write(b"are you there?\n");
        alice.stderr.wait_for("not sent yet: are you there?\n");
        let relay = Relay::start(&home, &["--tls", &addr]);
        assert_eq!(relay.pin(), pin);
        alice.stderr.wait_for("sent now: are you there?\n");
        bob.stdout.wait_for(" #lobby alice: are you there?\n");
        for mut person in [alice, bob] {
            person.close_stdin();
            assert_eq!(person.finish().code, 0);
        }
        relay.running.signal(Signal::SIGTERM);
        assert_eq!(relay.running.finish().code, 0);
    }
}

/// Neither at the first meeting nor when one comes back: what was typed is told as not sent, and stays here.
#[test]
fn a_relay_with_another_certificate_is_not_talked_with() {
    let home = Home::new();
    let mut relay = Relay::start(&home, &["--tls", "-p", "0"]);
    let wrong = format!("sha256:{}", "ab".repeat(32));
    let mut client = Running::start(&mut chat(&home, &relay, "alice", &["--tls-pin", &wrong]));
    // It may have ended, and takes nothing.
    let _ = std::io::Write::write_all(&mut client.take_stdin(), b"a secret\n");
    client.finish().failed(3, "and not the one asked for");
    let closed = relay.closed();
    assert_eq!((&closed["ending"], &closed["received"]), (&"Tls".into(), &0.into()));

    let mut alice = Running::start(&mut chat(&home, &relay, "alice", &["--tls"]));
    let addr = relay.dies_under(&mut alice);
    std::fs::remove_file(home.path("sockeye/tls.pem")).unwrap();
    let mut relay = Relay::start(&home, &["--tls", &addr]);
    let done = alice.finish();
    done.failed(3, &format!("the certificate of {addr} has changed"));
    assert!(done.stderr.contains("not sent: a secret (there is no connection)\n"), "{done:?}");
    let closed = relay.closed();
    assert_eq!((&closed["ending"], &closed["received"]), (&"Tls".into(), &0.into()));
}

/// A relay that asks for certificates may be reached from elsewhere, and who has none hears what to do.
#[test]
fn certificates_let_people_in() {
    let (home, authority) = (Home::new(), Authority::new());
    let (file, ca) = (authority.sign("relay.pem", NAMES), authority.file());
    let own = authority.sign("alice.pem", &["alice"]);
    let args = ["0.0.0.0:0", "--cert", &file, "--key", &file, "--client-ca", &ca];
    let mut relay = Relay::start(&home, &args);
    assert_eq!(relay.tls["client_certificates"], true);
    relay.addr = relay.addr.replace("0.0.0.0", "127.0.0.1");
    let trust = ["--tls-ca", &ca];
    let done = Running::start(&mut chat(&home, &relay, "bob", &trust)).finish();
    done.failed(1, "the server refused: it wants a certificate of ours");
    assert!(done.stderr.contains("hint: --tls-cert FILE --tls-key FILE"), "{done:?}");
    assert_eq!(relay.closed()["ending"], "Tls");

    let shown = [&trust[..], &["--tls-cert", &own, "--tls-key", &own]].concat();
    let mut alice = Running::start(&mut chat(&home, &relay, "alice", &shown));
    alice.write(b"hello\n");
    alice.stdout.wait_for(" #lobby alice: hello\n");
    // Another certificate is shown to who comes from now on; who is here notices nothing.
    authority.sign("relay.pem", NAMES);
    relay.running.signal(Signal::SIGHUP);
    let reloaded = relay.running.stdout.take_event(|event| event["event"] == "reloaded");
    assert_eq!(reloaded["ok"], true, "{reloaded}");
    assert_ne!(reloaded["fingerprint"], relay.tls["fingerprint"]);
    alice.write(b"still here\n");
    alice.stdout.wait_for(" #lobby alice: still here\n");
    alice.close_stdin();
    assert_eq!(alice.finish().code, 0);
}

/// A certificate that is taken no more, as one that has expired, is not shown again and again.
#[test]
fn who_is_not_let_in_any_more_hears_it_and_does_not_try_for_ever() {
    let (home, authority) = (Home::new(), Authority::new());
    let (file, ca) = (authority.sign("relay.pem", NAMES), authority.file());
    let own = authority.sign("alice.pem", &["alice"]);
    let args =
        |address, clients| ["--cert", &file, "--key", &file, "--client-ca", clients, address];
    let relay = Relay::start(&home, &args("127.0.0.1:0", &ca));
    let shown = ["--tls-ca", &ca, "--tls-cert", &own, "--tls-key", &own];
    let mut alice = Running::start(&mut chat(&home, &relay, "alice", &shown));
    let addr = relay.dies_under(&mut alice);
    let others = Authority::new();
    let mut relay = Relay::start(&home, &args(&addr, &others.file()));
    let done = alice.finish();
    done.failed(1, "the server refused: ");
    assert!(done.stderr.contains("not sent: a secret (there is no connection)\n"), "{done:?}");
    assert_eq!(relay.closed()["ending"], "Tls");
}

/// Each side says of the other that it speaks something else.
#[test]
fn plain_and_tls_are_told_apart() {
    let home = Home::new();
    let mut relay = Relay::start(&home, &["--tls", "-p", "0"]);
    let done = Running::start(&mut chat(&home, &relay, "alice", &[])).finish();
    done.failed(1, "speaks TLS, and refused what was plain");
    assert!(done.stderr.contains("hint: --tls speaks it too\n"), "{done:?}");
    assert_eq!(relay.closed()["detail"], "TLS: the peer does not speak TLS");
    let mut relay = Relay::start(&home, &["-p", "0"]);
    let done = Running::start(&mut chat(&home, &relay, "alice", &["--tls"])).finish();
    assert_eq!(done.code, 1, "{done:?}");
    assert_eq!(relay.closed()["spoke"], "TLS");
}

/// Who takes the connection and never answers is given up in the time that is asked for.
#[test]
fn a_relay_that_stalls_in_the_handshake_is_not_waited_for() {
    let (home, stalled) = (Home::new(), Peer::listen());
    let target = stalled.target();
    let args = ["chat", &target, "--tls", "-w", "300ms"];
    let done = Running::start(&mut home.client(&args)).finish();
    done.failed(124, "within 300ms (connected, no answer: it may speak plain)");
}
