//! What `ping` asks and `echo` answers: a datagram of any length from 25 bytes on.
//!
//! ```text
//!  0          8      9     17    25
//!  | udp-ping | kind | run | seq | zeros ...
//! ```
//!
//! A reply says that it is one, so that two that answer cannot be made to answer each other for ever.

/// What it begins with.
const MAGIC: &[u8; 8] = b"udp-ping";

/// The shortest, in bytes.
pub(crate) const SHORTEST: usize = 25;

/// Where it says what it is.
const KIND: usize = 8;

/// A ping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Packet {
    pub(crate) kind: Kind,
    /// A number of chance that all packets of a run have.
    pub(crate) run: u64,
    pub(crate) seq: u64,
}

/// Which way it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Request = 0,
    Reply = 1,
}

impl Packet {
    /// As a datagram of this length.
    pub(crate) fn write(&self, len: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(len);
        out.extend_from_slice(MAGIC);
        out.push(self.kind as u8);
        out.extend_from_slice(&self.run.to_be_bytes());
        out.extend_from_slice(&self.seq.to_be_bytes());
        out.resize(len.max(SHORTEST), 0);
        out
    }

    pub(crate) fn read(datagram: &[u8]) -> Option<Self> {
        let rest = datagram.strip_prefix(MAGIC)?;
        let (kind, rest) = rest.split_first()?;
        let kind = match kind {
            0 => Kind::Request,
            1 => Kind::Reply,
            _ => return None,
        };
        let (run, rest) = rest.split_first_chunk()?;
        let (seq, _) = rest.split_first_chunk()?;
        Some(Self { kind, run: u64::from_be_bytes(*run), seq: u64::from_be_bytes(*seq) })
    }
}

/// Makes a reply of a request, in place.
pub(crate) fn answer(datagram: &mut [u8]) -> bool {
    let is_request = Packet::read(datagram).is_some_and(|packet| packet.kind == Kind::Request);
    if is_request {
        datagram[KIND] = Kind::Reply as u8;
    }
    is_request
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_answered_once_and_a_reply_never() {
        let request = Packet { kind: Kind::Request, run: 7, seq: u64::MAX };
        for len in [0, SHORTEST, 1000] {
            let mut datagram = request.write(len);
            assert_eq!(datagram.len(), len.max(SHORTEST));
            assert_eq!(Packet::read(&datagram), Some(request));
            assert!(answer(&mut datagram));
            assert_eq!(Packet::read(&datagram), Some(Packet { kind: Kind::Reply, ..request }));
            assert!(!answer(&mut datagram));
        }
    }

    #[test]
    fn what_is_none_is_not_answered() {
        let whole = Packet { kind: Kind::Request, run: 1, seq: 2 }.write(SHORTEST);
        for len in 0..SHORTEST {
            assert!(!answer(&mut whole[..len].to_vec()), "{len}");
        }
        let mut other = whole.clone();
        other[KIND] = 2;
        assert!(!answer(&mut other) && !answer(&mut b"hello\n".to_vec()));
    }
}
