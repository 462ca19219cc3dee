//! One client that speaks lines: what it types, and what it is answered.

use bytes::{Buf as _, Bytes, BytesMut};
use proto::limits::MAX_FRAME_LENGTH;
use proto::{Decoder, Ending, Header, Kind, ProtocolError, Taken};

use crate::hub::Hub;
use crate::lines::{self, Command};
use crate::outlet::{Behind, Dialect, Outlet, Said, answer};
use crate::refusal::Refusal;

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
    /// Who is behind with reading is put into `behind`, this client too if it does not read its answers.
    /// Lines for which members of the room are too far behind are [`Said::Held`]: they stay in `input`.
    pub fn take<O: Outlet>(
        &mut self,
        now: u64,
        hub: &mut Hub<O>,
        outlet: &O,
        (input, is_end): (&mut BytesMut, bool),
        behind: &mut Behind<O>,
    ) -> Result<Said, Ending> {
        let frames = Decoder::new(MAX_FRAME_LENGTH);
        let mut turn = Turn { hub, outlet, frames, now, behind };
        let result = self.lines(&mut turn, input, is_end);
        turn.flush(self.me);
        result
    }

    fn lines<O: Outlet>(
        &mut self,
        turn: &mut Turn<'_, O>,
        input: &mut BytesMut,
        is_end: bool,
    ) -> Result<Said, Ending> {
        while let Some(found) = input[self.searched..].iter().position(|&byte| byte == b'\n') {
            if self.room.is_some_and(|room| turn.hub.holds(room, turn.behind)) {
                return Ok(Said::Held);
            }
            let line = input.split_to(self.searched + found);
            input.advance(1);
            self.searched = 0;
            self.line(turn, line.strip_suffix(b"\r").unwrap_or(&line))?;
        }
        self.searched = input.len();
        if is_end && !input.is_empty() {
            let line = input.split();
            self.searched = 0;
            self.line(turn, &line)?;
        }
        // One more than the limit may be the carriage return of an end that is to come.
        self.check_length(input.strip_suffix(b"\r").unwrap_or(input))?;
        Ok(Said::Done)
    }

    fn check_length(&self, line: &[u8]) -> Result<(), Ending> {
        if line.len() <= self.limit {
            return Ok(());
        }
        Err(Ending::Protocol(ProtocolError::LineTooLong { limit: self.limit }))
    }

    fn line<O: Outlet>(&mut self, turn: &mut Turn<'_, O>, line: &[u8]) -> Result<(), Ending> {
        self.check_length(line)?;
        let Some(me) = self.me else { return self.first_line(turn, line) };
        let Ok(text) = str::from_utf8(line) else {
            return turn.answer(self.me, &lines::note("that is no UTF-8, so it was not sent"));
        };
        let command = Command::read(text);
        if !matches!(command, Command::Say(_)) {
            turn.flush(self.me);
        }
        let done = match command {
            Command::Say(text) => self.say(turn, me, text).map(|()| None),
            Command::Nick(name) => turn.hub.rename(me, name).map(|()| Some(self.you_are(name))),
            Command::Join(name) => self.join(turn.hub, me, name).map(|()| None),
            Command::Who => Ok(Some(match self.room {
                Some(room) => turn.hub.who(room),
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
            Ok(None) => Ok(()),
            Ok(Some(answer)) => turn.answer(self.me, &answer),
            Err(refusal) => turn.answer(self.me, &lines::note(&refusal.reason)),
        }
    }

    fn say<O: Outlet>(
        &mut self,
        turn: &mut Turn<'_, O>,
        me: u32,
        text: &str,
    ) -> Result<(), Refusal> {
        let room = match self.room {
            Some(room) => room,
            None => *self.room.insert(turn.hub.join(me, LOBBY, true)?),
        };
        turn.say(room, self.next_id, text);
        self.next_id += 1;
        Ok(())
    }

    /// The first line makes a person of the client, and is then done as any other. Where it is a name,
    /// that is the person's from the start, so that nobody is told of a guest.
    fn first_line<O: Outlet>(&mut self, turn: &mut Turn<'_, O>, line: &[u8]) -> Result<(), Ending> {
        if is_http(line) {
            return Err(Ending::Protocol(ProtocolError::Http));
        }
        let name = match str::from_utf8(line).map(Command::read) {
            Ok(Command::Nick(name)) => Some(name),
            _ => None,
        };
        let (conn, outlet) = (self.conn, turn.outlet);
        let mut enter = |name| turn.hub.enter(conn, outlet, Dialect::Lines, name);
        // A name that cannot be had is refused when its line is done.
        let entered = name.and_then(|name| enter(Some(name)).ok());
        match entered.map_or_else(|| enter(None), Ok) {
            Ok(me) => self.me = Some(me),
            Err(refusal) => return turn.answer(None, &lines::note(&refusal.reason)),
        }
        if name.is_none() {
            let name = self.me.and_then(|me| turn.hub.name(me)).cloned().unwrap_or_default();
            let text = format!("you are {name}; /nick NAME changes it");
            turn.answer(self.me, &lines::note(&text))?;
        }
        self.line(turn, line)
    }

    /// The answer to `/nick`. Who is in no room yet hears nobody, and is told how to get into one.
    fn you_are(&self, name: &str) -> Bytes {
        lines::note(&match self.room {
            Some(_) => format!("you are {name}"),
            None => format!("you are {name}; what you say goes to {LOBBY}, or /join ROOM"),
        })
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

/// What the lines of one read do it with.
struct Turn<'a, O> {
    hub: &'a mut Hub<O>,
    outlet: &'a O,
    /// What was said in lines that follow each other, as frames, so that many lines are one run.
    frames: Decoder,
    now: u64,
    behind: &'a mut Behind<O>,
}

impl<O: Outlet> Turn<'_, O> {
    fn answer(&mut self, me: Option<u32>, line: &Bytes) -> Result<(), Ending> {
        answer(self.outlet, me, &line.clone().into(), self.behind)
    }

    fn say(&mut self, room: u32, id: u64, text: &str) {
        let mut frame = BytesMut::new();
        Header::new(Kind::Data, room, id)
            .encode(text.as_bytes(), MAX_FRAME_LENGTH, &mut frame)
            .expect("a line is shorter than a frame may be");
        self.frames.push(&frame);
    }

    /// Says what was typed so far, before something else is done.
    fn flush(&mut self, me: Option<u32>) {
        let Some(me) = me else { return };
        while let Ok(Some(Taken::Run(run))) = self.frames.take() {
            self.hub.publish(me, run, self.now, self.behind);
        }
    }
}

/// Whether a first line is that of an HTTP request (RFC 9112, 3).
fn is_http(line: &[u8]) -> bool {
    let words: Vec<&[u8]> = line.splitn(4, |&byte| byte == b' ').collect();
    let [method, target, version] = words[..] else { return false };
    let is_of_method = |byte: &u8| byte.is_ascii_uppercase() || *byte == b'-';
    // A path, all of it (`*`), or an address.
    let is_target = matches!(target, [b'/' | b'*', ..]) || target.contains(&b':');
    let is_method = !method.is_empty() && method.iter().all(is_of_method);
    is_method && is_target && version.starts_with(b"HTTP/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_of_http_is_known_by_its_first_line() {
        for (line, expected) in [
            ("GET / HTTP/1.1", true),
            ("POST /room?x=1 HTTP/1.0", true),
            ("PRI * HTTP/2.0", true),
            ("OPTIONS * HTTP/1.1", true),
            ("CONNECT example.org:443 HTTP/1.1", true),
            ("M-SEARCH * HTTP/1.1", true),
            ("HTTP/1.1", false),
            ("HELLO", false),
            ("I love HTTP/1.1", false),
            ("GET it", false),
            ("", false),
        ] {
            assert_eq!(is_http(line.as_bytes()), expected, "{line}");
        }
    }
}
