//! A host: a thread in a network namespace of its own.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::mpsc;
use std::thread;

use nix::sched::{CloneFlags, unshare};

use crate::counters::Counters;
use crate::lab::LabError;
use crate::link::{self, Mac};
use crate::record::HostId;
use crate::sockets::{self, TcpSocket};
use crate::udp_sockets;

/// The name of a host's only interface besides `lo`.
pub(crate) const INTERFACE: &str = "eth0";

/// The number of `lo` in every namespace (`LOOPBACK_IFINDEX`, linux/net.h).
const LOOPBACK_INDEX: u32 = 1;

/// What keeps the kernel from asking for routers and from making addresses of its own.
const QUIET_V6: [(&str, &str); 3] =
    [("accept_ra", "0"), ("router_solicitations", "0"), ("addr_gen_mode", "1")];

type Job = Box<dyn FnOnce() + Send>;

/// The addresses of a host.
#[derive(Clone, Debug)]
pub(crate) struct Addresses {
    pub(crate) v4: Ipv4Addr,
    /// The one that is good everywhere in the lab, and the one that is good on a link only.
    pub(crate) v6: Option<[Ipv6Addr; 2]>,
}

impl Addresses {
    /// Those of this machine's loopback.
    pub(crate) fn loopback(ipv6: bool) -> Self {
        let here = Ipv6Addr::LOCALHOST;
        let has_it = || UdpSocket::bind((here, 0)).is_ok();
        Self { v4: Ipv4Addr::LOCALHOST, v6: (ipv6 && has_it()).then_some([here; 2]) }
    }

    pub(crate) fn all(&self) -> Vec<IpAddr> {
        let v6 = self.v6.into_iter().flatten().map(IpAddr::from);
        [IpAddr::from(self.v4)].into_iter().chain(v6).collect()
    }
}

/// A host of a lab.
///
/// A socket belongs to the namespace in which it was made, whichever thread uses it later; so what
/// makes sockets, and what reads `/proc/net`, runs on the host's thread by [`Host::run`].
///
/// A clone is the same host, which ends with the last of them.
#[derive(Clone, Debug)]
pub struct Host {
    id: HostId,
    name: String,
    addresses: Addresses,
    jobs: mpsc::Sender<Job>,
}

