//! A sender's folder and a receiver's, with our programs between them, and what crossed the wire.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use ::files::Hash;
use netlab::{Lab, Rule, TcpSocket, TcpState};
use serde_json::Value;

use crate::observe::Seen;
use crate::scratch::Scratch;
use crate::stage::{Actor, PORT, Server, Stage, Trouble, sockets, until};

/// Why what is read from the recording is skipped where there is none.
pub(super) const WHY: &str = "needs a recording: level L0 or L1";

/// The first fifty-one lines of the Thousand Character Classic, as UTF-8.
pub(super) const POEM: &str = include_str!("../stream/thousand_characters.txt");

/// What the poem's file is called: 千字文, as which it is known.
pub(super) const POEM_NAME: &str = "千字文.txt";

/// Two folders, and a server that takes files into one of them.
pub(super) struct Scene {
    pub(super) lab: Lab,
    pub(super) server: Server,
    scratch: Scratch,
}

impl Scene {
    /// Makes the folders in a lab, and starts the server.
    pub(super) fn begin(stage: &Stage, lab: Lab) -> Result<Self, Trouble> {
        if let Some(wire) = lab.wire() {
            wire.add(Rule::delay("5 ms each way", Duration::from_millis(5)));
        }
        let scratch = Scratch::new()?;
        for folder in [OUTBOX, INBOX] {
            fs::create_dir(scratch.path(folder)).map_err(Trouble::io("make a folder"))?;
        }
        let inbox = in_words(scratch.path(INBOX));
        let args = ["--mode", "files", "--dir", &inbox];
        let server = stage.server(&lab, "server", "tcp-server", PORT, &args)?;
        Ok(Self { lab, server, scratch })
    }

    /// Writes a file that is to be sent.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Trouble> {
        let path = self.scratch.path(OUTBOX).join(name);
        fs::write(path, bytes).map_err(Trouble::io(format!("write {name}")))
    }

    /// Starts to send files.
    pub(super) fn send(&self, stage: &Stage, names: &[&str]) -> Result<Actor, Trouble> {
        let mut command = Command::new(stage.programs.join("tcp-client"));
        command.arg("send-file").args(names.iter().map(|n| self.scratch.path(OUTBOX).join(n)));
        command.args(["--to", &self.server.address.to_string(), "--format", "json", "--quiet"]);
        Actor::start(&self.lab, "client", "tcp-client", command)
    }

    /// Sends files, and gives the sender's port, its exit code, and what it says of each.
    pub(super) fn send_all(&self, stage: &Stage, names: &[&str]) -> Result<Sending, Trouble> {
        let mut client = self.send(stage, names)?;
        let port = client.local_port()?;
        let exit = client.exit()?;
        self.wait_for_the_end(port)?;
        Ok(Sending { port, exit, kept: client.events("kept") })
    }

    /// Waits until neither kernel has the connection of this port, but for TIME_WAIT.
    pub(super) fn wait_for_the_end(&self, port: u16) -> Result<(), Trouble> {
        until("the end of the connection", || {
            let mut ends = sockets(&self.lab, "client")?;
            ends.extend(sockets(&self.lab, "server")?);
            let goes_on = |socket: &TcpSocket| {
                (socket.local.port() == port || socket.remote.port() == port)
                    && socket.state != TcpState::TimeWait
            };
            Ok((!ends.iter().any(goes_on)).then_some(()))
        })
    }

    /// The names in the receiver's folder, in order.
    pub(super) fn names(&self) -> Result<Vec<String>, Trouble> {
        let failed = || Trouble::io("read the receiver's folder");
        let entries = fs::read_dir(self.scratch.path(INBOX)).map_err(failed())?;
        let name = |entry: std::io::Result<fs::DirEntry>| {
            Ok::<_, Trouble>(entry.map_err(failed())?.file_name().to_string_lossy().into_owned())
        };
        let mut names = entries.map(name).collect::<Result<Vec<String>, _>>()?;
        names.sort_unstable();
        Ok(names)
    }

    /// The bytes of a file at the receiver; `None` where there is none of that name.
    pub(super) fn received(&self, name: &str) -> Option<Vec<u8>> {
        fs::read(self.scratch.path(INBOX).join(name)).ok()
    }

    /// How long a file at the receiver is.
    pub(super) fn length(&self, name: &str) -> Option<u64> {
        fs::metadata(self.scratch.path(INBOX).join(name)).ok().map(|file| file.len())
    }

    /// How the server was started, for the report.
    pub(super) fn server_says(&self) -> String {
        format!("server: tcp-server --mode files --dir inbox {}", self.server.address)
    }
}

/// The sender's folder, and the receiver's.
const OUTBOX: &str = "outbox";
const INBOX: &str = "inbox";

/// What sending came to.
pub(super) struct Sending {
    pub(super) port: u16,
    pub(super) exit: Option<i32>,
    /// What the sender was told of each file.
    pub(super) kept: Vec<Value>,
}

/// The first digits of a file's BLAKE3, as one compares them by eye; `nothing` where there is no file.
pub(super) fn short_hash(bytes: Option<&[u8]>) -> String {
    bytes.map_or_else(|| "nothing".to_owned(), |bytes| Hash::of(bytes).to_string()[..16].to_owned())
}

/// What arrived of the stream that this port has sent: each byte once, however often it was sent.
#[derive(Debug, Default)]
pub(super) struct Stream(Vec<u8>);

impl Stream {
    /// Puts the segments of a recording together again.
    pub(super) fn of(seen: &Seen, port: u16) -> Self {
        let is_its = |record: &netlab::Record, tcp: &netlab::Tcp| {
            tcp.source_port == port && record.delivered().is_some()
        };
        let (mut first, mut pieces) = (None, BTreeMap::new());
        for record in seen.segments(is_its) {
            let Some(tcp) = record.packet.as_ref().and_then(|packet| packet.tcp()) else {
                continue;
            };
            if tcp.flags.syn {
                first = Some(tcp.sequence.wrapping_add(1));
            }
            let (Some(first), Some(start)) = (first, record.frame.len().checked_sub(tcp.len))
            else {
                continue;
            };
            let at = tcp.sequence.wrapping_sub(first) as usize;
            let piece: &mut Vec<u8> = pieces.entry(at).or_default();
            if piece.len() < tcp.len {
                *piece = record.frame[start..].to_vec();
            }
        }
        let mut stream: Vec<u8> = Vec::new();
        for (at, piece) in pieces {
            // The rest of it would be behind a gap: its reader never got it.
            let Some(known) = stream.len().checked_sub(at) else { break };
            stream.extend(piece.iter().skip(known));
        }
        Self(stream)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether these bytes are in it, as they are.
    pub(super) fn has(&self, bytes: &[u8]) -> bool {
        self.0.windows(bytes.len()).any(|window| window == bytes)
    }
}

fn in_words(path: PathBuf) -> String {
    path.into_os_string().to_string_lossy().into_owned()
}
