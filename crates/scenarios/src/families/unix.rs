//! Unix sockets: a name in the file system, and who may use it.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use netlab::Lab;
use netlab::privilege::without_capabilities;
use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::sys::socket::{getsockopt, sockopt};
use nix::unistd::geteuid;
use socket2::{Domain, SockAddr, Socket, Type};

use crate::findings::{Check, Story, Table};
use crate::scratch::Scratch;
use crate::stage::{Stage, Trouble};

/// The permissions that bind(2) gives the file, before the umask takes some away.
const ALL_RIGHTS: u32 = 0o777;

/// A file to which nobody may write.
const NO_WRITING: u32 = 0o555;

/// Plays the story.
pub(super) fn play(stage: &Stage) -> Result<Story, Trouble> {
    let mut story = Story {
        name: "unix".into(),
        says: "names, permissions and credentials of Unix sockets".into(),
        belief: "a Unix socket is a TCP socket that stays in the machine".into(),
        explanation: vec![
            "bind(2) makes a file, with the rights that the umask leaves; who may not write to it may not \
             connect, EACCES. The file outlives its server, and then it is in the way of the next one: \
             EADDRINUSE, for which there is no SO_REUSEADDR. tcp-server removes such a file when nobody listens \
             behind it, and its own at the end."
                .into(),
            "The kernel knows both ends, so the server can ask who the client was when it connected: process, \
             user and group (SO_PEERCRED). Over TCP there is nobody to ask. An abstract name, with a NUL byte in \
             front, is in no file system: no rights, nothing left behind, and known within its network namespace \
             only. A path is found wherever the file is, so two hosts of the lab reach each other by it with no \
             wire at all (unix_find_bsd, unix_find_abstract)."
                .into(),
        ],
        ..Story::default()
    };
    let lab = stage.lab(&["client", "server"])?;
    let scratch = Scratch::new()?;
    let names = Names::see(&lab, &scratch)?;
    let file = File::see(stage, &lab, &scratch)?;
    let credentials = Credentials::see(stage, &lab, &scratch)?;

    story.set_up = vec![
        "server: tcp-server unix:PATH, and bare sockets for names, credentials and what goes wrong"
            .into(),
        "client: tcp-client unix:PATH, on a host of its own where there are namespaces".into(),
    ];
    story.tables = vec![
        Table {
            says: "what a server sees of its client's name".into(),
            columns: ["the client has bound", "accept says"].map(str::to_owned).to_vec(),
            rows: names
                .seen
                .iter()
                .map(|(bound, seen)| vec![(*bound).to_owned(), seen.clone()])
                .collect(),
        },
        Table {
            says: "what the file does".into(),
            columns: ["done", "outcome"].map(str::to_owned).to_vec(),
            rows: file.rows(),
        },
        Table {
            says: "what the server can ask of its client (SO_PEERCRED)".into(),
            columns: ["over", "process", "user"].map(str::to_owned).to_vec(),
            rows: vec![
                credentials.over_unix.row("Unix", credentials.client),
                credentials.over_tcp.row("TCP", credentials.client),
            ],
        },
    ];
    story.checks = names.checks(&lab);
    story.checks.extend(file.checks());
    story.checks.extend(credentials.checks());
    Ok(story)
}

/// The names of clients, as a server sees them.
struct Names {
    seen: Vec<(&'static str, String)>,
    /// Connecting from another host to a path, and to an abstract name.
    crossing: [String; 2],
}

impl Names {
    fn see(lab: &Lab, scratch: &Scratch) -> Result<Self, Trouble> {
        let failed = || Trouble::io("connect Unix sockets");
        let own = scratch.path("client");
        // Abstract names are of the whole machine where there are no namespaces; the path is unique.
        let hidden = PathBuf::from(format!("\0{}", scratch.path("abstract").display()));
        let by_path = scratch.path("names");
        let by_hidden = PathBuf::from(format!("\0{}", by_path.display()));
        let mut seen = Vec::new();
        for (says, name) in
            [("nothing", None), ("a path", Some(own)), ("an abstract name", Some(hidden))]
        {
            let listener = listener(lab, "server", &by_path).map_err(failed())?;
            let _client = connect(lab, "server", name, &by_path).map_err(failed())?;
            let (_child, peer) = listener.accept().map_err(failed())?;
            fs::remove_file(&by_path).map_err(failed())?;
            seen.push((says, in_words(&peer)));
        }
        let _by_path = listener(lab, "server", &by_path).map_err(failed())?;
        let _by_hidden = listener(lab, "server", &by_hidden).map_err(failed())?;
        let cross = |to: &Path| outcome("connects", &connect(lab, "client", None, to));
        Ok(Self { seen, crossing: [cross(&by_path), cross(&by_hidden)] })
    }

