//! How an event looks as a line of text.
//!
//! What was said is data, and goes to standard output; what happens to us is the story, and goes to
//! standard error. No text or name of anybody reaches either as it came: see [`proto::sanitize`].

use std::fmt::Write as _;
use std::time::{Duration, UNIX_EPOCH};

use proto::{Change, Person, sanitize};

use crate::endings;
use crate::event::{Event, Notice, Said, with_hash};

/// For whom lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// For a person at a terminal: short, and without what he has just typed himself.
    Terminal,
    /// For a pipe or a file: `2026-11-22T07:26:45Z #lobby peter: hey!`, always the same.
    Pipe,
}

/// Lines to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// On standard output.
    Data(String),
    /// On standard error.
    Story(String),
}

/// The event as text, without a line feed at its end; `None` where there is nothing to show. `now` is the
/// time since 1970 for what has no time stamp of its own.
///
/// ```
/// use std::time::Duration;
/// use chat::event::{Event, Notice};
/// use chat::show::{Shown, Style, text};
///
/// let empty = Event::Notice(Notice::NothingToSend);
/// let shown = text(&empty, Style::Pipe, Duration::ZERO);
/// assert_eq!(shown, Some(Shown::Story("nothing to send: type a line, or /help".into())));
/// ```
pub fn text(event: &Event, style: Style, now: Duration) -> Option<Shown> {
    Some(match event {
        Event::Said(said) => return said_text(said, style).map(Shown::Data),
        // `you are NAME now` says it.
        Event::Presence { change: Change::Renamed, own: true, .. } if style == Style::Terminal => {
            return None;
        }
        Event::Presence { room, person, before, change, ending, .. } => {
            let line = presence(person, before.as_deref(), *change, ending.as_deref());
            Shown::Data(match style {
                Style::Terminal => line,
                Style::Pipe => format!("{} {} {line}", stamp(now), room_name(room)),
            })
        }
        Event::Welcome { name, .. } => Shown::Story(format!("you are {}", sanitize::line(name))),
        Event::Renamed { name } => Shown::Story(format!("you are {} now", sanitize::line(name))),
        Event::Joined { room, people, past, missed } => {
            let said = missed.map_or((*past, "before"), |missed| (missed, "meanwhile"));
            Shown::Story(joined(room, people, said))
        }
        Event::Sent { late: false, .. } => return None,
        Event::Sent { text, .. } => Shown::Story(format!("sent now: {}", sanitize::line(text))),
        Event::Waiting { text, .. } => {
            Shown::Story(format!("not sent yet: {}", sanitize::line(text)))
        }
        Event::Unsent { text, why, .. } => {
            Shown::Story(format!("not sent: {} ({})", sanitize::line(text), sanitize::line(why)))
        }
        Event::Notice(notice) => Shown::Story(notice_text(notice)),
    })
}

fn said_text(said: &Said, style: Style) -> Option<String> {
    let own_echo = said.own && !said.past && style == Style::Terminal;
    if said.again || own_echo {
        return None;
    }
    let name = match &said.name {
        Some(name) => sanitize::line(name).into_owned(),
        // The past may be that of people who have left before we heard of them.
        None => format!("person {}", said.from),
    };
    let text = sanitize::line_of_bytes(&said.payload);
    let time = Duration::from_micros(said.time);
    Some(match style {
        Style::Pipe => format!("{} {} {name}: {text}", stamp(time), room_name(&said.room)),
        Style::Terminal if said.past => format!("[{}] {name}: {text}", stamp(time)),
        Style::Terminal => format!("{name}: {text}"),
    })
}

fn presence(person: &Person, before: Option<&str>, change: Change, ending: Option<&str>) -> String {
    let name = sanitize::line(&person.name);
    match (change, before, ending) {
        (Change::Joined, ..) => format!("* {name} joined"),
        (Change::Left, ..) => match ending.and_then(endings::of_person) {
            Some(why) => format!("* {name} left: {}", sanitize::line(&why)),
            None => format!("* {name} left"),
        },
        (Change::Renamed, Some(before), _) => {
            format!("* {} is now {name}", sanitize::line(before))
        }
        _ => format!("* somebody is now {name}"),
    }
}

/// Of the past only what was not shown before is told: no line of the rest follows.
fn joined(room: &str, people: &[Person], (lines, when): (u32, &str)) -> String {
    let names: Vec<_> = people.iter().map(|person| sanitize::line(&person.name)).collect();
    let mut line = format!("you are in {}: {}", room_name(room), names.join(", "));
    match lines {
        0 => Ok(()),
        1 => write!(line, "; 1 line was said {when}"),
        _ => write!(line, "; {lines} lines were said {when}"),
    }
    .expect("a String takes everything");
    line
}

fn room_name(room: &str) -> String {
    sanitize::line(&with_hash(room)).into_owned()
}

fn notice_text(notice: &Notice) -> String {
    // `/help` has several lines, and every one of them is ours.
    let text = notice.to_string();
    text.lines().map(sanitize::line).collect::<Vec<_>>().join("\n")
}

