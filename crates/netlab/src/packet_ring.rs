//! Frames of one interface, through a ring that the kernel shares with us (packet(7)).
//!
//! `TPACKET_V2`, not V3: V3 hands frames over in blocks, which adds 1 ms to each packet of a quiet
//! link. A mapped ring is not bounded by `rmem_max`, which nobody may raise from inside a namespace.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use nix::sys::socket::getsockopt;
use nix::sys::socket::sockopt::SocketError;

use crate::packet_socket::{bind, get_option, packet_socket, set_option};

/// The size of one frame's place in the ring: header, alignment and an Ethernet frame of 1,514 bytes.
const FRAME_SIZE: usize = 2048;

/// A block is what the kernel allocates in one piece.
const BLOCK_SIZE: usize = 256 * 1024;

/// 16 MiB a ring: 8,192 frames, with which nothing is missed at 100,000 frames a second.
const BLOCKS: usize = 64;

const FRAMES: usize = BLOCK_SIZE / FRAME_SIZE * BLOCKS;

const RING_LEN: usize = BLOCK_SIZE * BLOCKS;

/// `struct tpacket_req` of `linux/if_packet.h`.
#[repr(C)]
#[derive(Clone, Copy)]
struct RingRequest {
    block_size: u32,
    blocks: u32,
    frame_size: u32,
    frames: u32,
}

/// `struct tpacket_stats` of `linux/if_packet.h`. Reading it sets the kernel's own to zero.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct RingStatistics {
    packets: u32,
    drops: u32,
}

/// One frame as it lies in the ring.
pub(crate) struct RingFrame<'a> {
    /// The frame from its Ethernet header on.
    pub(crate) bytes: &'a [u8],
    /// When the kernel took it, since 1970.
    pub(crate) wall: Duration,
}

/// The receiving side of one interface.
pub(crate) struct PacketRing {
    socket: OwnedFd,
    ring: NonNull<u8>,
    next: usize,
}

/// What the kernel could not put into a ring. It is asked only when somebody wants to know: the wire has
/// no time for a system call between two frames.
#[derive(Debug)]
pub(crate) struct MissCount {
    socket: OwnedFd,
    missed: u64,
}

// SAFETY: the mapping belongs to this value alone and is not bound to the thread that made it.
#[expect(unsafe_code, reason = "a raw pointer is not Send by itself")]
unsafe impl Send for PacketRing {}

impl PacketRing {
    /// Opens the ring of an interface of the calling thread's namespace.
    pub(crate) fn open(index: u32) -> io::Result<Self> {
        // With protocol 0 it receives nothing until it is bound, so no frame of another interface
        // slips in before.
        let socket = packet_socket()?;
        set_option(&socket, libc::PACKET_VERSION, &libc::tpacket_versions::TPACKET_V2)?;
        // What we send ourselves does not come back.
        set_option(&socket, libc::PACKET_IGNORE_OUTGOING, &1_i32)?;
        let to_u32 = |n: usize| u32::try_from(n).expect("the ring's numbers are small");
        let request = RingRequest {
            block_size: to_u32(BLOCK_SIZE),
            blocks: to_u32(BLOCKS),
            frame_size: to_u32(FRAME_SIZE),
            frames: to_u32(FRAMES),
        };
        set_option(&socket, libc::PACKET_RX_RING, &request)?;
        let ring = map(socket.as_raw_fd())?;
        let ring = Self { socket, ring, next: 0 };
        bind(&ring.socket, index, libc::ETH_P_ALL.cast_unsigned())?;
        Ok(ring)
    }

