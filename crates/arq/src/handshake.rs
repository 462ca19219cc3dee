//! How two peers come to have keys: Noise IK where the opener knows the other's key, XX where it does
//! not (Noise §7.5).
//!
//! ```text
//! IK  -> e, es, s, ss      Open         XX  -> e                Open
//!     <- e, ee, se         Answer           <- e, ee, s, es     Answer
//!                                           -> s, se            Confirm, with Data behind it
//! ```
//!
//! `snow` does it, with X25519, AES-256-GCM and SHA-256. The prologue (§6) binds the name and version
//! of the protocol, the pattern and the opener's index, so none of them can be changed on the way.
//! Messages carry what each side grants ([`Grants`]) in their payload: in IK both messages, in XX the
//! second and the third, because the first is not encrypted. No word of the application travels in a
//! handshake: the first message can be played again by anybody.

mod primitives;

use std::fmt;
use std::time::Duration;

use snow::params::NoiseParams;
use snow::{Builder, HandshakeState};

use crate::identity::{Identity, PublicKey};
use crate::keys::Secret;
use crate::packet::{Pattern, VERSION};
use crate::varint::{self, Malformed, Reader};
use primitives::Primitives;

/// What a side grants the other, told in the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grants {
    /// After how long a silence it gives up.
    pub(crate) idle: Duration,
    /// Credit of all channels together, in bytes.
    pub(crate) connection: u64,
    /// Credit of each channel, in bytes.
    pub(crate) channel: u64,
}

impl Grants {
    pub(crate) fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let idle = u64::try_from(self.idle.as_millis()).unwrap_or(varint::MAX);
        varint::put(&mut out, idle.min(varint::MAX));
        varint::put(&mut out, self.connection);
        varint::put(&mut out, self.channel);
        out
    }

    /// What follows is for versions to come, and skipped.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        Ok(Self {
            idle: Duration::from_millis(reader.varint()?),
            connection: reader.varint()?,
            channel: reader.varint()?,
        })
    }
}

/// What a handshake ends with.
#[derive(Debug)]
pub(crate) struct Agreed {
    pub(crate) peer: PublicKey,
    /// The key to send with, and the one to receive with.
    pub(crate) send: Secret,
    pub(crate) receive: Secret,
    /// What the peer lets us send.
    pub(crate) grants: Grants,
}

/// What both sides hash before the first message.
pub(crate) fn prologue(pattern: Pattern, index: u64) -> Vec<u8> {
    let pattern = match pattern {
        Pattern::Ik => b'I',
        Pattern::Xx => b'X',
    };
    [&b"sockeye arq"[..], &[VERSION, pattern], &index.to_be_bytes()].concat()
}

/// One side of a handshake.
pub(crate) struct Handshake {
    state: HandshakeState,
    opener: bool,
}

/// What a side begins with.
#[derive(Debug)]
pub(crate) struct Start<'a> {
    pub(crate) pattern: Pattern,
    pub(crate) identity: &'a Identity,
    pub(crate) prologue: &'a [u8],
    /// The secret half of the key that is used this once: 32 random bytes.
    pub(crate) ephemeral: [u8; 32],
}

impl Handshake {
    /// The side that opens; with IK it knows the `peer`.
    pub(crate) fn opener(start: &Start<'_>, peer: Option<&PublicKey>) -> Self {
        let builder = start.builder();
        let state = match peer {
            Some(peer) => builder.remote_public_key(peer.as_bytes()),
            None => Ok(builder),
        };
        let state = state.and_then(Builder::build_initiator).expect("all that the pattern needs");
        Self { state, opener: true }
    }

    /// The side that answers.
    pub(crate) fn answerer(start: &Start<'_>) -> Self {
        let state = start.builder().build_responder().expect("all that the pattern needs");
        Self { state, opener: false }
    }

    /// The next message.
    pub(crate) fn write(&mut self, payload: &[u8]) -> Option<Vec<u8>> {
        // Two keys with a tag, and the tag of the payload.
        let mut message = vec![0; payload.len() + 32 + 48 + 16];
        // It fails for a key of the peer with which there is no secret (RFC 7748 §6.1).
        let len = self.state.write_message(payload, &mut message).ok()?;
        message.truncate(len);
        Some(message)
    }

