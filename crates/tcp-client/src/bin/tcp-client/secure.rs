//! TLS: which server is the right one, and what is remembered of it.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use clap::Args;
use cli::known_peers::Meeting;
use cli::{Exit, Failure, KnownPeers};
use proto::Address;
use tls::{Client, Fingerprint, Identity, IdentityError, Judge, Seen, Trust, identity};

/// The word for the file of known peers.
const SCHEME: &str = "tls";

/// What is remembered in place of a fingerprint where an authority vouches for the server: its certificate
/// may change as often as it likes, and has to be vouched for.
const AUTHORITY: &str = "authority";

/// The options of TLS, for everything that connects.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct TlsArgs {
    /// Speak TLS, and know the server again the next time.
    ///
    /// A certificate that an authority of this machine vouches for is trusted. Another one is trusted at first
    /// use, as ssh does it: its fingerprint is shown and remembered, and a server that shows another one later is
    /// refused. `sockeye/known_peers` in `$XDG_CONFIG_HOME` or ~/.config has what is remembered.
    #[arg(long)]
    tls: bool,

    /// TLS: trust this very certificate and no other [default: none].
    ///
    /// Nothing is remembered, and neither its names nor its dates are looked at. May be given several times.
    #[arg(long, value_name = "sha256:HEX", hide_short_help = true, conflicts_with = "tls_ca")]
    tls_pin: Vec<Fingerprint>,

    /// TLS: trust certificates of these authorities only (PEM), or with `system` those of this machine [default: none].
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    tls_ca: Option<PathBuf>,

    /// TLS: ask for this name [default: the host's].
    #[arg(long, value_name = "NAME", hide_short_help = true)]
    tls_name: Option<String>,

    /// TLS: show the certificate of this file (PEM) to a server that asks [default: none].
    #[arg(long, value_name = "FILE", requires = "tls_key", hide_short_help = true)]
    tls_cert: Option<PathBuf>,

    /// TLS: the key of that certificate (PEM), which may be in the same file [default: none].
    #[arg(long, value_name = "FILE", requires = "tls_cert", hide_short_help = true)]
    tls_key: Option<PathBuf>,
}

/// TLS as it is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Secure {
    pub(crate) client: Arc<Client>,
    /// Whether only certificates are trusted that were named.
    pub(crate) is_pinned: bool,
    /// What decides, where no authority and no pin does.
    remembered: Option<Arc<Remembered>>,
}

/// What is remembered of the server at an address.
#[derive(Debug)]
struct Remembered {
    peers: KnownPeers,
    address: String,
    /// The address as a person wrote it.
    shown: Address,
    quiet: bool,
    changed: Mutex<Option<Changed>>,
}

/// Another certificate than the one of before.
#[derive(Clone, Debug)]
struct Changed {
    now: String,
    kept: String,
    line: usize,
}

impl TlsArgs {
    fn is_on(&self) -> bool {
        self.tls
            || !self.tls_pin.is_empty()
            || self.tls_ca.is_some()
            || self.tls_name.is_some()
            || self.tls_cert.is_some()
    }

    /// TLS to `address`; `None` where it is not asked for.
    pub(crate) fn open(&self, address: &Address, quiet: bool) -> Result<Option<Secure>, Failure> {
        if !self.is_on() {
            return Ok(None);
        }
        let mut remembered = None;
        let trust = if !self.tls_pin.is_empty() {
            Trust::Pins(self.tls_pin.clone())
        } else if let Some(file) = &self.tls_ca {
            Trust::Authorities(if file == Path::new("system") {
                tls::client::system_authorities()
            } else {
                Arc::new(identity::authorities(file).map_err(|error| explain(&error))?)
            })
        } else {
            let judge = Arc::new(Remembered::of(address, quiet)?);
            remembered = Some(Arc::clone(&judge));
            Trust::Judged(judge)
        };
        let mut client = Client::new(trust);
        if let Some(name) = &self.tls_name {
            client = client.with_name(name).map_err(|error| {
                Failure::new(Exit::Usage, "usage", format!("--tls-name: {error}"))
            })?;
        }
        if let (Some(cert), Some(key)) = (&self.tls_cert, &self.tls_key) {
            client = Identity::load(cert, key)
                .and_then(|identity| client.with_identity(identity, cert))
                .map_err(|error| explain(&error))?;
        }
        let is_pinned = !self.tls_pin.is_empty();
        Ok(Some(Secure { client: Arc::new(client), is_pinned, remembered }))
    }
}

