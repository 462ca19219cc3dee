//! How packets are sealed and opened, and when keys change.
//!
//! The two keys are those of Noise's `Split()` (§5.2), one for each direction. A packet is what Noise
//! calls `EncryptWithAd(ad, plaintext)` with AESGCM (§12.4): the nonce is 32 zero bits and the full
//! packet number, and `ad` is the packet's header, so nothing of it can be changed. A number is never
//! used twice, because each packet, also one that repeats something, has a new one; the next key goes
//! on with the same numbers.
//!
//! Keys change as Noise §4.2 says (`REKEY`), each direction by itself, after [`REKEY_PACKETS`] packets
//! or [`REKEY_AFTER`]. The header has the low byte of the key's number. A receiver that meets the next
//! one tries the next key and keeps the one before for what is still under way (RFC 9001 §6.3, §6.5).
//! What was sealed with a key that is gone stays secret from who takes the present ones.

use std::fmt;
use std::time::Duration;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

use crate::limits::{REKEY_AFTER, REKEY_PACKETS};
use crate::packet::{DATA_HEADER, DataHeader, TAG};
use crate::time::Time;

/// A key of one direction.
pub(crate) type Secret = Zeroizing<[u8; 32]>;

/// The key of packets that are sent.
#[derive(Debug)]
pub(crate) struct SealingKey {
    key: PacketKey,
    /// Packets under this key, and since when.
    sealed: u64,
    since: Time,
    /// The number of the first packet under this key.
    first: u64,
    /// Whether the peer has opened a packet under this key: it may not change before (RFC 9001 §6.1).
    confirmed: bool,
}

/// The keys of packets that come in.
#[derive(Debug)]
pub(crate) struct OpeningKeys {
    current: PacketKey,
    /// These two are seldom there, and a key is half a KiB.
    previous: Option<(Box<PacketKey>, Time)>,
    /// Made when the first packet asks for it: a forged one may, so it is kept.
    next: Option<Box<PacketKey>>,
}

struct PacketKey {
    key: LessSafeKey,
    /// Which one it is, from 0.
    phase: u64,
}

impl SealingKey {
    pub(crate) fn new(now: Time, secret: &Secret) -> Self {
        Self { key: PacketKey::new(secret, 0), sealed: 0, since: now, first: 0, confirmed: false }
    }

    /// The low byte of the key's number.
    pub(crate) fn phase(&self) -> u8 {
        self.key.phase.to_be_bytes()[7]
    }

    /// How often the key has changed.
    pub(crate) fn changes(&self) -> u64 {
        self.key.phase
    }

    /// Seals what follows the header in `packet`, and appends the tag.
    pub(crate) fn seal(&mut self, number: u64, packet: &mut Vec<u8>) {
        let (header, payload) = packet.split_at_mut(DATA_HEADER);
        let aad = Aad::from(&*header);
        let tag = self.key.key.seal_in_place_separate_tag(nonce(number), aad, payload);
        packet.extend_from_slice(tag.expect("a packet is short").as_ref());
        self.sealed += 1;
    }

    /// Notes that the peer has opened the packet with this number.
    pub(crate) fn on_acked(&mut self, number: u64) {
        self.confirmed |= number >= self.first;
    }

    /// Takes the next key if it is time; `next` is the number of the next packet.
    pub(crate) fn change_if_due(&mut self, now: Time, next: u64) {
        if self.confirmed && (self.sealed >= REKEY_PACKETS || now.since(self.since) >= REKEY_AFTER)
        {
            let key = self.key.next();
            *self = Self { key, sealed: 0, since: now, first: next, confirmed: false };
        }
    }
}

impl OpeningKeys {
    pub(crate) fn new(secret: &Secret) -> Self {
        Self { current: PacketKey::new(secret, 0), previous: None, next: None }
    }

