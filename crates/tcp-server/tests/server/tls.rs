//! TLS: who gets in, who is told why he does not, and what becomes of those who are in.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::Signal;
use proto::{Ending, TlsFault};
use tcp_server::modes::{Echo, Lines};
use tcp_server::{BindOptions, Config, Limits};
use tests::{Authority, Running, foreign, python};
use tls::client::Met;
use tls::session::NoSession;
use tls::{Client, Fingerprint, Identity, Trust, identity};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use crate::support::library::{Server, read_to_end};
use crate::support::program::{Program, command};
use crate::support::way::{Way, fresh_path, tls_server};
use crate::support::{connect, soon};

const SERVER_NAMES: &[&str] = &["localhost", "127.0.0.1"];

/// A client that trusts this authority.
fn client_of(authority: &Authority) -> Client {
    let roots = identity::authorities(Path::new(&authority.file())).unwrap();
    Client::new(Trust::Authorities(Arc::new(roots)))
}

async fn meet(client: &Client, addr: &str) -> Result<Met<TcpStream>, NoSession<TcpStream>> {
    let stream = soon("connecting", TcpStream::connect(addr)).await.unwrap();
    let name = client.name_for(Some("127.0.0.1")).unwrap();
    soon("the handshake", client.connect(name, stream)).await
}

async fn assert_echoes(met: &mut Met<TcpStream>) {
    met.session.write_all(b"still here").await.unwrap();
    let mut answer = [0; 10];
    soon("the echo", met.session.read_exact(&mut answer)).await.unwrap();
    assert_eq!(&answer, b"still here");
}

/// A server of the library over TLS.
async fn start(tls: Arc<tls::Server>, limits: Limits) -> Server {
    let config = Config { limits, tls: Some(tls), ..Config::default() };
    Server::start_at("127.0.0.1:0", &BindOptions::default(), Echo, config).await
}

fn program(args: &[&str]) -> Command {
    command(&[&["-p", "0"], args].concat())
}

/// A program that keeps its own certificate in this folder.
fn program_at_home(home: &Path) -> Command {
    let mut command = program(&["--tls"]);
    command.env("XDG_STATE_HOME", home);
    command
}

#[test]
fn its_own_certificate_is_made_once_and_is_nobody_elses_to_read() {
    let home = fresh_path("home");
    let fingerprint = |program: &mut Program| {
        let tls = &program.listening["tls"];
        assert_eq!(
            (&tls["self_signed"], &tls["client_certificates"]),
            (&true.into(), &false.into())
        );
        tls["fingerprint"].as_str().unwrap().to_owned()
    };
    let first = fingerprint(&mut Program::spawn(&mut program_at_home(&home)));
    let file = home.join("sockeye/tls.pem");
    assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(home.join("sockeye")).unwrap().mode() & 0o777, 0o700);
    assert_eq!(fs::read_dir(home.join("sockeye")).unwrap().count(), 1, "nothing else is left");
    let second = fingerprint(&mut Program::spawn(&mut program_at_home(&home)));
    assert_eq!(first, second);
    if let Some(openssl) = foreign("openssl") {
        let args = ["x509", "-noout", "-fingerprint", "-sha256", "-in", file.to_str().unwrap()];
        let shown = Running::start(&mut tests::piped(openssl, &args)).finish();
        let theirs = shown.stdout_text().trim().split_once('=').unwrap().1;
        let theirs: Fingerprint = format!("sha256:{theirs}").parse().unwrap();
        assert_eq!(theirs.to_string(), first);
    }
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    let refused = Running::start(&mut program_at_home(&home)).finish();
    refused.failed(2, "others may read the key in it; chmod 600");
    fs::remove_dir_all(&home).unwrap();
}

#[test]
fn what_cannot_be_shown_is_told_at_the_start() {
    let (authority, other) = (Authority::new(), Authority::new());
    let (good, others) = (authority.sign("a.pem", SERVER_NAMES), other.sign("b.pem", SERVER_NAMES));
    let ca = authority.file();
    fs::write(authority.path("empty.pem"), "").unwrap();
    let empty = authority.path("empty.pem");
    for (args, why) in [
        (&["--cert", "/nowhere.pem", "--key", &good][..], "cannot read /nowhere.pem: no such file"),
        (&["--cert", &empty, "--key", &good], "has no certificate in PEM"),
        (&["--cert", &good, "--key", &ca], "has no private key in PEM"),
        (&["--cert", &good, "--key", &others], "the private key is not that of the certificate"),
        (&["--cert", &good], "required arguments were not provided"),
        (&["--tls", "--client-ca", &empty, "--cert", &good, "--key", &good], "has no certificate"),
    ] {
        let refused = Running::start(&mut program(args)).finish();
        refused.failed(2, why);
    }
}

