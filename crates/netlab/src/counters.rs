//! What the kernel counts, by the names that nstat(8) gives.

use std::collections::BTreeMap;
use std::fs;
use std::io;

use serde::Serialize;

/// The counters of one network namespace at one moment.
///
/// Names are nstat's: the heading of the line and the name in it, `TcpExtListenOverflows`. They are
/// read by name, because kernels differ in which they have and in what order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Counters(BTreeMap<String, i64>);

impl Counters {
    /// The counters of the calling thread's namespace.
    pub(crate) fn read() -> io::Result<Self> {
        let mut counters = Self::default();
        // Not /proc/net: that is the main thread's namespace.
        for file in ["snmp", "netstat"] {
            counters.add(&fs::read_to_string(format!("/proc/thread-self/net/{file}"))?);
        }
        match fs::read_to_string("/proc/thread-self/net/snmp6") {
            Ok(text) => counters.add_pairs(&text),
            // A kernel without IPv6.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        Ok(counters)
    }

    /// Reads pairs of lines: a heading with names, and the same heading with numbers.
    fn add(&mut self, text: &str) {
        let lines: Vec<&str> = text.lines().collect();
        for pair in lines.chunks_exact(2) {
            let (Some((heading, names)), Some((_, numbers))) =
                (pair[0].split_once(':'), pair[1].split_once(':'))
            else {
                continue;
            };
            for (name, number) in names.split_whitespace().zip(numbers.split_whitespace()) {
                if let Ok(number) = number.parse() {
                    self.0.insert(format!("{heading}{name}"), number);
                }
            }
        }
    }

    /// Reads lines of a name and a number, which is how IPv6 is counted.
    fn add_pairs(&mut self, text: &str) {
        for line in text.lines() {
            let mut words = line.split_whitespace();
            if let (Some(name), Some(Ok(number))) = (words.next(), words.next().map(str::parse)) {
                self.0.insert(name.to_owned(), number);
            }
        }
    }

    /// The value of a counter; `None` where this kernel has none of that name.
    pub fn get(&self, name: &str) -> Option<i64> {
        self.0.get(name).copied()
    }

    /// Every counter with its name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, i64)> {
        self.0.iter().map(|(name, value)| (name.as_str(), *value))
    }

    /// How much each counter has moved since `before`; those that have not are left out.
    pub fn since(&self, before: &Self) -> Self {
        let moved = self.0.iter().filter_map(|(name, now)| {
            let delta = now - before.get(name).unwrap_or(0);
            (delta != 0).then(|| (name.clone(), delta))
        });
        Self(moved.collect())
    }
}

impl<'a> FromIterator<(&'a str, i64)> for Counters {
    fn from_iter<I: IntoIterator<Item = (&'a str, i64)>>(counters: I) -> Self {
        Self(counters.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_read_by_name_and_only_those_that_moved_are_shown() {
        let mut before = Counters::default();
        before.add("Tcp: MaxConn ActiveOpens InSegs\nTcp: -1 5 70\n");
        let mut after = Counters::default();
        after
            .add("Tcp: InSegs MaxConn ActiveOpens\nTcp: 75 -1 5\nTcpExt: ListenDrops\nTcpExt: 2\n");
        let moved = Counters::from_iter([("TcpExtListenDrops", 2), ("TcpInSegs", 5)]);
        assert_eq!(after.since(&before), moved);
        assert_eq!(after.get("TcpMaxConn"), Some(-1));
        assert_eq!(after.get("TcpOutSegs"), None);
        after.add_pairs("Udp6InDatagrams                 \t7\nUdp6NoPorts\nnonsense x\n");
        assert_eq!(after.get("Udp6InDatagrams"), Some(7));
        assert_eq!(after.get("Udp6NoPorts"), None);
    }
}
