//! What a handshake computes with.

use snow::params::{CipherChoice, DHChoice, HashChoice};
use snow::resolvers::{CryptoResolver, DefaultResolver, RingResolver};
use snow::types::{Cipher, Dh, Hash, Random};
use subtle::ConstantTimeEq as _;

/// The choices of `snow` with `ring-accelerated`, but for the random numbers, which are the caller's, and
/// for keys that are nobody's.
pub(super) struct Primitives(pub(super) [u8; 32]);

impl CryptoResolver for Primitives {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        Some(Box::new(Drawn(Some(self.0))))
    }

    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn Dh>> {
        let dh = DefaultResolver.resolve_dh(choice)?;
        Some(Box::new(Contributory(dh)))
    }

    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        RingResolver.resolve_hash(choice)
    }

    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn Cipher>> {
        RingResolver.resolve_cipher(choice)
    }
}

/// Random bytes for one key, and no more: a second draw would repeat them.
struct Drawn(Option<[u8; 32]>);

impl Random for Drawn {
    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), snow::Error> {
        let bytes = self.0.take().filter(|bytes| bytes.len() == dest.len());
        dest.copy_from_slice(&bytes.ok_or(snow::Error::Rng)?);
        Ok(())
    }
}

/// X25519 that fails where the secret is zero (RFC 7748 §6.1). `snow` leaves that out, as Noise allows
/// (§12.1); but then anybody could prove to be the owner of such a key.
struct Contributory(Box<dyn Dh>);

impl Dh for Contributory {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn pub_len(&self) -> usize {
        self.0.pub_len()
    }

    fn priv_len(&self) -> usize {
        self.0.priv_len()
    }

    fn set(&mut self, privkey: &[u8]) {
        self.0.set(privkey);
    }

    fn generate(&mut self, rng: &mut dyn Random) -> Result<(), snow::Error> {
        self.0.generate(rng)
    }

    fn pubkey(&self) -> &[u8] {
        self.0.pubkey()
    }

    fn privkey(&self) -> &[u8] {
        self.0.privkey()
    }

    fn dh(&self, pubkey: &[u8], out: &mut [u8]) -> Result<(), snow::Error> {
        self.0.dh(pubkey, out)?;
        let len = self.0.dh_len();
        if out[..len].ct_eq(&vec![0; len]).into() { Err(snow::Error::Dh) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Points of small order, for which RFC 7748 §7 has a check.
    #[test]
    fn keys_that_are_nobody_s_make_no_secret() {
        let mut dh = Primitives([1; 32]).resolve_dh(&DHChoice::Curve25519).unwrap();
        dh.set(&[7; 32]);
        let little = |first: u8, others: u8, last: u8| {
            let mut key = [others; 32];
            (key[0], key[31]) = (first, last);
            key
        };
        for key in [
            little(0, 0, 0),
            little(1, 0, 0),
            // p - 1, p and p + 1, where p is 2^255 - 19.
            little(0xec, 0xff, 0x7f),
            little(0xed, 0xff, 0x7f),
            little(0xee, 0xff, 0x7f),
        ] {
            assert!(dh.dh(&key, &mut [0; 32]).is_err(), "{key:?}");
        }
        assert!(dh.dh(&little(9, 0, 0), &mut [0; 32]).is_ok());
    }
}