/// Another implementation at the other end, in both versions; `unwrap` is the end in both directions.
#[test]
fn python_talks_over_tls_and_hears_the_end() {
    const CLIENT: &str = "
import socket, ssl, sys
port, ca, version = int(sys.argv[1]), sys.argv[2], sys.argv[3]
context = ssl.create_default_context(cafile=ca)
context.maximum_version = context.minimum_version = getattr(ssl.TLSVersion, version)
raw = socket.create_connection(('127.0.0.1', port))
with context.wrap_socket(raw, server_hostname='localhost', suppress_ragged_eofs=False) as tls:
    tls.sendall('你好\\n'.encode())
    print(tls.version(), tls.recv(1024).decode().strip())
    tls.unwrap().close()
";
    let authority = Authority::new();
    let file = authority.sign("server.pem", SERVER_NAMES);
    let mut program = Program::start(&["--cert", &file, "--key", &file, "-m", "lines"]);
    let (_, port) = program.addr.rsplit_once(':').unwrap();
    let port = port.to_owned();
    for version in ["TLSv1_2", "TLSv1_3"] {
        let Some(mut client) = python(CLIENT, &[&port, &authority.file(), version]) else { return };
        let done = Running::start(&mut client).finish();
        assert_eq!(
            done.stdout_text(),
            format!("{}\n", version.replace('_', ".") + " 6 bytes, 2 characters: 你好")
        );
        program.event("open");
        let closed = program.event("closed");
        assert_eq!((&closed["ending"], &closed["received"]), (&"PeerFin".into(), &7.into()));
    }
}

/// Who does not finish a handshake, or sends it a byte at a time, holds nobody up and is let go.
#[tokio::test]
async fn a_handshake_that_stalls_ends_in_time_and_holds_up_nobody() {
    let limit = Duration::from_millis(300);
    let limits = Limits { handshake: limit, ..Limits::default() };
    let mut server = start(tls_server(), limits).await;
    let begun = Instant::now();
    let mut silent = server.connect().await;
    let mut slow = server.connect().await;
    // The start of a record of the handshake that is 512 bytes long.
    let trickle = async {
        for byte in [0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3].into_iter().chain([7; 500]) {
            if slow.write_all(&[byte]).await.is_err() {
                break;
            }
            sleep(Duration::from_millis(20)).await; // The pace at which it is slow.
        }
    };
    let others = async {
        let client = Client::new(Trust::Pins(vec![tls_server().fingerprint()]));
        let mut met = meet(&client, &server.addr).await.unwrap();
        assert_echoes(&mut met).await;
        assert!(begun.elapsed() < limit, "it was held up");
        met.session.shutdown().await.unwrap();
    };
    tokio::join!(trickle, others);
    let stalled = Ending::Tls(TlsFault::Stalled { limit });
    let mut endings = Vec::new();
    for _ in 0..3 {
        endings.push(server.ending().await);
    }
    assert_eq!(endings, [Ending::PeerFin, stalled.clone(), stalled]);
    assert_eq!(read_to_end(&mut silent).await, b"");
}

#[tokio::test]
async fn a_server_that_stops_does_not_wait_for_a_handshake() {
    let mut server = start(tls_server(), Limits::default()).await;
    let mut silent = server.connect().await;
    // Accepted after the silent one, so both are.
    let client = Client::new(Trust::Pins(vec![tls_server().fingerprint()]));
    let mut met = meet(&client, &server.addr).await.unwrap();
    met.session.shutdown().await.unwrap();
    assert_eq!(server.ending().await, Ending::PeerFin);
    server.stopper.stop();
    assert_eq!(server.ending().await, Ending::Shutdown);
    assert_eq!(read_to_end(&mut silent).await, b"");
    server.end().await;
}

/// Two bytes are enough to see it. The answer is an alert, which is nothing secret.
#[tokio::test]
async fn who_speaks_plain_to_tls_is_told_so() {
    let mut server = start(tls_server(), Limits::default()).await;
    let flood = vec![b'x'; 300_000];
    for words in [&b"hi"[..], b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", &flood] {
        let mut client = server.connect().await;
        client.write_all(words).await.unwrap();
        assert_eq!(read_to_end(&mut client).await, [0x15, 3, 3, 0, 2, 2, 10]);
        drop(client);
        let closed = server.closed().await;
        assert_eq!(closed.ending, Ending::Tls(TlsFault::NotTls));
        assert_eq!(closed.ending.to_string(), "TLS: the peer does not speak TLS");
        assert_eq!(closed.sent, 0);
    }
    // Who only looks whether the port is open has done nothing wrong, and who leaves in the middle has.
    drop(server.connect().await);
    assert_eq!(server.ending().await, Ending::PeerFin);
    let mut client = server.connect().await;
    client.write_all(&[0x16, 3, 1]).await.unwrap();
    client.shutdown().await.unwrap();
    assert_eq!(server.ending().await, Ending::Tls(TlsFault::LeftEarly));
}

