//! A lab: hosts, the wire between them, and one clock.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use thiserror::Error;

use crate::clock::Clock;
use crate::host::{Addresses, Host};
use crate::inject::{Injector, Limits};
use crate::level::Level;
use crate::link::Mac;
use crate::program::Program;
use crate::record::HostId;
use crate::wire::{Plug, Wire};

/// The network of every lab.
const NETWORK: [u8; 3] = [10, 0, 0];

/// The two IPv6 networks of a lab that has any: one of private addresses (RFC 4193), and that of the
/// addresses which every link has, and which mean something on that link only (RFC 4291, 2.5.6).
const NETWORKS_V6: [u16; 2] = [0xfd00, 0xfe80];

/// The most hosts that a lab has: what a /24 leaves for them, beside the gateway that answers never.
pub const MAX_HOSTS: usize = 253;

/// A gateway that answers never: an address of the lab's network that no host has.
const NOBODY: (Ipv4Addr, Mac) = (Ipv4Addr::new(10, 0, 0, 254), [0x02, 0, 0, 0, 0, 254]);

/// What every scenario relies on, whatever the machine has set. Each is the kernel's own default,
/// except the last two.
const SYSCTLS: [(&str, &str); 17] = [
    ("net.core.somaxconn", "4096"),
    ("net.ipv4.tcp_abort_on_overflow", "0"),
    ("net.ipv4.tcp_keepalive_intvl", "75"),
    ("net.ipv4.tcp_keepalive_probes", "9"),
    ("net.ipv4.tcp_keepalive_time", "7200"),
    ("net.ipv4.tcp_max_syn_backlog", "4096"),
    ("net.ipv4.tcp_retries2", "15"),
    ("net.ipv4.tcp_rto_max_ms", "120000"),
    ("net.ipv4.tcp_sack", "1"),
    ("net.ipv4.tcp_syn_linear_timeouts", "4"),
    ("net.ipv4.tcp_syn_retries", "6"),
    ("net.ipv4.tcp_synack_retries", "5"),
    ("net.ipv4.tcp_syncookies", "1"),
    ("net.ipv4.tcp_timestamps", "1"),
    ("net.ipv4.tcp_window_scaling", "1"),
    // The one algorithm that every kernel has and lets anybody choose.
    ("net.ipv4.tcp_congestion_control", "reno"),
    // Else a connection begins with what an earlier one to the same host has learned.
    ("net.ipv4.tcp_no_metrics_save", "1"),
];

/// What a lab has beside its hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LabOptions {
    /// IPv6 beside IPv4, on the links and on each loopback. Off by default: it is of no use to a story
    /// over IPv4.
    pub ipv6: bool,
    /// Where rules that play dice begin, 1 by default: the same seed makes the same decisions.
    pub seed: u64,
}

impl Default for LabOptions {
    fn default() -> Self {
        Self { ipv6: false, seed: 1 }
    }
}

/// Hosts and the wire between them. A clone is the same lab; dropping the last one ends both.
#[derive(Clone, Debug)]
pub struct Lab {
    level: Level,
    clock: Clock,
    // Before the hosts: its thread ends before the links vanish under it.
    wire: Option<Arc<Wire>>,
    hosts: Vec<Host>,
}

/// A lab could not be made.
#[derive(Debug, Error)]
#[error("cannot {step}: {error}")]
pub struct LabError {
    step: String,
    error: io::Error,
}

impl LabError {
    pub(crate) fn new(step: impl Into<String>, error: impl Into<io::Error>) -> Self {
        Self { step: step.into(), error: error.into() }
    }
}

impl Lab {
    /// Makes a lab with these hosts: the first is 10.0.0.1, the second 10.0.0.2, and so on.
    ///
    /// At [`Level::L2`] they all share the loopback of this machine, and there is no wire.
    pub fn new(level: Level, names: &[&str]) -> Result<Self, LabError> {
        Self::with(level, names, LabOptions::default())
    }

    /// Makes a lab with other options. With IPv6 the first host is `fd00::1` too, the second `fd00::2`,
    /// and so on; where this kernel has no IPv6, [`Host::address_v6`] is none.
    pub fn with(level: Level, names: &[&str], options: LabOptions) -> Result<Self, LabError> {
        assert!(names.len() <= MAX_HOSTS, "a lab has at most {MAX_HOSTS} hosts");
        let clock = Clock::start();
        let own_namespace = level.has_namespaces();
        let hosts = names
            .iter()
            .enumerate()
            .map(|(number, name)| {
                let addresses = if own_namespace {
                    addresses_of(number, options)
                } else {
                    Addresses::loopback(options.ipv6)
                };
                Host::start(HostId(number), name, addresses, own_namespace)
            })
            .collect::<Result<Vec<_>, _>>()?;
        let wire = if own_namespace {
            Some(Arc::new(connect(clock, options.seed, &hosts)?))
        } else {
            None
        };
        Ok(Self { level, clock, wire, hosts })
    }

