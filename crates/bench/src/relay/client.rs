//! One client of one of the servers, as long as it takes its time: until the clock runs.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use bytes::BytesMut;
use proto::Message;

use crate::relay::speech::{Heard, Inbox, Room, Said, Speech};

/// How long one read or write may take before the server counts as stuck.
pub const STUCK: Duration = Duration::from_secs(10);

/// A server, for who talks to it.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Where it listens.
    pub address: SocketAddr,
    /// What it speaks.
    pub speech: Speech,
}

/// A client that is logged in.
#[derive(Debug)]
pub struct Client {
    /// Its connection.
    pub stream: TcpStream,
    /// What came and was not yet heard.
    pub inbox: Inbox,
    /// The number that it goes by, where it has one.
    pub you: u32,
    speech: Speech,
}

impl Client {
    /// Connects and logs in.
    pub fn connect(target: Target) -> io::Result<Self> {
        Self::over(TcpStream::connect(target.address)?, target.speech)
    }

    /// Logs in over a connection.
    pub fn over(stream: TcpStream, speech: Speech) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(STUCK))?;
        stream.set_write_timeout(Some(STUCK))?;
        let mut client = Self { stream, inbox: Inbox::new(speech), you: 0, speech };
        let mut hello = BytesMut::new();
        if speech.hello(&mut hello) {
            client.stream.write_all(&hello)?;
            client.you = client.answer()?;
        }
        Ok(client)
    }

    /// Goes into a room, to listen there or only to speak.
    pub fn enter(&mut self, room: &str, listen: bool) -> io::Result<Room> {
        let mut join = BytesMut::new();
        let is_answered = self.speech.enter(room, listen, &mut join);
        self.stream.write_all(&join)?;
        let number = if is_answered { self.answer()? } else { 0 };
        Ok(Room { name: room.into(), number })
    }

    /// Says one message.
    pub fn say(&mut self, message: &[u8]) -> io::Result<()> {
        self.stream.write_all(message)
    }

    /// Waits for a message.
    pub fn listen(&mut self) -> io::Result<Said> {
        loop {
            match self.hear()? {
                Heard::Said(said) => return Ok(said),
                heard => check(&heard)?,
            }
        }
    }

    /// Waits for the answer to what was asked, and gives the number in it, if there is one.
    fn answer(&mut self) -> io::Result<u32> {
        loop {
            let heard = self.hear()?;
            check(&heard)?;
            match heard {
                Heard::Control(Message::Welcome(welcome)) => return Ok(welcome.you),
                Heard::Control(Message::Joined(joined)) => return Ok(joined.room),
                Heard::Line(line) if line == "PONG" => return Ok(0),
                Heard::Answer(answer) if answer == "subscribe" => return Ok(0),
                _ => {}
            }
        }
    }

    fn hear(&mut self) -> io::Result<Heard> {
        let mut buffer = [0; 4096];
        loop {
            if let Some(heard) = self.inbox.hear()? {
                return Ok(heard);
            }
            match self.stream.read(&mut buffer)? {
                0 => return Err(closed()),
                read => self.inbox.push(&buffer[..read]),
            }
        }
    }
}

/// Fails for what says that something went wrong.
pub fn check(heard: &Heard) -> io::Result<()> {
    match heard {
        Heard::Control(message @ (Message::Refused(_) | Message::Goodbye(_))) => {
            Err(io::Error::other(format!("the server said {message:?}")))
        }
        Heard::Line(line) | Heard::Answer(line) if line.starts_with('-') => {
            Err(io::Error::other(format!("the server said {line}")))
        }
        _ => Ok(()),
    }
}

/// The error for a server that closed a connection.
pub fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed a connection")
}
