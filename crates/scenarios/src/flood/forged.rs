//! Where do forged first packets come from, and for how long?

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use arq::limits::COOKIE_FROM;
use arq::{Endpoint, Time};
use netlab::inject::{Datagram, Injector, Limits};
use netlab::{Lab, Record};

use super::attack::NOBODYS;
use crate::arq_endpoint::arq_endpoint;
use crate::stage::{SOON, Stage, Trouble, until};

/// How many first packets a flood has at the least: if a kibibyte of each were kept, it would be seen. It
/// goes on until the honest client is in, or there are as many as there may be.
pub(super) const LEAST: u32 = 1_500;
const MOST: u32 = 4_000;

/// How fast they come: what a machine that others use too takes in without losing any.
pub(super) const PER_SECOND: u32 = 2_000;

/// So many have come when the client is started: more than those from which on a cookie is asked for.
const BEFORE: usize = 2 * COOKIE_FROM;

/// First packets that nobody will go on with.
pub(super) struct Flood {
    injector: Injector,
    /// What makes them: the protocol itself, so they are as good as any.
    endpoint: Endpoint,
    to: SocketAddr,
}

impl Flood {
    pub(super) fn new(stage: &Stage, lab: &Lab, to: SocketAddr) -> Result<Self, Trouble> {
        let limits = Limits { frames: MOST, per_second: PER_SECOND };
        let injector = lab.injector("attacker", "server", limits);
        let injector = injector.map_err(Trouble::io("send frames past the sockets"))?;
        let endpoint = arq_endpoint(7, stage.seed);
        Ok(Self { injector, endpoint, to })
    }

    /// Goes on while `meanwhile` is done, which begins when many have come. Gives how many were sent, too.
    pub(super) fn meanwhile<T: Send>(
        mut self,
        lab: &Lab,
        meanwhile: impl FnOnce() -> Result<T, Trouble>,
    ) -> Result<(T, u32), Trouble> {
        let (server, attacker) = (lab.host("server").id(), lab.host("attacker").id());
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            let flood = scope.spawn(|| {
                let mut sent = 0;
                while sent < LEAST || sent < MOST && !is_over.load(Ordering::Relaxed) {
                    sent += 1;
                    self.send(sent)?;
                }
                Ok::<u32, Trouble>(sent)
            });
            let wire = lab.wire().expect("a flood has a wire");
            let come = |record: &&Record| {
                record.from == attacker && record.to == Some(server) && record.delivered().is_some()
            };
            let begun = until("a flood", || {
                Ok((wire.records().iter().filter(come).count() >= BEFORE).then_some(()))
            });
            let done = begun.and_then(|()| meanwhile());
            is_over.store(true, Ordering::Relaxed);
            let sent = flood.join().expect("sending does not panic")?;
            wire.settle(SOON);
            Ok((done?, sent))
        })
    }

    fn send(&mut self, number: u32) -> Result<(), Trouble> {
        let SocketAddr::V4(to) = self.to else { return Ok(()) };
        let from = SocketAddrV4::new(Ipv4Addr::from_bits(NOBODYS.0.to_bits() + number), 1024);
        let called = self.endpoint.connect(Time::ZERO, self.to, None);
        let mut packet = Vec::new();
        let opens =
            called.is_ok() && self.endpoint.poll_transmit(Time::ZERO, &mut packet).is_some();
        assert!(opens, "an endpoint calls as often as it is asked to, and {MOST} are not too many");
        let datagram = Datagram { from, to, payload: &packet };
        self.injector.send_datagram(datagram).map_err(Trouble::io("send a forged first packet"))
    }
}
