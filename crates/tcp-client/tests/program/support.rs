//! A client that runs, and peers for it.

use std::io::{Read, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use socket2::SockRef;

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_tcp-client");

/// How long anything may take before the test has failed. Nothing here takes a tenth of it.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// A command that runs the client, with pipes for standard input, output and error unless the caller has
/// others. Its locale and terminal are the plainest there are.
pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(args).env_remove("RUST_LOG").env("LC_ALL", "C").env("TERM", "dumb");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Starts the client with pipes for standard input, output and error.
pub(crate) fn start(args: &[&str]) -> Client {
    Client::start(&mut command(args))
}

/// Runs the client on an empty input to its end.
pub(crate) fn run(args: &[&str]) -> Done {
    Client::start(command(args).stdin(Stdio::null())).finish()
}

/// Runs the client on this input to its end.
pub(crate) fn run_with_input(args: &[&str], input: &[u8]) -> Done {
    let mut client = start(args);
    client.write(input);
    client.close_stdin();
    client.finish()
}

/// A client that runs. It is killed when this is dropped.
pub(crate) struct Client {
    pid: Pid,
    stdin: Option<ChildStdin>,
    pub(crate) stdout: Output,
    pub(crate) stderr: Output,
    status: Receiver<(ExitStatus, Instant)>,
    ended: bool,
}

/// What a client left behind.
#[derive(Debug)]
pub(crate) struct Done {
    /// The exit code, or what a shell makes of a signal.
    pub(crate) code: i32,
    /// The signal that killed it.
    pub(crate) signal: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
    /// When it ended.
    pub(crate) at: Instant,
}

impl Client {
    pub(crate) fn start(command: &mut Command) -> Self {
        Self::of(command.spawn().unwrap())
    }

    /// A client that was started elsewhere; what was taken of its pipes is not read here.
    pub(crate) fn of(mut child: Child) -> Self {
        let pid = Pid::from_raw(child.id().try_into().unwrap());
        let stdin = child.stdin.take();
        let stdout = Output::of(child.stdout.take());
        let stderr = Output::of(child.stderr.take());
        Self { pid, stdin, stdout, stderr, status: status_of(child), ended: false }
    }

    /// Types this.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.stdin.as_mut().unwrap().write_all(bytes).unwrap();
    }

    /// Ends what is typed.
    pub(crate) fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Takes standard input away, to write to it from another thread.
    pub(crate) fn take_stdin(&mut self) -> ChildStdin {
        self.stdin.take().unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.pid, signal).unwrap();
    }

    /// Waits for the end. Standard input stays as it is: nobody has typed an end by this.
    #[track_caller]
    pub(crate) fn finish(mut self) -> Done {
        let Ok((status, at)) = self.status.recv_timeout(LIMIT) else {
            panic!("the client still runs after {LIMIT:?}; stderr: {}", self.stderr.text());
        };
        self.ended = true;
        Done {
            code: status.code().or(status.signal().map(|signal| 128 + signal)).unwrap(),
            signal: status.signal(),
            stdout: self.stdout.rest(),
            stderr: String::from_utf8(self.stderr.rest()).unwrap(),
            at,
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if !self.ended {
            // It fails where the client has ended in this moment.
            let _ = kill(self.pid, Signal::SIGKILL);
        }
    }
}

fn status_of(mut child: Child) -> Receiver<(ExitStatus, Instant)> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let status = child.wait().unwrap();
        // Nobody waits for a client that was dropped.
        let _ = sender.send((status, Instant::now()));
    });
    receiver
}

/// What comes out of a client, read by a thread so that the client never waits for the test.
pub(crate) struct Output {
    chunks: Receiver<Vec<u8>>,
    seen: Vec<u8>,
}

impl Output {
    fn of(reader: Option<impl Read + Send + 'static>) -> Self {
        let (sender, chunks) = channel();
        if let Some(mut reader) = reader {
            thread::spawn(move || {
                let mut buf = vec![0; 64 * 1024];
                // A terminal whose other side is gone gives an error in place of an end.
                while let Ok(count @ 1..) = reader.read(&mut buf) {
                    if sender.send(buf[..count].to_vec()).is_err() {
                        return;
                    }
                }
            });
        }
        Self { chunks, seen: Vec::new() }
    }

