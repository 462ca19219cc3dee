//! A peer that has keys and means harm: it seals whatever frames it wants.

mod moving;
mod recovery;
mod rekey;
mod sending;

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::frame::{Ack, Frame, Piece};
use crate::limits::{ACK_DELAY, CHANNEL_WINDOW, CONNECTION_WINDOW, MAX_AHEAD, MAX_MESSAGE};
use crate::limits::{MAX_PATH_RESPONSES, MAX_UNRELIABLE, MESSAGE_COST, MIN_PIECE};
use crate::packet::{DATA_HEADER, DataHeader};
use crate::random::{Seeded, Source};

/// A connection, and the hostile side of it.
struct Attack {
    now: Time,
    victim: Connection,
    random: Source,
    sealing: SealingKey,
    number: u64,
    from: SocketAddr,
}

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 9], port))
}

impl Attack {
    fn new() -> Self {
        Self::with(&Config::default())
    }

    fn with(config: &Config) -> Self {
        let grants = Grants {
            idle: config.idle,
            connection: config.connection_window,
            channel: config.channel_window,
        };
        let session = Session {
            agreed: Agreed {
                peer: PublicKey::from_bytes([7; 32]),
                send: [1; 32].into(),
                receive: [2; 32].into(),
                grants,
            },
            address: address(1),
            to: 99,
            round_trip: Some(Duration::from_millis(20)),
            confirm: None,
            incoming: true,
        };
        let now = Time::ZERO + Duration::from_secs(1);
        let mut victim = Connection::new(now, config, grants, session);
        assert!(matches!(victim.pop_event(), Some(Event::Established { .. })));
        Self {
            now,
            victim,
            random: Source::new(Box::new(Seeded::new(1))),
            sealing: SealingKey::new(now, &[2; 32].into()),
            number: 0,
            from: address(1),
        }
    }

    /// Seals these bytes as frames under the next number.
    fn send_bytes(&mut self, payload: &[u8]) {
        let header = DataHeader { phase: 0, to: 5, number: self.number };
        let mut packet = header.bytes().to_vec();
        packet.extend_from_slice(payload);
        self.sealing.seal(self.number, &mut packet);
        self.number += 1;
        self.victim.handle(self.now, &mut self.random, self.from, header, &mut packet);
    }

    fn send(&mut self, frames: &[Frame<'_>]) {
        let mut payload = Vec::new();
        for frame in frames {
            frame.write(&mut payload);
        }
        self.send_bytes(&payload);
    }

    /// How many datagrams the victim sends, and how long they are in all.
    fn drain(&mut self) -> (usize, usize) {
        let mut out = Vec::new();
        let (mut count, mut bytes) = (0, 0);
        while self.victim.poll_transmit(self.now, &mut self.random, &mut out).is_some() {
            assert_eq!(out[0], DataHeader { phase: 0, to: 0, number: 0 }.bytes()[0]);
            assert!(out.len() > DATA_HEADER);
            (count, bytes) = (count + 1, bytes + out.len());
        }
        (count, bytes)
    }

    fn end(&mut self) -> Option<End> {
        std::iter::from_fn(|| self.victim.pop_event()).find_map(|event| match event {
            Event::Ended { end, .. } => Some(end),
            _ => None,
        })
    }

    #[track_caller]
    fn check_fault(frames: &[Frame<'_>], fault: Fault) {
        let mut attack = Self::new();
        attack.send(frames);
        assert_eq!(attack.end(), Some(End::Protocol(fault)), "{frames:?}");
        // It says so once, and then only now and then.
        assert_eq!(attack.drain().0, 1);
    }
}

fn piece(number: u64, total: u64, offset: u64, data: &[u8]) -> Frame<'_> {
    Frame::Piece(Piece { channel: Channel::ordered(0), number, total, offset, data })
}

fn ack(start: u64, end: u64) -> Frame<'static> {
    let ranges = std::iter::once(start..end).collect();
    Frame::Ack(Ack { delay: Duration::ZERO, ranges })
}