    /// Opens a packet in place: the frames in it, or nothing if it was not sealed for us. `keep` is how
    /// long packets under the key before may still come.
    pub(crate) fn open<'a>(
        &mut self,
        now: Time,
        keep: Duration,
        header: DataHeader,
        packet: &'a mut [u8],
    ) -> Option<&'a [u8]> {
        if self.previous.as_ref().is_some_and(|previous| now >= previous.1) {
            self.previous = None;
        }
        let ahead = header.phase.wrapping_sub(self.current.phase.to_be_bytes()[7]);
        match ahead {
            0 => self.current.open(header.number, packet),
            1 => {
                let next = self.next.get_or_insert_with(|| Box::new(self.current.next()));
                let opened = next.open(header.number, packet)?;
                // Only now is it known that the peer has changed its key.
                if let Some(next) = self.next.take() {
                    let previous = std::mem::replace(&mut self.current, *next);
                    self.previous = Some((Box::new(previous), now + keep));
                }
                Some(opened)
            }
            u8::MAX => self.previous.as_ref()?.0.open(header.number, packet),
            _ => None,
        }
    }
}

impl PacketKey {
    fn new(secret: &Secret, phase: u64) -> Self {
        let key = UnboundKey::new(&AES_256_GCM, &secret[..]).expect("a key of its length");
        Self { key: LessSafeKey::new(key), phase }
    }

    /// `REKEY(k)`: the first 32 bytes of `ENCRYPT(k, 2^64 - 1, "", 32 zeros)` (Noise §4.2).
    fn next(&self) -> Self {
        let mut secret = Zeroizing::new([0; 32]);
        let nonce = nonce(u64::MAX);
        let sealed = self.key.seal_in_place_separate_tag(nonce, Aad::empty(), &mut secret[..]);
        // The tag is not a part of the key.
        let _ = sealed.expect("32 bytes are short");
        Self::new(&secret, self.phase + 1)
    }

    fn open<'a>(&self, number: u64, packet: &'a mut [u8]) -> Option<&'a [u8]> {
        if packet.len() < DATA_HEADER + TAG {
            return None;
        }
        let (header, sealed) = packet.split_at_mut(DATA_HEADER);
        let opened = self.key.open_in_place(nonce(number), Aad::from(&*header), sealed);
        opened.ok().map(|payload| &*payload)
    }
}

impl fmt::Debug for PacketKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PacketKey({})", self.phase)
    }
}

