//! What can be read of a reliable datagram without its keys?
//!
//! Its kind, and of a Data packet its number; all else is sealed (docs/protocol.md, "Packets"). The parser
//! of `arq` is its own affair, so this is another reader of the same page.

use std::fmt;

use netlab::{Record, Transport};

/// Lengths of an Open, of what stands before the sealed part of a Data packet, and of the tag behind it.
const OPEN: usize = 1200;
const DATA_HEADER: usize = 18;
const TAG: usize = 16;

/// Where the cookie of an Open begins.
const COOKIE: usize = OPEN - 16;

/// Lengths of a Retry and of a `WrongKey`.
const RETRY: usize = 28;
const WRONG_KEY: usize = 12;

/// The least that an Answer and a Confirm have around what Noise says.
const ANSWER: usize = 36;
const CONFIRM: usize = 28;

/// The kind of a packet of `arq`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArqPacket {
    /// The first one of a handshake.
    Open {
        /// Whether it brings a cookie back.
        has_cookie: bool,
    },
    /// The second one.
    Answer,
    /// The third one, where the opener did not know whose key to expect.
    Confirm,
    /// All that comes then.
    Data {
        /// Its number, which no other packet of its sender has.
        number: u64,
    },
    /// A cookie, in place of an Answer.
    Retry,
    /// The first packet expects somebody else.
    WrongKey,
}

impl ArqPacket {
    /// Of what a wire has recorded; `None` where it is something else.
    ///
    /// A datagram that looks like one is taken for one: nothing else in a lab does.
    pub fn of(record: &Record) -> Option<Self> {
        let packet = record.packet.as_ref()?;
        let Transport::Udp { len, .. } = packet.transport else { return None };
        // Of a long recording only the beginning of a frame is kept.
        Self::read(record.frame.get(record.len.checked_sub(len)?..)?, len)
    }

    /// Of a datagram of this length, of which this is the beginning or all.
    fn read(start: &[u8], len: usize) -> Option<Self> {
        let zeros =
            |at: std::ops::Range<usize>| start.get(at).is_some_and(|of| of.iter().all(|b| *b == 0));
        match *start.first()? {
            8 if len == OPEN && matches!(start.get(1..4)?, [1, 1 | 2, 0]) => {
                let has_cookie = start.len() == OPEN && !zeros(COOKIE..OPEN);
                Some(Self::Open { has_cookie })
            }
            9 if len > ANSWER && zeros(1..4) => Some(Self::Answer),
            10 if len > CONFIRM && zeros(1..4) => Some(Self::Confirm),
            11 if len > DATA_HEADER + TAG => {
                let number = u64::from_be_bytes(start.get(10..DATA_HEADER)?.try_into().ok()?);
                (number < 1 << 62).then_some(Self::Data { number })
            }
            12 if len == RETRY && zeros(1..4) => Some(Self::Retry),
            13 if len == WRONG_KEY && zeros(1..4) => Some(Self::WrongKey),
            _ => None,
        }
    }
}

/// As a ladder shows it: `arq Data 7`.
impl fmt::Display for ArqPacket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open { has_cookie: false } => f.write_str("arq Open"),
            Self::Open { has_cookie: true } => f.write_str("arq Open, cookie"),
            Self::Answer => f.write_str("arq Answer"),
            Self::Confirm => f.write_str("arq Confirm"),
            Self::Data { number } => write!(f, "arq Data {number}"),
            Self::Retry => f.write_str("arq Retry"),
            Self::WrongKey => f.write_str("arq WrongKey"),
        }
    }
}

#[cfg(test)]
mod tests {
    use arq::{Channel, Endpoint, Event, PublicKey, Time};

    use super::*;
    use crate::arq_endpoint::arq_endpoint;

    fn endpoint(number: u8) -> Endpoint {
        arq_endpoint(number, number.into())
    }

    /// What one who calls another says, and hears, until a line has arrived; `of` counts who called before.
    fn exchange(bob: &mut Endpoint, key: Option<PublicKey>, of: u8) -> Vec<String> {
        let now = Time::ZERO;
        let (ann_at, bob_at) = (([192, 0, 2, of], 1).into(), ([192, 0, 3, 1], 2).into());
        let mut ann = endpoint(of);
        let to_bob = ann.connect(now, bob_at, key).expect("there is room");
        let (mut datagram, mut said, mut quiet) = (Vec::new(), Vec::new(), 0);
        while quiet < 2 {
            quiet += 1;
            while ann.poll_transmit(now, &mut datagram).is_some() {
                said.push(ArqPacket::read(&datagram, datagram.len()).expect("one").to_string());
                bob.handle_datagram(now, ann_at, &mut datagram);
                quiet = 0;
            }
            while bob.poll_transmit(now, &mut datagram).is_some() {
                said.push(ArqPacket::read(&datagram, datagram.len()).expect("one").to_string());
                ann.handle_datagram(now, bob_at, &mut datagram);
                quiet = 0;
            }
            while let Some((_, event)) = ann.poll_event() {
                if let Event::Established { .. } = event {
                    ann.send(to_bob, Channel::ordered(0), "x".into()).expect("it is open");
                }
            }
        }
        said
    }

    #[test]
    fn what_arq_sends_is_read_as_what_it_is() {
        let mut bob = endpoint(200);
        let key = bob.public_key();
        let said = exchange(&mut bob, Some(key), 1);
        assert_eq!(said[..2], ["arq Open", "arq Answer"], "{said:?}");
        assert!(said[2].starts_with("arq Data "), "{said:?}");
        let said = exchange(&mut bob, None, 2);
        assert_eq!(said[..3], ["arq Open", "arq Answer", "arq Confirm"], "{said:?}");
        assert!(said[3].starts_with("arq Data "), "{said:?}");
        let other = endpoint(201).public_key();
        assert_eq!(exchange(&mut bob, Some(other), 3), ["arq Open", "arq WrongKey"]);
        // Many who begin and do not go on: then a cookie is asked for.
        let (mut open, now) = (Vec::new(), Time::ZERO);
        for number in 0..arq::limits::COOKIE_FROM {
            let mut caller = endpoint(u8::try_from(number).expect("it is small"));
            caller.connect(now, ([192, 0, 3, 1], 2).into(), None).expect("there is room");
            caller.poll_transmit(now, &mut open).expect("it calls");
            let from = ([198, 18, 0, u8::try_from(number).expect("it is small")], 1).into();
            bob.handle_datagram(now, from, &mut open);
            while bob.poll_transmit(now, &mut open).is_some() {}
        }
        let said = exchange(&mut bob, None, 4);
        assert_eq!(
            said[..4],
            ["arq Open", "arq Retry", "arq Open, cookie", "arq Answer"],
            "{said:?}"
        );
    }

    #[test]
    fn other_datagrams_are_none() {
        let line = |text: &str| ArqPacket::read(text.as_bytes(), text.len());
        for text in
            ["", "hello", "\x0b", "\x08\x01\x01\x00", "\x0c an old printer's new page", "\r\n"]
        {
            assert_eq!(line(text), None, "{text:?}");
        }
        // A number that no packet has, and one of which only the beginning was kept.
        let mut data = [0xff_u8; 60];
        data[0] = 11;
        assert_eq!(ArqPacket::read(&data, 60), None);
        data[10..18].copy_from_slice(&77_u64.to_be_bytes());
        assert_eq!(ArqPacket::read(&data[..18], 1100), Some(ArqPacket::Data { number: 77 }));
        assert_eq!(ArqPacket::read(&data[..34], 34), None);
    }
}