impl Host {
    /// Starts the thread of a host; with a namespace of its own unless it is to be `loopback`.
    pub(crate) fn start(
        id: HostId,
        name: &str,
        addresses: Addresses,
        own_namespace: bool,
    ) -> Result<Self, LabError> {
        let (jobs, queue) = mpsc::channel::<Job>();
        let (ready, is_ready) = mpsc::sync_channel(1);
        thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                let entered =
                    if own_namespace { unshare(CloneFlags::CLONE_NEWNET) } else { Ok(()) };
                let _ = ready.send(entered);
                for job in queue {
                    job();
                }
            })
            .map_err(|e| LabError::new("start a host's thread", e))?;
        is_ready
            .recv()
            .expect("a host's thread says whether it is ready")
            .map_err(|e| LabError::new("make a host's network namespace", e))?;
        Ok(Self { id, name: name.to_owned(), addresses, jobs })
    }

    /// The host's place in the lab.
    pub fn id(&self) -> HostId {
        self.id
    }

    /// The host's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The host's address.
    pub fn address(&self) -> Ipv4Addr {
        self.addresses.v4
    }

    /// The host's IPv6 address, in a lab that has IPv6 on a kernel that has it.
    pub fn address_v6(&self) -> Option<Ipv6Addr> {
        self.addresses.v6.map(|[global, _]| global)
    }

    /// The host's link-local address and the number of the link, seen from any host of the lab: the link
    /// to the wire has the same number in each.
    pub fn link_local(&self) -> io::Result<Option<SocketAddrV6>> {
        let Some([_, address]) = self.addresses.v6 else { return Ok(None) };
        if address.is_loopback() {
            return Ok(None);
        }
        let index = self.run(|| link::index_of(INTERFACE))?;
        Ok(Some(SocketAddrV6::new(address, 0, 0, index)))
    }

    pub(crate) fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Runs `job` on the host's thread and waits for what it gives back.
    ///
    /// A thread that the job starts is in the host's namespace too, as is a program.
    pub fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> T {
        let (give, take) = mpsc::sync_channel(1);
        let job = Box::new(move || {
            let _ = give.send(job());
        });
        self.jobs.send(job).expect("a host's thread lives as long as the host");
        take.recv().expect("a job on a host's thread does not panic")
    }

    /// Sets a sysctl of the host: `net.ipv4.tcp_syn_retries`.
    pub fn set_sysctl(&self, name: &str, value: &str) -> io::Result<()> {
        let (path, value) = (sysctl_path(name), value.to_owned());
        self.run(move || fs::write(path, value))
    }

    /// Reads a sysctl of the host. [`io::ErrorKind::NotFound`] where this kernel has none of that name.
    pub fn sysctl(&self, name: &str) -> io::Result<String> {
        let path = sysctl_path(name);
        self.run(move || {
            Ok(fs::read_to_string(path)?.split_whitespace().collect::<Vec<_>>().join(" "))
        })
    }

    /// The names of the sysctls that the host can see: `net.ipv4.tcp_sack`, and so on.
    pub fn sysctls(&self) -> io::Result<Vec<String>> {
        self.run(|| {
            let mut names = Vec::new();
            let mut folders = vec![Path::new("/proc/sys/net").to_owned()];
            while let Some(folder) = folders.pop() {
                for entry in fs::read_dir(folder)? {
                    let entry = entry?;
                    if entry.file_type()?.is_dir() {
                        folders.push(entry.path());
                    } else if let Some(name) = sysctl_name(&entry.path()) {
                        names.push(name);
                    }
                }
            }
            names.sort();
            Ok(names)
        })
    }

    /// The number by which other processes of this machine know the host's thread: `nsenter(1)` takes it
    /// for the host's namespaces. The lab itself has another one for it, in its PID namespace.
    pub fn thread_id(&self) -> io::Result<u32> {
        self.run(|| {
            // /proc was mounted outside, so its numbers are those that are seen there.
            let link = fs::read_link("/proc/thread-self")?;
            let id = link.file_name().and_then(|id| id.to_str()?.parse().ok());
            id.ok_or_else(|| io::Error::other(format!("{} names no thread", link.display())))
        })
    }

    /// What the host's kernel has counted so far.
    pub fn counters(&self) -> io::Result<Counters> {
        self.run(Counters::read)
    }

    /// The UDP sockets over IPv4 that the host's kernel has.
    pub fn udp_sockets(&self) -> io::Result<Vec<udp_sockets::UdpSocket>> {
        self.run(udp_sockets::udp)
    }

    /// The TCP sockets that the host's kernel has.
    ///
    /// Those over IPv6 are among them in a lab that has IPv6.
    pub fn tcp_sockets(&self) -> io::Result<Vec<TcpSocket>> {
        let families = self.families();
        self.run(move || sockets::tcp(families))
    }

    /// Ends a connection in the host's kernel, whoever has it, as `ss -K` does (`SOCK_DESTROY`): the peer
    /// gets a RST, and the program that has the socket the error ECONNABORTED.
    ///
    /// Only in a namespace of the lab's own: on a machine's loopback it would be the machine's socket. An
    /// error of kind [`io::ErrorKind::Unsupported`] where this kernel was built without it.
    pub fn destroy(&self, local: SocketAddr, remote: SocketAddr) -> io::Result<()> {
        if self.addresses.v4.is_loopback() {
            let why = "a connection is destroyed only in a namespace of the lab's own";
            return Err(io::Error::new(io::ErrorKind::Unsupported, why));
        }
        self.run(move || sockets::destroy(local, remote))
    }

    /// The families of the sockets that the lab looks at.
    pub(crate) fn families(&self) -> &'static [u8] {
        if self.addresses.v6.is_some() { &sockets::V4_AND_V6 } else { &sockets::V4 }
    }

    /// The host's namespace, for the other end of its link.
    pub(crate) fn namespace(&self) -> io::Result<OwnedFd> {
        // Not /proc/self: that is the main thread's.
        self.run(|| fs::File::open("/proc/thread-self/ns/net").map(OwnedFd::from))
    }

    /// Gives the interface its addresses and says where the others are.
    pub(crate) fn configure(&self, others: Vec<(IpAddr, Mac)>) -> io::Result<()> {
        let has_v6 = self.addresses.v6.is_some();
        // Neighbour discovery and multicast reports of IPv6 are noise in a recording of IPv4.
        let off = if has_v6 { "0" } else { "1" };
        self.set_sysctl("net.ipv6.conf.all.disable_ipv6", off).or_else(not_found_is_fine)?;
        if has_v6 {
            for (knob, value) in QUIET_V6 {
                self.set_sysctl(&format!("net.ipv6.conf.{INTERFACE}.{knob}"), value)?;
            }
        }
        let own = self.addresses.all();
        self.run(move || {
            link::bring_up(LOOPBACK_INDEX)?;
            link::turn_off_offloads(INTERFACE)?;
            let index = link::index_of(INTERFACE)?;
            if has_v6 {
                link::silence(index)?;
            }
            link::bring_up(index)?;
            for address in &own {
                link::add_address(index, *address)?;
            }
            for (address, mac) in others {
                link::add_neighbour(index, address, mac)?;
            }
            for address in own {
                if let IpAddr::V6(address) = address {
                    link::wait_for_own_route(address)?;
                }
            }
            Ok(())
        })
    }

    /// Sends what is for `network` to this gateway, whose Ethernet address it need not ask for.
    pub(crate) fn route(
        &self,
        network: (Ipv4Addr, u8),
        gateway: (Ipv4Addr, Mac),
    ) -> io::Result<()> {
        self.run(move || {
            let index = link::index_of(INTERFACE)?;
            link::add_neighbour(index, gateway.0.into(), gateway.1)?;
            link::add_route(index, network, gateway.0)
        })
    }
}

/// A knob that this kernel does not have needs no turning.
fn not_found_is_fine(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

/// The name of a sysctl, of the path of its file.
fn sysctl_name(path: &Path) -> Option<String> {
    Some(path.strip_prefix("/proc/sys").ok()?.to_str()?.replace('/', "."))
}

fn sysctl_path(name: &str) -> impl AsRef<Path> + Send + 'static {
    // /proc/sys/net shows the namespace of the thread that reads it, unlike /proc/net.
    Path::new("/proc/sys").join(name.replace('.', "/"))
}
