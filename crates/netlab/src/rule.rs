//! Faults are rules.

use std::fmt;
use std::time::Duration;

use crate::packet::Packet;
use crate::record::HostId;

/// What the wire does to the packets that a rule matches.
///
/// ```
/// use std::time::Duration;
/// use netlab::{HostId, Rule};
///
/// let slow = Rule::delay("50 ms each way", Duration::from_millis(50));
/// let lost = Rule::drop("the first SYN is lost")
///     .from(HostId(0))
///     .matching(|packet| packet.tcp().is_some_and(|tcp| tcp.flags.is_first_syn()))
///     .times(1);
/// assert_eq!(format!("{slow:?}, {lost:?}"), "50 ms each way: Delay(50ms), the first SYN is lost: Drop");
/// ```
pub struct Rule {
    name: String,
    from: Option<HostId>,
    to: Option<HostId>,
    matches: Option<Predicate>,
    times_left: Option<u64>,
    action: Action,
}

type Predicate = Box<dyn Fn(&Packet) -> bool + Send>;

/// What a rule does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The packet never arrives.
    Drop,
    /// The packet arrives that much later. The delays of several rules add up.
    Delay(Duration),
    /// No packet arrives, whatever it is: the cable is cut.
    Cut,
}

impl Rule {
    fn new(name: impl Into<String>, action: Action) -> Self {
        Self { name: name.into(), from: None, to: None, matches: None, times_left: None, action }
    }

    /// Drops what it matches.
    pub fn drop(name: impl Into<String>) -> Self {
        Self::new(name, Action::Drop)
    }

    /// Delays what it matches.
    pub fn delay(name: impl Into<String>, delay: Duration) -> Self {
        Self::new(name, Action::Delay(delay))
    }

    /// Cuts the cable, in both directions unless [`Rule::from`] or [`Rule::to`] says which.
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

    /// Only the first `times` packets that match.
    pub fn times(self, times: u64) -> Self {
        Self { times_left: Some(times), ..self }
    }

    /// The name that a recording gives for what the rule did.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the rule acts on this packet; counts it where only some are meant.
    fn takes(&mut self, from: HostId, to: Option<HostId>, packet: Option<&Packet>) -> bool {
        let matches = self.from.is_none_or(|host| host == from)
            && self.to.is_none_or(|host| Some(host) == to)
            && self.matches.as_ref().is_none_or(|matches| packet.is_some_and(matches));
        match &mut self.times_left {
            _ if !matches => false,
            None => true,
            Some(0) => false,
            Some(left) => {
                *left -= 1;
                true
            }
        }
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?}", self.name, self.action)
    }
}

/// What all rules together decide about one packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Deliver it that much later; the rule is the last one that delayed it.
    Deliver { delay: Duration, rule: Option<String> },
    /// Drop it.
    Drop { rule: String },
}

/// Asks the rules in their order: the first that drops decides, delays add up.
pub(crate) fn decide(
    rules: &mut [Rule],
    from: HostId,
    to: Option<HostId>,
    packet: Option<&Packet>,
) -> Decision {
    let (mut delay, mut delayed_by) = (Duration::ZERO, None);
    for rule in rules {
        if !rule.takes(from, to, packet) {
            continue;
        }
        match rule.action {
            Action::Drop | Action::Cut => return Decision::Drop { rule: rule.name.clone() },
            Action::Delay(more) => {
                delay += more;
                delayed_by = Some(&rule.name);
            }
        }
    }
    Decision::Deliver { delay, rule: delayed_by.cloned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: HostId = HostId(0);
    const B: HostId = HostId(1);

    fn deliver(millis: u64, rule: &str) -> Decision {
        Decision::Deliver { delay: Duration::from_millis(millis), rule: Some(rule.into()) }
    }

    #[test]
    fn delays_add_up_and_the_first_drop_decides() {
        let mut rules = [
            Rule::delay("slow", Duration::from_millis(5)),
            Rule::delay("slower", Duration::from_millis(7)).from(A),
            Rule::drop("lost").from(A).times(1),
            Rule::cut("cut").to(A),
        ];
        let mut ask = |from, to| decide(&mut rules, from, Some(to), None);
        assert_eq!(ask(A, B), Decision::Drop { rule: "lost".into() });
        assert_eq!(ask(A, B), deliver(12, "slower"));
        assert_eq!(ask(B, A), Decision::Drop { rule: "cut".into() });
        assert_eq!(ask(B, B), deliver(5, "slow"));
    }

    #[test]
    fn a_rule_about_ip_packets_leaves_others_alone() {
        let mut rules = [Rule::drop("all IP").matching(|_| true)];
        let decision = decide(&mut rules, A, None, None);
        assert_eq!(decision, Decision::Deliver { delay: Duration::ZERO, rule: None });
    }
}
