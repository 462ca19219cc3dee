//! What a datagram holds: one packet of one of six kinds.
//!
//! The first byte says which. The values 8 to 13 are none of those by which STUN, TURN, DTLS, RTP and
//! QUIC are told apart on one port (RFC 7983, RFC 9443), so a socket can be shared with them.
//!
//! ```text
//! Open      8 | version u8 | pattern u8 | 0 | from u64 | whom 8 | length u16 | noise ... | 0 ... | check 16 | cookie 16
//! Answer    9 | 0 | 0 | 0 | to u64 | from u64 | noise ... | check 16
//! Confirm  10 | 0 | 0 | 0 | to u64 | noise ... | check 16
//! Data     11 | phase u8 | to u64 | number u64 | sealed frames ... | tag 16
//! Retry    12 | 0 | 0 | 0 | to u64 | cookie 16
//! WrongKey 13 | 0 | 0 | 0 | to u64
//! ```
//!
//! `from` is the index by which the sender wants to be addressed, `to` that of the receiver. All of it
//! is in network byte order. An Open is 1200 bytes long, so that an answer is never longer than what it
//! answers (RFC 9000 §8.1, §14.1).

use crate::limits::{DATAGRAM, MAX_PACKET_NUMBER};
use crate::varint::{Malformed, Reader};

/// The version of everything that this crate says on the wire.
pub(crate) const VERSION: u8 = 1;

const OPEN: u8 = 8;
const ANSWER: u8 = 9;
const CONFIRM: u8 = 10;
const DATA: u8 = 11;
const RETRY: u8 = 12;
const WRONG_KEY: u8 = 13;

/// Length of what tells whose key is expected.
pub(crate) const WHOM: usize = 8;
/// Length of a check and of a cookie.
pub(crate) const MAC: usize = 16;
/// Length of what precedes the sealed part of a Data packet.
pub(crate) const DATA_HEADER: usize = 18;
/// Length of the tag behind it (AES-GCM).
pub(crate) const TAG: usize = 16;

const OPEN_HEADER: usize = 22;
/// Where the check of an Open begins; the cookie follows.
const OPEN_CHECK: usize = DATAGRAM - 2 * MAC;
const OPEN_COOKIE: usize = DATAGRAM - MAC;

/// Which Noise pattern a handshake follows (Noise §7.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pattern {
    /// The opener knows the other's key.
    Ik,
    /// It does not.
    Xx,
}

impl Pattern {
    fn byte(self) -> u8 {
        match self {
            Self::Ik => 1,
            Self::Xx => 2,
        }
    }
}

/// A packet as it stands in a datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Packet<'a> {
    Open(Open<'a>),
    Answer { to: u64, from: u64, noise: &'a [u8], checked: Checked<'a> },
    Confirm { to: u64, noise: &'a [u8], checked: Checked<'a> },
    Data(DataHeader),
    Retry { to: u64, cookie: [u8; MAC] },
    WrongKey { to: u64 },
}

/// The first packet of a handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Open<'a> {
    pub(crate) pattern: Pattern,
    pub(crate) from: u64,
    /// Whose key the opener expects, as [`crate::check::whom`] has it; zeros with XX.
    pub(crate) whom: [u8; WHOM],
    pub(crate) noise: &'a [u8],
    pub(crate) checked: Checked<'a>,
    pub(crate) cookie: [u8; MAC],
}

/// The bytes that a check covers, and the check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Checked<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) check: &'a [u8],
}

/// What can be read of a Data packet without its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DataHeader {
    /// The low byte of the number of the key.
    pub(crate) phase: u8,
    pub(crate) to: u64,
    pub(crate) number: u64,
}

impl DataHeader {
    /// It is also what is authenticated beside the sealed part.
    pub(crate) fn bytes(self) -> [u8; DATA_HEADER] {
        let mut bytes = [0; DATA_HEADER];
        (bytes[0], bytes[1]) = (DATA, self.phase);
        bytes[2..10].copy_from_slice(&self.to.to_be_bytes());
        bytes[10..].copy_from_slice(&self.number.to_be_bytes());
        bytes
    }
}

