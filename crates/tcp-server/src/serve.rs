//! The server's life: accept, one task for each connection, drain, end.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use proto::Ending;
use tokio::select;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};

use crate::accept::{AcceptFault, Accepted, Acceptor, Refused};
use crate::connection::Connection;
use crate::drain::{Phase, Stop};
#[cfg(feature = "tls")]
use crate::handshake::shake_hands;
use crate::limits::Limits;
use crate::listeners::Listeners;
use crate::patience::{Timers, after};
#[cfg(feature = "tls")]
use crate::quota::Quota;
use crate::stream::{Counts, Peer, Stream};

/// What a server does with a connection. One value serves all of them, each in a task of its own.
///
/// ```
/// use bytes::BytesMut;
/// use tcp_server::{Connection, Ending, Service};
///
/// /// Says how much it heard, when the peer has finished.
/// struct Count;
///
/// impl Service for Count {
///     async fn serve(&self, mut connection: Connection) -> Ending {
///         let (mut heard, mut buffer) = (0, BytesMut::with_capacity(4096));
///         let ending = loop {
///             match connection.read(&mut buffer).await {
///                 Ok(0) => match connection.write_all(format!("{heard}\n").as_bytes()).await {
///                     Ok(()) => break Ending::PeerFin,
///                     Err(ending) => break ending,
///                 },
///                 Ok(read) => heard += read,
///                 Err(ending) => break ending,
///             }
///             buffer.clear();
///         };
///         connection.close(ending).await
///     }
/// }
/// ```
pub trait Service: Send + Sync + 'static {
    /// Serves the connection to its end, and says how it ended.
    ///
    /// The future is dropped where the server ends before it does; the connection is then closed and
    /// its ending is [`Ending::Shutdown`].
    fn serve(&self, connection: Connection) -> impl Future<Output = Ending> + Send;
}

/// Who is told what becomes of the connections. For each of them `opened` comes first, `closed` last,
/// and both come exactly once. They are called in the connection's task, which they should not hold up.
pub trait Observer: Send + Sync + 'static {
    /// The counts of a connection that is about to be reported as opened, for who wants to know of its bytes
    /// before it has ended.
    fn counting(&self, _id: u64, _counts: &Arc<Counts>) {}

    /// A connection was accepted.
    fn opened(&self, _id: u64, _peer: &Peer) {}

    /// A connection has ended and its socket is closed.
    fn closed(&self, _closed: &Closed) {}

    /// A connection is about to be refused: for who counts them. [`Observer::refused`] tells of them.
    fn refusing(&self) {}

    /// Connections were refused, because their address has as many as it may have. None of them was opened.
    fn refused(&self, _refused: &Refused) {}

    /// The system had no connection to give, though a client had come.
    fn accept_failed(&self, _fault: AcceptFault) {}

    /// The server was asked to stop and waits for `connections`, until `limit` has passed.
    fn draining(&self, _connections: usize, _limit: Duration) {}
}

/// Nobody is told anything.
impl Observer for () {}

impl<O: Observer> Observer for Arc<O> {
    fn counting(&self, id: u64, counts: &Arc<Counts>) {
        (**self).counting(id, counts);
    }

    fn opened(&self, id: u64, peer: &Peer) {
        (**self).opened(id, peer);
    }

    fn closed(&self, closed: &Closed) {
        (**self).closed(closed);
    }

    fn refusing(&self) {
        (**self).refusing();
    }

    fn refused(&self, refused: &Refused) {
        (**self).refused(refused);
    }

    fn accept_failed(&self, fault: AcceptFault) {
        (**self).accept_failed(fault);
    }

    fn draining(&self, connections: usize, limit: Duration) {
        (**self).draining(connections, limit);
    }
}

/// How a connection ended, and what it was.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Closed {
    /// Its number.
    pub id: u64,
    /// Who was at the other end.
    pub peer: Peer,
    /// How it ended.
    pub ending: Ending,
    /// How many bytes were read from the peer.
    pub received: u64,
    /// How many bytes were written to the peer.
    pub sent: u64,
    /// How long it was open.
    pub lasted: Duration,
    /// Whether the peer of a plain stream began with a handshake of TLS.
    pub began_with_tls: bool,
}

