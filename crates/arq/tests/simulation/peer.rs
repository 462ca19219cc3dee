//! A peer of the simulation: an endpoint, what its application wants, and what must be true of it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arq::{
    Channel, CloseCode, Config, ConnectionId, End, Endpoint, Event, Identity, PublicKey, Random,
    SendError, Time,
};
use bytes::Bytes;
use fastrand::Rng;

use crate::node::Datagram;

/// What was drawn as long as a key is: some of it became keys.
pub(crate) type Drawn = Arc<Mutex<Vec<[u8; 32]>>>;

struct Seeded {
    rng: Rng,
    drawn: Drawn,
}

impl Random for Seeded {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.rng.fill(bytes);
        if let Ok(drawn) = <[u8; 32]>::try_from(&*bytes) {
            self.drawn.lock().unwrap().push(drawn);
        }
    }
}

/// A message that the application will send.
#[derive(Clone, Debug)]
pub(crate) struct Planned {
    pub(crate) at: Duration,
    /// None: an unreliable one.
    pub(crate) channel: Option<Channel>,
    pub(crate) len: usize,
}

pub(crate) struct Peer {
    pub(crate) endpoint: Endpoint,
    pub(crate) address: SocketAddr,
    pub(crate) drawn: Drawn,
    pub(crate) connection: Option<ConnectionId>,
    /// Sorted by time, the next one last.
    plan: Vec<Planned>,
    pub(crate) sent: BTreeMap<Channel, Vec<Bytes>>,
    pub(crate) unreliable_sent: BTreeSet<Bytes>,
    pub(crate) read: BTreeMap<Channel, Vec<Bytes>>,
    /// What was read since the last step: the channel, and the place in what was read of it.
    read_now: Vec<(Channel, usize)>,
    unreliable_now: Vec<Bytes>,
    /// All that was read: no two messages of a peer are alike.
    had: BTreeSet<Bytes>,
    pub(crate) confirmed: BTreeSet<(Channel, u64)>,
    confirmed_now: Vec<(Channel, u64)>,
    pub(crate) end: Option<(End, usize)>,
    pub(crate) moves: usize,
    /// Calls that ended because they expected another key.
    pub(crate) wrong_keys: u32,
    /// How much was received from an address and sent to it.
    traffic: BTreeMap<SocketAddr, (usize, usize)>,
    proven: BTreeSet<SocketAddr>,
    /// Whom it calls, and calls again when nobody answers.
    calls: Option<(SocketAddr, Option<PublicKey>)>,
    /// Headers of all Data packets that were sent.
    nonces: BTreeSet<[u8; 18]>,
    /// Packets that went beyond the window.
    beyond: u64,
    /// Whether the plan waits for room.
    full: bool,
}

impl Peer {
    pub(crate) fn new(seed: u64, address: SocketAddr, config: Config, plan: Vec<Planned>) -> Self {
        let drawn = Drawn::default();
        let mut random = Seeded { rng: Rng::with_seed(seed), drawn: Arc::clone(&drawn) };
        let identity = Identity::generate(&mut random);
        Self {
            endpoint: Endpoint::new(Time::ZERO, identity, config, Box::new(random)),
            address,
            drawn,
            connection: None,
            plan,
            sent: BTreeMap::new(),
            unreliable_sent: BTreeSet::new(),
            read: BTreeMap::new(),
            read_now: Vec::new(),
            unreliable_now: Vec::new(),
            had: BTreeSet::new(),
            confirmed: BTreeSet::new(),
            confirmed_now: Vec::new(),
            end: None,
            moves: 0,
            wrong_keys: 0,
            traffic: BTreeMap::new(),
            proven: BTreeSet::new(),
            calls: None,
            nonces: BTreeSet::new(),
            beyond: 0,
            full: false,
        }
    }

    pub(crate) fn connect(&mut self, to: &Self, known: bool) {
        let key = known.then(|| to.endpoint.public_key());
        // Whom it calls was its owner's choice, so nothing has to be proven.
        self.proven.insert(to.address);
        self.calls = Some((to.address, key));
        self.endpoint.connect(Time::ZERO, to.address, key).unwrap();
    }