/// The time of a stamp, to the second: `2026-11-22T07:26:45Z`.
fn stamp(since_1970: Duration) -> String {
    /// 9999-12-31T23:59:59Z. Beyond it a year has five digits, which RFC 3339 does not know.
    const LAST: Duration = Duration::from_secs(253_402_300_799);
    humantime::format_rfc3339_seconds(UNIX_EPOCH + since_1970.min(LAST)).to_string()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn said(text: &[u8]) -> Said {
        Said {
            room: "lobby".into(),
            from: 7,
            name: Some("peter".into()),
            seq: 42,
            id: 1,
            time: 1_795_332_405_123_456,
            payload: Bytes::copy_from_slice(text),
            past: false,
            own: false,
            again: false,
        }
    }

    #[track_caller]
    fn check(said: Said, pipe: Option<&str>, terminal: Option<&str>) {
        let event = Event::Said(said);
        let shown = |style| match text(&event, style, Duration::ZERO) {
            Some(Shown::Data(line)) => Some(line),
            Some(Shown::Story(line)) => panic!("{line} is no story"),
            None => None,
        };
        assert_eq!(shown(Style::Pipe).as_deref(), pipe);
        assert_eq!(shown(Style::Terminal).as_deref(), terminal);
    }

    #[test]
    fn what_was_said_has_its_time_in_a_pipe_and_is_short_on_a_terminal() {
        check(
            said("你好".as_bytes()),
            Some("2026-11-22T07:26:45Z #lobby peter: 你好"),
            Some("peter: 你好"),
        );
        check(
            Said { past: true, ..said(b"hey!") },
            Some("2026-11-22T07:26:45Z #lobby peter: hey!"),
            Some("[2026-11-22T07:26:45Z] peter: hey!"),
        );
        check(
            Said { own: true, ..said(b"hey!") },
            Some("2026-11-22T07:26:45Z #lobby peter: hey!"),
            None,
        );
        check(Said { own: true, again: true, ..said(b"hey!") }, None, None);
    }

    #[test]
    fn nothing_of_others_is_shown_as_it_came() {
        let evil = Said {
            name: Some("p\u{202e}".into()),
            room: "l\u{7}".into(),
            time: u64::MAX,
            ..said(b"\x1b[2J\n\xff")
        };
        check(
            evil,
            Some("9999-12-31T23:59:59Z #l\\u{7} p\\u{202e}: \\u{1b}[2J\\u{a}\\xff"),
            Some("p\\u{202e}: \\u{1b}[2J\\u{a}\\xff"),
        );
        check(
            Said { name: None, time: 0, ..said(b"") },
            Some("1970-01-01T00:00:00Z #lobby person 7: "),
            Some("person 7: "),
        );
        let notice = Notice::Refused { reason: "\u{1b}c\rx".into() };
        assert_eq!(notice_text(&notice), "the relay refuses: \\u{1b}c\\u{d}x");
    }

    #[test]
    fn presence_is_told_with_the_ending() {
        let person = Person { id: 1, name: "bob".into() };
        for (before, change, ending, line) in [
            (None, Change::Joined, None, "* bob joined"),
            (None, Change::Left, None, "* bob left"),
            (None, Change::Left, Some("PeerFin"), "* bob left"),
            (None, Change::Left, Some("PeerReset"), "* bob left: reset by peer (RST)"),
            (None, Change::Left, Some("\u{9b}x"), "* bob left: \\u{9b}x"),
            (Some("rob"), Change::Renamed, None, "* rob is now bob"),
        ] {
            assert_eq!(presence(&person, before, change, ending), line);
        }
    }

    #[test]
    fn a_room_has_one_hash_also_where_it_was_made_with_one() {
        for room in ["ops", "#ops", "##ops"] {
            let room = room.to_owned();
            check(
                Said { room: room.clone(), ..said(b"hey!") },
                Some("2026-11-22T07:26:45Z #ops peter: hey!"),
                Some("peter: hey!"),
            );
            let person = Person { id: 1, name: "bob".into() };
            let people = std::slice::from_ref(&person);
            assert_eq!(joined(&room, people, (0, "before")), "you are in #ops: bob");
            let who = Notice::Who { room: room.clone(), people: vec![person] };
            assert_eq!(notice_text(&who), "in #ops: bob");
            assert_eq!(notice_text(&Notice::AlreadyIn(room.clone())), "you are in #ops already");
            let missed = Notice::Missed { room, lines: 1 };
            assert!(notice_text(&missed).contains("said in #ops meanwhile"));
        }
    }

    /// A terminal is told `you are bob now` already; a pipe is read later, and by others.
    #[test]
    fn a_terminal_is_told_of_its_own_new_name_once() {
        let shown = |own, style| {
            let renamed = Event::Presence {
                room: "lobby".into(),
                person: Person { id: 1, name: "bob".into() },
                before: Some("rob".into()),
                change: Change::Renamed,
                ending: None,
                own,
            };
            text(&renamed, style, Duration::ZERO)
        };
        let line = "* rob is now bob";
        assert_eq!(shown(true, Style::Terminal), None);
        assert_eq!(shown(false, Style::Terminal), Some(Shown::Data(line.into())));
        let in_a_pipe = format!("1970-01-01T00:00:00Z #lobby {line}");
        assert_eq!(shown(true, Style::Pipe), Some(Shown::Data(in_a_pipe)));
    }

    #[test]
    fn help_names_every_command_on_a_line_of_its_own() {
        let help = notice_text(&Notice::Help);
        assert_eq!(help.lines().count(), crate::command::COMMANDS.len());
        assert!(help.starts_with("/nick NAME  go by this name\n"), "{help}");
    }
}
