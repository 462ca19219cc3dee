//! Where the server listens.

use proto::Address;
use proto::address::is_local;

/// One of the places where clients connect.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) address: Address,
    /// Whether a service manager has made the socket, and has said all of it that is to be said.
    pub(crate) is_handed_over: bool,
    /// What it is called there.
    pub(crate) name: Option<String>,
}

impl Place {
    /// A socket of the server's own.
    pub(crate) fn of(address: &Address) -> Self {
        Self { address: address.clone(), is_handed_over: false, name: None }
    }

    /// Whether only this machine can connect.
    pub(crate) fn is_local(&self) -> bool {
        is_local(&self.address)
    }
}