    pub(crate) fn receive(&mut self, now: Time, mut datagram: Datagram) {
        self.traffic.entry(datagram.from).or_default().0 += datagram.bytes.len();
        self.endpoint.handle_datagram(now, datagram.from, &mut datagram.bytes);
    }

    /// Acts on the events, sends what is planned, and gives the datagrams that go out.
    pub(crate) fn work(&mut self, now: Time) -> Vec<Datagram> {
        let mut out = Vec::new();
        loop {
            let busy = self.on_events(now) | self.on_plan(now);
            let before = self.flight();
            let probes = self.probes();
            let mut bytes = Vec::new();
            let Some(to) = self.endpoint.poll_transmit(now, &mut bytes) else {
                if busy {
                    continue;
                }
                break;
            };
            self.check_datagram(&bytes, to, before, probes);
            out.push(Datagram { from: self.address, to, bytes });
        }
        if self.flight().is_some_and(|(in_flight, _)| in_flight > 0) {
            assert!(self.endpoint.poll_timeout().is_some(), "packets in flight and no timer");
        }
        out
    }

    pub(crate) fn next(&self) -> Option<Time> {
        let plan = self
            .plan
            .last()
            .filter(|_| self.connection.is_some() && self.end.is_none() && !self.full);
        let plan = plan.map(|planned| Time::ZERO + planned.at);
        [self.endpoint.poll_timeout(), plan].into_iter().flatten().min()
    }

    /// Whether it has sent and got confirmed all that it wanted to.
    pub(crate) fn is_done(&self) -> bool {
        let sent: usize = self.sent.values().map(Vec::len).sum();
        self.connection.is_some() && self.plan.is_empty() && self.confirmed.len() == sent
    }

    pub(crate) fn close(&mut self, now: Time) {
        if let Some(id) = self.connection {
            self.endpoint.close(now, id, CloseCode::Done, "done", Duration::from_secs(60));
        }
    }

    fn flight(&self) -> Option<(usize, usize)> {
        let snapshot = self.endpoint.snapshot(self.connection?)?;
        Some((snapshot.in_flight, snapshot.window))
    }

    fn probes(&self) -> u64 {
        self.connection.and_then(|id| self.endpoint.stats(id)).map_or(0, |stats| stats.probes)
    }

    fn check_datagram(
        &mut self,
        bytes: &[u8],
        to: SocketAddr,
        before: Option<(usize, usize)>,
        probes: u64,
    ) {
        assert!(bytes.len() <= arq::limits::DATAGRAM, "{} bytes", bytes.len());
        if bytes[0] == 11 {
            let header = *bytes.first_chunk().unwrap();
            assert!(self.nonces.insert(header), "a packet number was used twice");
        }
        // What is in flight stays within the window, but for two packets for each probe timeout.
        if let (Some((before, _)), Some((after, window))) = (before, self.flight())
            && after > before
            && after > window
        {
            self.beyond += 1;
            assert!(self.beyond <= 2 * probes, "{after} bytes in flight, {window} allowed");
        }
        // At most three times as much as was received, until the address is proven.
        if let Some(id) = self.connection
            && let Some(snapshot) = self.endpoint.snapshot(id)
            && snapshot.is_proven
        {
            self.proven.insert(snapshot.address);
        }
        let (received, sent) = self.traffic.entry(to).or_default();
        *sent += bytes.len();
        assert!(
            self.proven.contains(&to) || *sent <= 3 * *received,
            "{sent} bytes to {to}, from where only {received} came"
        );
    }

