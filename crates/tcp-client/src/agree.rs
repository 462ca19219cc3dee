//! TLS, once there is a connection.

use std::time::Duration;

use proto::{Address, Ending, TlsFault};
use tokio::time::{Instant, timeout_at};
use tracing::debug;

use crate::connect::{Cause, Connected};
use crate::stream::Stream;

/// An agreement on TLS.
#[derive(Clone, Copy, Debug)]
pub struct Agreed {
    /// The version: "TLS 1.3".
    pub version: &'static str,
    /// What the server has shown, and proved to be its own.
    pub seen: tls::Seen,
    /// How long it took, after the connect.
    pub elapsed: Duration,
}

/// Comes to an agreement with who is there, in the time that is left.
pub(crate) async fn agree(
    connected: Connected,
    client: &tls::Client,
    address: &Address,
    left: Option<Duration>,
) -> Result<Connected, Cause> {
    let Connected { stream, peer, .. } = connected;
    let host = match address {
        Address::Tcp { host, .. } => Some(host.as_str()),
        Address::Unix(_) => None,
    };
    let name = client.name_for(host).map_err(|tls::client::BadName(name)| Cause::NoName(name))?;
    let started = Instant::now();
    let shaking = client.connect(name, stream);
    let met = match left {
        None => shaking.await,
        Some(left) => {
            let Ok(met) = timeout_at(started + left, shaking).await else {
                let ending = Ending::Tls(TlsFault::Stalled { limit: left });
                return Err(Cause::NotAgreed { peer, ending });
            };
            met
        }
    };
    match met {
        Ok(tls::client::Met { session, seen }) => {
            let elapsed = started.elapsed();
            let agreed = Agreed { version: session.version(), seen, elapsed };
            debug!(%peer, version = agreed.version, certificate = %seen.fingerprint, "agreed on TLS");
            Ok(Connected { stream: Stream::Tls(session), peer, agreed: Some(agreed), ..connected })
        }
        Err(none) => Err(Cause::NotAgreed { peer, ending: none.ending }),
    }
}
