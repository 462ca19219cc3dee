//! What a person is told.

use std::fmt;

use proto::{Change, Person};

use crate::command::COMMANDS;
use crate::endings;
use crate::limits::MAX_NAME;

/// Something to show. Texts and names are as they came; [`crate::show`] makes them harmless.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The relay knows us.
    Welcome {
        /// Our number.
        you: u32,
        /// Our name.
        name: String,
    },
    /// The relay knows us by another name now.
    Renamed {
        /// Our name.
        name: String,
    },
    /// We are in a room.
    Joined {
        /// Its name.
        room: String,
        /// Who is there, ourselves among them.
        people: Vec<Person>,
        /// How many frames of the past follow.
        past: u32,
        /// How many of them were said since we were there; `None` where we were not.
        missed: Option<u32>,
    },
    /// Somebody said something.
    Said(Said),
    /// The relay has taken a line of ours.
    Sent {
        /// Our number for it.
        id: u64,
        /// Its place in the room's order.
        seq: u64,
        /// The room.
        room: String,
        /// What we said.
        text: String,
        /// Whether [`Event::Waiting`] was told of it before.
        late: bool,
    },
    /// A line of ours is not sent yet; it will be when there is a connection.
    Waiting {
        /// Our number for it.
        id: u64,
        /// The room.
        room: String,
        /// What we said.
        text: String,
    },
    /// A line of ours was not sent, and will not be.
    Unsent {
        /// Our number for it.
        id: u64,
        /// The room.
        room: String,
        /// What we said.
        text: String,
        /// Why not.
        why: String,
    },
    /// Somebody came, left, or goes by another name.
    Presence {
        /// The room.
        room: String,
        /// Who.
        person: Person,
        /// The name before, where it is known.
        before: Option<String>,
        /// What they did.
        change: Change,
        /// How their connection ended, where that is why they left.
        ending: Option<String>,
        /// Whether it is us.
        own: bool,
    },
    /// A word to the person.
    Notice(Notice),
}

/// Something that was said in a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The room's name.
    pub room: String,
    /// The number of who said it.
    pub from: u32,
    /// The name of who said it; `None` where we have never heard it.
    pub name: Option<String>,
    /// Its place in the room's order.
    pub seq: u64,
    /// The sender's number for it.
    pub id: u64,
    /// When the relay took it, in microseconds since 1970 in UTC.
    pub time: u64,
    /// What was said; text, if the sender kept to it.
    pub payload: bytes::Bytes,
    /// Whether it was said before we came.
    pub past: bool,
    /// Whether it is ours.
    pub own: bool,
    /// Whether it is a line of ours that the relay has taken twice: a resend met the first one.
    pub again: bool,
}