/// Noise §12.4: 32 bits of zeros and the number, big-endian.
fn nonce(number: u64) -> Nonce {
    let mut nonce = [0; NONCE_LEN];
    nonce[4..].copy_from_slice(&number.to_be_bytes());
    Nonce::assume_unique_for_key(nonce)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEEP: Duration = Duration::from_millis(300);

    fn sealed(key: &mut SealingKey, number: u64) -> (DataHeader, Vec<u8>) {
        let header = DataHeader { phase: key.phase(), to: 8, number };
        let mut packet = header.bytes().to_vec();
        packet.extend_from_slice(b"frames");
        key.seal(number, &mut packet);
        (header, packet)
    }

    #[track_caller]
    fn check(keys: &mut OpeningKeys, now: Time, packet: &(DataHeader, Vec<u8>), fine: bool) {
        let mut bytes = packet.1.clone();
        let opened = keys.open(now, KEEP, packet.0, &mut bytes);
        assert_eq!(opened, fine.then_some(&b"frames"[..]), "{:?}", packet.0);
    }

    #[test]
    fn no_byte_of_a_packet_can_be_changed() {
        let (mut key, mut keys) =
            (SealingKey::new(Time::ZERO, &[1; 32].into()), OpeningKeys::new(&[1; 32].into()));
        let packet = sealed(&mut key, 7);
        check(&mut keys, Time::ZERO, &packet, true);
        for at in 0..packet.1.len() {
            let mut changed = packet.clone();
            changed.1[at] ^= 1;
            check(&mut keys, Time::ZERO, &changed, false);
        }
        check(&mut OpeningKeys::new(&[2; 32].into()), Time::ZERO, &packet, false);
    }

    #[test]
    fn the_next_key_is_the_one_that_snow_makes() {
        // REKEY of Noise, by another implementation of it: what it seals with the next key, ours opens.
        let cipher = snow::params::CipherChoice::AESGCM;
        let mut theirs = snow::resolvers::CryptoResolver::resolve_cipher(
            &snow::resolvers::RingResolver,
            &cipher,
        )
        .unwrap();
        theirs.set(&[5; 32]);
        theirs.rekey();
        let header = DataHeader { phase: 1, to: 8, number: 3 };
        let mut packet = header.bytes().to_vec();
        packet.resize(DATA_HEADER + 6 + TAG, 0);
        theirs.encrypt(3, &header.bytes(), b"frames", &mut packet[DATA_HEADER..]);
        check(&mut OpeningKeys::new(&[5; 32].into()), Time::ZERO, &(header, packet), true);
    }

    #[test]
    fn a_key_changes_after_rekey_after_and_the_one_before_is_kept_for_a_while() {
        let (mut key, mut keys) =
            (SealingKey::new(Time::ZERO, &[1; 32].into()), OpeningKeys::new(&[1; 32].into()));
        let old = sealed(&mut key, 0);
        let late = sealed(&mut key, 1);
        check(&mut keys, Time::ZERO, &old, true);
        let now = Time::ZERO + REKEY_AFTER;
        key.change_if_due(now, 2);
        assert_eq!(key.phase(), 0, "the peer has not opened a packet yet");
        key.on_acked(0);
        key.change_if_due(now, 2);
        assert_eq!(key.phase(), 1);
        let new = sealed(&mut key, 2);
        // A forged packet of the next key changes nothing.
        let mut forged = new.clone();
        forged.1[20] ^= 1;
        check(&mut keys, now, &forged, false);
        check(&mut keys, now, &old, true);
        check(&mut keys, now, &new, true);
        check(&mut keys, now, &late, true);
        check(&mut keys, now + KEEP, &late, false);
        check(&mut keys, now + KEEP, &new, true);
    }

    /// A peer that has not seen the present key could not know the one after the next.
    #[test]
    fn a_key_changes_when_a_packet_under_it_was_acknowledged_and_not_before() {
        let mut key = SealingKey::new(Time::ZERO, &[1; 32].into());
        let mut now = Time::ZERO + REKEY_AFTER;
        key.on_acked(4);
        key.change_if_due(now, 5);
        assert_eq!(key.changes(), 1);
        for _ in 0..3 {
            now = now + REKEY_AFTER;
            // One that was sent under the key before.
            key.on_acked(4);
            key.change_if_due(now, 6);
            assert_eq!(key.changes(), 1);
        }
        key.on_acked(5);
        key.change_if_due(now, 6);
        assert_eq!(key.changes(), 2);
    }

    #[test]
    fn each_key_has_its_own_time_and_its_own_packets() {
        let mut key = SealingKey::new(Time::ZERO, &[1; 32].into());
        key.sealed = REKEY_PACKETS;
        let now = Time::ZERO + REKEY_AFTER / 2;
        for number in 0..10 {
            key.on_acked(number);
            key.change_if_due(now + REKEY_AFTER * 2 / 3, number + 1);
        }
        assert_eq!(key.changes(), 1);
    }

    #[test]
    fn a_key_changes_after_rekey_packets_and_its_byte_goes_round() {
        let (mut key, mut keys) =
            (SealingKey::new(Time::ZERO, &[1; 32].into()), OpeningKeys::new(&[1; 32].into()));
        for number in 0..600 {
            let packet = sealed(&mut key, number);
            check(&mut keys, Time::ZERO, &packet, true);
            key.sealed = REKEY_PACKETS - 1;
            key.on_acked(number);
            key.change_if_due(Time::ZERO, number + 1);
            assert_eq!(key.changes(), number, "one packet too early");
            key.sealed = REKEY_PACKETS;
            key.change_if_due(Time::ZERO, number + 1);
            assert_eq!(key.changes(), number + 1);
        }
    }
}
