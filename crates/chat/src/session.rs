//! A chat as one person has it, from the first connection to the last line.

mod names;
mod received;
mod rooms;
mod typed;

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use proto::limits::MAX_FRAME_LENGTH;
use proto::{Frame, Goodbye, Hello, Message, ProtocolError, message};

use crate::command::Command;
use crate::event::{Event, Notice};
use crate::limits::{HANG_UP, LAST_WAIT, MAX_LINE, WELCOME};
use crate::lines::Line;
use crate::seen::Seen;
use crate::unsent::Unsent;

use names::Naming;
use rooms::{People, Room};

/// How a chat begins.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The name to go by; the relay picks one where there is none.
    pub name: Option<String>,
    /// The room to go into.
    pub room: String,
    /// The number of the first line that is said. Lines of an earlier run of the same person must not
    /// have the same, so the clock's microseconds are a good choice.
    pub first_id: u64,
    /// How long nothing may be taken after the end of input before the rest is given up.
    pub last_wait: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { name: None, room: "lobby".into(), first_id: 1, last_wait: LAST_WAIT }
    }
}

/// What whoever drives a chat does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// There is no connection, or none that is of use: make one, and call [`Chat::connected`], or
    /// [`Chat::not_connected`] where that fails.
    Connect,
    /// Send what [`Chat::transmit`] gives, and wait for whatever comes first.
    Talk,
    /// Send what [`Chat::transmit`] gives, end our direction, read on to the relay's end, and call
    /// [`Chat::disconnected`].
    HangUp,
    /// It is over.
    Over(Outcome),
}

/// What came of a chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Whether we were ever in a room.
    pub was_joined: bool,
    /// How many lines the relay took.
    pub taken: u64,
    /// How many lines were not sent. Each was told by [`Event::Unsent`] or a [`Notice`].
    pub unsent: u64,
}

/// A chat as one person has it.
///
/// Inputs: [`Chat::connected`], [`Chat::frame`], [`Chat::disconnected`], [`Chat::typed`],
/// [`Chat::input_ended`], [`Chat::tick`]. After each of them take all events ([`Chat::event`]), then
/// look at [`Chat::step`]. `now` is the time since any moment that the caller has chosen.
///
/// ```text
///            connected          Welcome            Joined, and the past of the room
///   Down ----------------> Greeting -------> Up ------------------> Up, lines are sent
///    ^                        |              |                            |
///    +------------------------+--------------+----------------------------+  disconnected
/// ```
///
/// A line is kept from [`Chat::typed`] until the relay has taken it, whatever happens to connections in
/// between; see [`crate::unsent`]. Lines are sent again only after the past was read: where the relay
/// had taken one, and only its word for that was lost, it is found there and not sent twice. A relay that
/// has lost what it knew has lost that line too: it is not found, and said again.
#[derive(Debug)]
pub struct Chat {
    link: Link,
    naming: Naming,
    last_wait: Duration,
    /// The room that lines are said to, as it was asked for.
    room: Option<String>,
    rooms: Vec<Room>,
    /// The room that the relay has been asked for. Its refusal does not name it, so it is one at a time.
    joining: Option<String>,
    people: People,
    unsent: Unsent,
    seen: Seen,
    /// The numbers that the relay has known us by.
    own: VecDeque<u32>,
    /// Which count these numbers are of, and those of `people` and `seen`; `None` before any welcome.
    epoch: Option<u64>,
    /// Whether lines that are typed now will have to wait for a connection.
    away: bool,
    out: BytesMut,
    events: VecDeque<Event>,
    leaving: Option<Leaving>,
    over: bool,
    was_joined: bool,
    taken: u64,
    given_up: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Link {
    Down,
    /// `Hello` is said; its answer is due at this time, or, where a name was refused, the person's.
    Greeting {
        until: Option<Duration>,
    },
    Up(Terms),
    /// `Goodbye` is said.
    HangingUp {
        until: Duration,
    },
}

/// What the relay's `Welcome` settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Terms {
    you: u32,
    max_frame: u32,
}

