//! Folders, transfers, and a wire between the two that a test can hold.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use tests::{Finished, LIMIT, Running, Server, piped, program};

/// A folder of the test's own, removed at the end.
pub(crate) struct Directory(tests::Directory);

impl Directory {
    pub(crate) fn new() -> Self {
        Self(tests::Directory::new())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// The path of something in it, with the folders that lead there.
    pub(crate) fn place(&self, path: &str) -> PathBuf {
        let place = self.0.join(path);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        place
    }

    /// Writes a file into it.
    pub(crate) fn write(&self, path: &str, bytes: &[u8]) -> PathBuf {
        let place = self.place(path);
        fs::write(&place, bytes).unwrap();
        place
    }

    /// What is in it, by path, in order. Folders end with a slash.
    pub(crate) fn list(&self) -> Vec<String> {
        let mut found = Vec::new();
        list(self.path(), "", &mut found);
        found.sort();
        found
    }

    /// The only part of a file that is in it.
    pub(crate) fn part(&self) -> Option<PathBuf> {
        let name = self.list().into_iter().find(|name| is_part(name))?;
        Some(self.0.join(name))
    }
}

fn is_part(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|end| end == "part")
}

fn list(folder: &Path, prefix: &str, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            found.push(format!("{name}/"));
            list(&entry.path(), &format!("{name}/"), found);
        } else {
            found.push(name);
        }
    }
}

/// A server of the files in a folder.
#[track_caller]
pub(crate) fn server(folder: &Directory, options: &[&str]) -> Server {
    Server::start(&[&["--mode", "files", "--dir", text(folder.path())], options].concat())
}

/// `tcp-client send-file` with these options, told as events.
pub(crate) fn send(to: &str, paths: &[&Path], options: &[&str]) -> Command {
    let paths: Vec<&str> = paths.iter().map(|path| text(path)).collect();
    let args = [&["send-file", "--to", to, "--json"], options, &paths].concat();
    piped(program("tcp-client"), &args)
}

/// `tcp-client recv-file` with these options, told as events.
pub(crate) fn fetch(from: &str, into: &Directory, options: &[&str]) -> Command {
    let args = [&["recv-file", "--from", from, "--json", "--dir", text(into.path())], options];
    piped(program("tcp-client"), &args.concat())
}

#[track_caller]
pub(crate) fn run(mut command: Command) -> Finished {
    Running::start(&mut command).finish()
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The event `dropped` of a run that had exactly one.
#[track_caller]
pub(crate) fn dropped(finished: &Finished) -> (String, String) {
    let events = finished.events();
    let dropped: Vec<_> = events.iter().filter(|event| event["event"] == "dropped").collect();
    let [one] = dropped[..] else { panic!("{dropped:?}") };
    (one["why"].as_str().unwrap().to_owned(), one["reason"].as_str().unwrap().to_owned())
}

/// Waits until this is so.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what} is not so within {LIMIT:?}");
        // A file tells nobody that it has grown: this is how often it is looked at.
        thread::sleep(Duration::from_micros(200));
    }
}

/// Listens, takes one connection, and passes on what the client says; `on_bytes` is given each piece and
/// how many bytes came before it, may change it, and says whether to go on: else the wire is cut.
pub(crate) fn wire(
    to: SocketAddr,
    mut on_bytes: impl FnMut(u64, &mut [u8]) -> bool + Send + 'static,
) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let mut server = TcpStream::connect(to).unwrap();
        let (mut back_from, mut back_to) =
            (server.try_clone().unwrap(), client.try_clone().unwrap());
        thread::spawn(move || {
            let _ = std::io::copy(&mut back_from, &mut back_to);
            let _ = back_to.shutdown(Shutdown::Write);
        });
        let (mut passed, mut buf) = (0, vec![0; 64 * 1024]);
        while let Ok(count @ 1..) = client.read(&mut buf) {
            if !on_bytes(passed, &mut buf[..count]) {
                break;
            }
            passed += count as u64;
            if server.write_all(&buf[..count]).is_err() {
                return;
            }
        }
        let _ = server.shutdown(Shutdown::Write);
        let _ = client.shutdown(Shutdown::Read);
    });
    addr
}
