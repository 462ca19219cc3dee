//! Where the server listens.

use proto::Address;
use proto::address::is_local;
use tcp_server::Listener;

/// One of the places where clients connect.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) address: Address,
    /// Whether a service manager has made the socket, and has said all of it that is to be said.
    pub(crate) is_handed_over: bool,
    /// What it is called there.
    pub(crate) name: Option<String>,
    /// Whether it takes IPv4 clients though its address is one of IPv6.
    pub(crate) is_dual_stack: bool,
}

impl Place {
    /// A socket of the server's own.
    pub(crate) fn of(listener: &Listener) -> Self {
        Self {
            address: listener.local_address().clone(),
            is_handed_over: false,
            name: None,
            is_dual_stack: listener.is_dual_stack(),
        }
    }

    /// One that a service manager has made, and calls so.
    pub(crate) fn handed_over(listener: &Listener, name: Option<String>) -> Self {
        Self { is_handed_over: true, name, ..Self::of(listener) }
    }

    /// Whether only this machine can connect.
    pub(crate) fn is_local(&self) -> bool {
        is_local(&self.address)
    }
}
