//! The handshakes that others began, and their bounds.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};

use crate::handshake::{Agreed, Handshake};
use crate::limits::{COOKIE_FROM, HALF_OPEN_TIME, MAX_HALF_OPEN, MAX_HALF_OPEN_PER_HOST};
use crate::time::Time;

/// A handshake that is answered and not confirmed. As long as that is so, nobody knows whether its first
/// packet was an old one that somebody sends again.
#[derive(Debug)]
pub(super) struct HalfOpen {
    pub(super) from: SocketAddr,
    /// The index that the opener gave itself.
    pub(super) to: u64,
    /// What is sent again when the first packet comes again.
    pub(super) answer: Vec<u8>,
    pub(super) stage: Stage,
}

#[derive(Debug)]
pub(super) enum Stage {
    /// The first Data packet that opens confirms it.
    Ik(Agreed),
    /// The Confirm does.
    Xx(Box<Handshake>),
}

#[derive(Debug, Default)]
pub(super) struct HalfOpens {
    by_index: BTreeMap<u64, HalfOpen>,
    by_origin: BTreeMap<(SocketAddr, u64), u64>,
    per_host: BTreeMap<IpAddr, usize>,
    /// Oldest first; some are gone already.
    order: VecDeque<(Time, u64)>,
    /// First packets that were computed for nothing: from where, oldest first.
    forged: VecDeque<(Time, IpAddr)>,
}

impl HalfOpens {
    pub(super) fn len(&self) -> usize {
        self.by_index.len()
    }

    /// Whether there are so many that a cookie is asked for.
    pub(super) fn wants_cookies(&self) -> bool {
        self.load() >= COOKIE_FROM
    }

    /// Whether there is a place for one more from there.
    pub(super) fn has_room(&self, from: SocketAddr) -> bool {
        let of_host = self.per_host.get(&from.ip()).copied().unwrap_or(0);
        self.load() < MAX_HALF_OPEN && of_host < MAX_HALF_OPEN_PER_HOST
    }

    /// What has cost something lately: a forged first packet costs as much as half a handshake, so it
    /// takes a place for as long.
    fn load(&self) -> usize {
        self.len() + self.forged.len()
    }

    /// A first packet from there could not be read, which only computing it could tell.
    pub(super) fn note_forged(&mut self, now: Time, from: SocketAddr) {
        self.forged.push_back((now, from.ip()));
        *self.per_host.entry(from.ip()).or_default() += 1;
    }

    pub(super) fn get(&self, index: u64) -> Option<&HalfOpen> {
        self.by_index.get(&index)
    }

    pub(super) fn get_mut(&mut self, index: u64) -> Option<&mut HalfOpen> {
        self.by_index.get_mut(&index)
    }

    /// The one that a first packet from there with that index began.
    pub(super) fn of_origin(&self, from: SocketAddr, to: u64) -> Option<&HalfOpen> {
        self.get(*self.by_origin.get(&(from, to))?)
    }

    /// Whether one was begun from there.
    pub(super) fn is_from(&self, from: SocketAddr) -> bool {
        self.by_origin.range((from, 0)..=(from, u64::MAX)).next().is_some()
    }

    pub(super) fn insert(&mut self, now: Time, index: u64, half_open: HalfOpen) {
        let HalfOpen { from, to, .. } = half_open;
        self.by_origin.insert((from, to), index);
        *self.per_host.entry(from.ip()).or_default() += 1;
        self.by_index.insert(index, half_open);
        self.order.push_back((now, index));
    }

    pub(super) fn remove(&mut self, index: u64) -> Option<HalfOpen> {
        let half_open = self.by_index.remove(&index)?;
        self.by_origin.remove(&(half_open.from, half_open.to));
        self.leave_host(half_open.from.ip());
        Some(half_open)
    }

    fn leave_host(&mut self, host: IpAddr) {
        if let Some(count) = self.per_host.get_mut(&host) {
            *count -= 1;
            if *count == 0 {
                self.per_host.remove(&host);
            }
        }
    }

    /// Forgets those that took too long.
    pub(super) fn expire(&mut self, now: Time) {
        while let Some(&(since, index)) = self.order.front()
            && (now.since(since) >= HALF_OPEN_TIME || !self.by_index.contains_key(&index))
        {
            self.order.pop_front();
            self.remove(index);
        }
        while let Some(&(since, host)) = self.forged.front()
            && now.since(since) >= HALF_OPEN_TIME
        {
            self.forged.pop_front();
            self.leave_host(host);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handshake::Grants;
    use crate::identity::PublicKey;

    fn half_open(from: SocketAddr, to: u64) -> HalfOpen {
        let grants = Grants { idle: HALF_OPEN_TIME, connection: 0, channel: 0 };
        let peer = PublicKey::from_bytes([0; 32]);
        let (send, receive) = ([0; 32].into(), [0; 32].into());
        let stage = Stage::Ik(Agreed { peer, send, receive, grants });
        HalfOpen { from, to, answer: Vec::new(), stage }
    }

    #[test]
    fn max_half_open_per_host_and_in_all_and_cookies_before() {
        let mut half_opens = HalfOpens::default();
        let mut index = 0;
        for host in 0..200_u8 {
            for port in 0..100 {
                let from = SocketAddr::from(([192, 0, 2, host], port));
                let expected =
                    usize::from(port) < MAX_HALF_OPEN_PER_HOST && half_opens.len() < MAX_HALF_OPEN;
                assert_eq!(half_opens.has_room(from), expected);
                assert_eq!(half_opens.wants_cookies(), half_opens.len() >= COOKIE_FROM);
                if expected {
                    half_opens.insert(Time::ZERO, index, half_open(from, 1));
                    assert!(half_opens.of_origin(from, 1).is_some());
                    index += 1;
                }
            }
        }
        assert_eq!(half_opens.len(), MAX_HALF_OPEN);
        half_opens.expire(Time::ZERO);
        assert!(half_opens.remove(0).is_some());
        half_opens.expire(Time::ZERO + HALF_OPEN_TIME);
        assert_eq!(half_opens.len(), 0);
        let empty = half_opens.by_origin.is_empty() && half_opens.per_host.is_empty();
        assert!(empty && half_opens.order.is_empty());
    }
}
