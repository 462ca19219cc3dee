//! One client that speaks lines: what it types, and what it is answered.

use bytes::{Buf, BytesMut};
use proto::limits::MAX_FRAME_LENGTH;
use proto::{Decoder, Ending, Header, Kind, ProtocolError, Taken};

use crate::control;
use crate::hub::{Hub, Refusal};
use crate::lines::{self, Command};
use crate::outlet::{Dialect, Outlet};

/// The room that who names none speaks to.
pub const LOBBY: &str = "lobby";

/// The state of one client that speaks lines.
///
/// It becomes a person with its first line, so that who only looks in is nobody. What it says goes
/// through the same frames as what other clients say.
#[derive(Debug)]
pub struct LineSession {
    conn: u64,
    me: Option<u32>,
    room: Option<u32>,
    limit: usize,
    /// How much of the input is known to have no line feed, so that no byte is looked at twice.
    searched: usize,
    next_id: u64,
}

impl LineSession {
    /// A session of which nothing has been heard. `conn` is the connection's number in the log, and
    /// `limit` the longest line in bytes.
    pub fn new(conn: u64, limit: usize) -> Self {
        Self { conn, me: None, room: None, limit, searched: 0, next_id: 1 }
    }

    /// The client's number, when it has one.
    pub fn person(&self) -> Option<u32> {
        self.me
    }

    /// Takes the complete lines out of `input` and does what they ask for. At the end of the stream
    /// (`is_end`) the last line needs no end.
    ///
    /// Gives the outlet of a reader that is behind, if there is one.
    pub fn take<O: Outlet>(
        &mut self,
        now: u64,
        hub: &mut Hub<O>,
        outlet: &O,
        input: &mut BytesMut,
        is_end: bool,
    ) -> Result<Option<O>, Ending> {
        let mut said = Said { frames: Decoder::new(MAX_FRAME_LENGTH), now, pressed: None };
        let result = self.lines(hub, outlet, input, &mut said, is_end);
        said.flush(self.me, hub);
        result.map(|()| said.pressed)
    }

    fn lines<O: Outlet>(
        &mut self,
        hub: &mut Hub<O>,
        outlet: &O,
        input: &mut BytesMut,
        said: &mut Said<O>,
        is_end: bool,
    ) -> Result<(), Ending> {
        while let Some(found) = input[self.searched..].iter().position(|&byte| byte == b'\n') {
            let line = input.split_to(self.searched + found);
            input.advance(1);
            self.searched = 0;
            self.line(hub, outlet, line.strip_suffix(b"\r").unwrap_or(&line), said)?;
        }
        self.searched = input.len();
        if is_end && !input.is_empty() {
            let line = input.split();
            self.searched = 0;
            return self.line(hub, outlet, &line, said);
        }
        // One more than the limit may be the carriage return of an end that is to come.
        self.check_length(input.strip_suffix(b"\r").unwrap_or(input))
    }

    fn check_length(&self, line: &[u8]) -> Result<(), Ending> {
        if line.len() <= self.limit {
            return Ok(());
        }
        Err(Ending::Protocol(ProtocolError::LineTooLong { limit: self.limit }))
    }

