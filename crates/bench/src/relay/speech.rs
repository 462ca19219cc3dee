//! What the three servers are told, and what they tell.
//!
//! | | a message to the server | a message from the server |
//! |---|---|---|
//! | ours | a frame of 40 B and the payload | the same |
//! | NATS | `PUB room len␍␊payload␍␊` | `MSG room 1 len␍␊payload␍␊` |
//! | Redis | `PUBLISH room payload` as an array of strings | `message room payload`, likewise |
//!
//! Every protocol is spoken in the way that costs its server least: NATS without `verbose`, Redis with
//! `CLIENT REPLY OFF`, ours without the feature `ack`. None of them then answers a message.

use std::io;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use proto::frame::HEADER_LEN;
use proto::limits::MAX_FRAME_LENGTH;
use proto::message::{Hello, VERSION};
use proto::{Decoder, Frame, Header, Join, Kind, Message};

/// A protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speech {
    /// Ours: frames.
    Frames,
    /// The text protocol of NATS.
    Nats,
    /// RESP 2, as Redis has it for publishers and subscribers.
    Redis,
}

/// A room, a subject, a channel.
#[derive(Clone, Debug)]
pub struct Room {
    /// Its name.
    pub name: String,
    /// Its number, where it has one.
    pub number: u32,
}

/// Where the sender's own number of a message stands in a frame.
const ID: std::ops::Range<usize> = 32..40;

impl Speech {
    /// Appends what a client says first; `false` where it says nothing and waits for no answer.
    pub fn hello(self, out: &mut BytesMut) -> bool {
        match self {
            Self::Frames => {
                let hello = Hello {
                    version: VERSION,
                    name: None,
                    max_frame: MAX_FRAME_LENGTH,
                    features: vec![],
                };
                encode(&Message::Hello(hello), out);
            }
            Self::Nats => out.put_slice(
                b"CONNECT {\"verbose\":false,\"pedantic\":false,\"lang\":\"rust\",\"version\":\"1\",\
                  \"protocol\":1}\r\nPING\r\n",
            ),
            Self::Redis => return false,
        }
        true
    }

    /// Appends the wish to be in a room; `false` where no answer will come.
    pub fn enter(self, room: &str, listen: bool, out: &mut BytesMut) -> bool {
        match (self, listen) {
            (Self::Frames, listen) => {
                encode(&Message::Join(Join { room: room.into(), listen }), out);
            }
            (Self::Nats, true) => out.put_slice(format!("SUB {room} 1\r\nPING\r\n").as_bytes()),
            (Self::Redis, true) => out.put_slice(format!("SUBSCRIBE {room}\r\n").as_bytes()),
            (Self::Nats, false) => return false,
            (Self::Redis, false) => {
                out.put_slice(b"CLIENT REPLY OFF\r\n");
                return false;
            }
        }
        true
    }

    /// Appends a message to the room.
    pub fn say(self, room: &Room, id: u64, payload: &[u8], out: &mut BytesMut) {
        let (name, len) = (&room.name, payload.len());
        match self {
            Self::Frames => {
                return Header::new(Kind::Data, room.number, id)
                    .encode(payload, MAX_FRAME_LENGTH, out)
                    .expect("the payload is below the limit");
            }
            Self::Nats => out.put_slice(format!("PUB {name} {len}\r\n").as_bytes()),
            Self::Redis => out.put_slice(
                format!("*3\r\n$7\r\nPUBLISH\r\n${}\r\n{name}\r\n${len}\r\n", name.len())
                    .as_bytes(),
            ),
        }
        out.put_slice(payload);
        out.put_slice(b"\r\n");
    }

    /// Gives each message in `block`, of `len` bytes each, the next number of its sender, where the
    /// protocol has such numbers.
    pub fn number(self, block: &mut [u8], len: usize, first: u64) {
        if self == Self::Frames {
            for (message, id) in block.chunks_exact_mut(len).zip(first..) {
                message[ID].copy_from_slice(&id.to_be_bytes());
            }
        }
    }

    /// How many bytes a receiver gets for a message with a payload of `payload` bytes.
    pub fn delivered(self, room: &Room, payload: usize) -> usize {
        let name = &room.name;
        match self {
            Self::Frames => HEADER_LEN + payload,
            Self::Nats => format!("MSG {name} 1 {payload}\r\n\r\n").len() + payload,
            Self::Redis => {
                let length = name.len();
                format!("*3\r\n$7\r\nmessage\r\n${length}\r\n{name}\r\n${payload}\r\n\r\n").len()
                    + payload
            }
        }
    }
}

