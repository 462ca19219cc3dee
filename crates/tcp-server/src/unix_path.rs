//! The file of a Unix socket: whose it is, when it may be removed, and who removes it at the end.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use proto::Address;
use socket2::{Domain, SockAddr, Socket, Type};
use tokio::net::UnixListener;

use crate::listener::BindError;

/// The file of a listening socket, removed when this is dropped.
#[derive(Debug)]
pub(crate) struct OwnedPath {
    path: PathBuf,
    /// Which file it is. Somebody may have put another one at the path, which is not ours to remove.
    file: Option<(u64, u64)>,
}

/// Listens at `path`.
///
/// A socket's file outlives its server when that is killed, and bind(2) then says "address already in
/// use" for ever. So a file behind which nobody listens is removed. Two servers that start in the same
/// instant can both find the same stale file, and the later one then takes the path from the earlier:
/// Linux has no call that would do both steps in one.
pub(crate) fn listen(path: &Path, backlog: i32) -> Result<(OwnedPath, UnixListener), BindError> {
    let step = |operation| {
        move |source| BindError::Os { operation, address: Address::Unix(path.into()), source }
    };
    let socket =
        Socket::new(Domain::UNIX, Type::STREAM, None).map_err(step("open a socket for"))?;
    socket.set_nonblocking(true).map_err(step("make non-blocking the socket for"))?;
    let addr = SockAddr::unix(path).map_err(step("listen on"))?;
    match socket.bind(&addr) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            remove_stale(path, &addr)?;
            socket.bind(&addr).map_err(step("listen on"))?;
        }
        bound => bound.map_err(step("listen on"))?,
    }
    let file = fs::symlink_metadata(path).ok().map(|metadata| identity(&metadata));
    let owned = OwnedPath { path: path.into(), file };
    socket.listen(backlog).map_err(step("listen on"))?;
    let listener = UnixListener::from_std(socket.into()).map_err(step("wait for clients on"))?;
    Ok((owned, listener))
}

/// Removes the file at `path` if it is a socket and nobody listens behind it.
fn remove_stale(path: &Path, addr: &SockAddr) -> Result<(), BindError> {
    let step = |operation| {
        move |source| BindError::Os { operation, address: Address::Unix(path.into()), source }
    };
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(step("look at the file of")(error)),
    };
    if !metadata.file_type().is_socket() {
        return Err(BindError::NotASocket { path: path.into() });
    }
    let probe = Socket::new(Domain::UNIX, Type::STREAM, None).map_err(step("open a socket for"))?;
    // Its queue may be full, and the question is only whether anybody is there.
    probe.set_nonblocking(true).map_err(step("make non-blocking the socket for"))?;
    match probe.connect(addr) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(step("remove the stale file of"))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            Err(step("listen on")(error))
        }
        _ => Err(BindError::PathInUse { path: path.into() }),
    }
}

fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

impl Drop for OwnedPath {
    fn drop(&mut self) {
        let now = fs::symlink_metadata(&self.path).ok().map(|metadata| identity(&metadata));
        if now.is_some() && now == self.file {
            // Nobody could be told, and a file that stays is removed by the next server.
            let _ = fs::remove_file(&self.path);
        }
    }
}