/// The input has ended; we stay until the relay has taken everything.
#[derive(Clone, Copy, Debug)]
struct Leaving {
    /// When something was taken last.
    progress: Duration,
}

impl Chat {
    /// A chat without a connection.
    pub fn new(settings: Settings) -> Self {
        Self {
            link: Link::Down,
            naming: Naming::new(settings.name),
            last_wait: settings.last_wait,
            room: Some(settings.room),
            rooms: Vec::new(),
            joining: None,
            people: People::default(),
            unsent: Unsent::new(settings.first_id),
            seen: Seen::default(),
            own: VecDeque::new(),
            epoch: None,
            away: false,
            out: BytesMut::new(),
            events: VecDeque::new(),
            leaving: None,
            over: false,
            was_joined: false,
            taken: 0,
            given_up: 0,
        }
    }

    /// There is a connection.
    pub fn connected(&mut self, now: Duration) {
        if self.link == Link::Down && !self.over {
            self.say_hello(now);
        }
    }

    /// A frame has come. After an error the connection is of no use: end it, and call
    /// [`Chat::disconnected`].
    pub fn frame(&mut self, now: Duration, frame: &Frame) -> Result<(), ProtocolError> {
        if self.over || self.link == Link::Down {
            return Ok(());
        }
        self.receive(now, frame)?;
        self.settle(now);
        Ok(())
    }

    /// The connection is gone; `why` says how it ended, for a person.
    pub fn disconnected(&mut self, now: Duration, why: &str) {
        let was = std::mem::replace(&mut self.link, Link::Down);
        self.rooms.clear();
        self.joining = None;
        self.out.clear();
        match was {
            Link::Down => {}
            // Everything was taken before we said goodbye.
            Link::HangingUp { .. } => self.over = true,
            Link::Greeting { .. } | Link::Up(_) => {
                self.away = true;
                if !self.over {
                    self.notice(Notice::Disconnected { why: why.to_owned() });
                }
                self.tell_waiting();
            }
        }
        self.settle(now);
    }

    /// An attempt to connect has failed, and there will be another.
    pub fn not_connected(&mut self) {
        self.away = true;
        self.tell_waiting();
    }

    /// A line was typed.
    pub fn typed(&mut self, now: Duration, line: Line) {
        let is_late = self.is_leaving();
        match line {
            Line::Text(text) => match Command::read(&text) {
                Command::Say(text) if is_late => {
                    let (id, room) = (self.unsent.number(), self.room.clone().unwrap_or_default());
                    self.not_sent(id, room, text, "you are leaving");
                }
                _ if is_late => {}
                command => self.command(now, command),
            },
            Line::NotText(_) => self.refuse(Notice::NotText),
            Line::TooLong { len } => self.refuse(Notice::TooLong { len, limit: MAX_LINE }),
        }
        self.settle(now);
    }

    /// Nothing more will be typed.
    pub fn input_ended(&mut self, now: Duration) {
        if self.leaving.is_none() {
            self.leaving = Some(Leaving { progress: now });
        }
        self.settle(now);
    }

    /// Time has passed; call it at [`Chat::timeout`].
    pub fn tick(&mut self, now: Duration) {
        match self.link {
            Link::Greeting { until: Some(until) } if until <= now => {
                // Whom a relay has no room for waits in the kernel's queue, and hears nothing.
                let limit = WELCOME.as_secs();
                let why = format!(
                    "no answer within {limit}s: it is full (relay --max-people), or no relay"
                );
                self.disconnected(now, &why);
            }
            Link::HangingUp { until } if until <= now => self.disconnected(now, ""),
            _ => {}
        }
        let patience = self.last_wait;
        if self.leaving.is_some_and(|leaving| leaving.progress + patience <= now) && !self.over {
            self.give_up("the relay did not take it in time");
        }
    }

