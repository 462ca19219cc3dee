//! How much may be in flight: RFC 9002 §7.

use std::fmt;

use crate::limits::DATAGRAM;
use crate::time::Time;

/// A controller of congestion.
///
/// It is told what happens to packets that want an answer, and says how many bytes of them may be under
/// way. RFC 8085 §3.1 asks for one; which one is for the configuration.
pub trait Controller: fmt::Debug + Send {
    /// A packet of `size` bytes that was sent at `sent` arrived. `limited` says that the window was what
    /// held the sender back: otherwise it was not put to the test and may not grow (RFC 9002 §7.8).
    fn on_acked(&mut self, sent: Time, size: usize, limited: bool);

    /// A packet that was sent at `sent` is lost. Whether it begins a recovery is the answer.
    fn on_lost(&mut self, now: Time, sent: Time) -> bool;

    /// A packet that was sent at `sent` and taken for lost was only late.
    fn on_spurious(&mut self, sent: Time);

    /// Nothing has come through for long (RFC 9002 §7.6.2).
    fn on_persistent_congestion(&mut self);

    /// Whether packets sent at `sent` belong to a recovery, so that their loss is no news.
    fn in_recovery(&self, sent: Time) -> bool;

    /// How many bytes may be in flight.
    fn window(&self) -> usize;

    /// Whether the window doubles with each round trip at present.
    fn in_slow_start(&self) -> bool;

    /// A new one for a path of which nothing is known (RFC 9000 §9.4).
    fn renew(&self) -> Box<dyn Controller>;
}

/// Window at the start (RFC 9002 §7.2): ten datagrams.
pub(crate) const INITIAL_WINDOW: usize = 10 * DATAGRAM;

/// Smallest window (RFC 9002 §7.2): two datagrams.
pub(crate) const MIN_WINDOW: usize = 2 * DATAGRAM;
