use std::collections::HashMap;
use std::future::pending;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use files::{Opened, ServerOpening, opening};
use proto::transfer::{Begin, DropWhy, Way};
use proto::{Ending, Goodbye, Message, ProtocolError, Why};
use tokio::runtime;
use tokio::select;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use transfer::limits::{MAX_TOLD_DROPPED, OPENING};
use transfer::{
    Broken, Folder, LeastRate, Patience, Receiving, Sending, Source, Told, Watch, Wire,
};

use crate::connection::Connection;
use crate::limits::{FILES_RATE_WINDOW, Limits};
use crate::serve::Service;
use crate::stream::{Peer, Stream};

/// Takes files into a folder, gives those that are in it, or both.
///
/// Each transfer has a thread of its own, because disks block: it comes from the pool of the runtime, and
/// goes back with the end of the connection. The thread watches its socket itself. With that left to the
/// server's runtime, each read would cost a wake-up from one thread to the other.
#[derive(Debug)]
pub struct Files<C>(Arc<Inner<C>>);

#[derive(Debug)]
struct Inner<C> {
    folder: Folder,
    share: Share,
    clerk: C,
    /// The runs of clients that have a connection, and who is to be told when one of them comes again.
    runs: Mutex<HashMap<u64, (u64, oneshot::Sender<()>)>>,
}

/// Which way files go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Share {
    /// Clients send files and get files.
    #[default]
    Both,
    /// Clients send files; none is given away.
    Take,
    /// Clients get files; none is taken.
    Give,
}

impl Share {
    /// Whether clients may send.
    pub fn takes(self) -> bool {
        self != Self::Give
    }

    /// Whether clients may fetch.
    pub fn gives(self) -> bool {
        self != Self::Take
    }
}

/// Who is told of the files of each connection. It is called in the connection's thread.
pub trait Clerk: Send + Sync + 'static {
    /// Something has happened. Paths and reasons may be the client's words.
    fn told(&self, connection: u64, peer: &Peer, told: Told<'_>);
}

impl<C: Clerk> Clerk for Arc<C> {
    fn told(&self, connection: u64, peer: &Peer, told: Told<'_>) {
        (**self).told(connection, peer, told);
    }
}

impl<C: Clerk> Files<C> {
    /// Files of `folder`.
    pub fn new(folder: Folder, share: Share, clerk: C) -> Self {
        Self(Arc::new(Inner { folder, share, clerk, runs: Mutex::default() }))
    }
}

impl<C: Clerk> Service for Files<C> {
    async fn serve(&self, connection: Connection) -> Ending {
        let inner = Arc::clone(&self.0);
        // Dropped with this future, where the server ends before the transfer does.
        let (_alive, gone) = oneshot::channel::<()>();
        let thread = spawn_blocking(move || {
            let runtime = match runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => return Ending::from_io(&error),
            };
            runtime.block_on(async {
                let connection = match connection.into_this_runtime() {
                    Ok(connection) => connection,
                    Err(ending) => return ending,
                };
                select! {
                    biased;
                    _ = gone => Ending::Shutdown,
                    ending = inner.serve(connection) => ending,
                }
            })
        });
        match thread.await {
            Ok(ending) => ending,
            Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
            Err(_) => Ending::Shutdown,
        }
    }
}

impl<C: Clerk> Inner<C> {
    async fn serve(&self, mut connection: Connection) -> Ending {
        let stop = connection.stop().clone();
        let Limits { idle, first_byte, least_rate, drain_quiet: quiet, linger, write, .. } =
            *connection.limits();
        let over = idle.unwrap_or(FILES_RATE_WINDOW);
        let least_rate = least_rate.map(|bytes| LeastRate { bytes, over });
        let counts = connection.stream().counts();
        let hurry = Box::pin(async move { stop.draining().await });
        let (id, peer) = (connection.id(), connection.peer().clone());
        let mut told = ToldBy { clerk: &self.clerk, id, peer, dropped: 0 };
        let write = Some(write);
        let patience = Patience { idle, least_rate, write, hurry, quiet };
        let mut wire = Wire::new(connection.stream_mut(), patience);
        let opening = first_byte.map_or(OPENING, |limit| limit.min(OPENING));
        let ended = self.transfer(&mut wire, &mut told, opening).await;
        self.forget_run(id);
        told.sum_up();
        let ending = match ended {
            // Everything is said. The client closes, and its end is the sign that it has heard so.
            Ok(()) => timeout(linger, end_of(&mut wire)).await.unwrap_or(Ending::Done),
            Err(broken) => {
                let ending = match broken.ending {
                    // Who has begun nothing has left nothing unfinished.
                    Ending::Protocol(ProtocolError::Unfinished { .. })
                        if counts.received() == 0 =>
                    {
                        Ending::NoFirstByte
                    }
                    ending => ending,
                };
                if is_told(&ending) {
                    let (name, reason) = (ending.name().into(), ending.to_string());
                    wire.say(&Message::Goodbye(Goodbye { ending: name, reason }));
                    // Whether or not it can still be told, that is how it ended.
                    let _ = timeout(linger, wire.flush()).await;
                }
                ending
            }
        };
        drop(wire);
        connection.close(ending).await
    }