    fn on_events(&mut self, now: Time) -> bool {
        let mut busy = false;
        while let Some((id, event)) = self.endpoint.poll_event() {
            busy = true;
            match event {
                Event::Established { incoming, .. } => {
                    assert_eq!(self.connection, None, "two connections");
                    assert_eq!(incoming, self.calls.is_none());
                    self.connection = Some(id);
                    self.delay_plan(now);
                }
                Event::Readable(channel) => {
                    while let Some(message) = self.endpoint.read(id, channel) {
                        let read = self.read.entry(channel).or_default();
                        self.read_now.push((channel, read.len()));
                        read.push(message);
                    }
                }
                Event::UnreliableReadable => {
                    while let Some((_, message)) = self.endpoint.read_unreliable(id) {
                        self.unreliable_now.push(message);
                    }
                }
                Event::Confirmed { channel, number } => {
                    assert!(self.confirmed.insert((channel, number)), "confirmed twice");
                    self.confirmed_now.push((channel, number));
                }
                Event::Writable => self.full = false,
                Event::Moved { to } => {
                    self.moves += 1;
                    self.proven.insert(to);
                }
                Event::Ended { end: End::NoAnswer, .. } => {
                    let (to, key) = self.calls.expect("whoever waits for an answer has called");
                    self.endpoint.connect(now, to, key).unwrap();
                }
                Event::Ended { end: End::WrongKey, .. } => self.wrong_keys += 1,
                Event::Ended { end, unconfirmed } => self.end = Some((end, unconfirmed)),
            }
        }
        busy
    }

    /// The plan is made for a connection that exists from the start.
    fn delay_plan(&mut self, now: Time) {
        for planned in &mut self.plan {
            planned.at += now.since(Time::ZERO);
        }
    }

    fn on_plan(&mut self, now: Time) -> bool {
        let (Some(id), None, false) = (self.connection, &self.end, self.full) else { return false };
        let mut busy = false;
        while let Some(planned) = self.plan.pop_if(|planned| Time::ZERO + planned.at <= now) {
            busy = true;
            let count =
                self.unreliable_sent.len() + self.sent.values().map(Vec::len).sum::<usize>();
            let message = message(self.calls.is_some(), count, planned.len);
            let Some(channel) = planned.channel else {
                self.endpoint.send_unreliable(id, 1, message.clone()).unwrap();
                self.unreliable_sent.insert(message);
                busy = true;
                continue;
            };
            match self.endpoint.send(id, channel, message.clone()) {
                Ok(number) => {
                    let sent = self.sent.entry(channel).or_default();
                    assert_eq!(number, sent.len() as u64);
                    sent.push(message);
                }
                Err(SendError::Full) => {
                    self.plan.push(planned);
                    self.full = true;
                    return busy;
                }
                Err(error) => panic!("{error}"),
            }
            busy = true;
        }
        busy
    }

    /// What this peer has read since the last step is what the other has sent, in its order and once; and
    /// what the other was told that we have, we have.
    pub(crate) fn check_step(&mut self, other: &mut Self) {
        for (channel, at) in std::mem::take(&mut self.read_now) {
            let sent = other.sent.get(&channel).map_or(&[][..], Vec::as_slice);
            let message = &self.read[&channel][at];
            match channel.order {
                arq::Order::Ordered => {
                    assert_eq!(Some(message), sent.get(at), "{channel}: order or contents");
                }
                arq::Order::Unordered => {
                    assert!(sent.contains(message), "{channel}: a message that was not sent");
                }
            }
            assert!(self.had.insert(message.clone()), "{channel}: a message came twice");
        }
        for message in std::mem::take(&mut self.unreliable_now) {
            assert!(other.unreliable_sent.contains(&message), "a message that was not sent");
            assert!(self.had.insert(message), "an unreliable message came twice");
        }
        for (channel, number) in std::mem::take(&mut other.confirmed_now) {
            let message = &other.sent[&channel][usize::try_from(number).unwrap()];
            let has = self.had.contains(message);
            assert!(has, "{channel}: message {number} was confirmed and not read");
        }
    }

    pub(crate) fn count_read(&self) -> usize {
        self.read.values().map(Vec::len).sum()
    }
}

/// A message that is like no other.
fn message(opener: bool, count: usize, len: usize) -> Bytes {
    let mut bytes = vec![u8::from(opener)];
    bytes.extend_from_slice(&count.to_be_bytes());
    bytes.extend((bytes.len()..len).map(|n| u8::try_from((n * 7 + count) % 256).unwrap()));
    bytes.into()
}