/// Reads the packet that a datagram is.
pub(crate) fn parse(datagram: &[u8]) -> Result<Packet<'_>, Malformed> {
    let mut reader = Reader::new(datagram);
    match reader.u8()? {
        OPEN => open(datagram).map(Packet::Open),
        ANSWER => {
            let to = addressed(&mut reader)?;
            let from = reader.u64()?;
            let (noise, checked) = checked(datagram, reader)?;
            Ok(Packet::Answer { to, from, noise, checked })
        }
        CONFIRM => {
            let to = addressed(&mut reader)?;
            let (noise, checked) = checked(datagram, reader)?;
            Ok(Packet::Confirm { to, noise, checked })
        }
        DATA => {
            let phase = reader.u8()?;
            let (to, number) = (reader.u64()?, reader.u64()?);
            if number > MAX_PACKET_NUMBER || reader.rest().len() <= TAG {
                return Err(Malformed);
            }
            Ok(Packet::Data(DataHeader { phase, to, number }))
        }
        RETRY => {
            let to = addressed(&mut reader)?;
            let cookie = reader.array()?;
            reader.is_empty().then_some(Packet::Retry { to, cookie }).ok_or(Malformed)
        }
        WRONG_KEY => {
            let to = addressed(&mut reader)?;
            reader.is_empty().then_some(Packet::WrongKey { to }).ok_or(Malformed)
        }
        _ => Err(Malformed),
    }
}

fn open(datagram: &[u8]) -> Result<Open<'_>, Malformed> {
    let datagram: &[u8; DATAGRAM] = datagram.try_into().map_err(|_| Malformed)?;
    let mut reader = Reader::new(&datagram[1..]);
    let pattern = match reader.array()? {
        [VERSION, 1, 0] => Pattern::Ik,
        [VERSION, 2, 0] => Pattern::Xx,
        _ => return Err(Malformed),
    };
    let from = reader.u64()?;
    let whom = reader.array()?;
    let len = usize::from(u16::from_be_bytes(reader.array()?));
    if len > OPEN_CHECK - OPEN_HEADER {
        return Err(Malformed);
    }
    let noise = reader.take(len)?;
    let checked =
        Checked { bytes: &datagram[..OPEN_CHECK], check: &datagram[OPEN_CHECK..OPEN_COOKIE] };
    let cookie = datagram[OPEN_COOKIE..].try_into().map_err(|_| Malformed)?;
    Ok(Open { pattern, from, whom, noise, checked, cookie })
}

/// Three zeros, and the index of the receiver.
fn addressed(reader: &mut Reader<'_>) -> Result<u64, Malformed> {
    if reader.array()? == [0; 3] { reader.u64() } else { Err(Malformed) }
}

/// The Noise message between the header and the check at the end.
fn checked<'a>(
    datagram: &'a [u8],
    reader: Reader<'a>,
) -> Result<(&'a [u8], Checked<'a>), Malformed> {
    let rest = reader.rest();
    let len = rest.len().checked_sub(MAC).ok_or(Malformed)?;
    let (bytes, check) = datagram.split_at(datagram.len() - MAC);
    Ok((&rest[..len], Checked { bytes, check }))
}

/// An Open as it is sent first: without a cookie. `check` makes the check of bytes.
pub(crate) fn write_open(
    pattern: Pattern,
    from: u64,
    whom: [u8; WHOM],
    noise: &[u8],
    check: impl FnOnce(&[u8]) -> [u8; MAC],
) -> Vec<u8> {
    let mut out = vec![OPEN, VERSION, pattern.byte(), 0];
    out.extend_from_slice(&from.to_be_bytes());
    out.extend_from_slice(&whom);
    let len = u16::try_from(noise.len()).expect("the first Noise message is short");
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(noise);
    out.resize(OPEN_CHECK, 0);
    let check = check(&out);
    out.extend_from_slice(&check);
    out.resize(DATAGRAM, 0);
    out
}

/// Writes the cookie into an Open.
pub(crate) fn set_cookie(open: &mut [u8], cookie: &[u8; MAC]) {
    open[OPEN_COOKIE..].copy_from_slice(cookie);
}

/// An Answer.
pub(crate) fn write_answer(
    to: u64,
    from: u64,
    noise: &[u8],
    check: impl FnOnce(&[u8]) -> [u8; MAC],
) -> Vec<u8> {
    let mut out = start(ANSWER, to);
    out.extend_from_slice(&from.to_be_bytes());
    out.extend_from_slice(noise);
    let check = check(&out);
    out.extend_from_slice(&check);
    out
}

