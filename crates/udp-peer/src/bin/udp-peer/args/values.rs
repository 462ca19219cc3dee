//! Times and sizes that make sense here.

use std::time::Duration;

use cli::values::{duration, size};
use udp_peer::limits::{MAX_DATAGRAM, MAX_DATAGRAM_V4};

use crate::ping::packet::SHORTEST;

pub(super) fn interval(text: &str) -> Result<Duration, String> {
    let interval = duration(text)?;
    let fits = (Duration::from_millis(1)..=Duration::from_secs(3600)).contains(&interval);
    fits.then_some(interval).ok_or_else(|| "it is from 1ms to 1h".to_owned())
}

pub(super) fn ping_size(text: &str) -> Result<usize, String> {
    let fitting = usize::try_from(size(text)?).ok();
    let fitting = fitting.filter(|size| (SHORTEST..=MAX_DATAGRAM_V4).contains(size));
    fitting.ok_or_else(|| format!("a ping has from {SHORTEST} to {MAX_DATAGRAM_V4} bytes"))
}

pub(super) fn idle(text: &str) -> Result<Duration, String> {
    let idle = duration(text)?;
    let fits = (Duration::from_secs(1)..=Duration::from_secs(3600)).contains(&idle);
    fits.then_some(idle).ok_or_else(|| "it is from 1s to 1h".to_owned())
}

pub(super) fn datagram_size(text: &str) -> Result<usize, String> {
    let size = size(text)?;
    usize::try_from(size)
        .ok()
        .filter(|size| (1..=MAX_DATAGRAM).contains(size))
        .ok_or_else(|| format!("a datagram has at most {MAX_DATAGRAM} bytes, and 1 is the least"))
}

pub(super) fn buffer_size(text: &str) -> Result<usize, String> {
    // SO_RCVBUF is an int, and the kernel doubles it.
    let fitting = i32::try_from(size(text)?).ok().filter(|&size| size <= i32::MAX / 2);
    let fitting = fitting.and_then(|size| usize::try_from(size).ok());
    fitting.ok_or_else(|| "a receive buffer has at most 1G bytes".to_owned())
}
