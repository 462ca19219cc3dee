//! Packet sockets (packet(7)): how they are made, bound and asked.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

#[expect(unsafe_code, reason = "nix knows no packet sockets of protocol 0")]
pub(crate) fn packet_socket() -> io::Result<OwnedFd> {
    let flags = libc::SOCK_RAW | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: the call takes numbers only.
    let fd = unsafe { libc::socket(libc::AF_PACKET, flags, 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just given us this descriptor, and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

#[expect(unsafe_code, reason = "nix has no way to make this address")]
pub(crate) fn bind(socket: &OwnedFd, index: u32, protocol: u32) -> io::Result<()> {
    // SAFETY: `sockaddr_ll` is plain C data, for which all zeros is a valid value.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = u16::try_from(libc::AF_PACKET).expect("a family is a small number");
    address.sll_protocol = u16::try_from(protocol).expect("a protocol is a small number").to_be();
    address.sll_ifindex = i32::try_from(index).expect("an index is a small number");
    let len = socklen::<libc::sockaddr_ll>();
    // SAFETY: the pointer and the length describe `address`, which outlives the call.
    let result = unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), len) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[expect(unsafe_code, reason = "nix knows none of these options")]
pub(crate) fn set_option<T: Copy>(socket: &OwnedFd, option: i32, value: &T) -> io::Result<()> {
    let value = std::ptr::from_ref(value).cast();
    // SAFETY: the pointer and the length describe `value`, which outlives the call.
    let result = unsafe {
        libc::setsockopt(socket.as_raw_fd(), libc::SOL_PACKET, option, value, socklen::<T>())
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[expect(unsafe_code, reason = "nix knows none of these options")]
pub(crate) fn get_option<T: Copy + Default>(socket: &OwnedFd, option: i32) -> io::Result<T> {
    let mut value = T::default();
    let mut len = socklen::<T>();
    let to = (&raw mut value).cast();
    // SAFETY: the pointer and the length describe `value`, of which the kernel writes no more than
    // `len` bytes; the callers' types are C data of integers, valid whatever it writes.
    let result =
        unsafe { libc::getsockopt(socket.as_raw_fd(), libc::SOL_PACKET, option, to, &raw mut len) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(value) }
}

fn socklen<T>() -> libc::socklen_t {
    libc::socklen_t::try_from(size_of::<T>()).expect("an option is small")
}
