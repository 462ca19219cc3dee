//! The ways to a server, over each family.

use std::net::SocketAddr;

use netlab::Lab;

use crate::stage::{Actor, Trouble};

pub(super) const NO_IPV6: &str = "this kernel has no IPv6, or this machine has turned it off";

pub(super) const NO_LINK: &str = "a loopback has no link-local address: level L0 or L1";

/// A way to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// IPv4, to a socket of IPv6 that takes both.
    Mapped,
    V6,
    LinkLocal,
    Unix,
}

impl Way {
    pub(super) const fn over(self) -> &'static str {
        match self {
            Self::Mapped => "IPv4",
            Self::V6 => "IPv6",
            Self::LinkLocal => "link-local",
            Self::Unix => "Unix",
        }
    }
}

/// Servers, and the ways to them.
pub(super) struct Servers {
    pub(super) actors: Vec<Actor>,
    /// Which of them is reached that way, and at which address.
    pub(super) ways: Vec<(Way, usize, String)>,
    /// Where they listen.
    pub(super) at: Vec<String>,
}

impl Servers {
    /// Starts what is needed to be reached over IPv4 and IPv6 on the host "server". Nothing where there is
    /// no IPv6.
    pub(super) fn over_ip(
        lab: &Lab,
        port: u16,
        start: impl Fn(&str) -> Result<Actor, Trouble>,
    ) -> Result<Self, Trouble> {
        let mut servers = Self { actors: Vec::new(), ways: Vec::new(), at: Vec::new() };
        let host = lab.host("server");
        let Some(v6) = host.address_v6() else { return Ok(servers) };
        if lab.level().has_namespaces() {
            let both = servers.add(&format!("[::]:{port}"), &start)?;
            let to = |ip| SocketAddr::new(ip, port).to_string();
            servers.ways.push((Way::Mapped, both, to(host.address().into())));
            servers.ways.push((Way::V6, both, to(v6.into())));
            let on_link = host.link_local().map_err(Trouble::io("find the server's link"))?;
            if let Some(mut on_link) = on_link {
                on_link.set_port(port);
                servers.ways.push((Way::LinkLocal, both, on_link.to_string()));
            }
        } else {
            // Not [::], which would let other machines in.
            let mapped = servers.add("[::ffff:127.0.0.1]:0", &start)?;
            let port = servers.port(mapped)?;
            servers.ways.push((Way::Mapped, mapped, format!("127.0.0.1:{port}")));
            let v6 = servers.add("[::1]:0", &start)?;
            let port = servers.port(v6)?;
            servers.ways.push((Way::V6, v6, format!("[::1]:{port}")));
        }
        Ok(servers)
    }

    /// Starts one more.
    pub(super) fn add(
        &mut self,
        at: &str,
        start: impl Fn(&str) -> Result<Actor, Trouble>,
    ) -> Result<usize, Trouble> {
        self.actors.push(start(at)?);
        self.at.push(at.to_owned());
        Ok(self.actors.len() - 1)
    }

    fn port(&self, server: usize) -> Result<u16, Trouble> {
        self.actors[server].listens_at().map(|address| address.port())
    }
}
