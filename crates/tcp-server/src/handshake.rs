//! TLS, before a service gets the connection: in the connection's own task, and not for ever.

use proto::{Ending, TlsFault};
use tokio::select;
use tokio::time::Instant;

use crate::drain::Stop;
use crate::limits::Limits;
use crate::patience::{Timers, after};
use crate::stream::Stream;

/// The stream over TLS; or why there is none, with the plain stream where the peer is still to be told.
pub(crate) async fn shake_hands(
    server: &tls::Server,
    stream: Stream,
    limits: &Limits,
    timers: &Timers,
    stop: &Stop,
) -> Result<Stream, (Ending, Option<Stream>)> {
    let until = after(Instant::now(), limits.handshake);
    // A request that was on its way when the server was asked to stop comes right after the handshake.
    let stopped = async {
        stop.draining().await;
        let quiet = after(Instant::now(), limits.drain_quiet);
        select! {
            () = stop.ended() => {}
            () = timers.sleep_until(quiet) => {}
        }
    };
    select! {
        biased;
        agreed = stream.accept_tls(server) => agreed.map_err(|(ending, stream)| (ending, Some(stream))),
        () = stopped => Err((Ending::Shutdown, None)),
        () = timers.sleep_until(until) => {
            Err((Ending::Tls(TlsFault::Stalled { limit: limits.handshake }), None))
        }
    }
}
