//! What a client of lines reads and writes.

use std::io::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use proto::{Change, Ending, Person, run, sanitize};

use crate::limits::SHOWN;
use crate::outbox::Parcel;

/// What `/help` answers.
const HELP: &str = "\
* /nick NAME   go by this name
* /join ROOM   go into this room, and out of the one before
* /who         who is in the room
* /quit        end
* //TEXT       say /TEXT
* anything else is said to the room
";

/// What a client of lines is told first.
const GREETING: &str =
    "* welcome; type /nick NAME, /join ROOM, /help; anything else is said to the room\n";

/// What a line asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command<'a> {
    /// Go by this name.
    Nick(&'a str),
    /// Go into this room.
    Join(&'a str),
    /// Name who is in the room.
    Who,
    /// Name the commands.
    Help,
    /// End.
    Quit,
    /// Say this.
    Say(&'a str),
    /// There is nothing to say.
    Nothing,
    /// A command that there is not.
    Unknown(&'a str),
}

impl<'a> Command<'a> {
    /// Reads a line without its end.
    pub(crate) fn read(line: &'a str) -> Self {
        let Some(command) = line.strip_prefix('/') else {
            return if line.trim().is_empty() { Self::Nothing } else { Self::Say(line) };
        };
        if command.starts_with('/') {
            return Self::Say(command);
        }
        let (word, rest) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
        match word {
            "nick" => Self::Nick(rest.trim()),
            "join" => Self::Join(rest.trim()),
            "who" => Self::Who,
            "help" => Self::Help,
            "quit" => Self::Quit,
            _ => Self::Unknown(word),
        }
    }
}

/// The frames of a run as lines, `NAME: TEXT`.
///
/// This is done once for all readers of lines, and only where there is one. What is longer than any line
/// may be is cut: a character that is shown as `\u{1b}` takes six times its place.
pub(crate) fn render(name: &str, frames: &[u8]) -> Bytes {
    let mut lines = Vec::with_capacity(frames.len());
    for (_, whole) in run::frames(frames) {
        let payload = beginning(whole);
        lines.extend_from_slice(name.as_bytes());
        lines.extend_from_slice(b": ");
        // Most of what people write needs no look at each character.
        if payload.iter().all(|byte| (b' '..=b'~').contains(byte)) {
            lines.extend_from_slice(payload);
        } else {
            lines.extend_from_slice(sanitize::line_of_bytes(payload).as_bytes());
        }
        if payload.len() < whole.len() {
            let more = whole.len() - payload.len();
            write!(lines, " ... and {more} bytes more").expect("a vector takes everything");
        }
        lines.push(b'\n');
    }
    lines.into()
}

/// As much of a text as is shown, cut between two characters.
fn beginning(text: &[u8]) -> &[u8] {
    if text.len() <= SHOWN {
        return text;
    }
    // No character has more than three bytes that continue it.
    let cut = (SHOWN - 3..=SHOWN).rev().find(|&at| text[at] & 0b1100_0000 != 0b1000_0000);
    &text[..cut.unwrap_or(SHOWN)]
}

/// What a client of lines is told first.
pub(crate) fn greeting() -> Parcel {
    Bytes::from_static(GREETING.as_bytes()).into()
}

/// What `/help` answers.
pub(crate) fn help() -> Bytes {
    Bytes::from_static(HELP.as_bytes())
}

/// A line of the relay itself.
pub(crate) fn note(text: &str) -> Bytes {
    format!("* {}\n", sanitize::line(text)).into()
}

/// Somebody came, left, or goes by another name.
pub(crate) fn presence(
    person: &Person,
    change: Change,
    before: Option<&Arc<str>>,
    ending: Option<&Ending>,
) -> Bytes {
    let name = &person.name;
    match (change, before, ending) {
        (Change::Joined, ..) => format!("* {name} joined\n"),
        (Change::Renamed, Some(before), _) => format!("* {before} is now {name}\n"),
        (_, _, None | Some(Ending::PeerFin | Ending::Done)) => format!("* {name} left\n"),
        (_, _, Some(ending)) => {
            format!("* {name} left: {}\n", sanitize::line(&ending.to_string()))
        }
    }
    .into()
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use proto::{Header, Kind};

    use super::*;

    #[test]
    fn a_line_is_a_command_or_is_said() {
        for (line, command) in [
            ("hello", Command::Say("hello")),
            (" indented", Command::Say(" indented")),
            ("//nick", Command::Say("/nick")),
            ("/nick  小明 ", Command::Nick("小明")),
            ("/nick", Command::Nick("")),
            ("/join the room", Command::Join("the room")),
            ("/who", Command::Who),
            ("/help me", Command::Help),
            ("/quit", Command::Quit),
            ("", Command::Nothing),
            (" \t", Command::Nothing),
            ("/", Command::Unknown("")),
            ("/nickname x", Command::Unknown("nickname")),
        ] {
            assert_eq!(Command::read(line), command, "{line:?}");
        }
    }

    #[test]
    fn what_is_said_is_shown_and_never_obeyed() {
        let mut frames = BytesMut::new();
        for payload in ["hi", "你好", "\u{1b}[2J", "a\nbob: b", "\u{202e}x"] {
            let header = Header::new(Kind::Data, 1, 1);
            header.encode(payload.as_bytes(), 1 << 20, &mut frames).unwrap();
        }
        Header::new(Kind::Data, 1, 1).encode(b"\xff\x07", 1 << 20, &mut frames).unwrap();
        let lines = render("al", &frames);
        let expected = "al: hi\nal: 你好\nal: \\u{1b}[2J\nal: a\\u{a}bob: b\nal: \\u{202e}x\n\
                        al: \\xff\\u{7}\n";
        assert_eq!(str::from_utf8(&lines), Ok(expected));
    }

    #[test]
    fn what_is_longer_than_a_line_may_be_is_cut_between_two_characters() {
        for (text, shown) in [
            ("x".repeat(SHOWN), SHOWN),
            ("x".repeat(SHOWN + 1), SHOWN),
            ("你".repeat(SHOWN), SHOWN / 3 * 3),
            (format!("x{}", "\u{e9}".repeat(SHOWN)), SHOWN - 1),
        ] {
            let mut frame = BytesMut::new();
            Header::new(Kind::Data, 1, 1).encode(text.as_bytes(), 1 << 20, &mut frame).unwrap();
            let lines = render("a", &frame);
            let rest = match text.len() - shown {
                0 => String::new(),
                more => format!(" ... and {more} bytes more"),
            };
            assert_eq!(str::from_utf8(&lines), Ok(&*format!("a: {}{rest}\n", &text[..shown])));
        }
    }
}