fn encode(message: &Message, out: &mut BytesMut) {
    message.encode(out).expect("it is short");
}

/// What a server says.
#[derive(Clone, Debug)]
pub enum Heard {
    /// A message of somebody.
    Said(Said),
    /// A control frame of ours.
    Control(Message),
    /// A line of NATS that is no message: `INFO ...`, `PONG`, `-ERR ...`.
    Line(String),
    /// An answer of Redis that is no message: the first word of it.
    Answer(String),
}

/// A message as a receiver has it.
#[derive(Clone, Debug)]
pub struct Said {
    /// Its header, where the protocol has one.
    pub header: Option<Header>,
    /// What was said.
    pub payload: Bytes,
}

/// Makes what was heard out of the bytes that arrive.
#[derive(Debug)]
pub enum Inbox {
    /// Of frames.
    Frames(Decoder),
    /// Of lines and counted bytes.
    Text(Speech, BytesMut),
}

/// How much room a read gets at least.
const READ: usize = 64 * 1024;

impl Inbox {
    /// An empty one.
    pub fn new(speech: Speech) -> Self {
        match speech {
            Speech::Frames => Self::Frames(Decoder::default()),
            Speech::Nats | Speech::Redis => Self::Text(speech, BytesMut::new()),
        }
    }

    /// Appends bytes that have arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        match self {
            Self::Frames(decoder) => decoder.push(bytes),
            Self::Text(_, buffer) => {
                buffer.reserve(bytes.len().max(READ));
                buffer.put_slice(bytes);
            }
        }
    }

    /// How many bytes have arrived and have not been understood.
    pub fn buffered(&self) -> usize {
        match self {
            Self::Frames(decoder) => decoder.buffered(),
            Self::Text(_, buffer) => buffer.len(),
        }
    }

    /// Gives back memory that nothing waits in.
    pub fn release(&mut self) {
        match self {
            Self::Frames(decoder) => decoder.release(),
            Self::Text(_, buffer) if buffer.is_empty() => *buffer = BytesMut::new(),
            Self::Text(..) => {}
        }
    }

    /// The next thing that was heard; `None` where more bytes are needed.
    pub fn hear(&mut self) -> io::Result<Option<Heard>> {
        match self {
            Self::Frames(decoder) => decoder.take_frame().map_err(invalid)?.map(frame).transpose(),
            Self::Text(Speech::Redis, buffer) => redis(buffer),
            Self::Text(_, buffer) => nats(buffer),
        }
    }
}

fn frame(frame: Frame) -> io::Result<Heard> {
    if frame.header.kind == Kind::Data {
        return Ok(Heard::Said(Said { header: Some(frame.header), payload: frame.payload }));
    }
    Message::from_frame(&frame).map(Heard::Control).map_err(invalid)
}

fn nats(buffer: &mut BytesMut) -> io::Result<Option<Heard>> {
    let Some((line, end)) = line(buffer, 0) else { return Ok(None) };
    let Some(rest) = line.strip_prefix("MSG ") else {
        let line = line.to_owned();
        buffer.advance(end);
        return Ok(Some(Heard::Line(line)));
    };
    let length = rest.rsplit_once(' ').map(|(_, length)| length);
    let length: usize =
        length.and_then(|length| length.parse().ok()).ok_or_else(|| invalid("a bad MSG"))?;
    counted(buffer, end, length)
}

fn redis(buffer: &mut BytesMut) -> io::Result<Option<Heard>> {
    let Some((first, mut at)) = line(buffer, 0) else { return Ok(None) };
    let Some(items) = first.strip_prefix('*') else {
        let answer = first.to_owned();
        buffer.advance(at);
        return Ok(Some(Heard::Answer(answer)));
    };
    let items: usize = items.parse().map_err(invalid)?;
    let mut word = None;
    for item in 0..items {
        let Some((header, end)) = line(buffer, at) else { return Ok(None) };
        at = end;
        let Some(length) = header.strip_prefix('$') else { continue };
        let length: usize = length.parse().map_err(invalid)?;
        if word.as_deref() == Some("message") && item + 1 == items {
            return counted(buffer, at, length);
        }
        let Some(string) = buffer.get(at..at + length) else { return Ok(None) };
        word.get_or_insert_with(|| String::from_utf8_lossy(string).into_owned());
        at += length + 2;
    }
    if buffer.len() < at {
        return Ok(None);
    }
    buffer.advance(at);
    Ok(Some(Heard::Answer(word.unwrap_or_default())))
}

