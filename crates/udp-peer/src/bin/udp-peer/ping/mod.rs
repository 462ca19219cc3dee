//! `udp-peer ping`: what is lost, doubled and overtaken, and how long an answer takes.

pub(crate) mod packet;
mod tally;

use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use cli::{Exit, Failure};
use tokio::select;
use tokio::sync::oneshot;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use udp_peer::limits::MAX_DATAGRAM;
use udp_peer::{Incoming, Plain};

use crate::args::PingArgs;
use crate::failures;
use crate::private::own_key::chance;
use crate::report::Report;
use crate::talk;
use packet::{Kind, Packet};
pub(crate) use tally::Summary;
use tally::{Reply, Tally};

/// Asks until the count is reached or `stop` comes, and says what there was.
pub(crate) async fn ping(
    args: &PingArgs,
    report: &Report,
    stop: oneshot::Receiver<i32>,
) -> Result<(), Failure> {
    let (plain, peer) = talk::connect(&args.plan()?).await?;
    let local = plain.socket().local_addr().map_err(|error| failures::of_receiving(&error))?;
    report.listening(local, Some(peer));
    let mut asking = Asking { plain, peer, args, report, run: chance(), tally: Tally::default() };
    let mut stop = pin!(stop);
    let asked = select! {
        biased;
        _ = &mut stop => Ok(()),
        asked = asking.ask() => asked,
    };
    report.pinged(peer, &asking.tally.summary());
    asked?;
    if asking.tally.has_replies() {
        return Ok(());
    }
    let message = format!("{peer} has answered nothing");
    Err(Failure::new(Exit::Failed, "no_answer", message)
        .hint("this answers: udp-peer echo, on the machine that is asked"))
}

struct Asking<'a> {
    plain: Plain,
    peer: SocketAddr,
    args: &'a PingArgs,
    report: &'a Report,
    /// What tells our packets from those of other runs.
    run: u64,
    tally: Tally,
}

impl Asking<'_> {
    async fn ask(&mut self) -> Result<(), Failure> {
        let mut ticks = interval(self.args.interval);
        // Not all at once what could not be sent in time: that would be another measurement.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut buf = vec![0; MAX_DATAGRAM];
        let mut left = self.args.count.unwrap_or(u64::MAX);
        while left > 0 {
            select! {
                biased;
                incoming = self.plain.next(&mut buf) => {
                    self.heard(incoming.map_err(|error| failures::of_receiving(&error))?, &buf);
                }
                _ = ticks.tick() => {
                    left -= 1;
                    self.send().await;
                }
            }
        }
        // The last answers are waited for; when all are there, nothing is.
        let mut patience = pin!(sleep(self.args.wait));
        while self.tally.is_waiting() {
            select! {
                () = &mut patience => break,
                incoming = self.plain.next(&mut buf) => {
                    self.heard(incoming.map_err(|error| failures::of_receiving(&error))?, &buf);
                }
            }
        }
        Ok(())
    }

    async fn send(&mut self) {
        let seq = self.tally.sent(Instant::now());
        let packet = Packet { kind: Kind::Request, run: self.run, seq };
        if let Err(error) = self.plain.send(&packet.write(self.args.size)).await {
            self.report.refused(self.peer, self.args.size, &error);
        }
    }

    fn heard(&mut self, incoming: Incoming, buf: &[u8]) {
        let now = Instant::now();
        let received = match incoming {
            Incoming::Datagram(received) => received,
            Incoming::Unreachable(unreachable) => return self.report.unreachable(unreachable),
        };
        let ours = Packet::read(&buf[..received.kept])
            .filter(|packet| packet.kind == Kind::Reply && packet.run == self.run);
        let Some(packet) = ours else { return };
        match self.tally.heard(packet.seq, now) {
            Some(Reply { time, what }) => {
                self.report.reply(self.peer, received.len, packet.seq, time, what.name());
            }
            None => self.report.too_old(self.peer, packet.seq),
        }
    }
}

/// A time in milliseconds, as ping(8) tells it.
pub(crate) fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}
