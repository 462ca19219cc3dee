//! What all rules together decide about a packet. No clock, no sockets: a packet goes in, with the moment
//! when it was sent, and what becomes of it comes out.

use std::time::Duration;

use super::dice::Dice;
use super::link_rate::LinkRate;
use super::{Action, Rule};
use crate::clock::Moment;
use crate::packet::Packet;
use crate::record::HostId;

/// The rules of a wire, in their order.
#[derive(Debug)]
pub(crate) struct Rules {
    seed: u64,
    placed: Vec<Placed>,
    /// Every name that a rule has ever had, by its number, and how many rules have had it.
    names: Vec<(String, u64)>,
    /// Copies that are still to be judged by the rules after the one that made them.
    copies: Vec<(usize, Way)>,
}

/// A rule, with what it must remember.
#[derive(Debug)]
struct Placed {
    rule: Rule,
    name: NameId,
    dice: Dice,
    /// One for every sender, or one for all.
    links: Vec<LinkRate>,
}

/// The name of a rule, as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NameId(pub(crate) u32);

/// A packet that is judged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Passing<'a> {
    pub(crate) from: HostId,
    pub(crate) to: Option<HostId>,
    pub(crate) sent: Moment,
    /// The length of its frame.
    pub(crate) len: usize,
    /// What it says; `None` where it is no IP. Need not be there where no rule asks, see
    /// [`Rules::look_at_packets`].
    pub(crate) packet: Option<&'a Packet>,
}

/// What becomes of a packet, or of a copy of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) fate: Fate,
    /// The rule that dropped it; else the last that made it or held it back; else the last that delayed it.
    pub(crate) rule: Option<NameId>,
    pub(crate) is_copy: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It arrives at this moment, or when it is let go after it.
    Deliver { at: Moment, held: Option<Held> },
    /// It never arrives.
    Drop,
}

/// How long a packet is held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    /// Until so many that were sent after it have been delivered.
    pub(crate) others: u32,
    /// No longer than that.
    pub(crate) at_most: Duration,
}

/// How far a packet has come through the rules.
#[derive(Clone, Copy, Debug)]
struct Way {
    at: Moment,
    held: Option<Held>,
    rule: Option<NameId>,
    /// Whether the rule did more than delay it.
    marked: bool,
    is_copy: bool,
}

impl Way {
    /// Notes that a rule delayed it, which is told only where no other did more.
    fn delayed_by(&mut self, name: NameId) {
        if !self.marked {
            self.rule = Some(name);
        }
    }

    fn marked_by(&mut self, name: NameId) {
        (self.rule, self.marked) = (Some(name), true);
    }
}

