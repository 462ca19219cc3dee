//! How two sides come to a transfer: who is there, and which way files go.

use proto::limits::MAX_CONTROL_PAYLOAD;
use proto::message::VERSION;
use proto::transfer::{Begin, Way};
use proto::{Ending, Goodbye, Hello, Message, Refused, Welcome, Why};
use thiserror::Error;

use bytes::BytesMut;

use crate::limits::{FRAME, MAX_ASKED, MAX_PATH};
use crate::sender::out_of_turn;

/// The feature by which both sides say that they speak of files.
pub const FEATURE: &str = "files";

/// The client's way into a transfer: `Hello`, the server's `Welcome`, `Begin`.
#[derive(Clone, Debug)]
pub struct ClientOpening {
    begin: Begin,
}

/// Why a client gets no transfer.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpeningError {
    /// The other side is a program of ours that does something else.
    #[error("it takes and gives no files")]
    NoFiles,
    /// It sends back what it gets.
    #[error("it is an echo")]
    Echo,
    /// It speaks another version of the protocol.
    #[error("it speaks version {0} of the protocol, and {VERSION} is known here")]
    Version(u16),
    /// It has ended the connection, for this reason.
    #[error("{0}")]
    Goodbye(String),
    /// It does something else.
    #[error("it answers with a {0:?} frame")]
    Unexpected(proto::Kind),
}

/// Why a client cannot ask for so much at once.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum AskError {
    /// There are more paths than one request takes.
    #[error("{0} names are more than one request may have, which is {MAX_ASKED}")]
    TooMany(usize),
    /// No path is so long.
    #[error("a name of {0} bytes is longer than any path, which has at most {MAX_PATH}")]
    TooLong(usize),
    /// All together do not fit into the frame in which they travel.
    #[error(
        "the names are longer together than one request may be, which is {MAX_CONTROL_PAYLOAD} bytes"
    )]
    TooLongTogether,
}

impl ClientOpening {
    /// Whether a client may ask for these paths at once. A server takes no other request.
    pub fn check(paths: &[String]) -> Result<(), AskError> {
        if paths.len() > MAX_ASKED {
            return Err(AskError::TooMany(paths.len()));
        }
        if let Some(path) = paths.iter().find(|path| path.len() > MAX_PATH) {
            return Err(AskError::TooLong(path.len()));
        }
        // With the longest number of chance that there is.
        let begin = Begin { way: Way::ToClient, paths: paths.to_vec(), run: Some(u64::MAX) };
        let encoded = Message::Begin(begin).encode(&mut BytesMut::new());
        encoded.map_err(|_| AskError::TooLongTogether)
    }

    /// An opening for files that go this way; `paths` is what to ask for, and `run` a number of chance
    /// that all connections of one run have.
    pub fn new(way: Way, paths: Vec<String>, run: u64) -> Self {
        Self { begin: Begin { way, paths, run: Some(run) } }
    }

    /// What the client says first.
    pub fn hello() -> Message {
        Message::Hello(Hello {
            version: VERSION,
            name: None,
            max_frame: FRAME,
            features: vec![FEATURE.to_owned()],
        })
    }

    /// Takes the server's first message, and gives what the client says then. After that files go.
    pub fn welcomed(self, message: &Message) -> Result<Message, OpeningError> {
        match message {
            Message::Welcome(Welcome { version, .. }) if *version != VERSION => {
                Err(OpeningError::Version(*version))
            }
            Message::Welcome(welcome) if welcome.features.iter().any(|it| it == FEATURE) => {
                Ok(Message::Begin(self.begin))
            }
            Message::Welcome(_) => Err(OpeningError::NoFiles),
            Message::Hello(_) => Err(OpeningError::Echo),
            Message::Goodbye(Goodbye { reason, .. }) | Message::Refused(Refused { reason, .. }) => {
                Err(OpeningError::Goodbye(reason.clone()))
            }
            other => Err(OpeningError::Unexpected(other.kind())),
        }
    }
}

/// The server's way into a transfer.
#[derive(Clone, Copy, Debug, Default)]
pub struct ServerOpening {
    greeted: bool,
}

/// What a server does next on its way into a transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened {
    /// Send this and go on.
    Say(Message),
    /// The client wants this.
    Begin(Begin),
}

