//! Two sockets on one UDP port: who gets the datagrams?

use std::io;
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, SocketAddr};

use netlab::Lab;
use socket2::{Domain, Socket, Type};

use super::sockets::{HOST, Outcome, Says, address_of, bound, in_words, pairs};
use crate::findings::{Check, Story, Table};
use crate::stage::{Stage, Trouble, until};

use Outcome::{Binds, InUse};

/// So many senders that a hash of their ports picks the same of two sockets for all once in 2^63 runs.
const SENDERS: usize = 64;

const PAIRS: (&str, &str) = ("reuse-udp-pairs", "a second bind, by who says SO_REUSEADDR");

const LAST: (&str, &str) =
    ("reuse-udp-last", "datagrams that the first and the last binder get, by SO_REUSEADDR");

const RETURN: (&str, &str) =
    ("reuse-udp-return", "datagrams that the first gets when the last one is closed");

const SPREAD: (&str, &str) =
    ("reuse-udp-spread", "datagrams that the first of two gets, by SO_REUSEPORT");

const ONE: (&str, &str) =
    ("reuse-udp-one-sender", "sockets that get datagrams of one sender, by SO_REUSEPORT");

/// Plays the story.
pub(super) fn play(stage: &Stage) -> Result<Story, Trouble> {
    let mut story = Story {
        name: "udp".into(),
        says: "two sockets on one UDP port".into(),
        belief: "SO_REUSEADDR on a UDP socket is as harmless as on a TCP socket".into(),
        set_up: vec![
            "bare sockets on 127.0.0.1: udp-peer does not share its port, for the reason seen here".into(),
        ],
        explanation: vec![
            "UDP has no TIME_WAIT and no listeners, so SO_REUSEADDR has nothing harmless to permit: two \
             sockets that both say it are bound to the same port, and of two that fit equally well the \
             kernel takes the one that it finds first, which is the last that was bound (udp4_lib_lookup2, \
             net/ipv4/udp.c). The first hears nothing and gets no error. The option is meant for multicast, \
             where each socket gets a copy."
                .into(),
            "SO_REUSEPORT spreads datagrams by a hash of both addresses and ports: many senders over all \
             sockets, one sender always to the same one."
                .into(),
        ],
        ..Story::default()
    };
    let lab = stage.lab(&[HOST])?;
    let mut measured = Vec::new();
    for (_, old, new) in pairs("SO_REUSEADDR") {
        let says = |it_does| Says::ReuseAddr.when(it_does);
        let (_first, second) = two(&lab, says(old), says(new))?;
        measured.push(Outcome::from(&second));
    }

    let (first, last) = two(&lab, Says::ReuseAddr, Says::ReuseAddr)?;
    let last = last.map_err(Trouble::io("bind a second socket by SO_REUSEADDR"))?;
    let by_addr = share(&lab, [&first, &last], SENDERS, 1)?;
    drop(last);
    let [returned] = share(&lab, [&first], SENDERS, 1)?;

    let (first, second) = two(&lab, Says::ReusePort, Says::ReusePort)?;
    let second = second.map_err(Trouble::io("bind a second socket by SO_REUSEPORT"))?;
    let by_port = share(&lab, [&first, &second], SENDERS, 1)?;
    let of_one = share(&lab, [&first, &second], 1, SENDERS)?;

    let row = |cells: [&str; 2], got: [usize; 2]| {
        let got = got.map(|count| count.to_string());
        cells.map(str::to_owned).into_iter().chain(got).collect::<Vec<_>>()
    };
    story.tables = vec![
        Table {
            says: "what becomes of the second socket".into(),
            columns: pairs("SO_REUSEADDR").map(|(heading, ..)| heading).to_vec(),
            rows: vec![measured.iter().map(ToString::to_string).collect()],
        },
        Table {
            says: format!("who gets {SENDERS} datagrams"),
            columns: ["both say", "senders", "first socket", "last socket"]
                .map(str::to_owned)
                .to_vec(),
            rows: vec![
                row(["SO_REUSEADDR", "64"], by_addr),
                row(["SO_REUSEADDR, the last closed", "64"], [returned, 0]),
                row(["SO_REUSEPORT", "64"], by_port),
                row(["SO_REUSEPORT", "1"], of_one),
            ],
        },
    ];
    let only_both = in_words(&[InUse, InUse, InUse, Binds]);
    let counts = |[first, last]: [usize; 2]| format!("{first}, {last}");
    story.checks = vec![
        Check::equal(PAIRS.0, PAIRS.1, only_both, in_words(&measured)),
        Check::equal(LAST.0, LAST.1, counts([0, SENDERS]), counts(by_addr)),
        Check::equal(RETURN.0, RETURN.1, SENDERS, returned),
        Check::within(SPREAD.0, SPREAD.1, 1..=SENDERS - 1, by_port[0]),
        Check::equal(ONE.0, ONE.1, 1, of_one.iter().filter(|count| **count > 0).count()),
    ];
    Ok(story)
}

/// A socket, and what becomes of a second one on its address.
fn two(lab: &Lab, first: Says, second: Says) -> Result<(Socket, io::Result<Socket>), Trouble> {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let first = bound(lab, Type::DGRAM, first, any)
        .map_err(Trouble::io("bind a UDP socket on loopback"))?;
    let second = bound(lab, Type::DGRAM, second, address_of(&first)?);
    Ok((first, second))
}

/// Sends from so many sockets so many datagrams each, and counts who gets how many.
fn share<const N: usize>(
    lab: &Lab,
    receivers: [&Socket; N],
    senders: usize,
    each: usize,
) -> Result<[usize; N], Trouble> {
    let to = address_of(receivers[0])?;
    let send = move || -> io::Result<()> {
        for _ in 0..senders {
            let sender = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
            sender.connect(&to.into())?;
            for _ in 0..each {
                sender.send(b"to whom?")?;
            }
        }
        Ok(())
    };
    lab.host(HOST).run(send).map_err(Trouble::io("send on loopback"))?;
    for receiver in receivers {
        receiver.set_nonblocking(true).map_err(Trouble::io("make a socket non-blocking"))?;
    }
    let mut got = [0; N];
    until("every datagram that was sent", || {
        for (receiver, got) in receivers.iter().zip(&mut got) {
            while receiver.recv(&mut [MaybeUninit::uninit(); 64]).is_ok() {
                *got += 1;
            }
        }
        Ok((got.iter().sum::<usize>() == senders * each).then_some(got))
    })
}
