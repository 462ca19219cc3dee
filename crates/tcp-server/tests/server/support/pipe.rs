use std::time::Duration;

use tcp_server::{Connection, Ending, Limits, Peer, Service, Stopper, Stream, stop_pair};
use tokio::io::{AsyncReadExt as _, duplex};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::way::{Talk, secured, tls_server};

/// One connection over a pipe in memory. In a test with paused time the clock moves only when everybody
/// waits, and then at once to the next timer, so that an hour takes no time and limits are exact.
pub(crate) struct Pipe {
    pub(crate) client: Box<dyn Talk>,
    pub(crate) stopper: Stopper,
    ending: JoinHandle<Ending>,
}

impl Pipe {
    /// A service at one end of a pipe that holds `size` bytes in each direction.
    pub(crate) fn new(service: impl Service, limits: Limits, size: usize) -> Self {
        let (client, server) = duplex(size);
        let (stopper, stop) = stop_pair();
        let connection = Connection::new(1, server.into(), Peer::Memory, limits, stop);
        let ending = tokio::spawn(async move { service.serve(connection).await });
        Self { client: Box::new(client), stopper, ending }
    }

    /// The same, over TLS where that is asked for. A handshake takes no virtual time.
    pub(crate) async fn over(
        is_tls: bool,
        service: impl Service,
        limits: Limits,
        size: usize,
    ) -> Self {
        if !is_tls {
            return Self::new(service, limits, size);
        }
        let (client, server) = duplex(size);
        let server =
            tokio::spawn(async move { Stream::from(server).accept_tls(&tls_server()).await });
        let client = secured(client).await;
        let server = server.await.unwrap().map_err(|(ending, _)| ending).unwrap();
        let (stopper, stop) = stop_pair();
        let connection = Connection::new(1, server, Peer::Memory, limits, stop);
        let ending = tokio::spawn(async move { service.serve(connection).await });
        Self { client: Box::new(client), stopper, ending }
    }

    /// How it ends, while the client stays.
    pub(crate) async fn ending(&mut self) -> Ending {
        ever("the end of the connection", &mut self.ending).await.unwrap()
    }

    /// Everything that still comes, up to the end of the stream.
    pub(crate) async fn read_to_end(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        ever("the end of the stream", self.client.read_to_end(&mut bytes)).await.unwrap();
        bytes
    }
}

/// The future's value, unless ten virtual years are not enough.
pub(crate) async fn ever<T>(what: &str, future: impl Future<Output = T>) -> T {
    const YEARS: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);
    let Ok(value) = timeout(YEARS, future).await else { panic!("never: {what}") };
    value
}
