//! `udp-peer recv`: who sent what, when, and how long it is.

use std::future::pending;
use std::time::Duration;

use cli::Failure;
use proto::Address;
use tokio::select;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};
use udp_peer::limits::RELIABLE_RECV_BUFFER;
use udp_peer::{Incoming, Plain, Socket, SocketOptions, addresses};

use crate::args::{Mode, RecvArgs};
use crate::failures;
use crate::report::Report;

/// How long what has arrived may be read when the end was asked for: 500 ms.
///
/// The kernel has it, so it is told; but who sends without a pause does not keep the program alive.
pub(crate) const LAST_READS: Duration = Duration::from_millis(500);

/// Why it is over before the count is reached.
enum Over {
    Asked,
    Time(Duration),
}

/// Receives until the count or the time is reached, or `stop` comes.
pub(crate) async fn receive(
    args: &RecvArgs,
    report: &Report,
    stop: oneshot::Receiver<i32>,
) -> Result<(), Failure> {
    let plain = Plain::new(bind(args).await?);
    let socket = plain.socket();
    if let Some(wanted) = args.rcvbuf
        && let Ok(got) = socket.recv_buffer()
        && got / 2 < wanted
    {
        report.small_buffer(wanted, got / 2);
    }
    report.listening(socket.local_addr().map_err(|error| failures::of_receiving(&error))?, None);
    let mut run = Receiving { plain, report, buf: vec![0; args.max_size], left: args.count };
    let over = async {
        let Some(time) = args.time else { return pending().await };
        sleep(time).await;
        Over::Time(time)
    };
    let over = select! {
        biased;
        _ = stop => Some(Over::Asked),
        over = over => Some(over),
        done = run.until_counted() => {
            done?;
            None
        }
    };
    if over.is_some() {
        run.what_has_arrived()?;
    }
    report.lost(run.plain.socket().lost_since());
    match (over, args.count, run.left) {
        (Some(Over::Time(time)), Some(count), Some(left @ 1..)) => {
            Err(failures::too_few(count - left, count, time))
        }
        _ => Ok(()),
    }
}

struct Receiving<'a> {
    plain: Plain,
    report: &'a Report,
    buf: Vec<u8>,
    /// How many are still wanted, where that is limited.
    left: Option<u64>,
}

impl Receiving<'_> {
    async fn until_counted(&mut self) -> Result<(), Failure> {
        while self.left != Some(0) {
            let incoming = self.plain.next(&mut self.buf).await;
            self.tell(incoming.map_err(|error| failures::of_receiving(&error))?);
        }
        Ok(())
    }

    fn what_has_arrived(&mut self) -> Result<(), Failure> {
        let until = Instant::now() + LAST_READS;
        while self.left != Some(0) && Instant::now() < until {
            let incoming = self.plain.try_next(&mut self.buf);
            match incoming.map_err(|error| failures::of_receiving(&error))? {
                Some(incoming) => self.tell(incoming),
                None => break,
            }
        }
        Ok(())
    }

    fn tell(&mut self, incoming: Incoming) {
        match incoming {
            Incoming::Datagram(received) => {
                self.report.datagram(&received, &self.buf[..received.kept]);
                self.left = self.left.map(|left| left - 1);
            }
            // Nothing is sent here, so nobody can answer that it did not arrive.
            Incoming::Unreachable(unreachable) => self.report.unreachable(unreachable),
        }
    }
}

pub(crate) async fn bind(args: &RecvArgs) -> Result<Socket, Failure> {
    let reliable = args.private.reliable.then_some(RELIABLE_RECV_BUFFER);
    bind_to(&args.address(), args.rcvbuf.or(reliable)).await
}

/// A socket on an address of this machine.
pub(crate) async fn bind_to(
    address: &Address,
    recv_buffer: Option<usize>,
) -> Result<Socket, Failure> {
    let found = addresses(address).await.map_err(|error| failures::of_address(&error))?;
    let options = SocketOptions { recv_buffer, ..SocketOptions::default() };
    // A name may stand for addresses of which this machine has only some.
    let mut failure = None;
    for addr in found {
        match Socket::bind(addr, &options) {
            Ok(socket) => return Ok(socket),
            Err(error) => failure = Some(failures::of_socket(&error, addr, Mode::Recv)),
        }
    }
    Err(failure.expect("a name that was found stands for an address"))
}
