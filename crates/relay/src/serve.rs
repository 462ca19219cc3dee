//! The relay's life: listen, serve, and an end that delivers everything that was taken.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use proto::Ending;
use tcp_server::{Connection, Listeners, Service, Stop, Summary};
use tokio::select;

use crate::control;
use crate::hub::{Event, Hub};
use crate::limits::Limits;
use crate::mailbox::Mailbox;
use crate::outlet::{Dialect, Outlet as _};
use crate::talk::Talk;

/// Who is told what becomes of connections and people.
pub trait Observer: tcp_server::Observer {
    /// Somebody has a name, or came into a room, or left it. It is called in a connection's task, which
    /// it should not hold up.
    fn happened(&self, _event: &Event) {}
}

/// Nobody is told anything.
impl Observer for () {}

impl<W: Observer> Observer for Arc<W> {
    fn happened(&self, event: &Event) {
        (**self).happened(event);
    }
}

/// What a relay takes in, and on what terms.
#[derive(Debug, Default)]
pub struct Config {
    /// What it allows its clients.
    pub limits: Limits,
    /// Where this is given, every connection begins with a handshake of TLS.
    #[cfg(feature = "tls")]
    pub tls: Option<Arc<tls::Server>>,
}

impl From<Limits> for Config {
    /// These limits, without TLS.
    fn from(limits: Limits) -> Self {
        Self {
            limits,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }
}

/// Relays between the clients of one listener, or of several, until `stop` asks it to stop.
///
/// Then it accepts and takes no more, delivers what it took, says goodbye, and closes. What is left
/// after [`Limits::drain`], or at the second request, is cut.
pub async fn serve<W: Observer + Clone>(
    listeners: impl Into<Listeners>,
    config: impl Into<Config>,
    observer: W,
    stop: Stop,
) -> Summary {
    let config = config.into();
    let limits = config.limits;
    let config = tcp_server::Config {
        limits: tcp_server::Limits {
            connections: limits.people,
            idle: None,
            handshake: limits.handshake,
            message: limits.message,
            write: limits.write,
            linger: limits.linger,
            drain: limits.drain,
            line: limits.line,
            frame: limits.frame,
            keepalive: limits.keepalive,
            unsent: Some(limits.unsent),
            ..tcp_server::Limits::default()
        },
        #[cfg(feature = "tls")]
        tls: config.tls,
        ..tcp_server::Config::default()
    };
    let shared = Arc::new(Shared::new(limits, Box::new(observer.clone())));
    let service = Relay { shared: Arc::clone(&shared) };
    let mut server = pin!(tcp_server::run(listeners, config, service, observer, stop.clone()));
    select! {
        biased;
        () = stop.draining() => {}
        summary = &mut server => return summary,
    }
    shared.close();
    server.await
}

/// What every connection does.
struct Relay {
    shared: Arc<Shared>,
}

impl Service for Relay {
    async fn serve(&self, mut connection: Connection) -> Ending {
        let mut talk = Talk::new(Arc::clone(&self.shared), connection.id());
        let ending = talk.run(connection.stream_mut()).await;
        drop(talk);
        // Boxed, so that it takes no memory while people talk.
        Box::pin(connection.close(ending)).await
    }
}

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) limits: Limits,
    state: Mutex<State>,
    observer: Box<dyn Observer>,
}

/// What is behind the one lock. It is held for as long as a read's frames take to be handed on, and
/// never while anything waits.
pub(crate) struct State {
    pub(crate) hub: Hub<Mailbox>,
    /// The connections, those of nobody included.
    mailboxes: HashMap<u64, Mailbox>,
    is_closed: bool,
}

impl Shared {
    fn new(limits: Limits, observer: Box<dyn Observer>) -> Self {
        let hub = Hub::new(limits.clone(), now());
        let state = State { hub, mailboxes: HashMap::new(), is_closed: false };
        Self { limits, state: Mutex::new(state), observer }
    }

    /// Does something with the hub, and tells the observer what came of it.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut Hub<Mailbox>) -> T) -> T {
        let mut state = self.state();
        let result = act(&mut state.hub);
        let events = state.hub.take_events();
        drop(state);
        for event in events {
            self.observer.happened(&event);
        }
        result
    }

    /// A mailbox for a new connection.
    pub(crate) fn open(&self, conn: u64) -> Mailbox {
        let mailbox = Mailbox::new(self.limits.outbox);
        let mut state = self.state();
        if state.is_closed {
            mailbox.end(Ending::Shutdown);
        }
        state.mailboxes.insert(conn, mailbox.clone());
        mailbox
    }

    /// A connection is gone.
    pub(crate) fn forget(&self, conn: u64) {
        self.state().mailboxes.remove(&conn);
    }

    /// Ends everything, after what was put for each.
    fn close(&self) {
        let mut state = self.state();
        state.is_closed = true;
        state.hub.close();
        for mailbox in state.mailboxes.values() {
            // It reaches those who are nobody yet. A client of frames skips lines before it is welcome.
            mailbox.put(&control::goodbye(&Ending::Shutdown, Dialect::Lines));
            mailbox.end(Ending::Shutdown);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic in one connection's task must not end all the others.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Microseconds since 1970 in UTC, with which frames are stamped.
#[expect(
    clippy::disallowed_methods,
    reason = "this is where the relay's pure parts get the time from"
)]
pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}