impl ServerOpening {
    /// Takes what the client says.
    pub fn handle(&mut self, message: Message) -> Result<Opened, Ending> {
        match message {
            Message::Hello(hello) if !self.greeted => {
                if hello.version != VERSION {
                    let version = hello.version;
                    let reason =
                        format!("version {version} of the protocol is not known, {VERSION} is");
                    return Ok(Opened::Say(refused(Why::Other, reason)));
                }
                self.greeted = true;
                Ok(Opened::Say(Message::Welcome(Welcome {
                    version: VERSION,
                    you: 0,
                    name: String::new(),
                    epoch: 0,
                    max_frame: FRAME,
                    features: vec![FEATURE.to_owned()],
                })))
            }
            Message::Begin(begin) if self.greeted && begin.paths.len() <= MAX_ASKED => {
                Ok(Opened::Begin(begin))
            }
            other => Err(out_of_turn(other.kind())),
        }
    }
}

/// What a server answers with that does not do what it was asked.
pub fn refused(why: Why, reason: String) -> Message {
    Message::Refused(Refused { why, reason, room: None, id: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_come_to_a_transfer() {
        let client = ClientOpening::new(Way::ToClient, vec!["a".into()], 7);
        let mut server = ServerOpening::default();
        let Ok(Opened::Say(welcome)) = server.handle(ClientOpening::hello()) else { panic!() };
        let begin = client.welcomed(&welcome).unwrap();
        let Ok(Opened::Begin(begin)) = server.handle(begin) else { panic!() };
        assert_eq!(begin, Begin { way: Way::ToClient, paths: vec!["a".into()], run: Some(7) });
    }

    #[test]
    fn a_client_knows_before_it_asks_what_a_server_would_not_take() {
        let names = |count, len| vec!["x".repeat(len); count];
        assert_eq!(ClientOpening::check(&[]), Ok(()));
        assert_eq!(ClientOpening::check(&names(MAX_ASKED, 100)), Ok(()));
        assert_eq!(ClientOpening::check(&names(257, 1)), Err(AskError::TooMany(257)));
        assert_eq!(ClientOpening::check(&names(1, MAX_PATH)), Ok(()));
        assert_eq!(ClientOpening::check(&names(1, 4097)), Err(AskError::TooLong(4097)));
        assert_eq!(ClientOpening::check(&names(20, 4000)), Err(AskError::TooLongTogether));
        // What passes is what can be said.
        let mut longest = names(15, 4096);
        while ClientOpening::check(&longest).is_ok() {
            longest.push("\u{1}".repeat(10));
            let begin = Begin { way: Way::ToClient, paths: longest.clone(), run: Some(u64::MAX) };
            let said = Message::Begin(begin).encode(&mut BytesMut::new());
            assert_eq!(said.is_ok(), ClientOpening::check(&longest).is_ok());
        }
        assert_eq!(ClientOpening::check(&longest), Err(AskError::TooLongTogether));
    }

    #[test]
    fn a_client_finds_out_who_is_no_server_of_files() {
        let Message::Hello(hello) = ClientOpening::hello() else { panic!() };
        let mut welcome = Welcome {
            version: VERSION,
            you: 1,
            name: "guest-1".into(),
            epoch: 7,
            max_frame: FRAME,
            features: vec!["ack".into()],
        };
        let welcomed = |message| ClientOpening::new(Way::ToServer, vec![], 1).welcomed(&message);
        assert_eq!(welcomed(Message::Welcome(welcome.clone())), Err(OpeningError::NoFiles));
        welcome.version = 9;
        assert_eq!(welcomed(Message::Welcome(welcome)), Err(OpeningError::Version(9)));
        assert_eq!(welcomed(Message::Hello(hello)), Err(OpeningError::Echo));
        let goodbye = Goodbye { ending: "Protocol".into(), reason: "no".into() };
        assert_eq!(welcomed(Message::Goodbye(goodbye)), Err(OpeningError::Goodbye("no".into())));
    }

    #[test]
    fn a_server_begins_with_a_hello_of_its_version() {
        let begin = || Message::Begin(Begin { way: Way::ToServer, paths: vec![], run: None });
        let mut server = ServerOpening::default();
        assert!(server.handle(begin()).is_err());
        let Message::Hello(mut hello) = ClientOpening::hello() else { panic!() };
        hello.version = 2;
        let answer = server.handle(Message::Hello(hello)).unwrap();
        assert!(matches!(answer, Opened::Say(Message::Refused(_))), "{answer:?}");
        assert!(server.handle(begin()).is_err());
        server.handle(ClientOpening::hello()).unwrap();
        assert!(server.handle(ClientOpening::hello()).is_err());
        let paths = vec![String::new(); MAX_ASKED + 1];
        assert!(
            server.handle(Message::Begin(Begin { way: Way::ToServer, paths, run: None })).is_err()
        );
        assert!(server.handle(begin()).is_ok());
    }
}
