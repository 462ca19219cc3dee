//! What a frame of the relay does.

use std::time::Duration;

use proto::{Ack, Frame, Goodbye, Kind, Message, ProtocolError, Refused, Why};

use crate::event::{Event, Notice, Said};
use crate::seen::Mark;
use crate::session::{Chat, Link};
use crate::unsent::UnsentLine;

impl Chat {
    pub(super) fn receive(&mut self, now: Duration, frame: &Frame) -> Result<(), ProtocolError> {
        let kind = frame.header.kind;
        let out_of_turn = Err(ProtocolError::OutOfTurn { kind });
        if kind == Kind::Data {
            if let Link::Greeting { .. } = self.link {
                return out_of_turn;
            }
            self.data(now, frame);
            return Ok(());
        }
        let message = Message::from_frame(frame)?;
        match (&self.link, message) {
            (_, Message::Goodbye(Goodbye { ending, reason })) => {
                // The answer to ours is no news.
                if !matches!(self.link, Link::HangingUp { .. }) {
                    self.notice(Notice::Goodbye { ending, reason });
                }
            }
            (Link::Greeting { until: Some(_) }, Message::Welcome(welcome)) => {
                self.welcome(welcome);
            }
            (Link::Greeting { until: Some(_) }, Message::Refused(refused)) => {
                self.name_refused(now, refused);
            }
            (Link::Greeting { .. }, _)
            | (
                _,
                Message::Hello(_)
                | Message::Join(_)
                | Message::Leave(_)
                | Message::Welcome(_)
                | Message::Begin(_)
                | Message::Batch(_)
                | Message::Offer(_)
                | Message::Take(_)
                | Message::Sent(_)
                | Message::Kept(_)
                | Message::Dropped(_)
                | Message::Busy(_)
                | Message::Over(_)
                | Message::Missing(_),
            ) => {
                return out_of_turn;
            }
            (_, Message::Ack(ack)) => self.acknowledged(now, ack),
            (_, Message::Joined(joined)) => self.joined(joined),
            (_, Message::Presence(presence)) => self.presence(presence),
            (_, Message::Refused(refused)) => self.refused(refused),
            (_, Message::Rename(rename)) => self.renamed(rename),
            (_, Message::Left(_)) => {}
        }
        Ok(())
    }

    fn data(&mut self, now: Duration, frame: &Frame) {
        let header = &frame.header;
        let Some(room) = self.rooms.iter_mut().find(|room| room.number == header.room) else {
            // It was under way when we left.
            return;
        };
        let past = header.seq <= room.joined_at;
        let (name, is_present) = (room.name.clone(), self.room.as_deref() == Some(&room.asked));
        let was_ready = room.is_ready();
        room.past = if header.seq < room.joined_at { room.past.saturating_sub(1) } else { 0 };
        let became_ready = !was_ready && room.is_ready();

        let mark = Mark {
            room: header.room,
            seq: header.seq,
            from: header.from,
            id: header.id,
            time: header.time,
        };
        let own = self.own.contains(&header.from);
        let taken = if own { self.unsent.came_back(header.id, &frame.payload) } else { None };
        let again = own && taken.is_none() && self.seen.is_elsewhere(&mark, &self.own);
        if let Some(line) = taken {
            self.line_taken(now, line, header.seq);
        }
        if is_present && !(past && self.seen.contains(&mark)) {
            self.seen.note(mark);
            self.events.push_back(Event::Said(Said {
                room: name,
                from: header.from,
                name: self.people.name(header.from).map(str::to_owned),
                seq: header.seq,
                id: header.id,
                time: header.time,
                payload: frame.payload.clone(),
                past,
                own,
                again,
            }));
        }
        if became_ready {
            self.room_ready(header.room);
        }
        self.leave_others();
    }

    fn acknowledged(&mut self, now: Duration, ack: Ack) {
        for (line, seq) in self.unsent.acknowledged(ack.room, ack.id, ack.count, ack.seq) {
            self.line_taken(now, line, seq);
        }
        self.leave_others();
    }

    fn line_taken(&mut self, now: Duration, line: UnsentLine, seq: u64) {
        self.taken += 1;
        if let Some(leaving) = &mut self.leaving {
            leaving.progress = now;
        }
        let UnsentLine { id, room, text, late, .. } = line;
        self.events.push_back(Event::Sent { id, seq, room, text, late });
    }

    /// The relay says no to something that was asked after the `Hello`.
    fn refused(&mut self, refused: Refused) {
        let Refused { why, reason, room, id } = refused;
        if let Some(line) = id.and_then(|id| self.unsent.refused(id)) {
            return self.not_sent(line.id, line.room, line.text, &reason);
        }
        if id.is_some() || room.is_some() {
            return self.notice(Notice::Refused { reason });
        }
        let is_of_name = matches!(why, Why::NameTaken | Why::NameBad) || self.joining.is_none();
        if self.naming.is_renaming() && is_of_name {
            return self.rename_refused(reason);
        }
        match self.joining.take() {
            Some(asked) => self.room_refused(&asked, &reason),
            None => self.notice(Notice::Refused { reason }),
        }
    }
}
