//! How much memory a server takes for each of its connections.
//!
//! It is what the kernel says of the process (`VmRSS`), beside what it was with nobody there: what the
//! kernel itself keeps for a connection is the same for all servers and not in it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;
use std::{fs, thread};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use socket2::{Domain, Socket, Type};

/// How many have the same address: far fewer than there are ports for one.
const OF_ONE_ADDRESS: usize = 5_000;

/// How many open files a process needs beside its connections.
const OTHER_FILES: usize = 200;

/// How often memory is looked at until it stays as it is, and for how long at most.
const LOOK: Duration = Duration::from_millis(100);
const LOOKS: usize = 50;

/// Lets this process and those that it starts from now on have as many connections, or says why not.
pub fn raise_limit(connections: usize) -> Result<(), String> {
    let need = (connections + OTHER_FILES) as u64;
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).map_err(|error| error.to_string())?;
    if hard < need {
        return Err(format!("{need} open files are needed and {hard} allowed (ulimit -Hn)"));
    }
    if soft < hard {
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard).map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// The bytes that each of `connections` clients takes of the server `pid`, which nobody has used: `client`
/// makes one of a connection to `address`.
pub fn of_each<T>(
    pid: u32,
    address: SocketAddr,
    connections: usize,
    mut client: impl FnMut(TcpStream) -> io::Result<T>,
) -> io::Result<f64> {
    let before = settled(pid)?;
    let mut clients = Vec::with_capacity(connections);
    for at in 0..connections {
        let host = u8::try_from(1 + at / OF_ONE_ADDRESS).unwrap_or(u8::MAX);
        clients.push(client(connect(host, address)?)?);
    }
    let after = settled(pid)?;
    Ok((after - before) as f64 / connections as f64)
}

/// Connects from 127.0.0.`host`.
pub fn connect(host: u8, address: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    // Closed with a reset: ten thousand ports in TIME_WAIT would be missing in the next round.
    socket.set_linger(Some(Duration::ZERO))?;
    socket.bind(&SocketAddr::from((Ipv4Addr::new(127, 0, 0, host), 0)).into())?;
    socket.connect(&address.into())?;
    Ok(socket.into())
}

/// The memory of a process in bytes, when it has stopped to change.
fn settled(pid: u32) -> io::Result<i64> {
    let mut last = resident(pid)?;
    let mut same = 0;
    for _ in 0..LOOKS {
        thread::sleep(LOOK);
        let now = resident(pid)?;
        same = if now == last { same + 1 } else { 0 };
        last = now;
        if same == 3 {
            break;
        }
    }
    Ok(last)
}

fn resident(pid: u32) -> io::Result<i64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    parse(&status).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

fn parse(status: &str) -> Option<i64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: i64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_is_read_in_kibibytes() {
        assert_eq!(parse("Name:\tx\nVmHWM:\t   90 kB\nVmRSS:\t   12 kB\n"), Some(12_288));
        assert_eq!(parse("Name:\tx\n"), None);
        assert!(resident(std::process::id()).unwrap() > 0);
    }

    #[test]
    fn a_limit_that_does_not_allow_it_is_told() {
        let why = raise_limit(usize::MAX / 2).unwrap_err();
        assert!(why.contains("open files are needed"), "{why}");
    }
}
