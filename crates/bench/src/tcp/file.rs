//! How fast a file gets from one folder to another, both in memory: beside `socat`, which checks nothing, as one
//! types it and with longer blocks.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};
use std::time::Instant;

use cli::Failure;
use nix::sys::statvfs::statvfs;

use super::{Found, OURS, cannot_measure, start_ours};
use crate::programs::free_address;
use crate::row::{Better, Outcome, Row, Work};
use crate::server::{Server, Told, our_program};
use crate::session::{Bench, Measured};

const NAME: &str = "file-4GiB";
const SIZE: u64 = 4 << 30;

/// What part of the rate of `socat` ours must reach, with the check of every byte.
const GOAL: f64 = 0.9;

/// How `socat` is started: as one types it, when it reads and writes 8 KiB at a time, and with the blocks that
/// are best for it.
const SOCATS: [(&str, &[&str]); 2] =
    [("socat", &["-u"]), ("socat -b 1M", &["-u", "-b", "1048576"])];

/// A file system in memory.
const MEMORY: &str = "/dev/shm";

pub(super) fn run(bench: &mut Bench<'_>, found: &Found) -> Result<(), Failure> {
    if !bench.wants(NAME) {
        return Ok(());
    }
    let work = Work { name: NAME.into(), unit: "B/s", better: Better::More };
    let outcomes = match (found.socat.path(), room()) {
        (None, _) => SOCATS.map(|_| Outcome::Skipped(found.socat.why_not())),
        (_, Err(why)) => SOCATS.map(|_| Outcome::Skipped(why.clone())),
        (Some(socat), Ok(())) => measure(bench, &work, socat)?,
    };
    for ((peer, _), outcome) in SOCATS.into_iter().zip(outcomes) {
        bench.row(Row { work: work.clone(), peer: Some(peer.into()), goal: GOAL, outcome });
    }
    Ok(())
}

/// Whether the file has room twice, with as much left for all others.
fn room() -> Result<(), String> {
    let system = statvfs(MEMORY).map_err(|error| format!("cannot look at {MEMORY}: {error}"))?;
    let free = system.blocks_available() * system.fragment_size();
    if free >= 3 * SIZE {
        return Ok(());
    }
    Err(format!("{MEMORY} has {} GiB free; {} are needed", free >> 30, (3 * SIZE) >> 30))
}

/// A folder that is gone when this value is.
struct Folder(PathBuf);

impl Folder {
    fn new() -> io::Result<Self> {
        let path = Path::new(MEMORY).join(format!("bench-file-{}", process::id()));
        fs::create_dir(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn measure(
    bench: &mut Bench<'_>,
    work: &Work,
    socat: &Path,
) -> Result<[Outcome; SOCATS.len()], Failure> {
    let failed = |error: io::Error| cannot_measure(NAME, &error);
    let folder = Folder::new().map_err(failed)?;
    let source = folder.0.join("source");
    fill(&source).map_err(failed)?;
    let client = our_program("tcp-client")?;
    let contenders = [OURS, SOCATS[0].0, SOCATS[1].0];
    let reached = bench.measure(work, &contenders, |contender| {
        let received = folder.0.join("received");
        fs::create_dir(&received).map_err(failed)?;
        let seconds = match contender.checked_sub(1) {
            None => ours(&client, &source, &received)?,
            Some(at) => theirs(socat, SOCATS[at].1, &source, &received.join("source"))?,
        };
        let len = fs::metadata(received.join("source")).map_err(failed)?.len();
        if len != SIZE {
            return Err(failed(io::Error::other(format!("{len} bytes have arrived"))));
        }
        fs::remove_dir_all(&received).map_err(failed)?;
        Ok(Measured::alone(SIZE as f64 / seconds))
    })?;
    bench.note(format!(
        "{NAME}: tcp-client send-file to tcp-server --mode files, which hash what they send and get; \
         socat -u OPEN:FILE TCP:HOST:PORT to socat -u TCP-LISTEN:PORT CREATE:FILE, as it is and with -b 1048576"
    ));
    let [ours, theirs @ ..] = [0, 1, 2].map(|at: usize| Measured::figures(&reached[at]));
    Ok(theirs.map(|theirs| Outcome::Measured { ours: ours.clone(), theirs: Some(theirs) }))
}

/// Bytes without a pattern: nothing on the way may save itself work.
fn fill(path: &Path) -> io::Result<()> {
    let mut random = fastrand::Rng::with_seed(7);
    let mut block = vec![0; 1 << 20];
    let mut file = File::create_new(path)?;
    for _ in 0..SIZE / block.len() as u64 {
        random.fill(&mut block);
        file.write_all(&block)?;
    }
    Ok(())
}

/// How many seconds it takes until the sender knows that the receiver has it and that the hash is right.
fn ours(client: &Path, source: &Path, received: &Path) -> Result<f64, Failure> {
    let received = received.to_string_lossy();
    let server = start_ours("files", &["--dir", &received])?;
    let mut command = Command::new(client);
    command.arg("send-file").arg(source).args(["--to", &server.address().to_string(), "--quiet"]);
    timed(&mut command).map_err(|error| cannot_measure("tcp-client", &error))
}

/// How many seconds it takes until both have ended.
fn theirs(socat: &Path, options: &[&str], source: &Path, received: &Path) -> Result<f64, Failure> {
    let failed = |error: io::Error| cannot_measure("socat", &error);
    let address = free_address().map_err(failed)?;
    let listen = format!("TCP-LISTEN:{},bind=127.0.0.1,reuseaddr", address.port());
    let create = format!("CREATE:{}", received.display());
    let args = [&["-d", "-d"], options, &[&listen, &create]].concat();
    let listening = move |line: &str| line.contains("listening on").then_some(address);
    let mut server = Server::start_other("socat", socat, &args, Told::Stderr, listening)?;
    let (open, connect) = (format!("OPEN:{},rdonly", source.display()), format!("TCP:{address}"));
    let start = Instant::now();
    timed(Command::new(socat).args(options).args([open, connect])).map_err(failed)?;
    server.wait().map_err(failed)?;
    Ok(start.elapsed().as_secs_f64())
}

fn timed(command: &mut Command) -> io::Result<f64> {
    let start = Instant::now();
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(start.elapsed().as_secs_f64());
    }
    Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()))
}