/// A Confirm.
pub(crate) fn write_confirm(
    to: u64,
    noise: &[u8],
    check: impl FnOnce(&[u8]) -> [u8; MAC],
) -> Vec<u8> {
    let mut out = start(CONFIRM, to);
    out.extend_from_slice(noise);
    let check = check(&out);
    out.extend_from_slice(&check);
    out
}

/// A Retry.
pub(crate) fn write_retry(to: u64, cookie: &[u8; MAC]) -> Vec<u8> {
    let mut out = start(RETRY, to);
    out.extend_from_slice(cookie);
    out
}

/// A `WrongKey`.
pub(crate) fn write_wrong_key(to: u64) -> Vec<u8> {
    start(WRONG_KEY, to)
}

fn start(kind: u8, to: u64) -> Vec<u8> {
    let mut out = vec![kind, 0, 0, 0];
    out.extend_from_slice(&to.to_be_bytes());
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CHECK: [u8; MAC] = [7; MAC];

    fn samples() -> Vec<Vec<u8>> {
        let header = DataHeader { phase: 3, to: 9, number: 77 };
        let data = [&header.bytes()[..], &[1; TAG + 1]].concat();
        vec![
            write_open(Pattern::Ik, 5, [4; WHOM], b"noise", |_| CHECK),
            write_answer(5, 6, b"noise", |_| CHECK),
            write_confirm(6, b"noise", |_| CHECK),
            data,
            write_retry(5, &CHECK),
            write_wrong_key(5),
        ]
    }

    #[test]
    fn each_kind_is_read_as_it_was_written() {
        let samples = samples();
        let read: Vec<_> = samples.iter().map(|sample| parse(sample).unwrap()).collect();
        let until_check = |index: usize, len: usize| {
            let (bytes, check) = samples[index].split_at(len);
            Checked { bytes, check: &check[..MAC] }
        };
        let open = Open {
            pattern: Pattern::Ik,
            from: 5,
            whom: [4; WHOM],
            noise: b"noise",
            checked: until_check(0, DATAGRAM - 32),
            cookie: [0; MAC],
        };
        assert_eq!(read[0], Packet::Open(open));
        let checked = until_check(1, 25);
        assert_eq!(read[1], Packet::Answer { to: 5, from: 6, noise: b"noise", checked });
        let checked = until_check(2, 17);
        assert_eq!(read[2], Packet::Confirm { to: 6, noise: b"noise", checked });
        assert_eq!(read[3], Packet::Data(DataHeader { phase: 3, to: 9, number: 77 }));
        assert_eq!(read[4], Packet::Retry { to: 5, cookie: CHECK });
        assert_eq!(read[5], Packet::WrongKey { to: 5 });
        assert!(samples[4].len() < DATAGRAM && samples[5].len() < DATAGRAM);
    }

    #[test]
    fn what_is_cut_or_longer_than_its_kind_is_none() {
        for (index, sample) in samples().iter().enumerate() {
            let shortest = [DATAGRAM, 36, 28, sample.len(), sample.len(), sample.len()][index];
            for len in 0..shortest {
                assert_eq!(parse(&sample[..len]), Err(Malformed), "{index} {len}");
            }
            if matches!(index, 0 | 4 | 5) {
                assert_eq!(parse(&[sample, &[0][..]].concat()), Err(Malformed), "{index}");
            }
        }
        let header = DataHeader { phase: 0, to: 1, number: MAX_PACKET_NUMBER + 1 };
        assert_eq!(parse(&[&header.bytes()[..], &[0; 20]].concat()), Err(Malformed));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_packet_or_none(
            index in 0_usize..6,
            changes in prop::collection::vec((0_usize..DATAGRAM, any::<u8>()), 0..6),
            noise in prop::collection::vec(any::<u8>(), 0..1300),
        ) {
            let _ = parse(&noise);
            let mut sample = samples().swap_remove(index);
            for (at, byte) in changes {
                let len = sample.len();
                sample[at % len] = byte;
            }
            let _ = parse(&sample);
        }
    }
}
