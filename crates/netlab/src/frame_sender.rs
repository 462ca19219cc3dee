//! Frames out of one interface, many with one system call.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::thread;
use std::time::{Duration, Instant};

use crate::packet_socket::{bind, packet_socket, set_option};

/// How many frames go with one call.
pub(crate) const BATCH: usize = 32;

/// How long the wire tries to hand a frame to a host whose kernel has no room for it. Room is a queue of
/// a thousand frames that the same kernel empties as soon as it comes to it.
const PATIENCE: Duration = Duration::from_secs(1);

/// The sending side of one interface.
#[derive(Debug)]
pub(crate) struct FrameSender {
    socket: OwnedFd,
}

impl FrameSender {
    /// A socket to send frames out of an interface of the calling thread's namespace.
    pub(crate) fn open(index: u32) -> io::Result<Self> {
        let socket = packet_socket()?;
        // Straight to the device. It has no queue once it is ready, but a link that gets its carrier after
        // it was brought up has `noop`, which swallows frames without an error, until the kernel's
        // linkwatch has come by: the first frames of a lab would be lost after the wire had sent them.
        set_option(&socket, libc::PACKET_QDISC_BYPASS, &1_i32)?;
        // Protocol 0: it sends, and never receives.
        bind(&socket, index, 0)?;
        Ok(Self { socket })
    }

    /// Sends up to [`BATCH`] frames in their order. On an error the number says how many were sent before.
    pub(crate) fn send(&self, frames: &[&[u8]]) -> Result<(), (usize, io::Error)> {
        assert!(frames.len() <= BATCH, "a batch is at most {BATCH} frames");
        let mut sent = 0;
        let mut refused_since = None;
        while sent < frames.len() {
            match self.send_some(&frames[sent..]) {
                Ok(count) => {
                    sent += count;
                    refused_since = None;
                }
                Err(error) if is_for_want_of_room(&error) => {
                    let since = *refused_since.get_or_insert_with(Instant::now);
                    if since.elapsed() > PATIENCE {
                        return Err((sent, error));
                    }
                    thread::yield_now();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err((sent, error)),
            }
        }
        Ok(())
    }

    /// Sends some of the frames, at least one; says how many.
    #[expect(unsafe_code, reason = "nix's sendmmsg allocates for addresses and control messages")]
    fn send_some(&self, frames: &[&[u8]]) -> io::Result<usize> {
        let empty = libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 };
        let mut parts = [empty; BATCH];
        // SAFETY: `mmsghdr` is plain C data, for which all zeros is a valid value: no address, no control
        // message, no part.
        let mut messages: [libc::mmsghdr; BATCH] = unsafe { std::mem::zeroed() };
        for ((part, message), frame) in parts.iter_mut().zip(&mut messages).zip(frames) {
            // The kernel only reads what it is given to send.
            part.iov_base = frame.as_ptr().cast_mut().cast();
            part.iov_len = frame.len();
            message.msg_hdr.msg_iov = part;
            message.msg_hdr.msg_iovlen = 1;
        }
        let count = libc::c_uint::try_from(frames.len()).expect("a batch is small");
        // SAFETY: the first `count` messages each point to one part, which describes a frame; parts and
        // frames outlive the call. The kernel writes only into `messages`.
        let sent = unsafe {
            libc::sendmmsg(
                self.socket.as_raw_fd(),
                messages.as_mut_ptr(),
                count,
                libc::MSG_DONTWAIT,
            )
        };
        usize::try_from(sent).map_err(|_| io::Error::last_os_error())
    }
}

/// Whether a later try may succeed: the queue of the receiving interface is full, or ours is.
fn is_for_want_of_room(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOBUFS | libc::EAGAIN))
}
