//! TLS, as it is asked for on a command line.

use std::future::pending;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use cli::{Exit, Failure};
use serde::Serialize;
use tls::{Fingerprint, Identity, IdentityError, Server, identity, self_signed};
use tokio::select;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::program::{Signals, Telling};

/// The options of TLS, for every program that serves.
#[derive(Clone, Debug, Default, Args)]
pub struct TlsArgs {
    /// Speak TLS; without --cert by a certificate of its own
    ///
    /// It is made at the first start and kept in `$XDG_STATE_HOME/sockeye/tls.pem`. Its fingerprint is printed
    /// with the command for clients.
    #[arg(long)]
    pub tls: bool,

    /// Show the certificate of this file (PEM); implies --tls [default: its own]
    ///
    /// Those of authorities between it and a root come after it. SIGHUP reads it anew, together with the
    /// other files; who is connected stays so, and where that fails the one of before is kept.
    #[arg(long, value_name = "FILE", requires = "key", hide_short_help = true)]
    pub cert: Option<PathBuf>,

    /// The key of the certificate (PEM), which may be in the same file [default: none]
    #[arg(long, value_name = "FILE", requires = "cert", hide_short_help = true)]
    pub key: Option<PathBuf>,

    /// Let in only who shows a certificate of these authorities (PEM) [default: everybody]
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub client_ca: Option<PathBuf>,
}

/// TLS that can be read anew.
#[derive(Debug)]
pub struct Secured {
    /// What serves it.
    pub server: Arc<Server>,
    args: TlsArgs,
    /// Where the certificate is, where it is one of the server's own.
    own: Option<PathBuf>,
}

/// How it is told.
#[derive(Clone, Debug, Serialize)]
pub struct SecuredEvent {
    fingerprint: String,
    self_signed: bool,
    client_certificates: bool,
}

#[derive(Serialize)]
struct Reloaded {
    ok: bool,
    fingerprint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl TlsArgs {
    /// Whether TLS is spoken.
    pub fn is_on(&self) -> bool {
        self.tls || self.cert.is_some() || self.client_ca.is_some()
    }

    /// TLS as it is asked for; `None` where it is not.
    pub fn open(&self) -> Result<Option<Secured>, Failure> {
        if !self.is_on() {
            return Ok(None);
        }
        let own = match self.cert {
            Some(_) => None,
            None => Some(self_signed::at_home().ok_or_else(|| {
                let message = "there is no home in which a certificate could be kept";
                Failure::new(Exit::Usage, "no_home", message)
                    .hint("set XDG_STATE_HOME, or give --cert FILE --key FILE")
            })?),
        };
        let shown = self.read(own.as_ref());
        let server = shown
            .and_then(|(identity, clients, path)| Server::new(identity, clients, &path))
            .map_err(|error| explain(&error))?;
        Ok(Some(Secured { server: Arc::new(server), args: self.clone(), own }))
    }

    fn read(
        &self,
        own: Option<&PathBuf>,
    ) -> Result<(Identity, Option<tls::Authorities>, PathBuf), IdentityError> {
        let (identity, path) = match (&self.cert, &self.key, own) {
            (Some(cert), Some(key), _) => (Identity::load(cert, key)?, cert.clone()),
            (_, _, own) => {
                let own = own.cloned().unwrap_or_default();
                (self_signed::load_or_make(&own)?.0, own)
            }
        };
        let clients = self.client_ca.as_deref().map(identity::authorities).transpose()?;
        Ok((identity, clients, path))
    }
}

impl Secured {
    /// What the certificate is known by.
    pub fn fingerprint(&self) -> Fingerprint {
        self.server.fingerprint()
    }

    /// Whether SIGHUP reads the files anew. A certificate of the server's own has nobody who renews it, so
    /// the signal stays what it is without TLS.
    pub fn is_read_anew(&self) -> bool {
        self.own.is_none()
    }

    /// Whether clients need a certificate.
    pub fn wants_certificates(&self) -> bool {
        self.args.client_ca.is_some()
    }

    /// The options by which `tcp-client` trusts this server and no other.
    pub fn client_options(&self) -> String {
        let own = if self.wants_certificates() { " --tls-cert FILE --tls-key FILE" } else { "" };
        format!("--tls-pin {}{own}", self.fingerprint())
    }

    /// The line of the first screen.
    pub fn in_words(&self) -> String {
        let fingerprint = self.fingerprint();
        let kept = match (&self.own, &self.args.cert) {
            (Some(own), _) => format!("signed by itself, kept in {}", own.display()),
            (None, Some(cert)) => format!("of {}; SIGHUP reads it anew", cert.display()),
            (None, None) => String::new(),
        };
        format!("  TLS by the certificate {fingerprint}\n  {kept}")
    }

    /// The part of the event `listening`.
    pub fn event(&self) -> SecuredEvent {
        SecuredEvent {
            fingerprint: self.fingerprint().to_string(),
            self_signed: self.own.is_some(),
            client_certificates: self.wants_certificates(),
        }
    }

    /// Reads the files anew at each of these signals, and tells of it.
    async fn read_anew(&self, mut signals: Signal, telling: &Telling) {
        while signals.recv().await.is_some() {
            let shown = self.args.read(self.own.as_ref());
            let replaced = shown.and_then(|(identity, clients, path)| {
                self.server.replace(identity, clients, &path)
            });
            let fingerprint = self.fingerprint().to_string();
            let error = replaced.err().map(|error| explain(&error));
            let words = error.as_ref().map(Failure::message);
            let event = Reloaded {
                ok: error.is_none(),
                fingerprint: fingerprint.clone(),
                error: words.map(str::to_owned),
            };
            telling.tell_line("reloaded", &event, || match words {
                None => format!("reloaded  new connections get the certificate {fingerprint}"),
                Some(why) => format!("not reloaded: {why}; the certificate is still {fingerprint}"),
            });
        }
    }
}

/// SIGHUP, where it is for reading a certificate anew, which then is not taken for an end.
#[derive(Debug)]
pub struct HangUp(Option<Signal>);

impl HangUp {
    /// Hears it from here on, and gives the other signals that a server hears.
    pub fn of(tls: Option<&Secured>) -> io::Result<(Self, Signals)> {
        if tls.is_some_and(Secured::is_read_anew) {
            let hang_up = signal(SignalKind::hangup())?;
            return Ok((Self(Some(hang_up)), Signals::without_hang_up()?));
        }
        Ok((Self(None), Signals::new()?))
    }

    /// What `served` comes to. Meanwhile the files of `tls` are read anew whenever it is asked for.
    pub async fn during<T>(
        self,
        served: impl Future<Output = T>,
        tls: Option<&Secured>,
        telling: &Telling,
    ) -> T {
        let (Some(tls), Some(signals)) = (tls, self.0) else { return served.await };
        select! {
            served = served => served,
            () = tls.read_anew(signals, telling) => pending().await,
        }
    }
}

/// Why TLS cannot be had.
fn explain(error: &IdentityError) -> Failure {
    match error {
        IdentityError::File { source, .. } => {
            Failure::from_io(Exit::Usage, &error.to_string(), source)
        }
        IdentityError::Missing { what: "private key", .. } => {
            Failure::new(Exit::Usage, "certificate", error.to_string()).hint(
                "it begins with -----BEGIN PRIVATE KEY-----; a key with a password is not read",
            )
        }
        error => Failure::new(Exit::Usage, "certificate", error.to_string()),
    }
}
