//! Flow control by credit: RFC 9000 §4.1.
//!
//! The receiver says up to which point, counted from the start, the sender may send: a limit that only
//! grows. A message costs its length and [`crate::limits::MESSAGE_COST`], once, with its first piece;
//! it is paid back when it was read.

/// What we may send.
#[derive(Debug)]
pub(crate) struct SendCredit {
    limit: u64,
    used: u64,
}

/// What we let the other send.
#[derive(Debug)]
pub(crate) struct ReceiveCredit {
    window: u64,
    /// The limit that the other was told.
    told: u64,
    used: u64,
    /// How much of it was read.
    read: u64,
}

/// The peer sends more than it was granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exceeded;

impl SendCredit {
    pub(crate) fn new(limit: u64) -> Self {
        Self { limit, used: 0 }
    }

    pub(crate) fn can_take(&self, cost: u64) -> bool {
        self.limit - self.used >= cost
    }

    /// Takes what [`SendCredit::can_take`] allowed.
    pub(crate) fn take(&mut self, cost: u64) {
        self.used += cost;
        debug_assert!(self.used <= self.limit);
    }

    /// The peer tells a limit; a lower one came late and means nothing. Whether it grew is the answer.
    pub(crate) fn raise(&mut self, limit: u64) -> bool {
        let grew = limit > self.limit;
        self.limit = self.limit.max(limit);
        grew
    }
}

impl ReceiveCredit {
    pub(crate) fn new(window: u64) -> Self {
        Self { window, told: window, used: 0, read: 0 }
    }

    /// A message begins.
    pub(crate) fn take(&mut self, cost: u64) -> Result<(), Exceeded> {
        if self.told - self.used < cost {
            return Err(Exceeded);
        }
        self.used += cost;
        Ok(())
    }

    /// A message was read.
    pub(crate) fn pay_back(&mut self, cost: u64) {
        self.read += cost;
        debug_assert!(self.read <= self.used);
    }

    /// Whether there is so much new credit, a quarter of the window, that the peer should hear of it.
    pub(crate) fn is_worth_telling(&self) -> bool {
        self.read + self.window - self.told >= self.window / 4
    }

    /// The limit to tell.
    pub(crate) fn tell(&mut self) -> u64 {
        self.told = self.read + self.window;
        self.told
    }

    /// How much is used and not read.
    pub(crate) fn held(&self) -> u64 {
        self.used - self.read
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_sends_takes_credit_and_late_limits_mean_nothing() {
        let mut credit = SendCredit::new(100);
        assert!(credit.can_take(100) && !credit.can_take(101));
        credit.take(90);
        assert!(!credit.can_take(11));
        assert!(credit.raise(150));
        assert!(!credit.raise(120) && !credit.raise(150));
        assert!(credit.can_take(60) && !credit.can_take(61));
    }

    #[test]
    fn who_receives_grants_a_window_beyond_what_was_read() {
        let mut credit = ReceiveCredit::new(100);
        assert_eq!(credit.take(101), Err(Exceeded));
        assert_eq!(credit.take(100), Ok(()));
        assert_eq!(credit.take(1), Err(Exceeded));
        credit.pay_back(24);
        assert!(!credit.is_worth_telling());
        credit.pay_back(1);
        assert!(credit.is_worth_telling());
        // What the peer was not told it may not use.
        assert_eq!(credit.take(1), Err(Exceeded));
        assert_eq!(credit.tell(), 125);
        assert!(!credit.is_worth_telling());
        assert_eq!(credit.take(25), Ok(()));
        assert_eq!(credit.held(), 100);
    }
}
