//! Which name to ask the relay for.

use std::time::Duration;

use proto::{Message, Refused, Rename, Welcome, Why};

use crate::event::{Event, Notice};
use crate::limits::{MAX_NAME, MAX_NAME_TRIES, MAX_OWN};
use crate::seen::Seen;
use crate::session::rooms::People;
use crate::session::{Chat, Link, Terms};

/// The name that the person wants, and what the relay made of it.
#[derive(Debug)]
pub(super) struct Naming {
    /// What the person wants to be called; `None` leaves it to the relay.
    wish: Option<String>,
    /// What the relay called us last.
    had: Option<String>,
    /// What the last `Hello` or `Rename` asked for.
    asked: Option<String>,
    /// Whether the person has wished for another name since.
    is_new: bool,
    /// Whether a `Rename` is not answered yet. It is one at a time, so that as many as anybody types
    /// wait as one.
    renaming: bool,
    /// How often a name that we had was refused since the last welcome.
    tries: u32,
}

impl Naming {
    pub(super) fn new(wish: Option<String>) -> Self {
        Self { wish, had: None, asked: None, is_new: false, renaming: false, tries: 0 }
    }

    /// The name for the next `Hello`.
    pub(super) fn next_name(&mut self) -> Option<String> {
        self.is_new = false;
        self.renaming = false;
        let wish = self.wish.clone();
        self.asked = match self.tries {
            0 => wish,
            // A connection that broke may keep the name until the relay notices.
            1..=MAX_NAME_TRIES => wish.map(|name| format!("{name}-{}", self.tries + 1)),
            _ => None,
        };
        self.asked.clone()
    }

    /// The name for the next `Rename`, if the person wants another.
    fn next_rename(&mut self) -> Option<String> {
        if self.renaming || !std::mem::take(&mut self.is_new) {
            return None;
        }
        self.renaming = true;
        self.asked = self.wish.clone();
        self.asked.clone()
    }

    /// Whether lines are held back: they were typed after a `/nick` that the relay has not been told of,
    /// and are to be said under that name.
    pub(super) fn holds_lines(&self) -> bool {
        self.is_new && self.renaming
    }

    /// Whether the relay owes us the answer to a `Rename`.
    pub(super) fn is_renaming(&self) -> bool {
        self.renaming
    }
}

impl Chat {
    /// `/nick`. Where there is no connection, the next one begins with the name.
    pub(super) fn nick(&mut self, now: Duration, name: String) {
        if name.len() > MAX_NAME {
            return self.notice(Notice::NameTooLong { len: name.len() });
        }
        self.naming.wish = Some(name);
        self.naming.is_new = true;
        self.naming.tries = 0;
        match self.link {
            Link::Up(_) => self.ask_for_name(),
            // The relay waits for another name.
            Link::Greeting { until: None } => self.say_hello(now),
            Link::Greeting { .. } | Link::Down | Link::HangingUp { .. } => {}
        }
    }

    fn ask_for_name(&mut self) {
        if let Link::Up(_) = self.link
            && let Some(name) = self.naming.next_rename()
        {
            self.send(&Message::Rename(Rename { name }));
        }
    }

    /// The relay calls us by the name that we asked for, as it writes it.
    pub(super) fn renamed(&mut self, rename: Rename) {
        let Rename { name } = rename;
        if !self.naming.renaming {
            return;
        }
        self.naming.had = Some(name.clone());
        if !self.naming.is_new {
            self.naming.wish = Some(name.clone());
        }
        self.events.push_back(Event::Renamed { name });
        self.rename_answered();
    }

    /// The relay does not: we stay who we were.
    pub(super) fn rename_refused(&mut self, reason: String) {
        let name = self.naming.asked.clone().unwrap_or_default();
        self.notice(Notice::NameRefused { name, reason });
        if !self.naming.is_new {
            self.naming.wish.clone_from(&self.naming.had);
        }
        self.rename_answered();
    }

    fn rename_answered(&mut self) {
        self.naming.renaming = false;
        self.ask_for_name();
        let rooms: Vec<_> = self.rooms.iter().map(|room| room.asked.clone()).collect();
        for room in rooms {
            self.send_waiting(&room);
        }
    }

    pub(super) fn welcome(&mut self, welcome: Welcome) {
        let Welcome { you, name, epoch, max_frame, .. } = welcome;
        if self.epoch.replace(epoch).is_some_and(|before| before != epoch) {
            // The numbers of before are other people's now, and what is theirs is not ours.
            self.own.clear();
            self.people = People::default();
            self.seen = Seen::default();
        }
        self.link = Link::Up(Terms { you, max_frame });
        if !self.own.contains(&you) {
            self.own.push_back(you);
        }
        if self.own.len() > MAX_OWN {
            self.own.pop_front();
        }
        self.people.learn(you, &name);
        self.naming.had = Some(name.clone());
        if self.naming.wish.is_none() {
            self.naming.wish = Some(name.clone());
        }
        self.naming.tries = 0;
        self.events.push_back(Event::Welcome { you, name });
        // `/nick` may have been typed after the `Hello` that was answered.
        self.ask_for_name();
        self.join_next();
    }

    /// The relay does not let us go by the name that we asked for.
    pub(super) fn name_refused(&mut self, now: Duration, refused: Refused) {
        let Refused { why, reason, .. } = refused;
        if !matches!(why, Why::NameTaken | Why::NameBad) {
            // It is not the name, so another name does not help.
            self.give_up(&reason);
            return self.notice(Notice::Refused { reason });
        }
        if self.naming.is_new {
            // The person wants another name by now.
            return self.say_hello(now);
        }
        let name = self.naming.asked.clone().unwrap_or_default();
        let had = self.naming.had.clone();
        let is_ours = had.is_some() && self.naming.asked.is_some();
        let is_wish = self.naming.wish == had;
        if is_ours && !is_wish && self.naming.tries == 0 {
            // A `/nick` that failed: we stay who we were.
            self.notice(Notice::NameRefused { name, reason });
            self.naming.wish = had;
            self.say_hello(now);
        } else if is_ours {
            let is_taken = why == Why::NameTaken;
            self.naming.tries = if is_taken { self.naming.tries + 1 } else { MAX_NAME_TRIES + 1 };
            self.say_hello(now);
        } else {
            self.notice(Notice::NameRefused { name, reason });
            self.link = Link::Greeting { until: None };
        }
    }
}