/// What a server takes in, and on what terms.
#[derive(Debug, Default)]
pub struct Config {
    /// What it allows its peers.
    pub limits: Limits,
    /// After how many connections it takes no more; it then ends with the last of them. One over TLS counts
    /// once its handshake is done: a stranger who has none is nobody's last client.
    pub at_most: Option<u64>,
    /// Where this is given, the server accepts one connection for each `()` that comes, and none when
    /// the channel has ended.
    pub requests: Option<mpsc::Receiver<()>>,
    /// Where the timers of the connections' limits run.
    pub timers: Timers,
    /// Where this is given, every connection begins with a handshake of TLS.
    #[cfg(feature = "tls")]
    pub tls: Option<Arc<tls::Server>>,
}

/// What a server has done when it has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// How many connections it accepted. Every one of them was reported to the observer.
    pub served: u64,
    /// How many of them were cut off at the end, because they took longer than the drain may.
    pub cut: usize,
}

/// Serves the clients of one listener, or of several, until `stop` asks it to stop.
///
/// On the first request the listeners are closed, which resets the clients that wait in their backlogs, and
/// the connections get [`Limits::drain`] to finish. What is left then, or at the second request, is cut.
/// It returns when every connection is closed and reported.
pub async fn run<S: Service, O: Observer>(
    listeners: impl Into<Listeners>,
    config: Config,
    service: S,
    observer: O,
    stop: Stop,
) -> Summary {
    #[cfg(feature = "tls")]
    let tls = config.tls;
    let Config { limits, at_most, requests, timers, .. } = config;
    #[cfg(feature = "tls")]
    let (at_most, quota) = match (at_most, &tls) {
        (Some(at_most), Some(_)) if at_most > 0 => (None, Quota::new(at_most)),
        _ => (at_most, Quota::none()),
    };
    #[cfg(feature = "tls")]
    let quota = Arc::new(quota);
    let mut acceptor = Acceptor::new(listeners.into(), &limits, at_most, requests);
    let open = AtomicUsize::new(0);
    let limits = Arc::new(limits);
    let stopping = stop.clone();
    let context = Arc::new(Context { service, observer, limits, timers, stop: stopping, open });
    let mut tasks = JoinSet::new();
    let mut served = 0;
    #[cfg(feature = "tls")]
    let used_up = quota.used_up.1.draining();
    #[cfg(not(feature = "tls"))]
    let used_up = std::future::pending();
    let mut used_up = pin!(used_up);
    loop {
        select! {
            biased;
            () = stop.draining() => break,
            () = &mut used_up => break,
            Some(ended) = tasks.join_next(), if !tasks.is_empty() => note_panic(ended),
            accepted = acceptor.next(&context.observer) => match accepted {
                Some(accepted) => {
                    served += 1;
                    context.open.fetch_add(1, Ordering::Relaxed);
                    let context = Arc::clone(&context);
                    #[cfg(feature = "tls")]
                    if let Some(tls) = &tls {
                        let (tls, quota) = (Arc::clone(tls), Arc::clone(&quota));
                        tasks.spawn(context.secure_connection(served, accepted, tls, quota));
                        continue;
                    }
                    tasks.spawn(context.connection(served, accepted));
                }
                None => break,
            },
        }
    }
    acceptor.tell_refusals(&context.observer);
    drop(acceptor);
    let cut = finish(&mut tasks, &context).await;
    Summary { served, cut }
}

/// What every connection's task needs.
struct Context<S, O> {
    service: S,
    observer: O,
    limits: Arc<Limits>,
    timers: Timers,
    stop: Stop,
    /// How many connections have not been reported as closed. Their tasks end a moment later.
    open: AtomicUsize,
}

/// Lets the connections come to their end. Gives how many had to be cut off.
async fn finish<S: Service, O: Observer>(
    tasks: &mut JoinSet<()>,
    context: &Context<S, O>,
) -> usize {
    let stop = &context.stop;
    // A server that takes no more connections has nothing to hurry for until it is asked to stop.
    select! {
        biased;
        () = stop.draining() => {}
        () = join_all(tasks) => return 0,
    }
    if stop.phase() == Phase::Draining {
        let open = context.open.load(Ordering::Relaxed);
        if open > 0 {
            context.observer.draining(open, context.limits.drain);
        }
        let deadline = after(Instant::now(), context.limits.drain);
        select! {
            biased;
            () = join_all(tasks) => return 0,
            () = stop.ended() => {}
            () = sleep_until(deadline) => {}
        }
    }
    let cut = context.open.load(Ordering::Relaxed);
    tasks.abort_all();
    join_all(tasks).await;
    cut
}

async fn join_all(tasks: &mut JoinSet<()>) {
    while let Some(ended) = tasks.join_next().await {
        note_panic(ended);
    }
}