/// Who came without TLS, without a certificate, or only to look, was no client.
#[tokio::test]
async fn a_stranger_does_not_end_a_server_of_one_client() {
    let authority = Authority::new();
    let file = authority.sign("server.pem", SERVER_NAMES);
    let own = authority.sign("client.pem", &["client"]);
    let own = Path::new(&own);
    let args = ["--cert", &file, "--key", &file, "--client-ca", &authority.file()];
    for mode in [&["--once"][..], &["-m", "stdio"]] {
        let mut command = program(&[mode, &args].concat());
        let mut server = Running::start(&mut command);
        let line = server.stderr.line_with("listening on ");
        let addr = line.rsplit(' ').next().unwrap().trim().to_owned();
        let connect = async || soon("connecting", TcpStream::connect(&addr)).await.unwrap();
        drop(connect().await);
        let mut plain = connect().await;
        plain.write_all(b"hello\n").await.unwrap();
        assert_eq!(read_to_end(&mut plain).await, [0x15, 3, 3, 0, 2, 2, 10]);
        let mut nameless = meet(&client_of(&authority), &addr).await.unwrap();
        soon("the refusal", nameless.session.read(&mut [0])).await.unwrap_err();
        // It has begun, and may take longer than the one who ends the server.
        let _silent = connect().await;
        let identity = Identity::load(own, own).unwrap();
        let client = client_of(&authority).with_identity(identity, own).unwrap();
        let mut met = meet(&client, &addr).await.unwrap();
        met.session.write_all(b"it is me").await.unwrap();
        met.session.shutdown().await.unwrap();
        let mut answer = Vec::new();
        soon("the end", met.session.read_to_end(&mut answer)).await.unwrap();
        let done = server.finish();
        assert_eq!(done.code, 0, "{mode:?}: {}", done.stderr);
        let got = if mode == ["--once"] { &answer } else { &done.stdout };
        assert_eq!(got, b"it is me", "{mode:?}");
    }
}

#[test]
fn a_server_that_met_none_but_strangers_stops_in_order() {
    let authority = Authority::new();
    let file = authority.sign("server.pem", SERVER_NAMES);
    let mut command = program(&["-m", "stdio", "--cert", &file, "--key", &file]);
    let mut server = Running::start(&mut command);
    let line = server.stderr.line_with("listening on ");
    let mut plain = connect(line.rsplit(' ').next().unwrap().trim());
    plain.write_all(b"hello\n").unwrap();
    server.stderr.wait_for("does not speak TLS");
    server.signal(Signal::SIGTERM);
    assert_eq!(server.finish().code, 0);
}

#[tokio::test]
async fn who_speaks_tls_to_a_plain_port_is_told_of() {
    let mut server = Server::over(Way::Tcp, Lines, Limits::default()).await;
    let client = Client::new(Trust::Pins(Vec::new()));
    let none = meet(&client, &server.addr).await.unwrap_err();
    assert_eq!(none.ending, Ending::Tls(TlsFault::NotTls));
    drop(none);
    assert!(server.closed().await.began_with_tls);
    let mut plain = server.connect().await;
    plain.write_all(b"\x16\n").await.unwrap();
    drop(plain);
    assert!(!server.closed().await.began_with_tls);
}

/// The same, as the program tells it.
#[tokio::test(flavor = "multi_thread")]
async fn the_event_says_that_a_client_spoke_tls() {
    let mut program = Program::start(&["-m", "echo"]);
    let client = Client::new(Trust::Pins(Vec::new()));
    let none = meet(&client, &program.addr).await.unwrap_err();
    // It got its own greeting back.
    assert!(none.ending.to_string().contains("sends back what it gets"), "{}", none.ending);
    drop(none);
    program.event("open");
    assert_eq!(program.event("closed")["spoke"], "TLS");
}

