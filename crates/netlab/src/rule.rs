//! Faults are rules.
//!
//! | question | module |
//! |---|---|
//! | Which packets, and what happens to them? | here |
//! | What do all rules together decide? | `rules` |
//! | How does a rule play dice? | `dice` |
//! | When does a packet leave a link of a certain rate? | `link_rate` |

mod dice;
mod link_rate;
mod rules;

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use crate::packet::Packet;
use crate::record::HostId;

pub(crate) use rules::{Fate, Held, NameId, Passing, Rules};

/// What the wire does to the packets that a rule matches.
///
/// A rule says what happens ([`Rule::drop`], [`Rule::delay`], [`Rule::duplicate`], [`Rule::reorder`],
/// [`Rule::rate`], [`Rule::cut`]) and to which packets: of one direction ([`Rule::from`], [`Rule::to`]),
/// of a kind ([`Rule::matching`]), certain ones of these ([`Rule::only`], [`Rule::every`]), by chance
/// ([`Rule::chance`]), and not too many ([`Rule::times`]). Each of these looks only at what those before
/// it in this list have left. Rules are asked in the order in which they were added, and what one has
/// dropped the next does not see, nor count.
///
/// ```
/// use std::time::Duration;
/// use netlab::{HostId, Rule};
///
/// let is_data = |packet: &netlab::Packet| packet.tcp().is_some_and(|tcp| tcp.len > 0);
/// let slow = Rule::delay("50 ms each way", Duration::from_millis(50));
/// let third = Rule::drop("the third data segment is lost").from(HostId(0)).matching(is_data).only([3]);
/// let bad_radio = Rule::drop("1 % is lost").chance(0.01);
/// let dsl = Rule::rate("10 Mbit/s, 64 KiB of queue", 10_000_000, 64 * 1024).to(HostId(1));
/// assert_eq!(third.name(), "the third data segment is lost");
/// # let _ = (slow, bad_radio, dsl);
/// ```
pub struct Rule {
    name: String,
    from: Option<HostId>,
    to: Option<HostId>,
    matches: Option<Predicate>,
    /// Places among the packets that match, from 1.
    only: Option<BTreeSet<u64>>,
    every: Option<u64>,
    chance: Option<f64>,
    times_left: Option<u64>,
    action: Action,
    /// How many packets have matched so far.
    matched: u64,
}

type Predicate = Box<dyn Fn(&Packet) -> bool + Send>;

/// What a rule does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The packet never arrives.
    Drop,
    /// The packet arrives later. The delays of several rules add up.
    Delay {
        /// That much.
        by: Duration,
        /// Up to that much more or less, at random.
        jitter: Duration,
    },
    /// The packet arrives twice.
    Duplicate,
    /// The packet waits until others have passed.
    Reorder {
        /// So many of those that were sent after it, in the same direction.
        others: u32,
        /// It waits no longer than that.
        at_most: Duration,
    },
    /// The link carries only so much.
    Rate {
        /// Bits per second. A packet counts with its whole frame, as it is recorded.
        bits_per_second: u64,
        /// Bytes that may wait for the link. What does not fit is dropped.
        queue: usize,
    },
    /// No packet arrives, whatever it is: the cable is cut.
    Cut,
}

impl Rule {
    fn new(name: impl Into<String>, action: Action) -> Self {
        Self {
            name: name.into(),
            from: None,
            to: None,
            matches: None,
            only: None,
            every: None,
            chance: None,
            times_left: None,
            action,
            matched: 0,
        }
    }

    /// Drops what it matches.
    pub fn drop(name: impl Into<String>) -> Self {
        Self::new(name, Action::Drop)
    }

    /// Delays what it matches.
    pub fn delay(name: impl Into<String>, delay: Duration) -> Self {
        Self::new(name, Action::Delay { by: delay, jitter: Duration::ZERO })
    }

    /// Delays what it matches by a time between `delay - jitter` and `delay + jitter`, each equally likely.
    ///
    /// Packets may overtake each other, as on a path that splits. With a rule of [`Rule::rate`] after it
    /// they keep their order, as in a queue that is now longer and now shorter.
    pub fn jitter(name: impl Into<String>, delay: Duration, jitter: Duration) -> Self {
        Self::new(name, Action::Delay { by: delay, jitter })
    }

    /// Sends a copy behind what it matches. The rules after this one judge the copy by itself.
    pub fn duplicate(name: impl Into<String>) -> Self {
        Self::new(name, Action::Duplicate)
    }

    /// Holds what it matches back until `others` that were sent after it in the same direction have been
    /// delivered, but no longer than `at_most`.
    ///
    /// To hold a packet back for a time, whatever passes, is [`Rule::delay`] with [`Rule::only`].
    pub fn reorder(name: impl Into<String>, others: u32, at_most: Duration) -> Self {
        Self::new(name, Action::Reorder { others, at_most })
    }

    /// Lets so many bits a second through; what has to wait for the link waits in a queue of so many
    /// bytes, first come, first served, and what does not fit is dropped.
    ///
    /// A cable has two directions, each with the whole rate: every sender has a link and a queue of its
    /// own. With [`Rule::from`] or [`Rule::to`] there is one for all that the rule matches.
    pub fn rate(name: impl Into<String>, bits_per_second: u64, queue: usize) -> Self {
        Self::new(name, Action::Rate { bits_per_second: bits_per_second.max(1), queue })
    }

    /// Cuts the cable, in both directions unless [`Rule::from`] or [`Rule::to`] says which. What is
    /// under way when the rule is added has passed the place of the cut, and arrives.
    pub fn cut(name: impl Into<String>) -> Self {
        Self::new(name, Action::Cut)
    }

    /// Only packets that this host sent.
    pub fn from(self, host: HostId) -> Self {
        Self { from: Some(host), ..self }
    }

    /// Only packets for this host.
    pub fn to(self, host: HostId) -> Self {
        Self { to: Some(host), ..self }
    }

    /// Only IP packets of which this is true.
    pub fn matching(self, matches: impl Fn(&Packet) -> bool + Send + 'static) -> Self {
        Self { matches: Some(Box::new(matches)), ..self }
    }

    /// Only these of the packets that match, counted from 1: `[3]` is the third alone.
    pub fn only(self, places: impl IntoIterator<Item = u64>) -> Self {
        Self { only: Some(places.into_iter().collect()), ..self }
    }

    /// Only every `n`-th of the packets that match: with 3 the third, the sixth, the ninth.
    pub fn every(self, n: u64) -> Self {
        Self { every: Some(n.max(1)), ..self }
    }

    /// Only by chance, with this probability: 0.01 is one in a hundred.
    ///
    /// The dice are the lab's seed, the rule's name and the sender: with the same seed the same packets of
    /// a host are taken, whatever other hosts and other rules do.
    pub fn chance(self, probability: f64) -> Self {
        Self { chance: Some(probability), ..self }
    }

    /// Only the first `times` packets that all else has left.
    pub fn times(self, times: u64) -> Self {
        Self { times_left: Some(times), ..self }
    }

    /// The name that a recording gives for what the rule did.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it does.
    pub fn action(&self) -> Action {
        self.action
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?}", self.name, self.action)
    }
}
