//! The relay's part of a conversation, played by the test frame by frame.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use bytes::BytesMut;
use proto::limits::MAX_FRAME_LENGTH;
use proto::{
    Ack, Decoder, Frame, Goodbye, Header, Joined, Kind, Message, Person, Presence, Refused, Welcome,
};

use crate::support::Peer;

/// The number that the relay gives the client, and the one of everybody else.
pub(crate) const YOU: u32 = 7;
pub(crate) const OTHER: u32 = 3;

/// The number of the lobby.
pub(crate) const LOBBY: u32 = 1;

/// 2026-11-22T07:26:45Z in microseconds.
pub(crate) const TIME: u64 = 1_795_332_405_000_000;

/// A connection of the client.
pub(crate) struct Session {
    pub(crate) stream: TcpStream,
    decoder: Decoder,
}

impl Session {
    /// The client's next connection.
    #[track_caller]
    pub(crate) fn accept(peer: &Peer) -> Self {
        Self { stream: peer.accept(), decoder: Decoder::default() }
    }

    /// The client's next connection, welcomed and in the lobby, with this past.
    #[track_caller]
    pub(crate) fn joined(peer: &Peer, past: &[Frame]) -> Self {
        let mut session = Self::accept(peer);
        session.welcome();
        session.join(past);
        session
    }

    #[track_caller]
    pub(crate) fn welcome(&mut self) {
        let Message::Hello(hello) = self.message() else { panic!("it begins with a hello") };
        assert_eq!((hello.version, &hello.features[..]), (1, &["ack".to_owned()][..]));
        let name = hello.name.unwrap_or_else(|| "guest".into());
        let max_frame = MAX_FRAME_LENGTH;
        self.send(&Message::Welcome(Welcome {
            version: 1,
            you: YOU,
            name,
            epoch: 1,
            max_frame,
            features: vec!["ack".into()],
        }));
    }

    #[track_caller]
    pub(crate) fn join(&mut self, past: &[Frame]) {
        let Message::Join(join) = self.message() else { panic!("it goes into a room") };
        assert!(join.listen);
        self.send(&Message::Joined(Joined {
            room: LOBBY,
            name: join.room,
            seq: past.last().map_or(0, |frame| frame.header.seq),
            past: past.len().try_into().unwrap(),
            people: vec![Person { id: YOU, name: "peter".into() }],
        }));
        for frame in past {
            self.send_frame(frame);
        }
    }

    /// Somebody who is in the room, or was.
    pub(crate) fn knows(&mut self, name: &str, change: proto::Change) {
        let person = Person { id: OTHER, name: name.into() };
        self.send(&Message::Presence(Presence { room: LOBBY, person, change, ending: None }));
    }

    /// The next frame; `None` at the client's end.
    #[track_caller]
    pub(crate) fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = self.decoder.take_frame().unwrap() {
                return Some(frame);
            }
            let mut chunk = [0; 4096];
            let count = self.stream.read(&mut chunk).unwrap();
            if count == 0 {
                self.decoder.finish().unwrap();
                return None;
            }
            self.decoder.push(&chunk[..count]);
        }
    }

    #[track_caller]
    pub(crate) fn message(&mut self) -> Message {
        Message::from_frame(&self.next().expect("there is a frame")).unwrap()
    }

    /// The next line that the client says: its number and its text.
    #[track_caller]
    pub(crate) fn line(&mut self) -> (u64, String) {
        let frame = self.next().expect("there is a line");
        assert_eq!((frame.header.kind, frame.header.room), (Kind::Data, LOBBY));
        (frame.header.id, String::from_utf8(frame.payload.to_vec()).unwrap())
    }

    /// Takes a line: its `Ack`, and the frame as everybody gets it.
    #[track_caller]
    pub(crate) fn take_line(&mut self, seq: u64) -> (u64, String) {
        let (id, text) = self.line();
        self.send(&Message::Ack(Ack { room: LOBBY, id, count: 1, seq }));
        self.send_frame(&said(YOU, seq, id, &text));
        (id, text)
    }

    /// Expects the client's goodbye and its end, and ends.
    #[track_caller]
    pub(crate) fn finish(mut self) {
        let Message::Goodbye(Goodbye { ending, .. }) = self.message() else {
            panic!("it says goodbye")
        };
        assert_eq!(ending, "Done");
        assert!(self.next().is_none());
    }

    pub(crate) fn refuse(&mut self, why: proto::Why, reason: &str) {
        let refused = Refused { why, reason: reason.into(), room: None, id: None };
        self.send(&Message::Refused(refused));
    }

    pub(crate) fn send(&mut self, message: &Message) {
        let mut bytes = BytesMut::new();
        message.encode(&mut bytes).unwrap();
        self.stream.write_all(&bytes).unwrap();
    }

    pub(crate) fn send_frame(&mut self, frame: &Frame) {
        let mut bytes = BytesMut::new();
        frame.encode(MAX_FRAME_LENGTH, &mut bytes).unwrap();
        self.stream.write_all(&bytes).unwrap();
    }
}

/// A frame as everybody in the lobby gets it.
pub(crate) fn said(from: u32, seq: u64, id: u64, text: &str) -> Frame {
    let header = Header { from, seq, time: TIME, ..Header::new(Kind::Data, LOBBY, id) };
    Frame { header, payload: text.as_bytes().to_vec().into() }
}
