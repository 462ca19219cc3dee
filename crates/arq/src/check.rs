//! Cheap proofs before dear ones.
//!
//! Reading a first packet costs some hundred microseconds, so three things come before it. The *check*
//! tells damage from what was meant. *Whom* names the key that the opener expects: who does not know
//! whom he speaks to makes nobody compute, as with `mac1` of WireGuard (§5.4.4 of its paper), and an
//! honest peer can be told that it expects the wrong key. A *cookie* proves that the sender gets what is
//! sent to its address, before anything is kept for it: what a SYN cookie is for TCP, and a Retry for
//! QUIC (RFC 9000 §8.1.2).
//!
//! ```text
//! check  = HMAC-SHA256(SHA256("sockeye arq 1 check"), packet up to the check)[..16]
//! whom   = HMAC-SHA256(SHA256("sockeye arq 1 whom" | key of the answerer), index u64)[..8]
//! cookie = HMAC-SHA256(secret, address 16 | port u16 | index u64)[..16]
//! ```
//!
//! An IPv4 address is written as IPv6 does (`::ffff:a.b.c.d`). Only who made a cookie reads it, so its
//! formula is our own affair.

use std::net::{IpAddr, SocketAddr};

use ring::digest::{SHA256, digest};
use ring::hmac::{self, HMAC_SHA256};
use subtle::ConstantTimeEq as _;

use crate::identity::PublicKey;
use crate::limits::COOKIE_SECRET_TIME;
use crate::packet::{Checked, MAC, WHOM};
use crate::random::Source;
use crate::time::Time;

/// The check of these bytes.
pub(crate) fn check(bytes: &[u8]) -> [u8; MAC] {
    mac(&labelled(b"sockeye arq 1 check", &[]), bytes)
}

/// Whether a packet is as it was sent.
pub(crate) fn is_whole(checked: Checked<'_>) -> bool {
    check(checked.bytes).ct_eq(checked.check).into()
}

/// What an opener with this index writes if it expects this key.
pub(crate) fn whom(key: &PublicKey, index: u64) -> [u8; WHOM] {
    let mac = mac(&labelled(b"sockeye arq 1 whom", key.as_bytes()), &index.to_be_bytes());
    *mac.first_chunk().expect("it is half of a check")
}

fn labelled(label: &[u8], key: &[u8]) -> hmac::Key {
    hmac::Key::new(HMAC_SHA256, digest(&SHA256, &[label, key].concat()).as_ref())
}

/// Makes cookies and knows its own again.
#[derive(Debug)]
pub(crate) struct Cookies {
    /// The present secret and the one before: a cookie that was just given out still counts.
    secrets: [hmac::Key; 2],
    since: Time,
}

impl Cookies {
    pub(crate) fn new(now: Time, random: &mut Source) -> Self {
        let secrets = [(); 2].map(|()| hmac::Key::new(HMAC_SHA256, &random.bytes::<32>()));
        Self { secrets, since: now }
    }

    /// Takes a new secret if the present one is old.
    pub(crate) fn refresh(&mut self, now: Time, random: &mut Source) {
        let age = now.since(self.since);
        if age >= COOKIE_SECRET_TIME {
            let fresh = |random: &mut Source| hmac::Key::new(HMAC_SHA256, &random.bytes::<32>());
            let old = std::mem::replace(&mut self.secrets[0], fresh(random));
            // After a long silence the one before is too old as well.
            let too_old = age >= 2 * COOKIE_SECRET_TIME;
            self.secrets[1] = if too_old { fresh(random) } else { old };
            self.since = now;
        }
    }

    /// The cookie for who sent from there with this index.
    pub(crate) fn make(&self, address: SocketAddr, index: u64) -> [u8; MAC] {
        mac(&self.secrets[0], &about(address, index))
    }

    pub(crate) fn is_ours(&self, cookie: &[u8; MAC], address: SocketAddr, index: u64) -> bool {
        let about = about(address, index);
        self.secrets.iter().any(|secret| mac(secret, &about).ct_eq(cookie).into())
    }
}

fn about(address: SocketAddr, index: u64) -> Vec<u8> {
    let ip = match address.ip() {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    [&ip.octets()[..], &address.port().to_be_bytes(), &index.to_be_bytes()].concat()
}

fn mac(key: &hmac::Key, bytes: &[u8]) -> [u8; MAC] {
    let tag = hmac::sign(key, bytes);
    *tag.as_ref().first_chunk().expect("SHA-256 has 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Identity;
    use crate::random::Seeded;

    #[test]
    fn a_check_covers_every_byte_and_whom_is_one_key_s() {
        let check = check(b"packet");
        assert!(is_whole(Checked { bytes: b"packet", check: &check }));
        assert!(!is_whole(Checked { bytes: b"pocket", check: &check }));
        let key = Identity::from_secret(&[1; 32]).public();
        let other = Identity::from_secret(&[2; 32]).public();
        assert_ne!(whom(&key, 1), whom(&other, 1));
        assert_ne!(whom(&key, 1), whom(&key, 2));
    }

    #[test]
    fn a_cookie_is_one_address_s_and_holds_for_up_to_two_secrets() {
        let mut random = Source::new(Box::new(Seeded::new(3)));
        let mut cookies = Cookies::new(Time::ZERO, &mut random);
        let from: SocketAddr = "192.0.2.1:5000".parse().unwrap();
        let cookie = cookies.make(from, 7);
        assert!(cookies.is_ours(&cookie, from, 7));
        assert!(!cookies.is_ours(&cookie, from, 8));
        assert!(!cookies.is_ours(&cookie, "192.0.2.1:5001".parse().unwrap(), 7));
        assert!(!cookies.is_ours(&cookie, "192.0.2.2:5000".parse().unwrap(), 7));
        assert!(!cookies.is_ours(&[0; MAC], from, 7));

        let mut now = Time::ZERO + COOKIE_SECRET_TIME;
        cookies.refresh(now, &mut random);
        assert!(cookies.is_ours(&cookie, from, 7));
        now = now + COOKIE_SECRET_TIME;
        cookies.refresh(now, &mut random);
        assert!(!cookies.is_ours(&cookie, from, 7));
        let cookie = cookies.make(from, 7);
        cookies.refresh(now + 2 * COOKIE_SECRET_TIME, &mut random);
        assert!(!cookies.is_ours(&cookie, from, 7), "nobody has asked for a long time");
    }
}
