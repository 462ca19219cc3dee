use std::fmt;
use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use socket2::SockRef;
use tls::{Client, Trust, self_signed};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};

use super::soon;

/// What a client talks over. What a server does with bytes must not depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Tcp,
    Unix,
    Tls,
    TlsOverUnix,
}

/// A stream, whatever is below it.
pub(crate) trait Talk: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Talk for T {}

/// The client's end of a connection over which nothing has gone.
pub(crate) struct Knocked {
    way: Way,
    stream: Box<dyn Talk>,
    socket: OwnedFd,
}

/// The client's end of a connection.
pub(crate) struct Dialed {
    pub(crate) stream: Box<dyn Talk>,
    socket: OwnedFd,
}

/// A path in the temporary folder that nobody else has.
pub(crate) fn fresh_path(name: &str) -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("tcp-server-{}-{number}-{name}", process::id()))
}

/// A certificate that is made once for all tests, and its server.
fn certified() -> &'static (String, Arc<tls::Server>) {
    static CERTIFIED: OnceLock<(String, Arc<tls::Server>)> = OnceLock::new();
    CERTIFIED.get_or_init(|| {
        let path = fresh_path("certificate").join("tls.pem");
        let (identity, was_made) = self_signed::load_or_make(&path).unwrap();
        assert!(was_made);
        let pem = fs::read_to_string(&path).unwrap();
        fs::remove_dir_all(path.parent().unwrap()).unwrap();
        (pem, Arc::new(tls::Server::new(identity, None, &path).unwrap()))
    })
}

/// TLS by that certificate.
pub(crate) fn tls_server() -> Arc<tls::Server> {
    Arc::clone(&certified().1)
}

/// A file with it and its key, for a program; whoever asks for it removes it.
pub(crate) fn certificate_file() -> String {
    let path = fresh_path("certificate.pem").to_str().unwrap().to_owned();
    fs::write(&path, &certified().0).unwrap();
    path
}

/// The client's side of a handshake with [`tls_server`].
pub(crate) async fn secured<S: AsyncRead + AsyncWrite + Unpin>(stream: S) -> tls::Session<S> {
    let client = Client::new(Trust::Pins(vec![tls_server().fingerprint()]));
    let name = client.name_for(None).unwrap();
    client.connect(name, stream).await.map_err(|none| none.ending).unwrap().session
}

/// What a client says first over TLS, all of it.
pub(crate) async fn client_hello() -> Vec<u8> {
    let (mut server, client) = tokio::io::duplex(16 * 1024);
    let shaking = tokio::spawn(secured(client));
    let mut hello = vec![0; 5];
    server.read_exact(&mut hello).await.unwrap();
    // The length of the record (RFC 8446 section 5.1).
    hello.resize(5 + usize::from(u16::from_be_bytes([hello[3], hello[4]])), 0);
    server.read_exact(&mut hello[5..]).await.unwrap();
    shaking.abort();
    hello
}

impl Way {
    pub(crate) const ALL: [Self; 4] = [Self::Tcp, Self::Unix, Self::Tls, Self::TlsOverUnix];

    pub(crate) fn is_tls(self) -> bool {
        matches!(self, Self::Tls | Self::TlsOverUnix)
    }

    /// Where a server listens that is to be reached over it.
    pub(crate) fn address(self) -> String {
        match self {
            Self::Tcp | Self::Tls => "127.0.0.1:0".to_owned(),
            Self::Unix | Self::TlsOverUnix => format!("unix:{}", fresh_path("socket").display()),
        }
    }

    pub(crate) async fn dial(self, addr: &str) -> Dialed {
        self.knock(addr).await.unwrap().enter().await
    }

    /// Connects, and says nothing yet, nor of TLS.
    pub(crate) async fn knock(self, addr: &str) -> io::Result<Knocked> {
        fn copy(socket: &impl AsFd) -> OwnedFd {
            socket.as_fd().try_clone_to_owned().unwrap()
        }
        let (socket, stream): (_, Box<dyn Talk>) = if let Some(path) = addr.strip_prefix("unix:") {
            let stream = UnixStream::connect(path).await?;
            (copy(&stream), Box::new(stream))
        } else {
            let stream = TcpStream::connect(addr).await?;
            // What follows a handshake would wait for an acknowledgement of its end, for 40 ms.
            stream.set_nodelay(true)?;
            (copy(&stream), Box::new(stream))
        };
        Ok(Knocked { way: self, stream, socket })
    }
}

impl Knocked {
    /// Talks over it from now on.
    pub(crate) async fn enter(self) -> Dialed {
        let Self { way, stream, socket } = self;
        let stream: Box<dyn Talk> =
            if way.is_tls() { Box::new(secured(stream).await) } else { stream };
        Dialed { stream, socket }
    }
}

impl Knocked {
    /// Talks plain over it, whatever the server speaks.
    pub(crate) fn plain(self) -> Dialed {
        Dialed { stream: self.stream, socket: self.socket }
    }
}

impl Dialed {
    /// Sends `text` and reads an answer of the same length: what an echo gives back.
    pub(crate) async fn assert_echoes(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
        self.stream.flush().await.unwrap();
        let mut answer = vec![0; text.len()];
        soon("the echo", self.stream.read_exact(&mut answer)).await.unwrap();
        assert_eq!(answer, text.as_bytes());
    }

    /// Everything that still comes, up to the end, which may be a reset.
    pub(crate) async fn all(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let _ = soon("the end", self.stream.read_to_end(&mut bytes)).await;
        bytes
    }

    /// Closes with a reset, where the transport has one, and without a word of goodbye.
    pub(crate) fn reset(self) {
        SockRef::from(&self.socket).set_linger(Some(Duration::ZERO)).unwrap();
    }
}

impl fmt::Debug for Dialed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialed").finish_non_exhaustive()
    }
}
