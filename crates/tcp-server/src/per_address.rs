//! How many connections an address has, and what is told of those that are too many.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::limits::REFUSALS_TOLD;
use crate::stream::Peer;

/// Counts the connections of each address, up to a limit.
#[derive(Clone, Debug)]
pub(crate) struct Addresses {
    limit: Option<usize>,
    open: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// One of the connections that an address may have, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    addresses: Addresses,
    address: IpAddr,
}

impl Addresses {
    /// At most `limit` for each address.
    pub(crate) fn new(limit: Option<usize>) -> Self {
        Self { limit, open: Arc::default() }
    }

    /// A place for another connection of `peer`, if its address may have one more. `Ok(None)` is for who
    /// needs none: there is no limit, or the peer has no address.
    ///
    /// The limit is the error.
    pub(crate) fn take(&self, peer: &Peer) -> Result<Option<Box<Place>>, usize> {
        let (Some(limit), Peer::Tcp(peer)) = (self.limit, peer) else { return Ok(None) };
        let address = network(peer.ip());
        let mut open = self.open();
        let count = open.entry(address).or_insert(0);
        if *count >= limit {
            if *count == 0 {
                open.remove(&address);
            }
            return Err(limit);
        }
        *count += 1;
        // In a box of its own: most connections have none, and their tasks no room for it.
        Ok(Some(Box::new(Place { addresses: self.clone(), address })))
    }

    fn open(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Entry::Occupied(mut count) = self.addresses.open().entry(self.address) {
            *count.get_mut() -= 1;
            // So that the table is never larger than there are connections.
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

/// What counts as one address: of IPv6 the first 64 bits, because that much is one subscriber's to choose
/// from (RFC 6177, RFC 4291, 2.5.4), who would else have a fresh address for each connection.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address @ IpAddr::V4(_) => address,
    }
}

/// Connections that were refused since they were last told of.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refused {
    /// Who the last of them was.
    pub peer: Peer,
    /// How many its address may have.
    pub limit: usize,
    /// How many they were.
    pub count: u64,
    /// Within what time.
    pub within: Duration,
}

/// Gathers refusals, so that whoever knocks a thousand times a second does not fill the log.
///
/// The first one is told at once; those that follow within [`REFUSALS_TOLD`] are told together.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    told: Option<Instant>,
    untold: Option<Refused>,
}

impl Refusals {
    /// A connection was refused; gives what is to be told now.
    pub(crate) fn refused(&mut self, now: Instant, peer: Peer, limit: usize) -> Option<Refused> {
        let count = self.untold.take().map_or(0, |untold| untold.count) + 1;
        self.untold = Some(Refused { peer, limit, count, within: Duration::ZERO });
        if self.due().is_none_or(|due| due <= now) { self.tell(now) } else { None }
    }

    /// When what is not told yet is to be told.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.untold.as_ref()?;
        self.told.map(|told| told + REFUSALS_TOLD)
    }

    /// What is not told yet, which is to be told now.
    pub(crate) fn tell(&mut self, now: Instant) -> Option<Refused> {
        let mut untold = self.untold.take()?;
        // The first of them comes after a silence, whose length says nothing.
        untold.within = match self.told {
            Some(told) if untold.count > 1 => now - told,
            _ => Duration::ZERO,
        };
        self.told = Some(now);
        Some(untold)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(address: &str) -> Peer {
        Peer::Tcp(address.parse().unwrap())
    }

    #[test]
    fn an_address_has_so_many_and_gets_them_back() {
        let addresses = Addresses::new(Some(2));
        let first = addresses.take(&peer("10.0.0.1:1")).unwrap();
        let _second = addresses.take(&peer("10.0.0.1:2")).unwrap();
        assert_eq!(addresses.take(&peer("10.0.0.1:3")).unwrap_err(), 2);
        let _other = addresses.take(&peer("10.0.0.2:1")).unwrap().unwrap();
        drop(first);
        addresses.take(&peer("10.0.0.1:3")).unwrap().unwrap();
        assert_eq!(addresses.open().len(), 2);
    }

    #[test]
    fn ipv6_counts_by_the_64_bits_of_a_subscriber() {
        let addresses = Addresses::new(Some(1));
        let _place = addresses.take(&peer("[2001:db8:1:2::1]:1")).unwrap();
        addresses.take(&peer("[2001:db8:1:2:ffff::9]:1")).unwrap_err();
        addresses.take(&peer("[2001:db8:1:3::1]:1")).unwrap().unwrap();
        // As a server on `[::]` sees peers of IPv4: each is its own.
        let _place = addresses.take(&peer("[::ffff:10.0.0.1]:1")).unwrap();
        addresses.take(&peer("10.0.0.1:1")).unwrap_err();
        addresses.take(&peer("10.0.0.2:1")).unwrap().unwrap();
    }

    #[test]
    fn nothing_is_kept_of_addresses_that_are_gone_or_have_no_limit() {
        let addresses = Addresses::new(Some(1));
        for number in 0..100_u8 {
            addresses.take(&peer(&format!("10.0.0.{number}:1"))).unwrap();
        }
        assert!(addresses.open().is_empty());
        assert!(Addresses::new(None).take(&peer("10.0.0.1:1")).unwrap().is_none());
        assert!(addresses.take(&Peer::Unix(None)).unwrap().is_none());
    }

    #[test]
    fn refusals_are_told_at_once_and_then_together() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut refusals = Refusals::default();
        let mut refused = |millis| {
            let told = refusals.refused(at(millis), peer("10.0.0.1:1"), 2);
            told.map(|told| (told.count, told.within.as_millis()))
        };
        assert_eq!(refused(5000), Some((1, 0)));
        assert_eq!(refused(5001), None);
        assert_eq!(refused(14_999), None);
        assert_eq!(refused(15_000), Some((3, 10_000)));
        assert_eq!(refused(15_001), None);
        assert_eq!(refusals.due(), Some(at(25_000)));
        assert_eq!(refusals.tell(at(25_000)).unwrap().count, 1);
        assert_eq!(refusals.due(), None);
        assert_eq!(refusals.tell(at(26_000)), None);
    }
}
