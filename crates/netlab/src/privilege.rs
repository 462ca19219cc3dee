//! Code without the rights that the lab has.

use std::io;
use std::thread;

/// Version 3 of the interface: sets of 64 capabilities, in two halves (capget(2)).
const VERSION_3: u32 = 0x2008_0522;

/// `struct __user_cap_header_struct` of linux/capability.h.
#[repr(C)]
struct Header {
    version: u32,
    pid: i32,
}

/// `struct __user_cap_data_struct`: one half of each set.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Half {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// Runs `job` on a thread that has no capabilities, in the namespaces of the calling one.
///
/// In a lab everybody is root, to whom the permissions of files mean nothing; here they do.
pub fn without_capabilities<T: Send>(job: impl FnOnce() -> T + Send) -> io::Result<T> {
    let run = || {
        drop_all()?;
        Ok(job())
    };
    thread::scope(|scope| scope.spawn(run).join().expect("the job does not panic"))
}

/// Gives up every capability of the calling thread, and of it alone.
#[expect(unsafe_code, reason = "neither std nor nix has capset(2)")]
fn drop_all() -> io::Result<()> {
    let mut header = Header { version: VERSION_3, pid: 0 };
    let none = [Half::default(); 2];
    // SAFETY: the kernel reads the header and the two halves, which outlive the call, and writes nothing
    // but the header's version, which it does only where it does not know it.
    let result = unsafe { libc::syscall(libc::SYS_capset, &raw mut header, none.as_ptr()) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
