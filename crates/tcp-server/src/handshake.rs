//! TLS, before a service gets the connection: in the connection's own task, and not for ever.

use std::sync::Arc;

use proto::{Ending, TlsFault};
use tokio::io::AsyncWriteExt as _;
use tokio::select;
use tokio::time::Instant;

use crate::connection::read_on;
use crate::drain::Stop;
use crate::limits::Limits;
use crate::patience::{Timers, after};
use crate::stream::Stream;

/// The stream over TLS; or why there is none, when the peer has been told so and its socket is closed.
pub(crate) async fn shake_hands(
    server: Arc<tls::Server>,
    stream: Stream,
    limits: &Limits,
    timers: &Timers,
    stop: &Stop,
) -> Result<Stream, Ending> {
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
    let agreed = select! {
        biased;
        agreed = stream.accept_tls(&server) => agreed,
        () = stopped => return Err(Ending::Shutdown),
        () = timers.sleep_until(until) => {
            return Err(Ending::Tls(TlsFault::Stalled { limit: limits.handshake }));
        }
    };
    let (ending, mut stream) = match agreed {
        Ok(stream) => return Ok(stream),
        Err(refused) => refused,
    };
    if let Ending::Tls(_) = ending {
        // What the peer was told is to reach it.
        let _ = stream.shutdown().await;
        read_on(&mut stream, limits).await;
    }
    Err(ending)
}
