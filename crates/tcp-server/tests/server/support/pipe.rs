use tcp_server::{Connection, Ending, Limits, Peer, Service, Stopper, stop_pair};
use tokio::io::{DuplexStream, duplex};
use tokio::task::JoinHandle;

/// One connection over a pipe in memory. In a test with paused time the clock moves only when everybody
/// waits, and then at once to the next timer, so that an hour takes no time and limits are exact.
pub(crate) struct Pipe {
    pub(crate) client: DuplexStream,
    pub(crate) stopper: Stopper,
    pub(crate) ending: JoinHandle<Ending>,
}

impl Pipe {
    /// A service at one end of a pipe that holds `size` bytes in each direction.
    pub(crate) fn new(service: impl Service, limits: Limits, size: usize) -> Self {
        let (client, server) = duplex(size);
        let (stopper, stop) = stop_pair();
        let connection = Connection::new(1, server.into(), Peer::Memory, limits, stop);
        let ending = tokio::spawn(async move { service.serve(connection).await });
        Self { client, stopper, ending }
    }

    pub(crate) async fn ending(self) -> Ending {
        self.ending.await.unwrap()
    }
}