    /// Waits until this has come out.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, text: &str) {
        let deadline = Instant::now() + LIMIT;
        while !self.text().contains(text) {
            match self.chunks.recv_timeout(deadline - Instant::now()) {
                Ok(chunk) => self.seen.extend(chunk),
                Err(why) => panic!("{why}: {text:?} is not in {:?}", self.text()),
            }
        }
    }

    fn rest(&mut self) -> Vec<u8> {
        loop {
            match self.chunks.recv_timeout(LIMIT) {
                Ok(chunk) => self.seen.extend(chunk),
                Err(RecvTimeoutError::Disconnected) => return std::mem::take(&mut self.seen),
                Err(RecvTimeoutError::Timeout) => panic!("somebody holds the output open"),
            }
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.seen).into_owned()
    }
}

impl Done {
    /// The events on standard output.
    pub(crate) fn events(&self) -> Vec<Value> {
        let text = str::from_utf8(&self.stdout).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The last event, which must be an `end` that has the exit code in it.
    #[track_caller]
    pub(crate) fn end(&self) -> Value {
        let end = self.events().pop().expect("there is an event");
        assert_eq!(end["event"], "end", "{end}");
        assert_eq!(end["exit"], self.code, "{end}");
        assert_eq!(end["ok"], self.code == 0, "{end}");
        end
    }

    /// Checks that it failed with this code, and said so on standard error only.
    #[track_caller]
    pub(crate) fn failed(&self, code: i32, message: &str) {
        assert_eq!(self.code, code, "{self:?}");
        let error = self.stderr.lines().find(|line| line.starts_with("error: "));
        let error = error.unwrap_or_else(|| panic!("no error in {:?}", self.stderr));
        assert!(error.contains(message), "{message:?} is not in {error:?}");
    }

    /// Checks that it ended well and had nothing to say about it.
    #[track_caller]
    pub(crate) fn silent(&self) {
        assert_eq!((self.code, self.stderr.as_str()), (0, ""));
    }
}

/// A listener of this process.
pub(crate) struct Server {
    listener: TcpListener,
    pub(crate) addr: SocketAddr,
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::listening_on(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    pub(crate) fn listening_on(listener: TcpListener) -> Self {
        // `accept` keeps to the time limit of reads, see socket(7).
        SockRef::from(&listener).set_read_timeout(Some(LIMIT)).unwrap();
        let addr = listener.local_addr().unwrap();
        Self { listener, addr }
    }

    /// The address as the client takes it.
    pub(crate) fn target(&self) -> String {
        self.addr.to_string()
    }

    /// The next connection, whose reads and writes have a time limit too.
    pub(crate) fn accept(&self) -> TcpStream {
        let (stream, _) = self.listener.accept().unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream.set_write_timeout(Some(LIMIT)).unwrap();
        stream
    }
}

/// All that comes until the peer's FIN.
pub(crate) fn read_to_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    bytes
}

/// Closes with a reset.
pub(crate) fn reset(stream: TcpStream) {
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    drop(stream);
}

/// A port on which nothing listens, and on which nothing will while this is kept: it is bound.
pub(crate) fn unused_port() -> (socket2::Socket, SocketAddr) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let addr = socket.local_addr().unwrap().as_socket().unwrap();
    (socket, addr)
}

/// A listener whose queue is full, so that the kernel drops each further SYN, and what fills it.
///
/// The queue of `listen(0)` has room for one connection: the kernel refuses only when it holds more than
/// the backlog says (`sk_acceptq_is_full`).
pub(crate) fn full_queue() -> (socket2::Socket, Vec<TcpStream>, SocketAddr) {
    let (socket, addr) = unused_port();
    socket.listen(0).unwrap();
    let filling = vec![TcpStream::connect_timeout(&addr, LIMIT).unwrap()];
    (socket, filling, addr)
}

/// Says that a test cannot run here; in CI that is a failure.
#[track_caller]
#[expect(clippy::print_stdout, reason = "the report of a test run is read there")]
pub(crate) fn skip(why: &str) {
    assert!(std::env::var_os("CI").is_none(), "cannot run here: {why}");
    println!("skipped: {why}");
}

/// Bytes that no two places of which are alike, so that a gap or a swap is seen.
pub(crate) fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        // xorshift64: short, and its period is longer than any file here.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}