impl Secure {
    /// Why the server's certificate was refused, where it is another one than that of before.
    pub(crate) fn changed(&self) -> Option<Failure> {
        let remembered = self.remembered.as_ref()?;
        let changed = remembered.changed.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        let (Changed { now, kept, line }, file) = (changed, remembered.peers.path().display());
        let address = &remembered.shown;
        let message = if kept == AUTHORITY {
            format!(
                "the certificate of {address} is not to be trusted: an authority vouched for the one of \
                 before (line {line} of {file}), and none vouches for this one, {now}"
            )
        } else {
            format!(
                "the certificate of {address} has changed: it is {now}, and the one of before \
                 (line {line} of {file}) is {kept}"
            )
        };
        let failure = Failure::new(Exit::WrongKey, "certificate_changed", message)
            .hint("somebody may pretend to be this server: ask whoever runs it, by another way, for the new one")
            .hint(format!("if it is right, forget the old one: sed -i {line}d {file}"));
        Some(failure)
    }
}

impl Remembered {
    fn of(address: &Address, quiet: bool) -> Result<Self, Failure> {
        let peers = KnownPeers::at_home().ok_or_else(|| {
            let message = "there is no home in which the server's certificate could be remembered";
            Failure::new(Exit::Usage, "no_home", message)
                .hint("--tls-pin sha256:HEX remembers nothing; or set XDG_CONFIG_HOME")
        })?;
        // A path may hold spaces, which end a word there.
        let address_word = address.to_string().replace(char::is_whitespace, "%20");
        Ok(Self {
            peers,
            address: address_word,
            shown: address.clone(),
            quiet,
            changed: Mutex::default(),
        })
    }

    fn refuse(&self, seen: Seen, kept: String, line: usize) -> String {
        let now = seen.fingerprint.to_string();
        let why = format!("it is {now}, and {kept} is known");
        let changed = Changed { now, kept, line };
        *self.changed.lock().unwrap_or_else(PoisonError::into_inner) = Some(changed);
        why
    }

    fn failed(&self, error: &io::Error) -> String {
        format!("{} cannot be read or written: {error}", self.peers.path().display())
    }
}

impl Judge for Remembered {
    fn judge(&self, seen: Seen) -> Result<(), String> {
        let known = self.peers.look(SCHEME, &self.address).map_err(|error| self.failed(&error))?;
        match known {
            None => Ok(()),
            Some((_, kept)) if kept == seen.fingerprint.to_string() => Ok(()),
            Some((_, kept)) if kept == AUTHORITY && seen.is_vouched_for => Ok(()),
            Some((line, kept)) => Err(self.refuse(seen, kept, line)),
        }
    }

    fn met(&self, seen: Seen) -> Result<(), String> {
        let known = self.peers.look(SCHEME, &self.address).map_err(|error| self.failed(&error))?;
        let fingerprint = seen.fingerprint.to_string();
        if known.is_some_and(|(_, kept)| kept == fingerprint) {
            return Ok(());
        }
        let key = if seen.is_vouched_for { AUTHORITY } else { &fingerprint };
        let met = self.peers.meet(SCHEME, &self.address, key);
        match met.map_err(|error| self.failed(&error))? {
            Meeting::Known => {}
            // Another program has met it in the same moment, and something else.
            Meeting::Changed { kept, line } => return Err(self.refuse(seen, kept, line)),
            Meeting::First if seen.is_vouched_for || self.quiet => {}
            Meeting::First => {
                let (address, file) = (&self.shown, self.peers.path().display());
                // Where nobody can read it, there is nobody to tell.
                let _ = writeln!(
                    io::stderr().lock(),
                    "warning: {address} is met for the first time, and nobody vouches for it. Its certificate is\n  \
                     {fingerprint}\n  \
                     Compare it with what the server printed at its start. It is remembered in {file}"
                );
            }
        }
        Ok(())
    }
}

fn explain(error: &IdentityError) -> Failure {
    match error {
        IdentityError::File { source, .. } => {
            Failure::from_io(Exit::Usage, &error.to_string(), source)
        }
        error => Failure::new(Exit::Usage, "certificate", error.to_string()),
    }
}