    async fn transfer(
        &self,
        wire: &mut Wire<&mut Stream>,
        told: &mut ToldBy<'_, C>,
        limit: Duration,
    ) -> Result<(), Broken> {
        let opened = timeout(limit, open(wire)).await;
        let begin = opened.map_err(|_| Ending::Protocol(ProtocolError::Unfinished { limit }))??;
        // A client that comes again has lost the connection that it had, which this side may not know yet:
        // a cable that was cut says nothing. It would hold on to the parts that the client comes back for.
        let again = self.begin_run(begin.run, told.id);
        select! {
            biased;
            () = again => Err(Ending::Replaced.into()),
            ended = self.transfer_files(wire, told, begin) => ended,
        }
    }

    async fn transfer_files(
        &self,
        wire: &mut Wire<&mut Stream>,
        told: &mut ToldBy<'_, C>,
        begin: Begin,
    ) -> Result<(), Broken> {
        match begin.way {
            Way::ToServer if self.share.takes() => {
                transfer::receive(wire, &self.folder, &mut Receiving::default(), told).await
            }
            Way::ToClient if self.share.gives() => {
                let mut sending = Sending::asked(self.source(&begin));
                transfer::send(wire, &mut sending, told).await
            }
            way => {
                let reason = match way {
                    Way::ToServer => "this server gives files, and takes none",
                    Way::ToClient => "this server takes files, and gives none",
                };
                wire.say(&opening::refused(Why::WrongWay, reason.to_owned()));
                Ok(wire.flush().await?)
            }
        }
    }

    /// Ends the connection that this run of a client had before, and gives what tells when it comes again.
    async fn begin_run(&self, run: Option<u64>, id: u64) {
        let Some(run) = run else { return pending().await };
        let (sender, again) = oneshot::channel();
        let before = self.runs().insert(run, (id, sender));
        if let Some((_, before)) = before {
            // It has come to its end in this moment where nobody hears it.
            let _ = before.send(());
        }
        if again.await.is_err() {
            pending::<()>().await;
        }
    }

    fn forget_run(&self, id: u64) {
        self.runs().retain(|_, (of, _)| *of != id);
    }

    fn runs(&self) -> MutexGuard<'_, HashMap<u64, (u64, oneshot::Sender<()>)>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a client wants to have.
    fn source(&self, begin: &Begin) -> Source {
        let folder = self.folder.path();
        if begin.paths.is_empty() {
            return Source::of_folder(folder);
        }
        let mut source = Source::default();
        for path in &begin.paths {
            source.add_asked(folder, path);
        }
        source
    }
}

/// Whether a client is told why its connection ends.
fn is_told(ending: &Ending) -> bool {
    matches!(ending, Ending::Protocol(_) | Ending::Idle | Ending::NoFirstByte | Ending::Shutdown)
}

async fn open(wire: &mut Wire<&mut Stream>) -> Result<Begin, Ending> {
    let mut opening = ServerOpening::default();
    loop {
        match opening.handle(wire.hear().await?)? {
            Opened::Say(message) => wire.say(&message),
            Opened::Begin(begin) => return Ok(begin),
        }
    }
}

/// Reads on until the client has closed, and forgets what still comes.
async fn end_of(wire: &mut Wire<&mut Stream>) -> Ending {
    loop {
        if let Err(ending) = wire.hear().await {
            return ending;
        }
    }
}

struct ToldBy<'a, C> {
    clerk: &'a C,
    id: u64,
    peer: Peer,
    /// How many files did not come over.
    dropped: u64,
}

impl<C: Clerk> ToldBy<'_, C> {
    /// Tells how many more there were than were told of.
    fn sum_up(&self) {
        if let Some(more @ 1..) = self.dropped.checked_sub(MAX_TOLD_DROPPED) {
            let reason = &format!("{more} more");
            let dropped = Told::Dropped { path: "", size: 0, why: DropWhy::Other, reason };
            self.clerk.told(self.id, &self.peer, dropped);
        }
    }
}

impl<C: Clerk> Watch for ToldBy<'_, C> {
    fn told(&mut self, told: Told<'_>) {
        if let Told::Dropped { .. } = told {
            self.dropped += 1;
            if self.dropped > MAX_TOLD_DROPPED {
                return;
            }
        }
        self.clerk.told(self.id, &self.peer, told);
    }
}