    fn checks(&self, lab: &Lab) -> Vec<Check> {
        let seen: Vec<&str> = self.seen.iter().map(|(_, seen)| seen.as_str()).collect();
        let expected = ["no name", "path …/client", "abstract name @…/abstract"].join(", ");
        let says = "the names of three clients: of none, of a path, of an abstract name";
        let mut checks = vec![Check::equal("unix-names", says, expected, seen.join(", "))];
        let expected = ["connects", "ECONNREFUSED"];
        let ids = [
            ("unix-path-crosses", "from another network namespace, by a path"),
            ("unix-abstract-stays", "from another network namespace, by an abstract name"),
        ];
        for (((id, says), expected), measured) in ids.into_iter().zip(expected).zip(&self.crossing)
        {
            checks.push(if lab.level().has_namespaces() {
                Check::equal(id, says, expected, measured)
            } else {
                Check::skipped(id, says, "all hosts are in one namespace: level L0 or L1")
            });
        }
        checks
    }
}

/// What the file of a server's socket does.
struct File {
    rights: u32,
    umask: u32,
    refused: String,
    left_behind: bool,
    dead: String,
    taken: String,
    restarted: bool,
    removed: bool,
}

impl File {
    fn see(stage: &Stage, lab: &Lab, scratch: &Scratch) -> Result<Self, Trouble> {
        let failed = || Trouble::io("look at the file of a socket");
        let path = scratch.path("file");
        let at = format!("unix:{}", path.display());
        let mut server = stage.server_at(lab, "server", "tcp-server", &at, &[])?;
        let metadata = fs::metadata(&path).map_err(failed())?;
        let rights = metadata.permissions().mode() & ALL_RIGHTS;
        fs::set_permissions(&path, Permissions::from_mode(NO_WRITING)).map_err(failed())?;
        let by_nobody = without_capabilities(|| connect_here(None, &path)).map_err(failed())?;
        let refused = outcome("connects", &by_nobody);
        // The next server asks whether anybody listens behind the file, for which it must connect.
        fs::set_permissions(&path, Permissions::from_mode(rights)).map_err(failed())?;

        server.program.kill().map_err(Trouble::io("kill the server"))?;
        let left_behind =
            fs::metadata(&path).is_ok_and(|metadata| metadata.file_type().is_socket());
        let dead = outcome("connects", &connect(lab, "server", None, &path));
        let taken = outcome("binds", &listener(lab, "server", &path));
        let mut again = stage.server_at(lab, "server", "tcp-server", &at, &[])?;
        let restarted = connect(lab, "client", None, &path).is_ok();
        again.program.signal(Signal::SIGTERM).map_err(Trouble::io("stop the server"))?;
        again.exit()?;
        let removed = !path.exists();
        let umask = umask().map_err(Trouble::io("read the umask"))?;
        Ok(Self { rights, umask, refused, left_behind, dead, taken, restarted, removed })
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let row = |done: &str, outcome: &str| vec![done.to_owned(), outcome.to_owned()];
        let rights = format!("rights {:03o}, by a umask of {:03o}", self.rights, self.umask);
        let there = if self.left_behind { "is there still" } else { "is gone" };
        let restarted = if self.restarted { "listens: it removed the file" } else { "does not" };
        let gone = if self.removed { "is gone" } else { "is there still" };
        vec![
            row("tcp-server has made it", &rights),
            row("nobody may write to it: connect", &self.refused),
            row("the server is killed: the file", there),
            row("connect, when nobody listens", &self.dead),
            row("a bare socket, bind", &self.taken),
            row("tcp-server, started again", restarted),
            row("that one is stopped: the file", gone),
        ]
    }

    fn checks(&self) -> Vec<Check> {
        let equal = |id, says, expected: &str, measured: &str| {
            Check::equal(id, says, expected.to_owned(), measured.to_owned())
        };
        let octal = |rights: u32| format!("{rights:03o}");
        let left = octal(ALL_RIGHTS & !self.umask);
        vec![
            equal(
                "unix-rights",
                "rights of the file: 777 less the umask",
                &left,
                &octal(self.rights),
            ),
            equal("unix-no-writing", "connect without the right to write", "EACCES", &self.refused),
            equal(
                "unix-nobody-there",
                "connect when the server was killed",
                "ECONNREFUSED",
                &self.dead,
            ),
            equal(
                "unix-in-use",
                "bind where the file of a dead server is",
                "EADDRINUSE",
                &self.taken,
            ),
            Check::equal("unix-restart", "tcp-server takes it over", true, self.restarted),
            Check::equal("unix-removed", "and removes it at the end", true, self.removed),
        ]
    }
}

/// Who the client is, as the server's kernel says.
struct Credentials {
    /// The process of `tcp-client`.
    client: u32,
    over_unix: Peer,
    over_tcp: Peer,
}

#[derive(Clone, Copy)]
struct Peer {
    process: i32,
    user: u32,
}

impl Peer {
    fn of(socket: &Socket) -> io::Result<Self> {
        let credentials = getsockopt(socket, sockopt::PeerCredentials)?;
        Ok(Self { process: credentials.pid(), user: credentials.uid() })
    }

