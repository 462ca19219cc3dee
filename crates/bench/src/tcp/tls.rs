//! What TLS costs `tcp-server`: the handshakes of a core, and the memory of a silent connection.
//!
//! The certificate is one that `tcp-server` makes for itself, ECDSA on P-256. Clients come anew each time:
//! neither server takes anybody back without a handshake.

use std::env;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use cli::Failure;
use rustls::client::Resumption;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, Stream};

use super::{OURS, apart, cannot_measure, per_second, start_ours};
use crate::figures::Figures;
use crate::load::append_frame;
use crate::memory;
use crate::row::{Better, Outcome, Row, Work};
use crate::server::Server;
use crate::session::{Bench, Measured};

const HANDSHAKES: &str = "tls-handshake";
const IDLE: &str = "tls-idle-15000";
const CONNECTIONS: usize = 15_000;
const PAYLOAD: usize = 64;

const BARE: &str = "bare echo over TLS";

/// The hidden command of this program that is it.
pub const BARE_TLS: &str = "bare-tls";

/// What part of the bare one's handshakes ours must reach, and how many bytes a connection may take.
const HANDSHAKES_GOAL: f64 = 0.95;
const IDLE_GOAL: f64 = 14.0 * 1024.0;

/// How many connections come to an agreement at the same time.
const OPEN: usize = 16;

pub(super) fn run(bench: &mut Bench<'_>) -> Result<(), Failure> {
    if !bench.wants(HANDSHAKES) && !bench.wants(IDLE) {
        return Ok(());
    }
    let failed = |error: io::Error| cannot_measure("TLS", &error);
    let certificate = Certificate::make().map_err(failed)?;
    let config = certificate.trusted().map_err(failed)?;
    if bench.wants(HANDSHAKES) {
        handshakes(bench, &certificate, &config)?;
    }
    if bench.wants(IDLE) {
        idle(bench, &certificate, &config)?;
    }
    Ok(())
}

fn handshakes(
    bench: &mut Bench<'_>,
    certificate: &Certificate,
    config: &Arc<ClientConfig>,
) -> Result<(), Failure> {
    let work = Work { name: HANDSHAKES.into(), unit: "handshake/s/core", better: Better::More };
    let pem = certificate.path();
    let (servers, _apart) = apart(|| {
        let ours = start_ours("frames", &["--cert", &pem, "--key", &pem])?;
        Ok([ours, Server::start_own(BARE, &[BARE_TLS, &pem])?])
    })?;
    let time = bench.time();
    let reached = bench.measure(&work, &[OURS, BARE], |contender| {
        let server = &servers[contender];
        let measured = per_second(server, || come_and_go(server.address(), config, time))?;
        // The clients cost as much as the server does, so it is not busy all the time.
        let cores = measured.server_cores.unwrap_or(f64::NAN);
        Ok(Measured { value: measured.value / cores, ..measured })
    })?;
    for (contender, rounds) in [(OURS, &reached[0]), (BARE, &reached[1])] {
        let cores = Figures::new(rounds.iter().filter_map(|round| round.server_cores).collect());
        bench.note(format!("{HANDSHAKES}: {contender} used {:.2} cores", cores.median()));
    }
    let [ours, theirs] = [0, 1].map(|at: usize| Measured::figures(&reached[at]));
    let outcome = Outcome::Measured { ours, theirs: Some(theirs) };
    bench.row(Row { work, peer: Some(BARE.into()), goal: HANDSHAKES_GOAL, outcome });
    Ok(())
}

fn idle(
    bench: &mut Bench<'_>,
    certificate: &Certificate,
    config: &Arc<ClientConfig>,
) -> Result<(), Failure> {
    let work = Work { name: IDLE.into(), unit: "B", better: Better::Less };
    let outcome = if let Err(why) = memory::raise_limit(CONNECTIONS) {
        Outcome::Skipped(why)
    } else {
        let reached = bench.measure(&work, &[OURS], |_| {
            memory_of_each(certificate, config).map(Measured::alone)
        })?;
        Outcome::Measured { ours: Measured::figures(&reached[0]), theirs: None }
    };
    bench.row(Row { work, peer: None, goal: IDLE_GOAL, outcome });
    Ok(())
}

/// What each of the silent connections takes that have had a reply.
fn memory_of_each(certificate: &Certificate, config: &Arc<ClientConfig>) -> Result<f64, Failure> {
    let (pem, most) = (certificate.path(), (2 * CONNECTIONS).to_string());
    let server = start_ours("frames", &["--cert", &pem, "--key", &pem, "--max-conns", &most])?;
    let mut frame = BytesMut::new();
    append_frame(&mut frame, PAYLOAD, 1);
    let mut reply = vec![0; frame.len()];
    memory::of_each(server.pid(), server.address(), CONNECTIONS, |mut socket| {
        let mut session = greet(&mut socket, config)?;
        let mut stream = Stream::new(&mut session, &mut socket);
        stream.write_all(&frame)?;
        stream.read_exact(&mut reply)?;
        Ok((socket, session))
    })
    .map_err(|error| cannot_measure(server.name(), &error))
}

/// Says the first words of a handshake. Whatever is read or written next completes it.
fn greet(socket: &mut TcpStream, config: &Arc<ClientConfig>) -> io::Result<ClientConnection> {
    socket.set_nodelay(true)?;
    let name = ServerName::try_from("localhost").expect("it is a name");
    let mut session = ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
    session.write_tls(socket)?;
    Ok(session)
}

/// Connects, agrees on TLS and closes in order, for `time`: gives how often, and how long that took.
fn come_and_go(
    address: SocketAddr,
    config: &Arc<ClientConfig>,
    time: Duration,
) -> io::Result<(f64, Duration)> {
    let mut hosts = (1..=u8::MAX).cycle();
    let mut begin = || {
        let mut socket = memory::connect(hosts.next().expect("it goes round"), address)?;
        let session = greet(&mut socket, config)?;
        Ok::<_, io::Error>((socket, session))
    };
    let mut open: Vec<_> = (0..OPEN).map(|_| begin()).collect::<io::Result<_>>()?;
    let start = Instant::now();
    let mut agreed = 0.0;
    while start.elapsed() < time {
        for one in &mut open {
            let (socket, session) = one;
            while session.is_handshaking() {
                session.complete_io(socket)?;
            }
            agreed += 1.0;
            session.send_close_notify();
            session.complete_io(socket)?;
            socket.shutdown(Shutdown::Write)?;
            // The server's own goodbye, and its FIN.
            io::copy(socket, &mut io::sink())?;
            *one = begin()?;
        }
    }
    Ok((agreed, start.elapsed()))
}

/// A certificate and its key in a file, which is gone when this value is.
struct Certificate(PathBuf);

impl Certificate {
    fn make() -> io::Result<Self> {
        let folder = env::temp_dir().join(format!("bench-tls-{}", process::id()));
        let certificate = Self(folder);
        tls::self_signed::load_or_make(&certificate.file()).map_err(io::Error::other)?;
        Ok(certificate)
    }

    fn file(&self) -> PathBuf {
        self.0.join("tls.pem")
    }

    fn path(&self) -> String {
        self.file().to_string_lossy().into_owned()
    }

    /// A client that trusts it.
    fn trusted(&self) -> io::Result<Arc<ClientConfig>> {
        let certificate = CertificateDer::from_pem_file(self.file()).map_err(io::Error::other)?;
        let mut roots = RootCertStore::empty();
        roots.add(certificate).map_err(io::Error::other)?;
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        Ok(Arc::new(config))
    }
}

impl Drop for Certificate {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
