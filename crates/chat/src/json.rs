//! How an event looks as an object of JSON.

use proto::Change;
use serde_json::{Value, json};

use crate::event::{Event, Notice, Said};

/// The event's name and its fields. Texts and names are as they came: who reads them is a program, and
/// who writes them escapes what a terminal would obey.
///
/// ```
/// use chat::event::{Event, Notice};
///
/// let (name, fields) = chat::json::of(&Event::Notice(Notice::NothingToSend));
/// assert_eq!(name, "notice");
/// assert_eq!(fields["kind"], "nothing_to_send");
/// ```
pub fn of(event: &Event) -> (&'static str, Value) {
    match event {
        Event::Welcome { you, name } => ("welcome", json!({"you": you, "name": name})),
        Event::Renamed { name } => ("renamed", json!({"name": name})),
        Event::Joined { room, people, past, .. } => {
            ("joined", json!({"room": room, "people": people, "past": past}))
        }
        Event::Said(said) => ("said", said_fields(said)),
        Event::Sent { id, seq, room, text, late } => {
            ("sent", json!({"room": room, "id": id, "seq": seq, "text": text, "late": late}))
        }
        Event::Waiting { id, room, text } => {
            ("unsent", json!({"room": room, "id": id, "text": text, "final": false}))
        }
        Event::Unsent { id, room, text, why } => {
            ("unsent", json!({"room": room, "id": id, "text": text, "final": true, "why": why}))
        }
        Event::Presence { room, person, before, change, ending, own } => {
            let change = match change {
                Change::Joined => "joined",
                Change::Left => "left",
                _ => "renamed",
            };
            let mut fields = json!({
                "room": room,
                "id": person.id,
                "name": person.name,
                "change": change,
                "own": own,
            });
            if let Some(before) = before {
                fields["before"] = before.as_str().into();
            }
            if let Some(ending) = ending {
                fields["ending"] = ending.as_str().into();
            }
            ("presence", fields)
        }
        Event::Notice(notice) => {
            let mut fields = json!({"kind": notice.kind(), "text": notice.to_string()});
            if let Notice::Goodbye { ending, reason } = notice {
                fields["ending"] = ending.as_str().into();
                fields["reason"] = reason.as_str().into();
            }
            ("notice", fields)
        }
    }
}

fn said_fields(said: &Said) -> Value {
    let Said { room, from, name, seq, id, time, payload, past, own, again } = said;
    json!({
        "room": room,
        "from": from,
        "name": name,
        "seq": seq,
        "id": id,
        "time": time,
        "text": String::from_utf8_lossy(payload),
        "past": past,
        "own": own,
        "again": again,
    })
}

#[cfg(test)]
mod tests {
    use proto::Person;

    use super::*;

    /// Words are for people and may change; a program compares names.
    #[test]
    fn endings_keep_their_names() {
        let (ending, reason) = ("Shutdown".to_owned(), "shut down here".to_owned());
        let (_, goodbye) = of(&Event::Notice(Notice::Goodbye { ending, reason }));
        assert_eq!((&goodbye["kind"], &goodbye["ending"]), (&"goodbye".into(), &"Shutdown".into()));
        assert_eq!(goodbye["text"], "the relay shuts down");
        let left = Event::Presence {
            room: "lobby".into(),
            person: Person { id: 1, name: "bob".into() },
            before: None,
            change: Change::Left,
            ending: Some("PeerFin".into()),
            own: false,
        };
        assert_eq!(of(&left).1["ending"], "PeerFin");
    }
}
