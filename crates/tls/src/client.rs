//! Whom a client trusts.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use proto::{Ending, TlsFault};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError, RootCertStore,
    SignatureScheme,
};
use thiserror::Error as ThisError;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{TlsConnector, TlsStream};

use crate::fault::is_of_authority;
use crate::fingerprint::Fingerprint;
use crate::identity::{Identity, IdentityError, unusable};
use crate::limits::WRITE_BUFFER;
use crate::session::{NoSession, Session, ending_of_handshake};
use crate::watched::Watched;

/// Which server is the right one.
#[derive(Clone, Debug)]
pub enum Trust {
    /// One with a certificate that one of these authorities has signed, for the name that was asked for.
    Authorities(Arc<RootCertStore>),
    /// One with one of these certificates, whatever its name and dates are.
    Pins(Vec<Fingerprint>),
    /// One that this judge takes.
    Judged(Arc<dyn Judge>),
}

/// Decides about a certificate, as ssh(1) does about a key: by what it remembers.
pub trait Judge: fmt::Debug + Send + Sync {
    /// Whether to go on with who shows this. He has not yet proved that the key is his, so nothing is to be
    /// remembered here. An error says why not.
    fn judge(&self, seen: Seen) -> Result<(), String>;

    /// Whether to go on with who has shown this and proved that the key is his: the time to remember it.
    fn met(&self, seen: Seen) -> Result<(), String>;
}

/// What a server shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// What its certificate is known by.
    pub fingerprint: Fingerprint,
    /// Whether an authority that this machine trusts vouches for it under the name that was asked for.
    pub is_vouched_for: bool,
}

/// The TLS of a client.
#[derive(Debug)]
pub struct Client {
    trust: Trust,
    /// What it shows a server that asks.
    identity: Option<Identity>,
    name: Option<ServerName<'static>>,
}

/// A name that no certificate can be for.
#[derive(Clone, Debug, ThisError, PartialEq, Eq)]
#[error("\"{0}\" is no name that a certificate can be for")]
pub struct BadName(pub String);

/// A session, and what the server has shown and proved to be its own.
#[derive(Debug)]
pub struct Met<S> {
    /// The session.
    pub session: Session<S>,
    /// What was shown.
    pub seen: Seen,
}

impl Client {
    /// A client that trusts `trust`.
    pub fn new(trust: Trust) -> Self {
        Self { trust, identity: None, name: None }
    }

    /// The same with a certificate of its own, for servers that ask for one. `path` is named where it cannot
    /// be used.
    pub fn with_identity(mut self, identity: Identity, path: &Path) -> Result<Self, IdentityError> {
        let copy = Identity { chain: identity.chain.clone(), key: identity.key.clone_key() };
        let builder = ClientConfig::builder_with_provider(crate::provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| unusable(path, &error))?;
        builder
            .with_root_certificates(RootCertStore::empty())
            .with_client_auth_cert(copy.chain, copy.key)
            .map_err(|error| unusable(path, &error))?;
        self.identity = Some(identity);
        Ok(self)
    }

    /// The same that asks every server for this name.
    pub fn with_name(mut self, name: &str) -> Result<Self, BadName> {
        self.name = Some(server_name(name)?);
        Ok(self)
    }

    /// Whether it has a certificate of its own.
    pub fn has_identity(&self) -> bool {
        self.identity.is_some()
    }

