//! What the relay itself says, to clients of both kinds.

use std::fmt::Write as _;

use bytes::BytesMut;
use proto::limits::MAX_CONTROL_PAYLOAD;
use proto::{Change, Ending, Goodbye, Joined, Message, Person, Presence, Refused};

use crate::lines;
use crate::outbox::{Level, Parcel};
use crate::outlet::{Dialect, Outlet};
use crate::past::Slice;
use crate::refusal::Refusal;
use crate::room::Room;

/// How much of a `Joined` its people may take: three quarters of what a control frame holds, so that
/// names that JSON writes longer than they are leave room for the rest.
const PEOPLE: usize = MAX_CONTROL_PAYLOAD / 4 * 3;

/// A message as a frame.
pub(crate) fn frame(message: &Message) -> Parcel {
    frames(std::slice::from_ref(message))
}

/// Messages as frames, one after the other.
pub(crate) fn frames(messages: &[Message]) -> Parcel {
    let mut bytes = BytesMut::new();
    for message in messages {
        message.encode(&mut bytes).expect("the relay's own messages are short");
    }
    Parcel { pinned: bytes.capacity(), bytes: bytes.freeze() }
}

/// Says that something is not done.
pub(crate) fn refusal(Refusal { why, reason }: Refusal, dialect: Dialect) -> Parcel {
    match dialect {
        Dialect::Frames => frame(&Message::Refused(Refused { why, reason, room: None, id: None })),
        Dialect::Lines => lines::note(&reason).into(),
    }
}

/// The last words before the relay ends a connection.
pub(crate) fn goodbye(ending: &Ending, dialect: Dialect) -> Parcel {
    match dialect {
        Dialect::Frames => frame(&Message::Goodbye(Goodbye {
            ending: ending.name().into(),
            reason: ending.to_string(),
        })),
        Dialect::Lines => match ending {
            Ending::Shutdown => lines::note("goodbye: the relay shuts down"),
            Ending::Done => lines::note("goodbye"),
            other => lines::note(&format!("goodbye: {other}")),
        }
        .into(),
    }
}

/// Says to somebody that he is in a room, and what was said there before.
///
/// Who spoke then and is not here now is told of first, or nobody could know whose words they are.
/// People for whom the frame has no room are told of one by one.
pub(crate) fn joined<O: Outlet>(
    room: &Room<O>,
    past: &[(Slice, Parcel)],
    me: u32,
    outlet: &O,
    dialect: Dialect,
) -> Level {
    let mut level = outlet.put(&match dialect {
        Dialect::Frames => joined_frames(room, past, me),
        Dialect::Lines => joined_line(room, past.is_empty()).into(),
    });
    for (_, parcel) in past {
        level = level.max(outlet.put(parcel));
    }
    level
}

fn joined_frames<O: Outlet>(room: &Room<O>, past: &[(Slice, Parcel)], me: u32) -> Parcel {
    let (mut people, mut others, mut size) = (Vec::new(), Vec::new(), 0);
    let presence = |person, change| {
        Message::Presence(Presence { room: room.id, person, change, ending: None })
    };
    // He himself is in the list whatever else is.
    let mine = room.people().filter(|person| person.id == me);
    for person in mine.chain(room.people().filter(|person| person.id != me)) {
        // `{"id":4294967295,"name":""},`, and quotes and backslashes are written with a backslash.
        size += 28 + 2 * person.name.len();
        if size <= PEOPLE {
            people.push(person);
        } else {
            others.push(presence(person, Change::Joined));
        }
    }
    let mut gone: Vec<Person> = Vec::new();
    for (slice, _) in past {
        let from = slice.from;
        if gone.iter().all(|person| person.id != from) && room.people().all(|p| p.id != from) {
            gone.push(Person { id: from, name: slice.name.as_ref().into() });
        }
    }
    let frames_of_past: usize = past.iter().map(|(slice, _)| slice.frames).sum();
    let joined = Joined {
        room: room.id,
        name: room.name.shown().as_ref().into(),
        seq: room.seq(),
        past: u32::try_from(frames_of_past).expect("the past has few frames"),
        people,
    };
    let mut messages = vec![Message::Joined(joined)];
    messages.append(&mut others);
    messages.extend(gone.into_iter().map(|person| presence(person, Change::Left)));
    frames(&messages)
}

fn joined_line<O: Outlet>(room: &Room<O>, is_first: bool) -> bytes::Bytes {
    let mut line = format!("* you are in {}: ", room.name);
    names(room, &mut line);
    if !is_first {
        line.push_str("* said before:\n");
    }
    line.into()
}

/// The names of who is in a room, as the rest of a line.
pub(crate) fn names<O: Outlet>(room: &Room<O>, line: &mut String) {
    for (n, person) in room.people().enumerate() {
        let comma = if n == 0 { "" } else { ", " };
        write!(line, "{comma}{}", person.name).expect("a string takes everything");
    }
    line.push('\n');
}