/// A payload of `length` bytes from `at` on, and the end of line behind it.
fn counted(buffer: &mut BytesMut, at: usize, length: usize) -> io::Result<Option<Heard>> {
    if buffer.len() < at + length + 2 {
        return Ok(None);
    }
    if &buffer[at + length..at + length + 2] != b"\r\n" {
        return Err(invalid("a message does not end where it should"));
    }
    buffer.advance(at);
    let payload = buffer.split_to(length).freeze();
    buffer.advance(2);
    Ok(Some(Heard::Said(Said { header: None, payload })))
}

/// The line that begins at `from`, without its end, and where the next one begins.
fn line(buffer: &[u8], from: usize) -> Option<(&str, usize)> {
    let rest = buffer.get(from..)?;
    let end = rest.windows(2).position(|end| end == b"\r\n")?;
    Some((std::str::from_utf8(&rest[..end]).unwrap_or_default(), from + end + 2))
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Speech; 3] = [Speech::Frames, Speech::Nats, Speech::Redis];

    fn room() -> Room {
        Room { name: "room-7".into(), number: 7 }
    }

    /// What a server sends on for a message.
    fn delivery(speech: Speech, payload: &[u8]) -> BytesMut {
        let mut out = BytesMut::new();
        match speech {
            Speech::Frames => speech.say(&room(), 5, payload, &mut out),
            Speech::Nats => {
                out.put_slice(format!("MSG room-7 1 {}\r\n", payload.len()).as_bytes());
                out.put_slice(payload);
                out.put_slice(b"\r\n");
            }
            Speech::Redis => {
                let head = format!("*3\r\n$7\r\nmessage\r\n$6\r\nroom-7\r\n${}\r\n", payload.len());
                out.put_slice(head.as_bytes());
                out.put_slice(payload);
                out.put_slice(b"\r\n");
            }
        }
        out
    }

    #[test]
    fn a_message_is_heard_however_its_bytes_arrive() {
        let payload = b"with\r\nan end of line, and $1\r\n within";
        for speech in ALL {
            let bytes = delivery(speech, payload);
            assert_eq!(bytes.len(), speech.delivered(&room(), payload.len()), "{speech:?}");
            for step in 1..=bytes.len() {
                let mut inbox = Inbox::new(speech);
                let mut heard = Vec::new();
                for piece in bytes.repeat(2).chunks(step) {
                    inbox.push(piece);
                    while let Some(Heard::Said(said)) = inbox.hear().unwrap() {
                        heard.push(said.payload);
                    }
                }
                assert_eq!(heard, [&payload[..], &payload[..]], "{speech:?} {step}");
                assert_eq!(inbox.buffered(), 0);
            }
        }
    }

    #[test]
    fn what_is_no_message_is_told_apart() {
        for (speech, bytes, expected) in [
            (Speech::Nats, "PING\r\n", "Line(\"PING\")"),
            (Speech::Nats, "-ERR 'Slow Consumer'\r\n", "Line(\"-ERR 'Slow Consumer'\")"),
            (Speech::Redis, "-ERR no\r\n", "Answer(\"-ERR no\")"),
            (Speech::Redis, "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n", "Answer(\"subscribe\")"),
        ] {
            let mut inbox = Inbox::new(speech);
            inbox.push(bytes.as_bytes());
            assert_eq!(format!("{:?}", inbox.hear().unwrap().unwrap()), expected);
            assert_eq!(inbox.buffered(), 0);
        }
    }

    #[test]
    fn a_payload_of_another_length_than_announced_is_an_error() {
        for bytes in ["MSG a 1 3\r\nabcd\r\n", "MSG a 1 x\r\n\r\n"] {
            let mut inbox = Inbox::new(Speech::Nats);
            inbox.push(bytes.as_bytes());
            inbox.hear().unwrap_err();
        }
    }

    #[test]
    fn only_frames_are_numbered() {
        for speech in ALL {
            let mut block = BytesMut::new();
            for id in [3, 4, 5] {
                speech.say(&room(), id, b"payload", &mut block);
            }
            let expected = block.clone();
            let len = block.len() / 3;
            let mut again = BytesMut::new();
            for _ in 0..3 {
                speech.say(&room(), 0, b"payload", &mut again);
            }
            speech.number(&mut again, len, 3);
            assert_eq!(again, expected, "{speech:?}");
        }
    }
}
