//! Datagrams of strangers, to an endpoint that answers and to one that calls.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use arq::{Config, Endpoint, Identity, Time};

use crate::input::{Input, Seeded};
use crate::outsider;

const CALLED: ([u8; 4], u16) = ([192, 0, 2, 1], 1);

/// Each step is a datagram: a byte for where it comes from and what is made right in it, its length,
/// and its bytes. Whatever they are, nobody has keys, so nobody is established, and nobody gets more
/// than three times what it sent.
pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let mut now = Time::ZERO;
    let endpoint = |seed: u8| {
        let identity = Identity::from_secret(&[seed; 32]);
        Endpoint::new(Time::ZERO, identity, Config::default(), Box::new(Seeded::new(seed.into())))
    };
    let (mut answerer, mut caller) = (endpoint(1), endpoint(2));
    caller.connect(now, CALLED.into(), Some(answerer.public_key())).expect("it is the first");
    let mut out = Vec::new();
    caller.poll_transmit(now, &mut out).expect("the first packet");
    let index: [u8; 8] = out[4..12].try_into().expect("eight bytes");
    let mut owed: BTreeMap<SocketAddr, usize> = BTreeMap::new();
    for _ in 0..200 {
        if input.is_empty() {
            break;
        }
        let how = input.u8();
        now = now + input.wait();
        let len = usize::from(input.u16() % 2100);
        let mut datagram = input.take(len).to_vec();
        make_right(&mut datagram, how, &answerer, index);
        let from = SocketAddr::from(([10, 0, 0, how & 7], u16::from(how >> 3 & 1)));
        *owed.entry(from).or_default() += 3 * datagram.len();
        answerer.handle_datagram(now, from, &mut datagram.clone());
        caller.handle_datagram(now, CALLED.into(), &mut datagram);
        while let Some(to) = answerer.poll_transmit(now, &mut out) {
            let left = owed.entry(to).or_default();
            *left = left.checked_sub(out.len()).expect("no more than three times what came");
        }
        while caller.poll_transmit(now, &mut out).is_some() {}
        for endpoint in [&mut answerer, &mut caller] {
            endpoint.handle_timeout(now);
            assert!(endpoint.poll_timeout().is_none_or(|time| time > now), "a timer stays due");
        }
        assert_eq!(answerer.poll_event(), None, "nobody has keys");
        assert!(answerer.half_open() <= arq::limits::MAX_HALF_OPEN);
    }
}

/// What a stranger may compute, so that not all is dropped at the first question.
fn make_right(datagram: &mut Vec<u8>, how: u8, answerer: &Endpoint, index: [u8; 8]) {
    if how & 16 != 0 && datagram.first() == Some(&8) {
        datagram.resize(1200, 0);
        if let [_, _, 1, _, rest @ ..] = &mut datagram[..] {
            let from = u64::from_be_bytes(rest[..8].try_into().expect("eight bytes"));
            rest[8..16].copy_from_slice(&outsider::whom(&answerer.public_key(), from));
        }
    }
    if how & 32 != 0 && datagram.len() >= 12 && datagram[0] != 8 {
        datagram[4..12].copy_from_slice(&index);
    }
    if how & 64 != 0 {
        outsider::put_check(datagram);
    }
}
