//! What did the user mean who wrote a name wrong?

/// How alike two names must be for one to be offered for the other, from 0 to 1. `tcp_syncookie` and
/// `tcp_syncookies` are at 0.99; two names that only begin alike, such as `tcp_sack` and `tcp_ecn`, at 0.8.
const ALIKE: f64 = 0.85;

/// Of the names that there are, those that are most like `word`: at most `count`, the most alike first.
///
/// Names with dots are held against each other by what is behind the last one: who writes
/// `net.ipv4.somaxconn` means `net.core.somaxconn`.
///
/// ```
/// use cli::nearest::nearest;
///
/// assert_eq!(nearest("blacklog", ["backlog", "chat"], 3), ["backlog"]);
/// assert!(nearest("xyz", ["backlog", "chat"], 3).is_empty());
/// ```
pub fn nearest<'a>(
    word: &str,
    known: impl IntoIterator<Item = &'a str>,
    count: usize,
) -> Vec<&'a str> {
    // Jaro and Winkler's measure, which clap goes by too; letters that are swapped cost little in it.
    let likeness = |name: &str| strsim::jaro_winkler(last_part(word), last_part(name));
    let mut scored: Vec<(f64, &str)> =
        known.into_iter().map(|name| (likeness(name), name)).collect();
    scored.retain(|(score, _)| *score >= ALIKE);
    // A stable sort: of two that are as alike, the one that is named first.
    scored.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    scored.into_iter().take(count).map(|(_, name)| name).collect()
}

fn last_part(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_alike_comes_first() {
        let known = ["net.ipv4.tcp_syn_retries", "net.ipv4.tcp_syncookies", "net.core.somaxconn"];
        for (word, expected) in [
            ("net.ipv4.tcp_syncookie", Some("net.ipv4.tcp_syncookies")),
            ("net.ipv4.tcp_syn_cookies", Some("net.ipv4.tcp_syncookies")),
            ("net.ipv4.tcp_syn_retires", Some("net.ipv4.tcp_syn_retries")),
            ("somaxconn", Some("net.core.somaxconn")),
            ("net.ipv4.somaxcon", Some("net.core.somaxconn")),
            ("", None),
            ("vm.swappiness", None),
        ] {
            assert_eq!(nearest(word, known, 3).first().copied(), expected, "{word}");
        }
    }
}