    /// When [`Chat::tick`] is to be called next.
    pub fn timeout(&self) -> Option<Duration> {
        let link = match self.link {
            Link::Greeting { until } => until,
            Link::HangingUp { until } => Some(until),
            Link::Down | Link::Up(_) => None,
        };
        let leaving = self.leaving.map(|leaving| leaving.progress + self.last_wait);
        link.into_iter().chain(leaving).min()
    }

    /// Ends it here and now. What was not taken is told line by line.
    pub fn give_up(&mut self, why: &str) {
        for line in self.unsent.give_up() {
            self.not_sent(line.id, line.room, line.text, why);
        }
        self.over = true;
    }

    /// What is to be sent now, once everything before it was sent.
    pub fn transmit(&mut self) -> Option<Bytes> {
        (!self.out.is_empty()).then(|| self.out.split().freeze())
    }

    /// The next thing to show.
    pub fn event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// What to do next.
    pub fn step(&self) -> Step {
        match self.link {
            _ if self.over => Step::Over(self.outcome()),
            Link::Down => Step::Connect,
            Link::HangingUp { .. } => Step::HangUp,
            Link::Greeting { .. } | Link::Up(_) => Step::Talk,
        }
    }

    /// What has come of it so far.
    pub fn outcome(&self) -> Outcome {
        Outcome { was_joined: self.was_joined, taken: self.taken, unsent: self.given_up }
    }

    /// Whether another line would be kept. Who reads from a pipe waits until it would.
    pub fn has_room(&self) -> bool {
        self.unsent.has_room(MAX_LINE)
    }

    /// Whether the input has ended, or `/quit` was typed: what is typed now is not sent.
    pub fn is_leaving(&self) -> bool {
        self.leaving.is_some() || self.over
    }

    /// The lines that the relay has not taken.
    pub fn unsent(&self) -> &Unsent {
        &self.unsent
    }

    /// The room that lines are said to, as the relay writes it where we are in it.
    pub fn room(&self) -> Option<&str> {
        let asked = self.room.as_deref()?;
        Some(self.rooms.iter().find(|room| room.asked == asked).map_or(asked, |room| &room.name))
    }

    /// After every input: whether there is anything left to stay for.
    fn settle(&mut self, now: Duration) {
        let Some(leaving) = &mut self.leaving else { return };
        if self.link == (Link::Greeting { until: None }) && !self.over {
            // Nobody is left who could take another name.
            return self.give_up("the relay knows us by no name");
        }
        if self.over || !self.unsent.is_empty() {
            return;
        }
        let asked = self.room.as_deref();
        let is_in =
            self.rooms.iter().any(|room| Some(room.asked.as_str()) == asked && room.is_ready());
        match self.link {
            Link::Up(_) if is_in || asked.is_none() => {
                leaving.progress = now;
                self.hang_up(now);
            }
            Link::Down if self.was_joined => self.over = true,
            _ => {}
        }
    }

    /// Says goodbye. It follows everything that was said, and the relay ends the connection after it.
    fn hang_up(&mut self, now: Duration) {
        self.send(&Message::Goodbye(Goodbye { ending: "Done".into(), reason: String::new() }));
        self.link = Link::HangingUp { until: now + HANG_UP };
    }

    fn say_hello(&mut self, now: Duration) {
        let name = self.naming.next_name();
        self.send(&Message::Hello(Hello {
            version: message::VERSION,
            name,
            max_frame: MAX_FRAME_LENGTH,
            features: vec!["ack".into()],
        }));
        self.link = Link::Greeting { until: Some(now + WELCOME) };
    }

    fn send(&mut self, message: &Message) {
        // Only a name or a room's name could make it too long for a frame, and what the person typed
        // is shorter.
        let _ = message.encode(&mut self.out);
    }

    fn notice(&mut self, notice: Notice) {
        self.events.push_back(notice.into());
    }
}

impl From<Notice> for Event {
    fn from(notice: Notice) -> Self {
        Self::Notice(notice)
    }
}
