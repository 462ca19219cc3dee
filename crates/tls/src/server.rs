//! What a server shows, and whom it lets in.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use proto::Ending;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio_rustls::{TlsAcceptor, TlsStream};

use crate::fingerprint::Fingerprint;
use crate::identity::{Identity, IdentityError, unusable};
use crate::limits::WRITE_BUFFER;
use crate::session::{NoSession, Session, ending_of_handshake};
use crate::watched::Watched;
use proto::TlsFault;

/// The answer to a peer that speaks no TLS: an alert in a record of its own, `unexpected_message`, by which
/// a program can tell what it has met. It says nothing of this server.
const NO_TLS: [u8; 7] = [0x15, 3, 3, 0, 2, 2, 10];

/// The TLS of a server. What it shows can be replaced while it runs; who is connected stays as he is.
#[derive(Debug)]
pub struct Server {
    shown: RwLock<Shown>,
}

#[derive(Clone, Debug)]
struct Shown {
    config: Arc<ServerConfig>,
    fingerprint: Fingerprint,
}

impl Server {
    /// A server that shows `identity`, and where `clients` are given lets in those only who have a
    /// certificate that one of these authorities has signed. `path` is named where it cannot be used.
    pub fn new(
        identity: Identity,
        clients: Option<RootCertStore>,
        path: &Path,
    ) -> Result<Self, IdentityError> {
        let shown = Shown::new(identity, clients).map_err(|error| unusable(path, &error))?;
        Ok(Self { shown: RwLock::new(shown) })
    }

    /// Shows another identity to those who come from now on. After an error it is the old one still.
    pub fn replace(
        &self,
        identity: Identity,
        clients: Option<RootCertStore>,
        path: &Path,
    ) -> Result<(), IdentityError> {
        let shown = Shown::new(identity, clients).map_err(|error| unusable(path, &error))?;
        *self.shown.write().unwrap_or_else(PoisonError::into_inner) = shown;
        Ok(())
    }

    /// What the certificate is known by that is shown now.
    pub fn fingerprint(&self) -> Fingerprint {
        self.shown().fingerprint
    }

    /// Comes to an agreement with the peer at the other end of `transport`, without any limit of time.
    pub async fn accept<S>(&self, transport: S) -> Result<Session<S>, NoSession<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let acceptor = TlsAcceptor::from(self.shown().config);
        let accepting = acceptor.accept_with(Watched::new(transport), |session| {
            session.set_buffer_limit(Some(WRITE_BUFFER));
        });
        match accepting.into_fallible().await {
            Ok(stream) => Ok(Session(Box::new(TlsStream::Server(stream)))),
            Err((error, watched)) => {
                let ending = ending_of_handshake(error, &watched);
                let mut transport = watched.inner;
                if ending == Ending::Tls(TlsFault::NotTls) {
                    // Nothing was written before, so the socket has room for it.
                    let _ = transport.write(&NO_TLS).await;
                }
                Err(NoSession { ending, transport })
            }
        }
    }

    fn shown(&self) -> Shown {
        self.shown.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Shown {
    fn new(identity: Identity, clients: Option<RootCertStore>) -> Result<Self, rustls::Error> {
        let fingerprint = identity.fingerprint();
        let provider = crate::provider();
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?;
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(roots) => {
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                        .build()
                        .map_err(|error| rustls::Error::General(error.to_string()))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let mut config = builder.with_single_cert(identity.chain, identity.key)?;
        // No tickets: a client that closes without having read them resets the connection, which destroys
        // what it sent last (RFC 2525 section 2.17). Nor are sessions kept for later.
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(Self { config: Arc::new(config), fingerprint })
    }
}