    /// The name to ask for at `host`: a name, an IP address, or none.
    pub fn name_for(&self, host: Option<&str>) -> Result<ServerName<'static>, BadName> {
        match (&self.name, host) {
            (Some(name), _) => Ok(name.clone()),
            (None, Some(host)) => server_name(host),
            // What listens at a path is on this machine.
            (None, None) => server_name("localhost"),
        }
    }

    /// Comes to an agreement with the peer at the other end of `transport`, without any limit of time.
    pub async fn connect<S>(
        &self,
        name: ServerName<'static>,
        transport: S,
    ) -> Result<Met<S>, NoSession<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let verifier = Arc::new(Verifier {
            trust: self.trust.clone(),
            provider: crate::provider(),
            vouched_for: Mutex::new(false),
        });
        let config = match self.config(Arc::clone(&verifier)) {
            Ok(config) => config,
            Err(error) => {
                let ending = Ending::Tls(crate::fault::of(&error));
                return Err(NoSession { ending, transport });
            }
        };
        let connecting = TlsConnector::from(Arc::new(config)).connect_with(
            name,
            Watched::new(transport),
            |session| session.set_buffer_limit(Some(WRITE_BUFFER)),
        );
        match connecting.into_fallible().await {
            Ok(stream) => {
                let session = Session(Box::new(TlsStream::Client(stream)));
                let is_vouched_for =
                    *verifier.vouched_for.lock().unwrap_or_else(PoisonError::into_inner);
                let fingerprint = session.peer().expect("a server shows a certificate");
                let seen = Seen { fingerprint, is_vouched_for };
                if let Trust::Judged(judge) = &self.trust
                    && let Err(why) = judge.met(seen)
                {
                    let ending = Ending::Tls(TlsFault::Certificate { why });
                    return Err(NoSession { ending, transport: session.into_transport() });
                }
                Ok(Met { session, seen })
            }
            Err((error, watched)) => {
                let ending = ending_of_handshake(error, &watched);
                Err(NoSession { ending, transport: watched.inner })
            }
        }
    }

    fn config(&self, verifier: Arc<Verifier>) -> Result<ClientConfig, Error> {
        let builder = ClientConfig::builder_with_provider(Arc::clone(&verifier.provider))
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some(Identity { chain, key }) => {
                builder.with_client_auth_cert(chain.clone(), key.clone_key())?
            }
        };
        // One connection at a time, and each is checked anew.
        config.resumption = Resumption::disabled();
        Ok(config)
    }
}

/// The authorities that this machine trusts.
pub fn system_authorities() -> Arc<RootCertStore> {
    static ROOTS: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    let load = || {
        let mut roots = RootCertStore::empty();
        // One that cannot be read vouches for nobody, and the others do.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Arc::new(roots)
    };
    Arc::clone(ROOTS.get_or_init(load))
}

fn server_name(name: &str) -> Result<ServerName<'static>, BadName> {
    // The zone of a link-local address is this machine's own name for a network.
    let without_zone = name.split('%').next().unwrap_or(name);
    ServerName::try_from(without_zone.to_owned()).map_err(|_| BadName(name.to_owned()))
}

#[derive(Debug)]
struct Verifier {
    trust: Trust,
    provider: Arc<CryptoProvider>,
    /// What came out for the certificate of this connection.
    vouched_for: Mutex<bool>,
}

/// What a judge says, as an error that rustls carries.
#[derive(Debug, ThisError)]
#[error("{0}")]
struct Judgement(String);

impl Verifier {
    /// Whether one of `roots` vouches for a certificate under this name.
    fn by_authorities(
        &self,
        roots: &RootCertStore,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Error> {
        let certificate = ParsedCertificate::try_from(end_entity)?;
        let algorithms = self.provider.signature_verification_algorithms.all;
        verify_server_cert_signed_by_trust_anchor(
            &certificate,
            roots,
            intermediates,
            now,
            algorithms,
        )?;
        verify_server_name(&certificate, name)
    }
}

/// Whether it is only that no authority is known who has signed it. Its dates were looked at before.
fn is_unsigned(error: &Error) -> bool {
    match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => true,
        // One that signs itself is often marked as an authority's.
        Error::InvalidCertificate(CertificateError::Other(why)) => is_of_authority(why),
        _ => false,
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let fingerprint = Fingerprint::of(end_entity);
        let vouched = |roots| self.by_authorities(roots, end_entity, intermediates, name, now);
        let refused = |why: String| {
            let judgement = OtherError(Arc::new(Judgement(why)));
            Error::InvalidCertificate(CertificateError::Other(judgement))
        };
        match &self.trust {
            Trust::Authorities(roots) => vouched(roots)?,
            Trust::Pins(pins) if pins.contains(&fingerprint) => {}
            Trust::Pins(_) => {
                return Err(refused(format!("it is {fingerprint}, and not the one asked for")));
            }
            Trust::Judged(judge) => {
                let is_vouched_for = match vouched(&system_authorities()) {
                    Ok(()) => true,
                    Err(error) if is_unsigned(&error) => false,
                    // Whose name or dates are wrong is not to be trusted at first use either.
                    Err(error) => return Err(error),
                };
                *self.vouched_for.lock().unwrap_or_else(PoisonError::into_inner) = is_vouched_for;
                judge.judge(Seen { fingerprint, is_vouched_for }).map_err(refused)?;
            }
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
