//! A peer that knows the formulas of `docs/protocol.md` and nothing of `arq`: it does its handshake with
//! `snow` and seals whatever it wants.

use arq::PublicKey;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::digest::{SHA256, digest};
use ring::hmac::{self, HMAC_SHA256};
use snow::HandshakeState;

/// The index by which it wants to be addressed.
pub(crate) const INDEX: u64 = 7;
const OPEN: usize = 1200;
const CHECK: usize = OPEN - 32;

/// A handshake that it began.
pub(crate) struct Opening(HandshakeState);

/// What it seals with after the handshake.
pub(crate) struct Sealer {
    key: LessSafeKey,
    to: u64,
}

/// Its first packet, with the payload that says what it grants.
pub(crate) fn open(to: &PublicKey, grants: &[u8]) -> (Opening, Vec<u8>) {
    let name = "Noise_IK_25519_AESGCM_SHA256".parse().expect("a name that snow knows");
    let prologue = [&b"sockeye arq\x01I"[..], &INDEX.to_be_bytes()].concat();
    let mut state = snow::Builder::new(name)
        .local_private_key(&[3; 32])
        .and_then(|builder| builder.remote_public_key(to.as_bytes()))
        .and_then(|builder| builder.prologue(&prologue))
        .map(|builder| builder.fixed_ephemeral_key_for_testing_only(&[4; 32]))
        .and_then(snow::Builder::build_initiator)
        .expect("all that the pattern needs");
    let mut noise = [0; 300];
    let len = state.write_message(grants, &mut noise).expect("the grants are short");
    let mut packet = vec![8, 1, 1, 0];
    packet.extend_from_slice(&INDEX.to_be_bytes());
    packet.extend_from_slice(&whom(to, INDEX));
    packet.extend_from_slice(&u16::try_from(len).expect("it is short").to_be_bytes());
    packet.extend_from_slice(&noise[..len]);
    packet.resize(OPEN, 0);
    put_check(&mut packet);
    (Opening(state), packet)
}

impl Opening {
    /// Ends the handshake with the Answer.
    pub(crate) fn finish(mut self, answer: &[u8]) -> Sealer {
        let index = answer[12..20].try_into().expect("an Answer has an index");
        self.0.read_message(&answer[20..answer.len() - 16], &mut [0; 300]).expect("it is right");
        let (send, _) = self.0.dangerously_get_raw_split();
        let key = UnboundKey::new(&AES_256_GCM, &send).expect("a key of its length");
        Sealer { key: LessSafeKey::new(key), to: u64::from_be_bytes(index) }
    }
}

impl Sealer {
    /// A Data packet with these frames.
    pub(crate) fn seal(&self, number: u64, frames: &[u8]) -> Vec<u8> {
        let mut packet = vec![11, 0];
        packet.extend_from_slice(&self.to.to_be_bytes());
        packet.extend_from_slice(&number.to_be_bytes());
        let mut nonce = [0; NONCE_LEN];
        nonce[4..].copy_from_slice(&number.to_be_bytes());
        let nonce = Nonce::assume_unique_for_key(nonce);
        let mut sealed = frames.to_vec();
        let header = Aad::from(&packet[..]);
        let tag = self.key.seal_in_place_separate_tag(nonce, header, &mut sealed);
        packet.extend_from_slice(&sealed);
        packet.extend_from_slice(tag.expect("a packet is short").as_ref());
        packet
    }
}

/// Makes the check right of what looks like a packet that has one.
pub(crate) fn put_check(packet: &mut [u8]) {
    let at = match packet.first() {
        Some(8) if packet.len() == OPEN => CHECK,
        Some(9 | 10) if packet.len() > 16 => packet.len() - 16,
        _ => return,
    };
    let check = mac(b"sockeye arq 1 check", &[], &packet[..at]);
    packet[at..at + 16].copy_from_slice(&check[..16]);
}

/// What an Open says to whom it goes.
pub(crate) fn whom(key: &PublicKey, index: u64) -> [u8; 8] {
    let mac = mac(b"sockeye arq 1 whom", key.as_bytes(), &index.to_be_bytes());
    *mac.first_chunk().expect("it is longer")
}

fn mac(label: &[u8], key: &[u8], bytes: &[u8]) -> [u8; 32] {
    let key = digest(&SHA256, &[label, key].concat());
    let tag = hmac::sign(&hmac::Key::new(HMAC_SHA256, key.as_ref()), bytes);
    *tag.as_ref().first_chunk().expect("SHA-256 has 32 bytes")
}
