//! Whom the client trusts, and what it remembers.

use std::fs;
use std::io::Write as _;

use tests::Authority;

use super::{Home, LATE, NAMES, Theirs, fingerprint_of, pin_of};
use crate::support::Running;

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