#[test]
fn what_breaks_the_protocol_ends_the_connection_with_its_name() {
    let mut attack = Attack::new();
    attack.send_bytes(&[11]);
    assert_eq!(attack.end(), Some(End::Protocol(Fault::Malformed)));
    Attack::check_fault(&[ack(0, 1)], Fault::NeverSent);
    Attack::check_fault(&[ack(1 << 60, (1 << 60) + 5)], Fault::NeverSent);
    Attack::check_fault(&[piece(0, 5, 3, b"long")], Fault::BadPiece);
    Attack::check_fault(&[piece(MAX_AHEAD, 1, 0, b"x")], Fault::BadPiece);
    let piece_of = &[0; MIN_PIECE][..];
    Attack::check_fault(&[piece(0, MAX_MESSAGE as u64 + 1, 0, piece_of)], Fault::BadPiece);
    let data = &[0; MAX_UNRELIABLE + 1][..];
    Attack::check_fault(&[Frame::Unreliable { channel: 0, data }], Fault::BadPiece);
    let whole =
        [piece(0, MAX_MESSAGE as u64, 0, piece_of), piece(1, MAX_MESSAGE as u64, 0, piece_of)];
    let one_more = piece(2, 0, 0, b"");
    Attack::check_fault(&[&whole[..], &[one_more]].concat(), Fault::Credit);
}

#[test]
fn who_acknowledges_what_was_left_out_is_found_out() {
    let mut attack = Attack::new();
    attack.victim.send(Channel::ordered(0), Bytes::from_static(b"hello")).unwrap();
    assert_eq!(attack.drain().0, 1);
    // Number 0 is left out: the first packet has number 1.
    attack.send(&[ack(1, 2)]);
    assert_eq!(attack.end(), None);
    attack.send(&[ack(0, 2)]);
    assert_eq!(attack.end(), Some(End::Protocol(Fault::NeverSent)));
}

#[test]
fn memory_for_messages_is_bounded_by_connection_window_on_however_many_channels() {
    let mut attack = Attack::new();
    let data = &[0; 1000][..];
    let mut taken = 0;
    'all: for number in 0.. {
        for channel in 0..=255 {
            for channel in [Channel::ordered(channel), Channel::unordered(channel)] {
                let total = 100_000;
                attack.send(&[Frame::Piece(Piece { channel, number, total, offset: 0, data })]);
                if let Some(end) = attack.end() {
                    assert_eq!(end, End::Protocol(Fault::Credit));
                    break 'all;
                }
                taken += total + MESSAGE_COST;
            }
        }
    }
    assert!(taken <= CONNECTION_WINDOW);
    assert!(taken > CONNECTION_WINDOW - CHANNEL_WINDOW);
}

#[test]
fn four_channels_that_nobody_reads_do_not_hold_up_a_fifth() {
    let mut attack = Attack::new();
    let data = &[0; 1000][..];
    for channel in 0..4 {
        // Each fills its window: two longest messages begin and never end.
        for number in 0..2 {
            let (channel, total) = (Channel::ordered(channel), MAX_MESSAGE as u64);
            attack.send(&[Frame::Piece(Piece { channel, number, total, offset: 0, data })]);
        }
    }
    let channel = Channel::ordered(4);
    attack.send(&[Frame::Piece(Piece { channel, number: 0, total: 2, offset: 0, data: b"hi" })]);
    assert_eq!(attack.end(), None);
    assert_eq!(attack.victim.read(channel).as_deref(), Some(&b"hi"[..]));
}

#[test]
fn who_never_acknowledges_makes_nothing_grow() {
    let mut attack = Attack::new();
    for round in 0..5000_u64 {
        attack.send(&[Frame::Ping]);
        attack.send(&[Frame::PathChallenge(round.to_be_bytes())]);
        attack.now = attack.now + ACK_DELAY;
        attack.victim.handle_timeout(attack.now);
        attack.drain();
    }
    // It answers, and asks now and then whether the answers arrive, within its window.
    assert_eq!(attack.end(), None);
    let snapshot = attack.victim.snapshot();
    assert!(snapshot.in_flight <= snapshot.window, "{snapshot:?}");
    assert!(attack.victim.sent.remembered() < 500, "{}", attack.victim.sent.remembered());
}

#[test]
fn a_jump_of_the_clock_ends_with_silence_and_not_with_a_flood() {
    let mut attack = Attack::new();
    attack.victim.send(Channel::ordered(0), Bytes::from_static(b"hello")).unwrap();
    attack.drain();
    attack.now = attack.now + Duration::from_secs(8 * 3600);
    attack.victim.handle_timeout(attack.now);
    assert_eq!(attack.drain(), (0, 0));
    assert_eq!(attack.end(), Some(End::Silence));
}

#[test]
fn an_ended_connection_answers_less_and_less() {
    let mut attack = Attack::new();
    attack.send(&[ack(5, 6)]);
    let answers: usize = (0..1000)
        .map(|_| {
            attack.send(&[Frame::Ping]);
            attack.drain().0
        })
        .sum();
    assert!((8..=12).contains(&answers), "{answers}");
}

