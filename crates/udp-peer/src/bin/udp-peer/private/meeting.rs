//! Is it the peer that it was last time?

use std::fmt;
use std::path::Path;

use arq::PublicKey;
use cli::known_peers::{KnownPeers, Meeting};
use cli::{Exit, Failure};

use super::own_key;

/// What is remembered is remembered of this.
const SCHEME: &str = "noise";

/// A peer whose key is to be the right one.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    /// The address as the person wrote it: that is whom he means.
    address: String,
    /// The key that the person gave.
    pinned: Option<PublicKey>,
    known: Option<KnownPeers>,
}

/// How a key is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// The person gave it.
    Pinned,
    /// It was met before.
    Before,
    /// It is remembered from now on.
    First,
    /// It is new, and nothing can be remembered: there is no home.
    Homeless,
}

impl Known {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pinned => "pinned",
            Self::Before => "known",
            Self::First => "first",
            Self::Homeless => "not_remembered",
        }
    }
}

impl Peer {
    pub(crate) fn new(address: impl fmt::Display, pinned: Option<PublicKey>) -> Self {
        Self { address: address.to_string(), pinned, known: KnownPeers::at_home() }
    }

    /// The key that it must have, as far as that is known.
    pub(crate) fn expected(&self) -> Result<Option<PublicKey>, Failure> {
        if let Some(pinned) = self.pinned {
            return Ok(Some(pinned));
        }
        let Some(known) = &self.known else { return Ok(None) };
        let found = known.find(SCHEME, &self.address).map_err(|error| cannot(known, &error))?;
        let Some(text) = found else { return Ok(None) };
        own_key::parse(&text).map(Some).map_err(|why| {
            let path = known.path().display();
            let message = format!("what {path} remembers of {} is no key: {why}", self.address);
            Failure::new(Exit::Usage, "not_a_key", message)
        })
    }

    /// Holds the key that it has proven to own against what is known, and remembers it if nothing is.
    pub(crate) fn judge(&self, key: &PublicKey) -> Result<Known, Failure> {
        let (address, shown) = (&self.address, own_key::in_words(key));
        if let Some(pinned) = self.pinned {
            if pinned == *key {
                return Ok(Known::Pinned);
            }
            let asked = own_key::in_words(&pinned);
            let message = format!("{address} has another key than the one that was asked for");
            return Err(wrong(&message, &asked, "asked for", &shown));
        }
        let Some(known) = &self.known else { return Ok(Known::Homeless) };
        let met = known.meet(SCHEME, address, &shown).map_err(|error| cannot(known, &error))?;
        match met {
            Meeting::First => Ok(Known::First),
            Meeting::Known => Ok(Known::Before),
            Meeting::Changed { kept, line } => {
                let path = known.path().display();
                let message =
                    format!("the key of {address} has CHANGED: somebody else may answer there");
                let failure = wrong(&message, &kept, "remembered", &shown);
                Err(failure.hint(format!(
                    "if {address} really has a new key, delete line {line} of {path}"
                )))
            }
        }
    }

    /// Where a key is remembered.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.known.as_ref().map(KnownPeers::path)
    }
}

fn wrong(message: &str, expected: &str, how: &str, shown: &str) -> Failure {
    let message = format!("{message}\n  {how}: {expected}\n  shown now:  {shown}");
    Failure::new(Exit::WrongKey, "wrong_key", message)
}

fn cannot(known: &KnownPeers, error: &std::io::Error) -> Failure {
    let what = format!("cannot look up the keys of peers in {}", known.path().display());
    Failure::from_io(Exit::Failed, &what, error)
        .hint("--peer-key KEY says which key it is, and needs no file")
}