impl Rules {
    /// No rules yet. All chance comes from the seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, placed: Vec::new(), names: Vec::new(), copies: Vec::new() }
    }

    /// Adds a rule after those that there are.
    pub(crate) fn add(&mut self, rule: Rule) {
        let placed = self.place(rule);
        self.placed.push(placed);
    }

    /// Removes the rules of this name.
    pub(crate) fn remove(&mut self, name: &str) {
        self.placed.retain(|placed| placed.rule.name() != name);
    }

    /// Puts a rule in the place of the first of this name and removes any other of it; adds it where there
    /// is none.
    pub(crate) fn replace(&mut self, name: &str, rule: Rule) {
        let placed = self.place(rule);
        let Some(index) = self.placed.iter().position(|placed| placed.rule.name() == name) else {
            self.placed.push(placed);
            return;
        };
        self.remove(name);
        self.placed.insert(index, placed);
    }

    fn place(&mut self, rule: Rule) -> Placed {
        let name = self.name_id(rule.name());
        let nth = &mut self.names[name.0 as usize].1;
        let dice = Dice::new(self.seed, rule.name(), *nth);
        *nth += 1;
        Placed { rule, name, dice, links: Vec::new() }
    }

    /// The number of a name.
    pub(crate) fn name_id(&mut self, name: &str) -> NameId {
        let index = self.names.iter().position(|(known, _)| known == name).unwrap_or_else(|| {
            self.names.push((name.to_owned(), 0));
            self.names.len() - 1
        });
        NameId(u32::try_from(index).expect("there are few rules"))
    }

    /// The name with this number.
    pub(crate) fn name(&self, id: NameId) -> &str {
        &self.names[id.0 as usize].0
    }

    /// Whether a rule asks what packets say, so that they must be read.
    pub(crate) fn look_at_packets(&self) -> bool {
        self.placed.iter().any(|placed| placed.rule.matches.is_some())
    }

    /// Asks the rules in their order what becomes of a packet. The first that drops it decides.
    ///
    /// Hands over one outcome for the packet and then one for each copy that a rule made of it.
    pub(crate) fn judge(&mut self, passing: &Passing<'_>, mut outcome: impl FnMut(Outcome)) {
        let way = Way { at: passing.sent, held: None, rule: None, marked: false, is_copy: false };
        outcome(self.follow(0, way, passing));
        while !self.copies.is_empty() {
            let (next, copy) = self.copies.remove(0);
            outcome(self.follow(next, copy, passing));
        }
    }

    /// Takes a packet, or a copy, through the rules from `first` on.
    fn follow(&mut self, first: usize, mut way: Way, passing: &Passing<'_>) -> Outcome {
        let Way { is_copy, .. } = way;
        for (index, placed) in self.placed.iter_mut().enumerate().skip(first) {
            if !placed.takes(passing) {
                continue;
            }
            let name = placed.name;
            match placed.rule.action {
                Action::Drop | Action::Cut => {
                    return Outcome { fate: Fate::Drop, rule: Some(name), is_copy };
                }
                Action::Delay { by, jitter } => {
                    way.at = way.at.after(placed.delay(by, jitter, passing.from));
                    way.delayed_by(name);
                }
                Action::Duplicate => {
                    let mut copy = Way { is_copy: true, ..way };
                    copy.marked_by(name);
                    self.copies.push((index + 1, copy));
                }
                Action::Reorder { others, at_most } => {
                    let before = way.held.unwrap_or(Held { others: 0, at_most: Duration::ZERO });
                    way.held = Some(Held {
                        others: before.others.max(others),
                        at_most: before.at_most.max(at_most),
                    });
                    way.marked_by(name);
                }
                Action::Rate { bits_per_second, queue } => {
                    let link = placed.link(passing.from);
                    match link.pass(way.at, passing.len, bits_per_second, queue) {
                        Some(left) => way.at = left,
                        None => return Outcome { fate: Fate::Drop, rule: Some(name), is_copy },
                    }
                    way.delayed_by(name);
                }
            }
        }
        let Way { at, held, rule, .. } = way;
        Outcome { fate: Fate::Deliver { at, held }, rule, is_copy }
    }
}

impl Placed {
    /// Whether the rule acts on this packet; counts it where only some are meant.
    fn takes(&mut self, passing: &Passing<'_>) -> bool {
        let Self { rule, dice, .. } = self;
        let matches = rule.from.is_none_or(|host| host == passing.from)
            && rule.to.is_none_or(|host| Some(host) == passing.to)
            && rule.matches.as_ref().is_none_or(|matches| passing.packet.is_some_and(matches));
        if !matches {
            return false;
        }
        rule.matched += 1;
        let meant = rule.only.as_ref().is_none_or(|places| places.contains(&rule.matched))
            && rule.every.is_none_or(|n| rule.matched % n == 0)
            && rule.chance.is_none_or(|chance| dice.of(passing.from).f64() < chance);
        match &mut rule.times_left {
            _ if !meant => false,
            None => true,
            Some(0) => false,
            Some(left) => {
                *left -= 1;
                true
            }
        }
    }

    fn delay(&mut self, by: Duration, jitter: Duration, from: HostId) -> Duration {
        if jitter.is_zero() {
            return by;
        }
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let (low, high) = (by.saturating_sub(jitter), by.saturating_add(jitter));
        Duration::from_nanos(self.dice.of(from).u64(nanos(low)..=nanos(high)))
    }

    fn link(&mut self, from: HostId) -> &mut LinkRate {
        let shared = self.rule.from.is_some() || self.rule.to.is_some();
        let place = if shared { 0 } else { from.0 };
        if self.links.len() <= place {
            self.links.resize(place + 1, LinkRate::default());
        }
        &mut self.links[place]
    }
}

#[cfg(test)]
mod tests;