    /// The payload of the peer's message, if it is one.
    pub(crate) fn read(&mut self, message: &[u8]) -> Option<Vec<u8>> {
        let mut payload = vec![0; message.len()];
        let len = self.state.read_message(message, &mut payload).ok()?;
        payload.truncate(len);
        Some(payload)
    }

    /// What both sides have at the end, with the peer's `grants`; nothing where it has shown no key.
    pub(crate) fn agree(&mut self, grants: Grants) -> Option<Agreed> {
        let peer = self.peer()?;
        let (send, receive) = self.split();
        Some(Agreed { peer, send, receive, grants })
    }

    /// The key that the peer has shown.
    fn peer(&self) -> Option<PublicKey> {
        let key = self.state.get_remote_static()?.try_into().ok()?;
        Some(PublicKey::from_bytes(key))
    }

    /// At the end: the key to send with, and the one to receive with.
    fn split(&mut self) -> (Secret, Secret) {
        let (of_opener, of_answerer) = self.state.dangerously_get_raw_split();
        if self.opener {
            (of_opener.into(), of_answerer.into())
        } else {
            (of_answerer.into(), of_opener.into())
        }
    }
}

impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshake").field("opener", &self.opener).finish_non_exhaustive()
    }
}

impl Start<'_> {
    fn builder(&self) -> Builder<'_> {
        let name = match self.pattern {
            Pattern::Ik => "Noise_IK_25519_AESGCM_SHA256",
            Pattern::Xx => "Noise_XX_25519_AESGCM_SHA256",
        };
        let params: NoiseParams = name.parse().expect("a name that snow knows");
        Builder::with_resolver(params, Box::new(Primitives(self.ephemeral)))
            .local_private_key(self.identity.secret())
            .and_then(|builder| builder.prologue(self.prologue))
            .expect("each is set once")
    }
}