    fn line<O: Outlet>(
        &mut self,
        hub: &mut Hub<O>,
        outlet: &O,
        line: &[u8],
        said: &mut Said<O>,
    ) -> Result<(), Ending> {
        self.check_length(line)?;
        let me = match self.me {
            Some(me) => me,
            None => match self.enter(hub, outlet, line) {
                Some(me) => me,
                None => return Ok(()),
            },
        };
        let Ok(text) = str::from_utf8(line) else {
            outlet.put(&lines::note("that is no UTF-8, so it was not sent").into());
            return Ok(());
        };
        let command = Command::read(text);
        if !matches!(command, Command::Say(_)) {
            said.flush(self.me, hub);
        }
        let done = match command {
            Command::Say(text) => self.say(hub, me, said, text).map(|()| None),
            Command::Nick(name) => {
                hub.rename(me, name).map(|()| Some(lines::note(&format!("you are {name}"))))
            }
            Command::Join(name) => self.join(hub, me, name).map(|()| None),
            Command::Who => Ok(Some(match self.room {
                Some(room) => hub.who(room),
                None => lines::note("you are in no room; type /join ROOM"),
            })),
            Command::Help => Ok(Some(lines::help())),
            Command::Quit => return Err(Ending::Done),
            Command::Nothing => {
                Ok(Some(lines::note("an empty line says nothing, so it was not sent")))
            }
            Command::Unknown(word) => {
                Ok(Some(lines::note(&format!("there is no /{word}; /help names what there is"))))
            }
        };
        match done {
            Ok(None) => {}
            Ok(Some(answer)) => _ = outlet.put(&answer.into()),
            Err(refusal) => control::refuse(outlet, Dialect::Lines, refusal.why, refusal.reason),
        }
        Ok(())
    }

    fn say<O: Outlet>(
        &mut self,
        hub: &mut Hub<O>,
        me: u32,
        said: &mut Said<O>,
        text: &str,
    ) -> Result<(), Refusal> {
        let room = match self.room {
            Some(room) => room,
            None => *self.room.insert(hub.join(me, LOBBY, true)?),
        };
        said.push(room, self.next_id, text);
        self.next_id += 1;
        Ok(())
    }

    /// The first line makes a person of the client. Where it is a name, that is the person's from the
    /// start, so that nobody is told of a guest.
    fn enter<O: Outlet>(&mut self, hub: &mut Hub<O>, outlet: &O, line: &[u8]) -> Option<u32> {
        let name = match str::from_utf8(line).map(Command::read) {
            Ok(Command::Nick(name)) => Some(name),
            _ => None,
        };
        // A name that cannot be had is refused when its line is done.
        let entered =
            name.and_then(|name| hub.enter(self.conn, outlet, Dialect::Lines, Some(name)).ok());
        let entered = match entered {
            Some(me) => Ok(me),
            None => hub.enter(self.conn, outlet, Dialect::Lines, None),
        };
        match entered {
            Ok(me) => {
                self.me = Some(me);
                if name.is_none() {
                    let name = hub.name(me).map(ToString::to_string).unwrap_or_default();
                    outlet.put(
                        &lines::note(&format!("you are {name}; /nick NAME changes it")).into(),
                    );
                }
                Some(me)
            }
            Err(refusal) => {
                outlet.put(&lines::note(&refusal.reason).into());
                None
            }
        }
    }

    /// Into another room, and then out of the one before: who cannot get in stays where he is.
    fn join<O: Outlet>(&mut self, hub: &mut Hub<O>, me: u32, name: &str) -> Result<(), Refusal> {
        let room = hub.join(me, name, true)?;
        if let Some(before) = self.room.replace(room)
            && before != room
        {
            hub.part(me, before);
        }
        Ok(())
    }
}

/// What was said in lines that follow each other, as frames, so that many lines are one run.
struct Said<O> {
    frames: Decoder,
    now: u64,
    pressed: Option<O>,
}

impl<O: Outlet> Said<O> {
    fn push(&mut self, room: u32, id: u64, text: &str) {
        let mut frame = BytesMut::new();
        Header::new(Kind::Data, room, id)
            .encode(text.as_bytes(), MAX_FRAME_LENGTH, &mut frame)
            .expect("a line is shorter than a frame may be");
        self.frames.push(&frame);
    }

    fn flush(&mut self, me: Option<u32>, hub: &mut Hub<O>) {
        while let Ok(Some(Taken::Run(run))) = self.frames.take() {
            let pressed = me.and_then(|me| hub.publish(me, run, self.now));
            self.pressed = self.pressed.take().or(pressed);
        }
    }
}
