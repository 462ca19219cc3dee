//! TLS as both ends of this project use it: certificates, trust, and a stream whose every end has a name.
//!
//! The protocol is rustls', with the primitives of `ring`. This crate says which certificates are shown and
//! trusted, and turns each way in which TLS can fail into a [`proto::TlsFault`], in words.
//!
//! | question | module |
//! |---|---|
//! | What does a server show, and whom does it let in? | [`server`] |
//! | Whom does a client trust? | [`client`] |
//! | Which certificate is it, and where is its key? | [`identity`], [`fingerprint`] |
//! | Where does a server without a certificate get one? | [`self_signed`] |
//! | What is read and written once the two have agreed? | [`session`] |
//! | What went wrong, in words? | [`fault`] |
//! | How long, how large? | [`limits`] |

#[cfg(feature = "client")]
pub mod client;
pub mod fault;
pub mod fingerprint;
pub mod identity;
pub mod limits;
#[cfg(feature = "server")]
pub mod self_signed;
#[cfg(feature = "server")]
pub mod server;
pub mod session;
mod watched;

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};

#[cfg(feature = "client")]
pub use client::{Client, Judge, Seen, Trust};
pub use fingerprint::Fingerprint;
pub use identity::{Identity, IdentityError};
pub use rustls::RootCertStore as Authorities;
#[cfg(feature = "server")]
pub use server::Server;
pub use session::Session;

/// The primitives. Named each time, because a process-wide default would be whatever a dependency has set.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
