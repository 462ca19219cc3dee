//! `udp-peer send` and `udp-peer chat`: lines go to one peer, and what it answers is shown meanwhile.
//!
//! Typing and receiving are two futures of one thread; only reading the input and writing the output,
//! which may both wait for a person, have threads of their own. So a reader that does not read (`| less`)
//! keeps nobody from typing.

use std::future::pending;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;

use cli::Failure;
use tokio::select;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, sleep};
use udp_peer::limits::{MAX_DATAGRAM, RELIABLE_RECV_BUFFER, max_datagram};
use udp_peer::{Incoming, Line, Plain, Received, Socket, SocketOptions, Unreachable, addresses};

use crate::args::Mode;
pub(crate) use crate::args::TalkPlan;
use crate::recv::LAST_READS;
use crate::report::Report;
use crate::{failures, input};

/// How much of what was received waits at most to be shown: 16 datagrams, so 1 MiB. Beyond that the
/// kernel's receive buffer fills, and what is lost there is counted.
const WAITING: usize = 16;

/// The line that ends the input.
pub(crate) const QUIT: &[u8] = b"q";

/// What was received, on its way to whoever reads standard output.
enum Heard {
    Datagram(Received, Vec<u8>),
    Unreachable(Unreachable),
}

/// Talks until the input ends. The value is the signal that ended it, if one did.
pub(crate) async fn talk(
    plan: &TalkPlan,
    report: &Arc<Report>,
    stop: Option<oneshot::Receiver<i32>>,
) -> Result<Option<i32>, Failure> {
    let (plain, peer) = connect(plan).await?;
    let local = plain.socket().local_addr().map_err(|error| failures::of_receiving(&error))?;
    report.listening(local, Some(peer));
    let lines = input::lines(max_datagram(peer)).map_err(|error| failures::of_input(&error))?;
    let (queue, shown) = show(report);

    let mut stop = pin!(async {
        match stop {
            Some(stop) => stop.await.ok(),
            None => pending().await,
        }
    });
    let conversation = async {
        let mut hearing = pin!(hear(&plain, &queue));
        select! {
            typed = send_lines(plan.mode, &plain, peer, lines, report) => typed?,
            error = &mut hearing => return Err(failures::of_receiving(&error)),
        }
        if !plan.wait.is_zero() {
            select! {
                () = sleep(plan.wait) => {}
                error = &mut hearing => return Err(failures::of_receiving(&error)),
            }
        }
        Ok(())
    };
    let ended = select! {
        biased;
        signal = &mut stop => Ok(signal),
        done = conversation => done.map(|()| None),
    };
    if ended.is_ok() {
        // An answer that the kernel has is shown, also where nobody waits for more.
        hear_what_has_arrived(&plain, &queue).await?;
    }
    drop(queue);
    if let Err(panic) = shown.await {
        std::panic::resume_unwind(panic.into_panic());
    }
    report.lost(plain.socket().lost_since());
    if let (Ok(None), Mode::Send, lines @ 1..) = (&ended, plan.mode, report.count_of_not_sent()) {
        return Err(failures::not_sent(lines));
    }
    ended
}

/// A socket between the two ends.
pub(crate) async fn connect(plan: &TalkPlan) -> Result<(Plain, SocketAddr), Failure> {
    let (local, peer) = ends(plan).await?;
    let told = |error| failures::of_socket(&error, local, plan.mode);
    let mut socket = Socket::bind(local, &SocketOptions::default()).map_err(told)?;
    socket.connect(peer).map_err(told)?;
    Ok((Plain::new(socket), peer))
}

/// A socket for the peer, and for anybody else: he may come from another address one day.
pub(crate) fn unconnected(
    local: SocketAddr,
    peer: SocketAddr,
    mode: Mode,
) -> Result<Socket, Failure> {
    let told = |error| failures::of_socket(&error, local, mode);
    // Whether anything can go there from here, the kernel only says of a socket that is connected.
    let any_port = SocketAddr::new(local.ip(), 0);
    let mut trial = Socket::bind(any_port, &SocketOptions::default()).map_err(told)?;
    trial.connect(peer).map_err(told)?;
    let options =
        SocketOptions { recv_buffer: Some(RELIABLE_RECV_BUFFER), ..SocketOptions::default() };
    Socket::bind(local, &options).map_err(told)
}

