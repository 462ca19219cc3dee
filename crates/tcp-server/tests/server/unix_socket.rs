//! Unix sockets: whose file it is, and who removes it.

use std::fs;
use std::os::unix::net::UnixListener as StdUnixListener;
use std::path::PathBuf;
use std::process;

use proto::{Address, Ending};
use tcp_server::{BindError, BindOptions, Config, Listener, modes::Echo};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use crate::support::library::Server;
use crate::support::soon;

/// A folder of the test's own, removed with what is in it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tcp-server-{}-{name}", process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn socket(&self) -> PathBuf {
        self.0.join("socket")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

async fn start(folder: &Folder) -> Server {
    let addr = format!("unix:{}", folder.socket().display());
    Server::start_at(&addr, &BindOptions::default(), Echo, Config::default()).await
}

async fn bind(folder: &Folder) -> Result<Listener, BindError> {
    Listener::bind(&Address::Unix(folder.socket()), &BindOptions::default()).await
}

#[tokio::test]
async fn it_is_served_and_its_file_is_removed_at_the_end() {
    let folder = Folder::new("served");
    let mut server = start(&folder).await;
    assert_eq!(server.addr, format!("unix:{}", folder.socket().display()));
    let mut client = UnixStream::connect(folder.socket()).await.unwrap();
    client.write_all(b"hello").await.unwrap();
    client.shutdown().await.unwrap();
    let mut answer = Vec::new();
    soon("the echo", client.read_to_end(&mut answer)).await.unwrap();
    assert_eq!(answer, b"hello");
    let closed = server.closed().await;
    assert_eq!((closed.ending, closed.peer.to_string()), (Ending::PeerFin, "unix:".to_owned()));
    server.stopper.stop();
    server.end().await;
    assert!(!folder.socket().exists());
}

#[tokio::test]
async fn a_file_that_a_dead_server_left_is_replaced() {
    let folder = Folder::new("stale");
    // The standard library leaves the file behind, as every server does that is killed.
    drop(StdUnixListener::bind(folder.socket()).unwrap());
    assert!(folder.socket().exists());
    let _server = start(&folder).await;
    UnixStream::connect(folder.socket()).await.unwrap();
}

#[tokio::test]
async fn a_living_server_keeps_its_path() {
    let folder = Folder::new("living");
    let _living = StdUnixListener::bind(folder.socket()).unwrap();
    let error = bind(&folder).await.unwrap_err();
    assert!(matches!(error, BindError::PathInUse { .. }), "{error}");
    UnixStream::connect(folder.socket()).await.unwrap();
}

#[tokio::test]
async fn a_file_that_is_no_socket_is_left_alone() {
    let folder = Folder::new("file");
    fs::write(folder.socket(), "precious").unwrap();
    let error = bind(&folder).await.unwrap_err();
    assert!(matches!(error, BindError::NotASocket { .. }), "{error}");
    assert_eq!(fs::read_to_string(folder.socket()).unwrap(), "precious");
}

#[tokio::test]
async fn a_file_that_somebody_else_put_there_is_left_alone() {
    let folder = Folder::new("other");
    let listener = bind(&folder).await.unwrap();
    fs::remove_file(folder.socket()).unwrap();
    let _other = StdUnixListener::bind(folder.socket()).unwrap();
    drop(listener);
    assert!(folder.socket().exists());
}
