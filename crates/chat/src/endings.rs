//! How a connection ended, for a person.
//!
//! Frames carry the names of endings, which programs compare ([`proto::Ending::name`]). They are no words:
//! `PeerFin` says nothing to who talks with bob, and most people leave with it.

use proto::Ending;

/// Why somebody left, as a relay's own lines say it; `None` where he just went.
///
/// ```
/// use chat::endings::of_person;
///
/// assert_eq!(of_person("PeerFin"), None);
/// assert_eq!(of_person("PeerReset").as_deref(), Some("reset by peer (RST)"));
/// assert_eq!(of_person("Eaten").as_deref(), Some("Eaten"));
/// ```
pub fn of_person(name: &str) -> Option<String> {
    match name {
        "PeerFin" | "Done" => None,
        // What was wrong stands in the relay's log; a name carries no more than itself.
        "Protocol" => Some("protocol error".to_owned()),
        "Tls" => Some("TLS failed".to_owned()),
        "Io" => Some("system error".to_owned()),
        _ => Some(known(name).map_or_else(|| name.to_owned(), |ending| ending.to_string())),
    }
}

/// Why the relay ends our connection. `reason` is what it says of it itself.
pub(crate) fn of_goodbye(name: &str, reason: &str) -> String {
    // A relay gives the ending's own words for a reason where it has no other. They are said from its
    // side, where the peer is we.
    let is_other = known(name).is_none_or(|ending| ending.to_string() != reason);
    let reason = Some(reason).filter(|reason| is_other && !reason.is_empty());
    let (what, why) = match name {
        "Shutdown" => ("the relay shuts down", None),
        "Done" | "PeerFin" => ("the relay ends the connection", None),
        "TooSlow" => ("the relay ends the connection", Some("what it sent was not read in time")),
        "Idle" => ("the relay ends the connection", Some("nothing was said for too long")),
        "Deadline" => ("the relay ends the connection", Some("its time is over")),
        other => ("the relay ends the connection", Some(other)),
    };
    match reason.or(why) {
        Some(why) => format!("{what}: {why}"),
        None => what.to_owned(),
    }
}

fn known(name: &str) -> Option<Ending> {
    let plain = [
        Ending::PeerFin,
        Ending::PeerReset,
        Ending::PeerGone,
        Ending::Unanswered,
        Ending::Idle,
        Ending::NoFirstByte,
        Ending::BelowRate,
        Ending::Deadline,
        Ending::TooSlow,
        Ending::Replaced,
        Ending::Shutdown,
        Ending::Done,
    ];
    plain.into_iter().find(|ending| ending.name() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_leaves_is_told_of_in_words() {
        for (name, words) in [
            ("PeerFin", None),
            ("Done", None),
            ("PeerReset", Some("reset by peer (RST)")),
            ("TooSlow", Some("peer took too long to read")),
            ("Protocol", Some("protocol error")),
            ("Tls", Some("TLS failed")),
            ("Io", Some("system error")),
            ("Eaten", Some("Eaten")),
        ] {
            assert_eq!(of_person(name).as_deref(), words, "{name}");
        }
    }

    #[test]
    fn a_goodbye_is_one_plain_sentence() {
        for (name, reason, words) in [
            ("Shutdown", "shut down here", "the relay shuts down"),
            ("Shutdown", "", "the relay shuts down"),
            ("Shutdown", "for an update", "the relay shuts down: for an update"),
            ("Done", "done here", "the relay ends the connection"),
            (
                "TooSlow",
                "peer took too long to read",
                "the relay ends the connection: what it sent was not read in time",
            ),
            (
                "Protocol",
                "protocol error: a Hello frame is out of turn",
                "the relay ends the connection: protocol error: a Hello frame is out of turn",
            ),
            ("Eaten", "", "the relay ends the connection: Eaten"),
        ] {
            assert_eq!(of_goodbye(name, reason), words, "{name} {reason}");
        }
    }
}