fn note_panic(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "serving a connection failed");
    }
}

impl<S: Service, O: Observer> Context<S, O> {
    async fn connection(self: Arc<Self>, id: u64, accepted: Accepted) {
        let Accepted { stream, peer, permit, place } = accepted;
        // Declared in this order, so that however this future ends the socket is closed before the end
        // is reported, and the end is reported before the next client is let in.
        let _permits = (permit, place);
        let mut report = self.open(id, &stream, &peer);
        report.ending = Some(self.service.serve(self.lend(id, stream, peer)).await);
    }

    /// The same over TLS. In a future of its own, because a plain one would have room for what only this
    /// one needs.
    #[cfg(feature = "tls")]
    async fn secure_connection(
        self: Arc<Self>,
        id: u64,
        accepted: Accepted,
        server: Arc<tls::Server>,
        quota: Arc<Quota>,
    ) {
        let Accepted { stream, peer, permit, place } = accepted;
        let _permits = (permit, place);
        let mut report = self.open(id, &stream, &peer);
        let Self { limits, timers, stop, .. } = &*self;
        // Boxed, so that it takes no memory once it is over.
        let agreed = Box::pin(async {
            select! {
                biased;
                agreed = shake_hands(server, stream, limits, timers, stop) => agreed,
                () = quota.used_up.1.draining() => Err(Ending::Shutdown),
            }
        })
        .await;
        report.ending = Some(match agreed {
            // It came to an agreement at the same moment as the last that there was a place for.
            Ok(_) if !quota.take() => Ending::Shutdown,
            Ok(stream) => self.service.serve(self.lend(id, stream, peer)).await,
            Err(ending) => ending,
        });
    }

    /// Reports a connection, and its end when what is given is dropped.
    fn open(&self, id: u64, stream: &Stream, peer: &Peer) -> Report<'_, O> {
        let report = Report {
            observer: &self.observer,
            open: &self.open,
            id,
            peer: peer.clone(),
            counts: stream.counts(),
            since: Instant::now(),
            ending: None,
        };
        self.observer.counting(id, &report.counts);
        self.observer.opened(id, peer);
        if let Err(error) = stream.prepare(&self.limits) {
            // It is so for a peer that has reset already; reading will tell.
            tracing::debug!(conn = id, %error, "cannot set the options of the socket");
        }
        report
    }

    fn lend(&self, id: u64, stream: Stream, peer: Peer) -> Connection {
        Connection::new(id, stream, peer, Arc::clone(&self.limits), self.stop.clone())
            .with_timers(&self.timers)
    }
}

/// Tells the observer of a connection's end when it is dropped, so that no way out of the task misses it.
struct Report<'a, O: Observer> {
    observer: &'a O,
    open: &'a AtomicUsize,
    id: u64,
    peer: Peer,
    counts: Arc<Counts>,
    since: Instant,
    ending: Option<Ending>,
}

impl<O: Observer> Drop for Report<'_, O> {
    fn drop(&mut self) {
        let ending = match self.ending.take() {
            Some(ending) => ending,
            // The service has panicked.
            None if thread::panicking() => Ending::Io(io::ErrorKind::Other),
            // The task was cut off at the end of the drain.
            None => Ending::Shutdown,
        };
        self.open.fetch_sub(1, Ordering::Relaxed);
        self.observer.closed(&Closed {
            id: self.id,
            peer: self.peer.clone(),
            ending,
            received: self.counts.received(),
            sent: self.counts.sent(),
            lasted: self.since.elapsed(),
            began_with_tls: self.counts.began_with_tls(),
        });
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::Semaphore;

    use super::*;
    use crate::drain::stop_pair;
    use crate::modes::Frames;

    /// A task takes all the memory that its future may ever need, so a step added somewhere is paid for by
    /// every silent connection.
    #[tokio::test]
    async fn the_task_of_a_connection_fits_into_a_kibibyte() {
        let (_stopper, stop) = stop_pair();
        let (limits, timers, open) = (Arc::default(), Timers::default(), AtomicUsize::new(0));
        let context = Context { service: Frames, observer: (), limits, timers, stop, open };
        let permit = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        let stream = tokio::io::duplex(1).0.into();
        let accepted = Accepted { stream, peer: Peer::Memory, permit, place: None };
        let task = Arc::new(context).connection(1, accepted);
        let size = size_of_val(&task);
        assert!(size <= 1024, "{size}");
    }
}