    /// What this lab could use.
    pub fn level(&self) -> Level {
        self.level
    }

    /// The clock of everything that this lab records.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// The host of this name, which must be one that the lab was made with.
    #[track_caller]
    pub fn host(&self, name: &str) -> &Host {
        self.hosts.iter().find(|host| host.name() == name).expect("a host of the lab")
    }

    /// The names of the hosts, in order.
    pub fn host_names(&self) -> Vec<String> {
        self.hosts.iter().map(|host| host.name().to_owned()).collect()
    }

    /// The wire; none at [`Level::L2`].
    pub fn wire(&self) -> Option<&Wire> {
        self.wire.as_deref()
    }

    /// Sends segments from one host to another that no socket sent.
    ///
    /// Refused where the hosts have no network of their own: it is for nobody else's.
    #[track_caller]
    pub fn injector(&self, from: &str, to: &str, limits: Limits) -> io::Result<Injector> {
        if !self.level.has_namespaces() {
            let why = "frames are injected only into a network of the lab's own";
            return Err(io::Error::new(io::ErrorKind::Unsupported, why));
        }
        let (from, to) = (self.host(from), self.host(to));
        Injector::open(from, (mac_of(from.id().0), mac_of(to.id().0)), limits)
    }

    /// Gives a host a route to addresses that nobody has: what it sends there is recorded, and lost.
    ///
    /// A kernel does not even keep a request from an address that it has no way to.
    #[track_caller]
    pub fn route_to_nobody(&self, host: &str, network: Ipv4Addr, prefix: u8) -> io::Result<()> {
        if !self.level.has_namespaces() {
            let why = "routes are made only in a network of the lab's own";
            return Err(io::Error::new(io::ErrorKind::Unsupported, why));
        }
        self.host(host).route((network, prefix), NOBODY)
    }

    /// Starts a program in a host; see [`Program::start`].
    #[track_caller]
    pub fn start(&self, host: &str, name: &str, command: Command) -> io::Result<Program> {
        Program::start(self.host(host), self.clock, name, command)
    }
}

/// Makes the wire and joins every host to it.
fn connect(clock: Clock, seed: u64, hosts: &[Host]) -> Result<Wire, LabError> {
    let mut plugs = Vec::new();
    for (number, host) in hosts.iter().enumerate() {
        let namespace =
            host.namespace().map_err(|e| LabError::new("open a host's namespace", e))?;
        plugs.push(Plug { namespace, mac: mac_of(number) });
    }
    let wire = Wire::start(clock, seed, plugs)?;
    for host in hosts {
        let others = (0..hosts.len())
            .filter(|number| *number != host.id().0)
            .flat_map(|number| addresses_in(hosts[number].addresses(), mac_of(number)));
        host.configure(others.collect()).map_err(|e| {
            LabError::new(format!("set up the link of host \"{}\"", host.name()), e)
        })?;
        for (name, value) in SYSCTLS {
            match host.set_sysctl(name, value) {
                // An older kernel lacks the younger of them.
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(LabError::new(format!("set {name} to {value}"), error));
                }
                _ => {}
            }
        }
    }
    Ok(wire)
}

fn addresses_of(number: usize, options: LabOptions) -> Addresses {
    let [a, b, c] = NETWORK;
    let last = octet(number);
    let in_network = |network| Ipv6Addr::new(network, 0, 0, 0, 0, 0, 0, last.into());
    let v6 = options.ipv6 && kernel_has_ipv6();
    Addresses { v4: Ipv4Addr::new(a, b, c, last), v6: v6.then(|| NETWORKS_V6.map(in_network)) }
}

fn kernel_has_ipv6() -> bool {
    Path::new("/proc/sys/net/ipv6").exists()
}

/// Where the others find a host: each of its addresses, with its Ethernet address.
fn addresses_in(addresses: &Addresses, mac: Mac) -> Vec<(IpAddr, Mac)> {
    addresses.all().into_iter().map(|address| (address, mac)).collect()
}

/// A locally administered Ethernet address that ends as the IP address does.
fn mac_of(number: usize) -> Mac {
    [0x02, 0, 0, 0, 0, octet(number)]
}

fn octet(number: usize) -> u8 {
    u8::try_from(number + 1).expect("a lab has at most 253 hosts")
}