#[cfg(test)]
mod tests {
    use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let digits = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
        (0..text.len()).step_by(2).map(digits).collect()
    }

    fn key(text: &str) -> [u8; 32] {
        hex(text).try_into().unwrap()
    }

    fn open(secret: &Secret, number: u64, sealed: &str) -> Vec<u8> {
        let mut nonce = [0; 12];
        nonce[4..].copy_from_slice(&number.to_be_bytes());
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &secret[..]).unwrap());
        let mut sealed = hex(sealed);
        let nonce = Nonce::assume_unique_for_key(nonce);
        key.open_in_place(nonce, Aad::empty(), &mut sealed).unwrap().to_vec()
    }

    /// The vectors that the Noise implementation `cacophony` publishes: payload and message, in turns,
    /// the first ones of the handshake, then two with the keys that came of it.
    #[track_caller]
    fn check(pattern: Pattern, handshake: &[(&str, &str)], transport: [(&str, &str); 2]) {
        let opener = Identity::from_secret(&key(
            "e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1",
        ));
        let answerer = Identity::from_secret(&key(
            "4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893",
        ));
        let prologue = &hex("4a6f686e2047616c74")[..];
        let ephemeral = key("893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a");
        let known = answerer.public();
        let peer = (pattern == Pattern::Ik).then_some(&known);
        let mut ours =
            Handshake::opener(&Start { pattern, identity: &opener, prologue, ephemeral }, peer);
        let ephemeral = key("bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b");
        let mut theirs =
            Handshake::answerer(&Start { pattern, identity: &answerer, prologue, ephemeral });
        for (index, (payload, message)) in handshake.iter().enumerate() {
            let (from, to) =
                if index % 2 == 0 { (&mut ours, &mut theirs) } else { (&mut theirs, &mut ours) };
            let written = from.write(&hex(payload)).unwrap();
            assert_eq!(written, hex(message), "{index}");
            assert_eq!(to.read(&written).unwrap(), hex(payload), "{index}");
        }
        assert_eq!(ours.peer(), Some(answerer.public()));
        assert_eq!(theirs.peer(), Some(opener.public()));
        let (send, receive) = ours.split();
        assert_eq!((&receive, &send), (&theirs.split().0, &theirs.split().1));
        // The vectors go on in turns, so who comes next depends on how many messages there were.
        let [first, second] = transport;
        let (of_first, of_second) =
            if handshake.len().is_multiple_of(2) { (send, receive) } else { (receive, send) };
        assert_eq!(open(&of_first, 0, first.1), hex(first.0));
        assert_eq!(open(&of_second, 0, second.1), hex(second.0));
    }

    #[test]
    fn ik_is_that_of_the_vectors() {
        check(
            Pattern::Ik,
            &[
                (
                    "4c756477696720766f6e204d69736573",
                    "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c79444e417bc55c7a8166c993356c1be41ef67818a292426f301556c7f26b21d25ddb097153891a9a956cff47b83e63ad8d701c1342c209cff1ca5ecd43402762ac249e3bd3a4c0a145fe07cb5dae28ea13a3",
                ),
                (
                    "4d757272617920526f746862617264",
                    "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843af2ccf9972e22afc67aeafcd25162f7f98c363b7762e3e4cb7d272e39f27a5",
                ),
            ],
            [
                (
                    "462e20412e20486179656b",
                    "66acfc92e3197de166809e6d4d5d003dcc819a84bc3522ca53c9d9",
                ),
                (
                    "4361726c204d656e676572",
                    "71f89aa6533a6de70b0826864dd75f60806ee40170c16290189eb3",
                ),
            ],
        );
    }

    #[test]
    fn xx_is_that_of_the_vectors() {
        check(
            Pattern::Xx,
            &[
                (
                    "4c756477696720766f6e204d69736573",
                    "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c79444c756477696720766f6e204d69736573",
                ),
                (
                    "4d757272617920526f746862617264",
                    "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843757117acceb05bd7a45733bc22015c97a9d0cbaf41b80446d5988ff5127235d76b79eade70f473d6a4ef521fdcbeda5340d01e028ba793fc059f2724a83af05f12dda0448a7621a926b379a92477fd",
                ),
                (
                    "462e20412e20486179656b",
                    "c90f1cf77eba4e50edb038991565e36c9758943a989229b6051244dc4fbecb6946744b401af2ee1a5881b65fbb87fd07cb6a328ececc9ce6ce84c399dc332d4fd521fa4bb7f467ce909395",
                ),
            ],
            [
                (
                    "4361726c204d656e676572",
                    "bc3fa77f6aca3e8466d7dc6bea10013e88a6a29add5132b461806c",
                ),
                (
                    "4a65616e2d426170746973746520536179",
                    "250b01074cdfe0df2ecf8ccbf1737b15a2ddb5b52fd9a396604e9c793cee3b3bb9",
                ),
            ],
        );
    }

    #[test]
    fn damage_is_no_message_and_the_right_one_is_still_read() {
        let (a, b) = (Identity::from_secret(&[1; 32]), Identity::from_secret(&[2; 32]));
        let pattern = Pattern::Ik;
        let start = Start { pattern, identity: &a, prologue: b"p", ephemeral: [3; 32] };
        let mut ours = Handshake::opener(&start, Some(&b.public()));
        let open = ours.write(b"").unwrap();
        let start = Start { pattern, identity: &b, prologue: b"p", ephemeral: [4; 32] };
        let mut theirs = Handshake::answerer(&start);
        theirs.read(&open).unwrap();
        let answer = theirs.write(b"grants").unwrap();
        for at in 0..answer.len() {
            let mut damaged = answer.clone();
            damaged[at] ^= 1;
            assert_eq!(ours.read(&damaged), None, "{at}");
            assert_eq!(ours.read(&answer[..at]), None, "{at}");
        }
        assert_eq!(ours.read(&answer).unwrap(), b"grants");
    }

    #[test]
    fn the_prologue_binds_version_pattern_and_index() {
        let all = [prologue(Pattern::Ik, 1), prologue(Pattern::Xx, 1), prologue(Pattern::Ik, 2)];
        assert_ne!(all[0], all[1]);
        assert_ne!(all[0], all[2]);
    }

    #[test]
    fn grants_are_read_as_written_and_may_grow() {
        let grants = Grants { idle: Duration::from_secs(30), connection: 9, channel: 1 << 40 };
        let mut bytes = grants.write();
        assert_eq!(Grants::read(&bytes), Ok(grants));
        bytes.extend_from_slice(b"later");
        assert_eq!(Grants::read(&bytes), Ok(grants));
        assert_eq!(Grants::read(&bytes[..2]), Err(Malformed));
    }
}
