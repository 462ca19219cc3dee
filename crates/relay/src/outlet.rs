//! Where what is sent to one client goes.

use std::collections::BTreeMap;

use proto::Ending;

use crate::outbox::{Level, Parcel};

/// Clients that are behind with reading, by their numbers: who pushes should wait for them.
///
/// Nearly always there are none, which costs nothing.
pub type Behind<O> = BTreeMap<u32, O>;

/// The way to one client. The hub knows nothing else of a connection.
///
/// The relay's own is a mailbox that wakes the connection's task; a simulation has an outbox in a cell.
pub trait Outlet: Clone {
    /// Puts a parcel behind everything that was put before. It says how full the outbox is.
    fn put(&self, parcel: &Parcel) -> Level;

    /// Whether nobody should say more to the client before it has taken some ([`Level::Strained`]), and
    /// waiting for it is of use.
    fn is_strained(&self) -> bool;

    /// How many bytes may be put at once and leave room for what comes next.
    fn room(&self) -> usize;

    /// Ends the connection, after what was put before, as far as `ending` allows. What is put after
    /// this goes nowhere.
    fn end(&self, ending: Ending);
}

/// Whether what a client said was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Said {
    /// All of it.
    Done,
    /// It stays where it is, to be taken again when those who are behind have taken some of what waits
    /// for them.
    Held,
}

/// Answers what a client asked for; `person` is its number, 0 where it has none.
///
/// Who asks for more than it reads is too slow, as anybody else, and is waited for before: nothing else
/// bounds what a few bytes of questions can put into the outbox.
pub(crate) fn answer<O: Outlet>(
    outlet: &O,
    person: Option<u32>,
    parcel: &Parcel,
    behind: &mut Behind<O>,
) -> Result<(), Ending> {
    match outlet.put(parcel) {
        Level::Low => {}
        Level::Pressed | Level::Strained => {
            behind.entry(person.unwrap_or_default()).or_insert_with(|| outlet.clone());
        }
        Level::Over => return Err(Ending::TooSlow),
    }
    Ok(())
}

/// What a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// The frames of [`proto`].
    Frames,
    /// Lines of UTF-8, as `nc` and a person's hands speak them.
    Lines,
}
