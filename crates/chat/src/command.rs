//! What a typed line asks for.

/// A typed line, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Say this.
    Say(String),
    /// Nothing was typed but white space.
    Nothing,
    /// `/nick NAME`.
    Nick(String),
    /// `/join ROOM`.
    Join(String),
    /// `/who`.
    Who,
    /// `/help`.
    Help,
    /// `/quit`.
    Quit,
    /// A command that needs a word after it, which is missing.
    Missing(&'static str),
    /// There is no such command. It is not sent as text: who mistypes `/quit` did not mean to say it.
    Unknown {
        /// As it was typed.
        typed: String,
        /// The command that it is nearest to, if it is near to any.
        nearest: Option<&'static str>,
    },
}

/// Every command, with what it does, as `/help` tells it.
pub const COMMANDS: [(&str, &str); 6] = [
    ("/nick NAME", "go by this name"),
    ("/join ROOM", "go into this room, and out of the one before"),
    ("/who", "name who is in the room"),
    ("/help", "name these"),
    ("/quit", "leave"),
    ("//text", "say /text"),
];

impl Command {
    /// Reads a line.
    ///
    /// ```
    /// use chat::Command;
    ///
    /// assert_eq!(Command::read("/join #ops"), Command::Join("ops".into()));
    /// assert_eq!(Command::read("//etc"), Command::Say("/etc".into()));
    /// assert_eq!(
    ///     Command::read("/jion ops"),
    ///     Command::Unknown { typed: "/jion".into(), nearest: Some("/join") },
    /// );
    /// ```
    pub fn read(line: &str) -> Self {
        if line.trim().is_empty() {
            return Self::Nothing;
        }
        let Some(rest) = line.strip_prefix('/') else { return Self::Say(line.to_owned()) };
        if rest.starts_with('/') {
            return Self::Say(rest.to_owned());
        }
        let (word, argument) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let argument = argument.trim();
        let needs = |usage, command: fn(String) -> Self, argument: &str| {
            if argument.is_empty() { Self::Missing(usage) } else { command(argument.to_owned()) }
        };
        match word {
            "nick" => needs("/nick NAME", Self::Nick, argument),
            // `#lobby` is how the room is shown, so it may be typed back.
            "join" => needs("/join ROOM", Self::Join, argument.trim_start_matches('#')),
            "who" => Self::Who,
            "help" => Self::Help,
            "quit" => Self::Quit,
            _ => {
                let typed = format!("/{word}");
                let known = COMMANDS.iter().filter(|(usage, _)| !usage.starts_with("//"));
                let known = known.map(|(usage, _)| usage.split(' ').next().unwrap_or(usage));
                let nearest = nearest(&typed, known);
                Self::Unknown { typed, nearest }
            }
        }
    }
}

/// The word of `known` that takes the fewest slips of the finger to become `typed`, if that is two at
/// most and less than the whole word.
///
/// ```
/// use chat::command::nearest;
///
/// assert_eq!(nearest("/nxet", ["/next", "/quit"]), Some("/next"));
/// assert_eq!(nearest("/shrug", ["/next", "/quit"]), None);
/// ```
pub fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // No command is half as long, and the work grows with the length.
    if typed.chars().count() > 16 {
        return None;
    }
    known
        .into_iter()
        .map(|word| (slips(typed, word), word))
        .filter(|&(slips, word)| slips <= 2 && slips + 2 < word.len())
        .min_by_key(|&(slips, _)| slips)
        .map(|(_, word)| word)
}

/// Letters left out, put in, taken for another, or swapped with the next (optimal string alignment).
fn slips(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![(0..=b.len()).collect::<Vec<_>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let other = usize::from(a[i - 1] != b[j - 1]);
            let mut least =
                (rows[i - 1][j - 1] + other).min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn unknown(line: &str, nearest: Option<&'static str>) {
        let typed = line.split(' ').next().unwrap().to_owned();
        assert_eq!(Command::read(line), Command::Unknown { typed, nearest });
    }

    #[test]
    fn every_command_is_read() {
        for (line, command) in [
            ("hey!", Command::Say("hey!".into())),
            ("  hey ", Command::Say("  hey ".into())),
            ("你好", Command::Say("你好".into())),
            ("a /quit", Command::Say("a /quit".into())),
            ("//", Command::Say("/".into())),
            ("///x", Command::Say("//x".into())),
            ("", Command::Nothing),
            (" \t\u{3000}", Command::Nothing),
            ("/nick 小明 ", Command::Nick("小明".into())),
            ("/nick", Command::Missing("/nick NAME")),
            ("/join   ", Command::Missing("/join ROOM")),
            ("/join #", Command::Missing("/join ROOM")),
            ("/who", Command::Who),
            ("/help me", Command::Help),
            ("/quit", Command::Quit),
        ] {
            assert_eq!(Command::read(line), command, "{line:?}");
        }
    }

    #[test]
    fn a_slip_of_the_finger_is_told_the_nearest() {
        unknown("/jion ops", Some("/join"));
        unknown("/quti", Some("/quit"));
        unknown("/hepl", Some("/help"));
        unknown("/nik bob", Some("/nick"));
        unknown("/WHO", None);
        unknown("/shrug", None);
        unknown("/", None);
        unknown(&format!("/{}", "x".repeat(10_000)), None);
    }
}
