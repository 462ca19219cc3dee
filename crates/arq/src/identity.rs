//! Who a peer is: the public key of X25519 (RFC 7748) that it proves to have.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use snow::params::DHChoice;
use snow::resolvers::{CryptoResolver as _, DefaultResolver};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::random::Random;

/// A key pair of X25519: the secret half stays here.
#[derive(Clone)]
pub struct Identity {
    secret: Zeroizing<[u8; 32]>,
    public: PublicKey,
}

/// The public half of an [`Identity`], written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; 32]);

/// What was to be a key is not 64 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("a key is 64 hexadecimal digits")]
pub struct KeyError;

impl Identity {
    /// A new one.
    pub fn generate(random: &mut dyn Random) -> Self {
        let mut secret = Zeroizing::new([0; 32]);
        random.fill(&mut secret[..]);
        Self::from_secret(&secret)
    }

    /// The one with this secret half.
    pub fn from_secret(secret: &[u8; 32]) -> Self {
        let mut curve = DefaultResolver
            .resolve_dh(&DHChoice::Curve25519)
            .expect("snow is built with Curve25519");
        curve.set(secret);
        let public = curve.pubkey().try_into().expect("a public key has 32 bytes");
        Self { secret: Zeroizing::new(*secret), public: PublicKey(public) }
    }

    /// The half that others may know.
    pub fn public(&self) -> PublicKey {
        self.public
    }

    /// The half that is kept where nobody else reads it.
    pub fn secret(&self) -> &[u8; 32] {
        &self.secret
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({})", self.public)
    }
}

impl PublicKey {
    /// The key with these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes, as RFC 7748 §5 writes them.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(64);
        for byte in self.0 {
            write!(text, "{byte:02x}")?;
        }
        f.pad(&text)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let mut key = [0; 32];
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(KeyError);
        }
        for (index, byte) in key.iter_mut().enumerate() {
            let digits = &text[2 * index..2 * index + 2];
            *byte = u8::from_str_radix(digits, 16).map_err(|_| KeyError)?;
        }
        Ok(Self(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Alice's and Bob's pairs of RFC 7748 §6.1.
    #[test]
    fn the_public_half_follows_from_the_secret_one() {
        for (secret, public) in [
            (
                "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
                "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
            ),
            (
                "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
                "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
            ),
        ] {
            // Both halves are 32 bytes, so one reader reads both.
            let secret: PublicKey = secret.parse().unwrap();
            let identity = Identity::from_secret(secret.as_bytes());
            assert_eq!(identity.public().to_string(), public);
        }
    }

    #[test]
    fn a_key_is_read_as_it_is_written() {
        let key = PublicKey::from_bytes(std::array::from_fn(|n| u8::try_from(n * 8).unwrap()));
        let text = key.to_string();
        assert_eq!(text.parse(), Ok(key));
        assert_eq!(text.to_uppercase().parse(), Ok(key));
        for wrong in ["", &text[1..], &format!("{text}0"), &text.replace('0', "g"), &"é".repeat(32)]
        {
            assert_eq!(wrong.parse::<PublicKey>(), Err(KeyError), "{wrong}");
        }
    }
}
