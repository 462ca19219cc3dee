//! Which rooms we are in, and who is there.

use std::collections::{HashMap, VecDeque};

use proto::{Change, Join, Joined, Leave, Message, Person, Presence};

use crate::event::{Event, Notice};
use crate::limits::{MAX_NAME, MAX_PEOPLE};
use crate::session::{Chat, Link};

/// A room that we are in on this connection.
#[derive(Debug)]
pub(super) struct Room {
    /// As the person wrote it.
    pub(super) asked: String,
    /// As the relay writes it.
    pub(super) name: String,
    pub(super) number: u32,
    /// The place in its order that was given out last before we came.
    pub(super) joined_at: u64,
    /// How many frames of the past are still to come.
    pub(super) past: u32,
    /// Who is there.
    pub(super) people: Vec<u32>,
}

impl Room {
    /// Whether the past was read, so that lines may be sent.
    pub(super) fn is_ready(&self) -> bool {
        self.past == 0
    }
}

/// The names of people that we have heard of, those that have left among them: the past is theirs.
#[derive(Debug, Default)]
pub(super) struct People {
    names: HashMap<u32, String>,
    order: VecDeque<u32>,
}

impl People {
    /// Somebody goes by this name; gives the one before.
    pub(super) fn learn(&mut self, id: u32, name: &str) -> Option<String> {
        let before = self.names.insert(id, name.to_owned());
        if before.is_none() {
            self.order.push_back(id);
            if self.order.len() > MAX_PEOPLE
                && let Some(oldest) = self.order.pop_front()
            {
                self.names.remove(&oldest);
            }
        }
        before.filter(|before| before != name)
    }

    pub(super) fn name(&self, id: u32) -> Option<&str> {
        self.names.get(&id).map(String::as_str)
    }

    pub(super) fn person(&self, id: u32) -> Person {
        let name = self.name(id).map_or_else(|| format!("person {id}"), str::to_owned);
        Person { id, name }
    }
}

impl Chat {
    /// `/join`. The room before is left when we are in the new one.
    pub(super) fn join(&mut self, room: String) {
        if self.room.as_deref() == Some(&room) {
            return self.notice(Notice::AlreadyIn(room));
        }
        if room.len() > MAX_NAME {
            return self.notice(Notice::NameTooLong { len: room.len() });
        }
        self.room = Some(room);
        let wanted = self.room.as_deref();
        if let Some(room) = self.rooms.iter().find(|room| Some(room.asked.as_str()) == wanted) {
            // A line of ours is still under way there, so we have never left.
            let people = room.people.iter().map(|&id| self.people.person(id)).collect();
            let room = room.name.clone();
            self.events.push_back(Event::Joined { room, people, past: 0, missed: None });
        }
        self.join_next();
    }

    /// Asks for the next room that we want to be in: the person's, then those that lines wait for.
    pub(super) fn join_next(&mut self) {
        if !matches!(self.link, Link::Up(_)) || self.joining.is_some() {
            return;
        }
        let is_in = |name: &str| self.rooms.iter().any(|room| room.asked == name);
        let next = self.room.as_deref().into_iter().chain(self.unsent.rooms());
        let Some(next) = next.into_iter().find(|name| !is_in(name)).map(str::to_owned) else {
            return self.leave_others();
        };
        self.joining = Some(next.clone());
        self.send(&Message::Join(Join { room: next, listen: true }));
    }

    pub(super) fn joined(&mut self, joined: Joined) {
        let Joined { room: number, name, seq, past, people } = joined;
        let Some(asked) = self.joining.take() else { return };
        for person in &people {
            self.people.learn(person.id, &person.name);
        }
        let ids = people.iter().map(|person| person.id).collect();
        if let Some(same) = self.rooms.iter().find(|room| room.number == number) {
            // "Lobby" and "lobby" may be one room. Two entries would be joined in turn for ever.
            self.unsent.rename_room(&same.asked, &asked);
        }
        self.rooms.retain(|room| room.number != number);
        let room = Room { asked, name: name.clone(), number, joined_at: seq, past, people: ids };
        if self.room.as_deref() == Some(&room.asked) {
            self.was_joined = true;
            let kept_from = seq.saturating_sub(past.into());
            let last = self.seen.last_of(number);
            let missed = last
                .map(|last| u32::try_from(seq.saturating_sub(last)).unwrap_or(u32::MAX).min(past));
            self.events.push_back(Event::Joined { room: name.clone(), people, past, missed });
            if let Some(lines @ 1..) = last.and_then(|last| kept_from.checked_sub(last)) {
                self.notice(Notice::Missed { room: name, lines });
            }
        }
        self.rooms.push(room);
        self.room_ready(number);
        self.join_next();
    }

    /// The past of a room may have been read: from now on lines are said there.
    pub(super) fn room_ready(&mut self, number: u32) {
        let Some(room) = self.rooms.iter().find(|room| room.number == number) else { return };
        if !room.is_ready() {
            return;
        }
        let asked = room.asked.clone();
        if self.room.as_deref() == Some(&asked) {
            self.away = false;
        }
        self.send_waiting(&asked);
        self.leave_others();
    }

    /// The relay does not let us into the room that we asked for: what was said to it cannot be sent.
    pub(super) fn room_refused(&mut self, asked: &str, reason: &str) {
        while let Some(line) = self.unsent.of_room(asked) {
            self.not_sent(line.id, line.room, line.text, reason);
        }
        self.notice(Notice::Refused { reason: reason.to_owned() });
        if self.room.as_deref() == Some(asked) {
            // Back to where we were, if we still are somewhere.
            self.room = self.rooms.last().map(|room| room.asked.clone());
        }
        self.join_next();
    }

    /// Leaves the rooms that are not the person's and that no line waits for.
    pub(super) fn leave_others(&mut self) {
        let Some(wanted) = self.room.clone() else { return };
        if !self.rooms.iter().any(|room| room.asked == wanted) {
            return;
        }
        let unsent = &self.unsent;
        let (stay, leave): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.rooms).into_iter().partition(|room| {
                room.asked == wanted || unsent.rooms().any(|name| name == room.asked)
            });
        self.rooms = stay;
        for room in leave {
            self.send(&Message::Leave(Leave { room: room.number }));
        }
    }

    pub(super) fn presence(&mut self, presence: Presence) {
        let Presence { room: number, person, change, ending } = presence;
        let before = self.people.learn(person.id, &person.name);
        let Some(room) = self.rooms.iter_mut().find(|room| room.number == number) else { return };
        let was_there = room.people.contains(&person.id);
        // Between `Joined` and the end of the past a relay names who spoke and has left, and people for
        // whom `Joined` had no room: nobody of them comes or goes now.
        let is_news = match change {
            Change::Left => was_there,
            Change::Joined => room.is_ready() && !was_there,
            _ => true,
        };
        room.people.retain(|&id| id != person.id);
        if change != Change::Left && room.people.len() < MAX_PEOPLE {
            room.people.push(person.id);
        }
        let (asked, room) = (room.asked.as_str(), room.name.clone());
        if is_news && self.room.as_deref() == Some(asked) {
            let own = self.own.contains(&person.id);
            self.events.push_back(Event::Presence { room, person, before, change, ending, own });
        }
    }
}