/// The addresses of the two ends, which are of one family.
pub(crate) async fn ends(plan: &TalkPlan) -> Result<(SocketAddr, SocketAddr), Failure> {
    let peers = addresses(&plan.peer).await.map_err(|error| failures::of_address(&error))?;
    let Some(local) = &plan.local else {
        let peer = *peers.first().expect("a name that was found stands for an address");
        let any = if peer.is_ipv4() {
            Ipv4Addr::UNSPECIFIED.into()
        } else {
            Ipv6Addr::UNSPECIFIED.into()
        };
        return Ok((SocketAddr::new(any, 0), peer));
    };
    let locals = addresses(local).await.map_err(|error| failures::of_address(&error))?;
    let pairs = locals.iter().flat_map(|local| peers.iter().map(move |peer| (*local, *peer)));
    let mut of_one_family = pairs.filter(|(local, peer)| local.is_ipv4() == peer.is_ipv4());
    of_one_family.next().ok_or_else(|| failures::of_families(local, &plan.peer))
}

/// Sends each line until the input ends.
async fn send_lines(
    mode: Mode,
    plain: &Plain,
    peer: SocketAddr,
    mut lines: mpsc::Receiver<io::Result<Line>>,
    report: &Report,
) -> Result<(), Failure> {
    while let Some(line) = lines.recv().await {
        match line.map_err(|error| failures::of_input(&error))? {
            Line::Whole(line) if line == QUIT => break,
            // A person who only pressed Enter, or the space bar before it, means nothing by it; `send`
            // takes its input at its word.
            Line::Whole(line) if mode == Mode::Chat && is_blank(&line) => {
                report.empty_line(peer, line.len());
            }
            Line::Whole(line) => match plain.send(&line).await {
                Ok(()) => report.sent(peer, line.len()),
                Err(error) => report.refused(peer, line.len(), &error),
            },
            Line::TooLong { len } => report.too_long(peer, len, max_datagram(peer)),
        }
    }
    Ok(())
}

/// Whether nothing is to be seen of it, as `tcp-client chat` judges a line.
pub(crate) fn is_blank(line: &[u8]) -> bool {
    str::from_utf8(line).is_ok_and(|text| text.trim().is_empty())
}

/// Starts the thread that shows what was heard, in the order of the queue.
fn show(report: &Arc<Report>) -> (mpsc::Sender<Heard>, JoinHandle<()>) {
    let (queue, mut heard) = mpsc::channel(WAITING);
    let report = Arc::clone(report);
    let shown = spawn_blocking(move || {
        while let Some(heard) = heard.blocking_recv() {
            match heard {
                Heard::Datagram(received, kept) => report.datagram(&received, &kept),
                Heard::Unreachable(unreachable) => report.unreachable(unreachable),
            }
        }
    });
    (queue, shown)
}

/// Receives for ever, or until the socket fails.
async fn hear(plain: &Plain, queue: &mpsc::Sender<Heard>) -> io::Error {
    let mut buf = vec![0; MAX_DATAGRAM];
    loop {
        // First the place, then the datagram: what finds no place stays in the kernel.
        let Ok(place) = queue.reserve().await else { return pending().await };
        match plain.next(&mut buf).await {
            Ok(incoming) => place.send(heard(incoming, &buf)),
            Err(error) => return error,
        }
    }
}

async fn hear_what_has_arrived(plain: &Plain, queue: &mpsc::Sender<Heard>) -> Result<(), Failure> {
    let mut buf = vec![0; MAX_DATAGRAM];
    let until = Instant::now() + LAST_READS;
    while Instant::now() < until {
        match plain.try_next(&mut buf).map_err(|error| failures::of_receiving(&error))? {
            Some(incoming) => {
                // The other end is closed only when the thread has died of a panic, which is told then.
                let _ = queue.send(heard(incoming, &buf)).await;
            }
            None => break,
        }
    }
    Ok(())
}

fn heard(incoming: Incoming, buf: &[u8]) -> Heard {
    match incoming {
        Incoming::Datagram(received) => Heard::Datagram(received, buf[..received.kept].to_vec()),
        Incoming::Unreachable(unreachable) => Heard::Unreachable(unreachable),
    }
}
