//! Where what is sent to one client goes.

use proto::Ending;

use crate::outbox::{Level, Parcel};

/// The way to one client. The hub knows nothing else of a connection.
///
/// The relay's own is a mailbox that wakes the connection's task; a simulation has an outbox in a cell.
pub trait Outlet: Clone {
    /// Puts a parcel behind everything that was put before. It says how full the outbox is.
    fn put(&self, parcel: &Parcel) -> Level;

    /// Ends the connection, after what was put before, as far as `ending` allows. What is put after
    /// this goes nowhere.
    fn end(&self, ending: Ending);
}

/// What a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// The frames of [`proto`].
    Frames,
    /// Lines of UTF-8, as `nc` and a person's hands speak them.
    Lines,
}
