//! What decides what is played, beside the demo's name and its seed?

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::knob::Knob;

/// The options of a run that change what is played, and not only how it is shown.
///
/// As text they are what is written on the command line: `--set 'wire.delay=30ms' --full`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Options {
    /// The knobs that are turned in every host.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub set: Vec<Knob>,
    /// The knob of which two values are compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compare: Option<[Knob; 2]>,
    /// Whether no namespaces are used.
    #[serde(skip_serializing_if = "is_false")]
    pub loopback: bool,
    /// Whether what takes minutes is waited for.
    #[serde(skip_serializing_if = "is_false")]
    pub full: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

impl Options {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The knobs that are turned in every run, and those that are compared.
    pub fn knobs(&self) -> impl Iterator<Item = &Knob> {
        self.set.iter().chain(self.compare.iter().flatten())
    }

    /// Whether somebody may copy them to a shell: a recording may be a stranger's.
    pub(crate) fn are_plain(&self) -> bool {
        let is_name = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
        let is_value = |c: char| !c.is_control() && c != '\'';
        self.knobs()
            .all(|Knob { name, value }| name.chars().all(is_name) && value.chars().all(is_value))
    }
}

impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { set, compare, loopback, full } = self;
        let set = set.iter().map(|Knob { name, value }| format!("--set '{name}={value}'"));
        let mut words: Vec<String> = set.collect();
        if let Some([a, b]) = compare {
            words.push(format!("--compare '{}={},{}'", a.name, a.value, b.value));
        }
        words.extend(loopback.then(|| "--loopback".to_owned()));
        words.extend(full.then(|| "--full".to_owned()));
        f.write_str(&words.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_written_as_on_the_command_line() {
        let options = Options {
            set: vec![
                Knob::new("wire.delay", "30ms"),
                Knob::new("net.ipv4.tcp_rmem", "4096 8192 16384"),
            ],
            compare: Some([
                Knob::new("net.ipv4.tcp_sack", "0"),
                Knob::new("net.ipv4.tcp_sack", "1"),
            ]),
            loopback: true,
            full: true,
        };
        let words = "--set 'wire.delay=30ms' --set 'net.ipv4.tcp_rmem=4096 8192 16384' \
                     --compare 'net.ipv4.tcp_sack=0,1' --loopback --full";
        assert_eq!(options.to_string(), words);
        assert!(options.are_plain() && !options.is_empty());
        assert_eq!(Options::default().to_string(), "");
    }

    #[test]
    fn what_a_shell_would_obey_is_not_plain() {
        for (name, value) in [
            ("a", "1'; rm -rf ~; echo '"),
            ("a", "1\nrm -rf ~"),
            ("a$(rm -rf ~)", "1"),
            ("a'", "1"),
            ("a b", "1"),
        ] {
            let options = Options { set: vec![Knob::new(name, value)], ..Options::default() };
            assert!(!options.are_plain(), "{name}={value}");
        }
    }
}