    fn row(self, over: &str, client: u32) -> Vec<String> {
        let process = match u32::try_from(self.process) {
            Ok(0) | Err(_) => "unknown".to_owned(),
            Ok(process) if process == client => format!("{process}, which is tcp-client"),
            Ok(process) => process.to_string(),
        };
        let user = if self.user == u32::MAX { "unknown".into() } else { self.user.to_string() };
        vec![over.to_owned(), process, user]
    }
}

impl Credentials {
    fn see(stage: &Stage, lab: &Lab, scratch: &Scratch) -> Result<Self, Trouble> {
        let failed = || Trouble::io("ask for a client's credentials");
        let path = scratch.path("credentials");
        let unix = listener(lab, "server", &path).map_err(failed())?;
        let at = format!("unix:{}", path.display());
        let mut client = stage.client(lab, "client", "client", at, &[])?;
        client.expect("connected")?;
        let (child, _) = unix.accept().map_err(failed())?;
        let over_unix = Peer::of(&child).map_err(failed())?;
        let process = client.program.id();
        drop(child);
        client.exit()?;

        let ip = lab.host("server").address();
        let listen = move || std::net::TcpListener::bind((ip, 0));
        let tcp = lab.host("server").run(listen).map_err(failed())?;
        let to = tcp.local_addr().map_err(failed())?;
        let _client = stage.client(lab, "client", "client", to, &[])?;
        let (child, _) = tcp.accept().map_err(failed())?;
        let over_tcp = Peer::of(&child.into()).map_err(failed())?;
        Ok(Self { client: process, over_unix, over_tcp })
    }

    fn checks(&self) -> Vec<Check> {
        let known = |peer: Peer| format!("process {}, user {}", peer.process, peer.user);
        let user = geteuid();
        let expected = format!("process {}, user {user}", self.client);
        let (id, says) = ("unix-credentials", "SO_PEERCRED of a Unix client: tcp-client's");
        let unix = Check::equal(id, says, expected, known(self.over_unix));
        let (id, says) = ("tcp-no-credentials", "SO_PEERCRED of a TCP client: nobody's");
        let nobody = format!("process 0, user {}", u32::MAX);
        vec![unix, Check::equal(id, says, nobody, known(self.over_tcp))]
    }
}

/// A Unix socket that listens on a host of the lab.
fn listener(lab: &Lab, host: &str, at: &Path) -> io::Result<Socket> {
    let at = at.to_owned();
    lab.host(host).run(move || {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.bind(&SockAddr::unix(at)?)?;
        socket.listen(8)?;
        Ok(socket)
    })
}

/// A connected Unix socket of a host of the lab.
fn connect(lab: &Lab, host: &str, name: Option<PathBuf>, to: &Path) -> io::Result<Socket> {
    let to = to.to_owned();
    lab.host(host).run(move || connect_here(name, &to))
}

fn connect_here(name: Option<PathBuf>, to: &Path) -> io::Result<Socket> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    if let Some(name) = name {
        socket.bind(&SockAddr::unix(name)?)?;
    }
    socket.connect(&SockAddr::unix(to)?)?;
    Ok(socket)
}

/// The name of a Unix socket, without the folder that is another one in each run.
fn in_words(name: &SockAddr) -> String {
    let last = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        text.rsplit('/').next().unwrap_or_default().to_owned()
    };
    match (name.as_pathname(), name.as_abstract_namespace()) {
        (Some(path), _) => format!("path …/{}", last(path.as_os_str().as_encoded_bytes())),
        (_, Some(hidden)) => format!("abstract name @…/{}", last(hidden)),
        (None, None) => "no name".to_owned(),
    }
}

fn outcome<T>(good: &str, result: &io::Result<T>) -> String {
    match result {
        Ok(_) => good.to_owned(),
        Err(error) => format!("{:?}", Errno::from_raw(error.raw_os_error().unwrap_or_default())),
    }
}

/// The rights that the files of this process, and of those that it starts, do not get.
fn umask() -> io::Result<u32> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("Umask:"));
    let umask = line.and_then(|text| u32::from_str_radix(text.trim(), 8).ok());
    umask.ok_or_else(|| io::Error::other("/proc/self/status names no umask"))
}