/// Whoever is connected when the files change notices nothing, and who comes later gets the new one. What
/// cannot be read leaves everything as it was.
#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_replaced_under_running_connections() {
    let authority = Authority::new();
    let client = client_of(&authority);
    let file = authority.sign("server.pem", SERVER_NAMES);
    let mut program = Program::start(&["--cert", &file, "--key", &file]);
    let shown = program.listening["tls"]["fingerprint"].as_str().unwrap().to_owned();
    let mut first = meet(&client, &program.addr).await.unwrap();
    assert_eq!(first.seen.fingerprint.to_string(), shown);
    assert_echoes(&mut first).await;
    program.event("open");

    authority.sign("server.pem", SERVER_NAMES);
    program.signal(Signal::SIGHUP);
    let reloaded = program.event("reloaded");
    assert_eq!(reloaded["ok"], true, "{reloaded}");
    let mut second = meet(&client, &program.addr).await.unwrap();
    program.event("open");
    assert_eq!(reloaded["fingerprint"], second.seen.fingerprint.to_string());
    assert_ne!(second.seen.fingerprint, first.seen.fingerprint);
    assert_echoes(&mut first).await;

    fs::write(&file, "no certificate").unwrap();
    program.signal(Signal::SIGHUP);
    let kept = program.event("reloaded");
    assert_eq!((&kept["ok"], &kept["fingerprint"]), (&false.into(), &reloaded["fingerprint"]));
    assert!(kept["error"].as_str().unwrap().contains("has no certificate in PEM"), "{kept}");
    let third = meet(&client, &program.addr).await.unwrap();
    assert_eq!(third.seen.fingerprint, second.seen.fingerprint);
    assert_echoes(&mut first).await;
    assert_echoes(&mut second).await;
    drop((first, second, third));
    program.signal(Signal::SIGTERM);
    assert_eq!(program.wait().code, 0);
}

/// A terminal that is closed sends SIGHUP too: a server with a certificate of its own ends by it.
#[test]
fn a_server_that_reads_nothing_anew_ends_by_sighup() {
    let home = fresh_path("home");
    let program = Program::spawn(&mut program_at_home(&home));
    program.signal(Signal::SIGHUP);
    assert_eq!(program.wait().code, 0);
    fs::remove_dir_all(&home).unwrap();
}

/// Only who has a certificate of the right authority gets in, and both sides say why one does not.
#[tokio::test]
async fn clients_need_a_certificate_where_one_is_asked_for() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let file = authority.sign("server.pem", SERVER_NAMES);
    let identity = |file: &str| Identity::load(Path::new(file), Path::new(file)).unwrap();
    let roots = identity::authorities(Path::new(&authority.file())).unwrap();
    let tls = tls::Server::new(identity(&file), Some(roots), Path::new(&file)).unwrap();
    let mut server = start(Arc::new(tls), Limits::default()).await;
    let with =
        |file: &str| client_of(&authority).with_identity(identity(file), Path::new(file)).unwrap();
    // The handshake of TLS 1.3 is over for a client before the server has seen his certificate: the first
    // read tells.
    let refused = async |client: &Client| {
        let mut met = meet(client, &server.addr).await.unwrap();
        let error = soon("the refusal", met.session.read(&mut [0])).await.unwrap_err();
        Ending::from_io(&error).to_string()
    };

    let without = refused(&client_of(&authority)).await;
    assert_eq!(without, "TLS: the peer refused: it wants a certificate of ours");
    let strange = refused(&with(&stranger.sign("client.pem", &["a client"]))).await;
    assert_eq!(strange, "TLS: the peer refused: it does not know who has signed our certificate");
    let expired = refused(&with(&authority.sign_expired("old.pem", &["a client"]))).await;
    assert_eq!(expired, "TLS: the peer refused: our certificate has expired");
    let mut met =
        meet(&with(&authority.sign("client.pem", &["a client"])), &server.addr).await.unwrap();
    assert_echoes(&mut met).await;
    met.session.shutdown().await.unwrap();

    assert_eq!(server.ending().await, Ending::Tls(TlsFault::NoCertificate));
    let why = "nobody who is trusted here has signed it".to_owned();
    assert_eq!(server.ending().await, Ending::Tls(TlsFault::Certificate { why }));
    let ending = server.ending().await.to_string();
    assert!(ending.contains("it has expired"), "{ending}");
    assert_eq!(server.ending().await, Ending::PeerFin);
}

/// A client that does not trust the server says so before it goes.
#[tokio::test]
async fn the_server_hears_that_it_is_not_trusted() {
    let mut server = start(tls_server(), Limits::default()).await;
    let none = meet(&client_of(&Authority::new()), &server.addr).await.unwrap_err();
    let why = "nobody who is trusted here has signed it".to_owned();
    assert_eq!(none.ending, Ending::Tls(TlsFault::Certificate { why }));
    let alert = "it does not know who has signed our certificate".to_owned();
    assert_eq!(server.ending().await, Ending::Tls(TlsFault::Refused { alert }));
}
