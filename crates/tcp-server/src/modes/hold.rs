use proto::Ending;
use tokio::select;

use crate::connection::Connection;
use crate::serve::Service;
use crate::socket::Departure;

/// Keeps a connection and never reads from it, until the peer is gone or the server stops.
///
/// What the peer sends stays in the kernel, so this is a server that has accepted and then hangs. With
/// [`crate::Config::requests`] it also accepts only when it is told to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hold;

impl Service for Hold {
    async fn serve(&self, connection: Connection) -> Ending {
        select! {
            // There is no request in flight that could be answered, so nothing to wait for.
            () = connection.stop().draining() => Ending::Shutdown,
            departure = connection.stream().departure() => match departure {
                Departure::Fin => Ending::PeerFin,
                Departure::Error(error) => Ending::from_io(&error),
            },
        }
    }
}