    /// Up to `limit` frames that have arrived and were not released yet, the first first.
    pub(crate) fn frames(&self, limit: usize) -> impl Iterator<Item = RingFrame<'_>> {
        (0..limit.min(FRAMES)).map_while(|ahead| self.frame((self.next + ahead) % FRAMES))
    }

    /// Gives the places of the first `count` frames back to the kernel.
    pub(crate) fn release(&mut self, count: usize) {
        for _ in 0..count {
            // Release: the kernel sees the place as free only after we have read it.
            self.status(self.next).store(libc::TP_STATUS_KERNEL, Ordering::Release);
            self.next = (self.next + 1) % FRAMES;
        }
    }

    /// Takes the error that the socket holds, without which a wait for frames would end at once, again and
    /// again. That the network is down is none: every link was before it was brought up.
    pub(crate) fn take_error(&self) -> io::Result<()> {
        match getsockopt(&self.socket, SocketError)? {
            0 | libc::ENETDOWN => Ok(()),
            errno => Err(io::Error::from_raw_os_error(errno)),
        }
    }

    /// A second handle to the ring's socket, for its statistics.
    pub(crate) fn miss_count(&self) -> io::Result<MissCount> {
        Ok(MissCount { socket: self.socket.try_clone()?, missed: 0 })
    }

    /// Where a frame lies.
    fn place(&self, number: usize) -> NonNull<u8> {
        assert!(number < FRAMES, "the ring has {FRAMES} places");
        // SAFETY: `number < FRAMES`, so the place lies within the mapping.
        #[expect(unsafe_code, reason = "the ring is memory that the kernel writes")]
        unsafe {
            self.ring.add(number * FRAME_SIZE)
        }
    }

    /// The status word of a frame, which the kernel and we write in turn.
    #[expect(unsafe_code, reason = "the ring is memory that the kernel writes")]
    fn status(&self, number: usize) -> &AtomicU32 {
        // SAFETY: the status is the first word of each place, aligned to the place; the kernel reads
        // and writes it as one word, and no other reference to it is ever made.
        unsafe { AtomicU32::from_ptr(self.place(number).as_ptr().cast()) }
    }

    fn frame(&self, number: usize) -> Option<RingFrame<'_>> {
        // Acquire: what the kernel wrote before it set the status is there to be read.
        if self.status(number).load(Ordering::Acquire) & libc::TP_STATUS_USER == 0 {
            return None;
        }
        // SAFETY: the place is FRAME_SIZE long, and the kernel does not touch it again before `release`
        // has given it back; `release` needs `&mut self`.
        #[expect(unsafe_code, reason = "the ring is memory that the kernel writes")]
        let place: &[u8] =
            unsafe { std::slice::from_raw_parts(self.place(number).as_ptr(), FRAME_SIZE) };
        // struct tpacket2_hdr: status 0, len 4, snaplen 8, mac u16 12, net u16 14, sec 16, nsec 20.
        let word =
            |at: usize| u32::from_ne_bytes(place[at..at + 4].try_into().expect("four bytes"));
        let mac = usize::from(u16::from_ne_bytes([place[12], place[13]]));
        let len = usize::try_from(word(8)).expect("u32 fits usize");
        let wall = Duration::new(word(16).into(), word(20));
        Some(RingFrame { bytes: place.get(mac..mac + len).unwrap_or_default(), wall })
    }
}

impl MissCount {
    /// How many frames the kernel could not put into the ring since it was opened.
    pub(crate) fn read(&mut self) -> io::Result<u64> {
        let statistics: RingStatistics = get_option(&self.socket, libc::PACKET_STATISTICS)?;
        self.missed += u64::from(statistics.drops);
        Ok(self.missed)
    }
}

impl AsFd for PacketRing {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Drop for PacketRing {
    fn drop(&mut self) {
        // SAFETY: the mapping was made in `open` with this length, and no frame of it is borrowed any
        // more. An error would mean that it was no mapping, which cannot be.
        #[expect(unsafe_code, reason = "memory that was mapped is unmapped")]
        unsafe {
            libc::munmap(self.ring.as_ptr().cast(), RING_LEN);
        }
    }
}

#[expect(unsafe_code, reason = "the ring is shared with the kernel by mmap")]
fn map(socket: RawFd) -> io::Result<NonNull<u8>> {
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_SHARED | libc::MAP_POPULATE;
    // SAFETY: a new mapping at an address of the kernel's choice replaces none of ours.
    let at = unsafe { libc::mmap(std::ptr::null_mut(), RING_LEN, protection, flags, socket, 0) };
    if at == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    Ok(NonNull::new(at.cast()).expect("the kernel maps nothing at address zero"))
}
