//! What the programs that serve have in common, behind the feature `cli`.
//!
//! | question | module |
//! |---|---|
//! | On how many threads does it serve? | `threads` |
//! | Why could it not start, and what is to be done? | `refusal` |
//! | Which process has the port? | `port_owner` |
//! | Which signals does it hear? | `signals` |
//! | What does it tell of itself and its connections? | `telling` |
//! | How is it doing? | `tally` |
//! | How does Prometheus learn of it? | `metrics` |
//! | May it open enough files? | `descriptors` |
//! | Which sockets has a service manager opened for it? | `handed` |
//! | How does one connect to it, and who can? | `invitation`, behind the feature `tls` |
//! | Does it speak TLS, and by which certificate? | `secure`, behind the feature `tls` |

mod descriptors;
mod handed;
#[cfg(feature = "tls")]
mod invitation;
mod metrics;
mod port_owner;
mod refusal;
#[cfg(feature = "tls")]
mod secure;
mod signals;
mod tally;
mod telling;
mod threads;

pub use descriptors::make_room;
pub use handed::{Handed, handed_over};
#[cfg(feature = "tls")]
pub use invitation::{ways_to_connect, who_from_elsewhere};
pub use metrics::{Metrics, MetricsServer};
pub use refusal::{Refused, explain};
#[cfg(feature = "tls")]
pub use secure::{HangUp, Secured, SecuredEvent, TlsArgs};
pub use signals::{Signals, until_stopped};
pub use tally::{Stats, Tally};
pub use telling::Telling;
pub use threads::runtime;
