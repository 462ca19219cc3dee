//! Unix sockets: whose file it is, and who removes it.

use std::fs;
use std::os::unix::net::UnixListener as StdUnixListener;
use std::path::PathBuf;

use proto::{Address, Ending};
use tcp_server::{BindError, BindOptions, Config, Listener, modes::Echo};
use tests::Directory;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use crate::support::library::Server;
use crate::support::soon;

/// The path of a socket in it.
fn socket(folder: &Directory) -> PathBuf {
    folder.join("socket")
}

async fn start(folder: &Directory) -> Server {
    let addr = format!("unix:{}", socket(folder).display());
    Server::start_at(&addr, &BindOptions::default(), Echo, Config::default()).await
}

async fn bind(folder: &Directory) -> Result<Listener, BindError> {
    Listener::bind(&Address::Unix(socket(folder)), &BindOptions::default()).await
}

#[tokio::test]
async fn it_is_served_and_its_file_is_removed_at_the_end() {
    let folder = Directory::new();
    let mut server = start(&folder).await;
    assert_eq!(server.addr, format!("unix:{}", socket(&folder).display()));
    let mut client = UnixStream::connect(socket(&folder)).await.unwrap();
    client.write_all(b"hello").await.unwrap();
    client.shutdown().await.unwrap();
    let mut answer = Vec::new();
    soon("the echo", client.read_to_end(&mut answer)).await.unwrap();
    assert_eq!(answer, b"hello");
    let closed = server.closed().await;
    assert_eq!((closed.ending, closed.peer.to_string()), (Ending::PeerFin, "unix:".to_owned()));
    server.stopper.stop();
    server.end().await;
    assert!(!socket(&folder).exists());
}

#[tokio::test]
async fn a_file_that_a_dead_server_left_is_replaced() {
    let folder = Directory::new();
    // The standard library leaves the file behind, as every server does that is killed.
    drop(StdUnixListener::bind(socket(&folder)).unwrap());
    assert!(socket(&folder).exists());
    let _server = start(&folder).await;
    UnixStream::connect(socket(&folder)).await.unwrap();
}

#[tokio::test]
async fn a_living_server_keeps_its_path() {
    let folder = Directory::new();
    let _living = StdUnixListener::bind(socket(&folder)).unwrap();
    let error = bind(&folder).await.unwrap_err();
    assert!(matches!(error, BindError::PathInUse { .. }), "{error}");
    UnixStream::connect(socket(&folder)).await.unwrap();
}

#[tokio::test]
async fn a_file_that_is_no_socket_is_left_alone() {
    let folder = Directory::new();
    fs::write(socket(&folder), "precious").unwrap();
    let error = bind(&folder).await.unwrap_err();
    assert!(matches!(error, BindError::NotASocket { .. }), "{error}");
    assert_eq!(fs::read_to_string(socket(&folder)).unwrap(), "precious");
}

#[tokio::test]
async fn a_file_that_somebody_else_put_there_is_left_alone() {
    let folder = Directory::new();
    let listener = bind(&folder).await.unwrap();
    fs::remove_file(socket(&folder)).unwrap();
    let _other = StdUnixListener::bind(socket(&folder)).unwrap();
    drop(listener);
    assert!(socket(&folder).exists());
}
