//! TLS, against servers that are not ours.

mod talking;
mod told_apart;
mod trust;

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use tests::{foreign, python};

use crate::support::{Finished, Running, command};

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
