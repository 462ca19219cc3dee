//! How is a knob written?

use scenarios::knob::Knob;

use crate::options::Compare;

/// A knob as one writes it: `net.ipv4.` may be left out, and slashes stand for dots as in sysctl(8).
pub(crate) fn parse(text: &str) -> Result<Knob, String> {
    let (name, value) = text.split_once('=').ok_or("a knob is given as KNOB=VALUE")?;
    let (name, value) = (name.trim().replace('/', "."), value.trim());
    if name.is_empty() || value.is_empty() {
        return Err("a knob is given as KNOB=VALUE".to_owned());
    }
    let prefix = if name.contains('.') { "" } else { "net.ipv4." };
    Ok(Knob::new(format!("{prefix}{name}"), value))
}

/// A knob with two values.
pub(crate) fn parse_compare(text: &str) -> Result<Compare, String> {
    let form = || "two values are compared as KNOB=A,B".to_owned();
    let (name, values) = text.split_once('=').ok_or_else(form)?;
    let values: Vec<&str> = values.split(',').map(str::trim).collect();
    match values[..] {
        [a, b] if a == b => Err(format!("{a} is no other value than {b}")),
        [a, b] => {
            let knob = |value| parse(&format!("{name}={value}")).map_err(|_| form());
            Ok(Compare([knob(a)?, knob(b)?]))
        }
        _ => Err(form()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_knob_is_written_short_or_long() {
        for text in ["tcp_sack=0", "net.ipv4.tcp_sack=0", "net/ipv4/tcp_sack = 0"] {
            assert_eq!(parse(text), Ok(Knob::new("net.ipv4.tcp_sack", "0")), "{text}");
        }
        let range = Knob::new("net.ipv4.ip_local_port_range", "40000 40009");
        assert_eq!(parse("ip_local_port_range=40000 40009"), Ok(range));
        for text in ["", "tcp_sack", "=1", "tcp_sack="] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn two_values_are_compared() {
        let two = Compare(["0", "1"].map(|value| Knob::new("net.ipv4.tcp_sack", value)));
        assert_eq!(parse_compare("tcp_sack=0,1"), Ok(two));
        for text in ["tcp_sack", "tcp_sack=1", "tcp_sack=1,1", "tcp_sack=0,1,2", "tcp_sack=,1"] {
            assert!(parse_compare(text).is_err(), "{text}");
        }
    }
}
