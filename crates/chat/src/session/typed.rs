//! What a typed line does.

use std::time::Duration;

use proto::limits::MAX_FRAME_LENGTH;
use proto::{Header, Kind};

use crate::command::Command;
use crate::event::{Event, Notice};
use crate::limits::MAX_LINE;
use crate::session::{Chat, Link};

impl Chat {
    pub(super) fn command(&mut self, now: Duration, command: Command) {
        match command {
            Command::Say(text) => self.say(text),
            Command::Nothing => self.notice(Notice::NothingToSend),
            Command::Nick(name) => self.nick(now, name),
            Command::Join(room) => self.join(room),
            Command::Who => self.who(),
            Command::Help => self.notice(Notice::Help),
            Command::Quit => self.input_ended(now),
            Command::Missing(usage) => self.notice(Notice::Missing(usage)),
            Command::Unknown { typed, nearest } => {
                self.notice(Notice::Unknown { typed, nearest });
            }
        }
    }

    pub(super) fn say(&mut self, text: String) {
        let Some(room) = self.room.clone() else { return self.refuse(Notice::NoRoom) };
        let limit = self.longest_line();
        if text.len() > limit {
            return self.refuse(Notice::TooLong { len: text.len(), limit });
        }
        if !self.unsent.has_room(text.len()) {
            return self.refuse(Notice::Full { lines: self.unsent.len() });
        }
        let id = self.unsent.keep(&room, text.clone(), self.away);
        if self.away {
            self.events.push_back(Event::Waiting { id, room, text });
        } else {
            self.send_waiting(&room);
        }
    }

    /// Gives the relay the lines of a room that it has not been given on this connection, if we are in.
    pub(super) fn send_waiting(&mut self, asked: &str) {
        let Link::Up(terms) = self.link else { return };
        if self.naming.holds_lines() {
            return;
        }
        let Some(room) = self.rooms.iter().find(|room| room.asked == asked && room.is_ready())
        else {
            return;
        };
        for line in self.unsent.ask(asked, room.number) {
            let header = Header::new(Kind::Data, room.number, line.id);
            let written = header.encode(line.text.as_bytes(), terms.max_frame, &mut self.out);
            // A relay that takes shorter frames than the last one leaves the line waiting: it is told at
            // the end.
            let _ = written;
        }
    }

    pub(super) fn longest_line(&self) -> usize {
        let max_frame = match self.link {
            Link::Up(terms) => terms.max_frame,
            _ => MAX_FRAME_LENGTH,
        };
        MAX_LINE.min(max_frame.saturating_sub(proto::frame::MIN_LENGTH) as usize)
    }

    pub(super) fn who(&mut self) {
        let asked = self.room.as_deref();
        match self.rooms.iter().find(|room| Some(room.asked.as_str()) == asked) {
            Some(room) => {
                let people = room.people.iter().map(|&id| self.people.person(id)).collect();
                self.notice(Notice::Who { room: room.name.clone(), people });
            }
            None => self.notice(Notice::NotIn),
        }
    }

    pub(super) fn tell_waiting(&mut self) {
        for line in self.unsent.disconnected() {
            let (id, room, text) = (line.id, line.room.clone(), line.text.clone());
            self.events.push_back(Event::Waiting { id, room, text });
        }
    }

    pub(super) fn not_sent(&mut self, id: u64, room: String, text: String, why: &str) {
        self.given_up += 1;
        self.events.push_back(Event::Unsent { id, room, text, why: why.to_owned() });
    }

    /// A line that is not kept counts as one that was not sent.
    pub(super) fn refuse(&mut self, notice: Notice) {
        self.given_up += 1;
        self.notice(notice);
    }
}