/// A word to the person. `Display` says it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// The line was empty.
    NothingToSend,
    /// The line is longer than a line may be.
    TooLong {
        /// Its length in bytes.
        len: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// A name is longer than any relay takes.
    NameTooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// The line is no UTF-8.
    NotText,
    /// As many lines wait as may.
    Full {
        /// How many wait.
        lines: usize,
    },
    /// The line was said to no room.
    NoRoom,
    /// We are in no room, or not yet.
    NotIn,
    /// There is no such command.
    Unknown {
        /// As it was typed.
        typed: String,
        /// The command it is nearest to.
        nearest: Option<&'static str>,
    },
    /// A command needs a word.
    Missing(&'static str),
    /// What `/help` says.
    Help,
    /// What `/who` says.
    Who {
        /// The room.
        room: String,
        /// Who is there.
        people: Vec<Person>,
    },
    /// We are already in that room.
    AlreadyIn(String),
    /// The connection is gone.
    Disconnected {
        /// How it ended, in words.
        why: String,
    },
    /// The relay does not let us go by that name, and asks for another.
    NameRefused {
        /// The name.
        name: String,
        /// Why, in the relay's words.
        reason: String,
    },
    /// The relay refused something.
    Refused {
        /// Why, in its words.
        reason: String,
    },
    /// Lines were said while we were away that the relay has not kept.
    Missed {
        /// The room.
        room: String,
        /// How many.
        lines: u64,
    },
    /// The relay ends the connection.
    Goodbye {
        /// The name of the ending.
        ending: String,
        /// Why, in the relay's words.
        reason: String,
    },
}

/// A room's name as people are shown it: `#lobby`. Whoever made the room may have called it so himself.
pub(crate) fn with_hash(room: &str) -> String {
    format!("#{}", room.trim_start_matches('#'))
}

impl Notice {
    /// Whether it says that a line was not kept, and so will not be sent.
    pub const fn is_loss(&self) -> bool {
        matches!(self, Self::TooLong { .. } | Self::NotText | Self::Full { .. } | Self::NoRoom)
    }

    /// A word that a program can compare.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::NothingToSend => "nothing_to_send",
            Self::TooLong { .. } => "too_long",
            Self::NameTooLong { .. } => "name_too_long",
            Self::NotText => "not_text",
            Self::Full { .. } => "full",
            Self::NoRoom => "no_room",
            Self::NotIn => "not_in",
            Self::Unknown { .. } => "unknown_command",
            Self::Missing(_) => "missing",
            Self::Help => "help",
            Self::Who { .. } => "who",
            Self::AlreadyIn(_) => "already_in",
            Self::Disconnected { .. } => "disconnected",
            Self::NameRefused { .. } => "name_refused",
            Self::Refused { .. } => "refused",
            Self::Missed { .. } => "missed",
            Self::Goodbye { .. } => "goodbye",
        }
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NothingToSend => f.write_str("nothing to send: type a line, or /help"),
            Self::TooLong { len, limit } => {
                write!(f, "not sent: the line has {len} bytes, and {limit} is the limit")
            }
            Self::NameTooLong { len } => {
                write!(f, "no name has {len} bytes: {MAX_NAME} is the limit")
            }
            Self::NotText => f.write_str("not sent: the line is no text in UTF-8"),
            Self::Full { lines } => write!(
                f,
                "not sent: {lines} lines wait already, as many as may; say it again when they are sent"
            ),
            Self::NoRoom => f.write_str("not sent: you are in no room; /join ROOM goes into one"),
            Self::NotIn => f.write_str("you are in no room now"),
            Self::Unknown { typed, nearest: Some(nearest) } => {
                write!(f, "unknown command {typed}; did you mean {nearest}?")
            }
            Self::Unknown { typed, nearest: None } => {
                write!(f, "unknown command {typed}; /help names them, /{typed} says it")
            }
            Self::Missing(usage) => write!(f, "a word is missing: {usage}"),
            Self::Help => {
                for (index, (usage, does)) in COMMANDS.iter().enumerate() {
                    let end = if index + 1 < COMMANDS.len() { "\n" } else { "" };
                    write!(f, "{usage:<12}{does}{end}")?;
                }
                Ok(())
            }
            Self::Who { room, people } => {
                write!(f, "in {}: ", with_hash(room))?;
                let mut names: Vec<_> = people.iter().map(|person| person.name.as_str()).collect();
                names.sort_unstable();
                f.write_str(&names.join(", "))
            }
            Self::AlreadyIn(room) => write!(f, "you are in {} already", with_hash(room)),
            Self::Disconnected { why } => write!(f, "disconnected: {why}"),
            Self::NameRefused { name, reason } => {
                write!(f, "you cannot be {name}: {reason}; /nick NAME takes another name")
            }
            Self::Refused { reason } => write!(f, "the relay refuses: {reason}"),
            Self::Missed { room, lines: 1 } => {
                let room = with_hash(room);
                write!(f, "1 line was said in {room} meanwhile that the relay has not kept")
            }
            Self::Missed { room, lines } => {
                let room = with_hash(room);
                write!(f, "{lines} lines were said in {room} meanwhile that the relay has not kept")
            }
            Self::Goodbye { ending, reason } => f.write_str(&endings::of_goodbye(ending, reason)),
        }
    }
}