#[test]
fn a_reason_is_cut_at_max_reason_between_characters() {
    assert_eq!(cut(&"é".repeat(MAX_REASON)).len(), MAX_REASON);
    assert_eq!(cut(&format!("x{}", "é".repeat(MAX_REASON))).len(), MAX_REASON - 1);
}

#[test]
fn the_send_buffer_is_bounded_and_says_when_there_is_room() {
    let config = Config { send_buffer: 10_000, ..Config::default() };
    let mut attack = Attack::with(&config);
    let mut count = 0;
    while attack.victim.send(Channel::ordered(0), vec![0; 936].into()).is_ok() {
        count += 1;
    }
    assert_eq!(count, 10);
    attack.drain();
    let last = attack.victim.sent.next_number();
    attack.send(&[ack(1, last)]);
    let events: Vec<_> = std::iter::from_fn(|| attack.victim.pop_event()).collect();
    assert!(events.contains(&Event::Writable), "{events:?}");
}

#[test]
fn a_message_longer_than_max_message_is_refused() {
    let mut attack = Attack::new();
    let (len, limit) = (MAX_MESSAGE + 1, MAX_MESSAGE);
    let sent = attack.victim.send(Channel::ordered(0), vec![0; len].into());
    assert_eq!(sent, Err(SendError::TooLong { len, limit }));
    assert!(attack.victim.send(Channel::ordered(0), vec![0; limit].into()).is_ok());
    let (len, limit) = (MAX_UNRELIABLE + 1, MAX_UNRELIABLE);
    let sent = attack.victim.send_unreliable(0, vec![0; len].into());
    assert_eq!(sent, Err(SendError::TooLong { len, limit }));
}

/// A frame of any kind, with values that are likely to do harm.
fn frame() -> impl Strategy<Value = Vec<u8>> {
    let number = prop_oneof![0_u64..6, Just(4095), Just((1 << 62) - 1), 0_u64..(1 << 62) - 1];
    (0_u8..12, prop::collection::vec(number, 6), 0_usize..400).prop_map(|(kind, numbers, len)| {
        let data = vec![kind; len];
        let channel = Channel { order: crate::channel::Order::Unordered, number: kind };
        let mut out = Vec::new();
        let [a, b, c, ..] = numbers[..] else { unreachable!("there are six") };
        match kind {
            0 => Frame::Padding.write(&mut out),
            1 => Frame::Ping.write(&mut out),
            2 => ack(a, a.saturating_add(b % 5 + 1).min((1 << 62) - 1).max(a + 1)).write(&mut out),
            3 | 4 => {
                let total = if kind == 3 { b } else { len as u64 };
                let offset = if kind == 3 { c } else { 0 };
                let piece = Piece { channel, number: a, total, offset, data: &data };
                Frame::Piece(piece).write(&mut out);
            }
            5 => Frame::Unreliable { channel: 0, data: &data }.write(&mut out),
            6 => Frame::Credit(a).write(&mut out),
            7 => Frame::ChannelCredit { channel, limit: a }.write(&mut out),
            8 => Frame::PathChallenge(a.to_be_bytes()).write(&mut out),
            9 => Frame::PathResponse(a.to_be_bytes()).write(&mut out),
            10 => Frame::Close { code: a, reason: "because" }.write(&mut out),
            _ => out.extend(numbers.iter().map(|number| number.to_be_bytes()[7])),
        }
        out
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever a peer with keys sends, nothing panics, timers never stand still, and no more is held than
    /// was granted.
    #[test]
    fn any_frames_of_a_hostile_peer(
        packets in prop::collection::vec((prop::collection::vec(frame(), 0..4), 0_u64..400), 1..60),
    ) {
        let mut attack = Attack::new();
        for (frames, wait) in packets {
            let _ = attack.victim.send(Channel::ordered(1), vec![1; 2000].into());
            let _ = attack.victim.send_unreliable(1, vec![1; 50].into());
            attack.from = address(u16::try_from(wait % 3).unwrap() + 1);
            attack.send_bytes(&frames.concat());
            attack.drain();
            if wait % 2 == 0 {
                attack.victim.read(Channel::unordered(4));
            }
            attack.now = attack.now + Duration::from_millis(wait);
            for _ in 0..50 {
                let due = attack.victim.poll_timeout().is_some_and(|time| time <= attack.now);
                if !due {
                    break;
                }
                attack.victim.handle_timeout(attack.now);
                attack.drain();
            }
            let due = attack.victim.poll_timeout().is_some_and(|time| time <= attack.now);
            prop_assert!(!due, "a timer that stays due");
            prop_assert!(attack.victim.snapshot().unread <= CONNECTION_WINDOW);
        }
    }
}
