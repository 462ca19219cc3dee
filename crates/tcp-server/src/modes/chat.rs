use std::str;
use std::sync::Arc;

use bytes::{Buf, BytesMut};
use proto::limits::READ_CHUNK;
use proto::{Ending, ProtocolError};
use tokio::select;
use tokio::sync::{Mutex, mpsc};

use crate::connection::Connection;
use crate::serve::Service;

/// Lets the person at the server talk with one client at a time, in lines.
///
/// Whoever comes while somebody is there waits: in the kernel's backlog where
/// [`crate::Limits::connections`] is 1, else with an open connection to which nothing is said.
#[derive(Debug)]
pub struct Chat<E: Ear> {
    words: Mutex<mpsc::Receiver<Spoken>>,
    ear: E,
    keeps: bool,
}

/// A word, and whom it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spoken {
    /// The number of the connection that had its turn when this was said; `None` is whoever is there
    /// when it is taken.
    pub to: Option<u64>,
    /// What is said.
    pub word: Word,
}

/// What the person at the server says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// This line, which has no end of a line in it.
    Line(String),
    /// Goodbye to the client that is there.
    Next,
}

/// Who hears the clients for the person at the server. It is called in the connection's task.
pub trait Ear: Send + Sync + 'static {
    /// A client has its turn.
    fn turn(&self, connection: &Connection);

    /// It says a line. The bytes are what the client sent, without the line's end.
    fn heard(&self, connection: &Connection, line: &[u8]);

    /// It cannot be told this line any more.
    fn not_told(&self, line: &str);

    /// Its turn is over.
    fn turn_over(&self);
}

impl<E: Ear> Ear for Arc<E> {
    fn turn(&self, connection: &Connection) {
        (**self).turn(connection);
    }

    fn heard(&self, connection: &Connection, line: &[u8]) {
        (**self).heard(connection, line);
    }

    fn not_told(&self, line: &str) {
        (**self).not_told(line);
    }

    fn turn_over(&self) {
        (**self).turn_over();
    }
}

/// What a client is told that sends an empty line.
const NOTHING: &[u8] = b"* nothing was said: the line is empty\n";

impl<E: Ear> Chat<E> {
    /// A chat of the person whose `words` these are. Its end is goodbye to the client that is there.
    ///
    /// Words that were said while nobody was there are kept for the next client where `keeps` says so, as
    /// for a pipe. What a person typed for one client must not reach another: it is not told at all. Whose
    /// turn it was, only whoever hears the person knows for sure: see [`Spoken::to`].
    pub fn new(words: mpsc::Receiver<Spoken>, ear: E, keeps: bool) -> Self {
        Self { words: Mutex::new(words), ear, keeps }
    }

    fn forget_all(&self, words: &mut mpsc::Receiver<Spoken>) {
        while !self.keeps
            && let Ok(spoken) = words.try_recv()
        {
            self.forget(spoken.word);
        }
    }

    fn forget(&self, word: Word) {
        if let Word::Line(line) = word {
            self.ear.not_told(&line);
        }
    }

    async fn talk(
        &self,
        connection: &mut Connection,
        words: &mut mpsc::Receiver<Spoken>,
        input: &mut BytesMut,
    ) -> Result<Ending, Ending> {
        loop {
            input.reserve(READ_CHUNK);
            select! {
                read = connection.read(input) => {
                    let read = read?;
                    self.hear(connection, input).await?;
                    if read == 0 {
                        return Ok(Ending::PeerFin);
                    }
                }
                spoken = words.recv() => {
                    let Some(Spoken { to, word }) = spoken else { return Ok(Ending::Done) };
                    match word {
                        // It was on its way when the turn of another one ended.
                        word if to.is_some_and(|to| to != connection.id()) => self.forget(word),
                        Word::Line(line) => {
                            let told = connection.write_all(format!("{line}\n").as_bytes()).await;
                            if told.is_err() {
                                self.ear.not_told(&line);
                            }
                            told?;
                        }
                        Word::Next => return Ok(Ending::Done),
                    }
                }
            }
        }
    }

    /// What has come of a client when its turn is over, the begin of a line too. Who is rid of a client
    /// still wants to know.
    fn hear_the_rest(&self, connection: &Connection, input: &[u8]) {
        for line in input.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            self.ear.heard(connection, line.strip_suffix(b"\r").unwrap_or(line));
        }
    }

    /// Takes the lines that have ended out of `input`.
    async fn hear(&self, connection: &mut Connection, input: &mut BytesMut) -> Result<(), Ending> {
        let limit = connection.limits().line;
        while let Some(end) = input.iter().position(|&byte| byte == b'\n') {
            let line = input.split_to(end);
            input.advance(1);
            connection.message_ended();
            let line = line.strip_suffix(b"\r").unwrap_or(&line);
            if line.len() > limit {
                return Err(Ending::Protocol(ProtocolError::LineTooLong { limit }));
            }
            if str::from_utf8(line).is_ok_and(|line| line.trim().is_empty()) {
                connection.write_all(NOTHING).await?;
            } else {
                self.ear.heard(connection, line);
            }
        }
        // One more than the limit may be the carriage return of an end that is to come.
        if input.len() > limit + 1 {
            return Err(Ending::Protocol(ProtocolError::LineTooLong { limit }));
        }
        if !input.is_empty() {
            connection.message_begun();
        }
        Ok(())
    }
}

/// Nobody comes any more for whom they could wait.
impl<E: Ear> Drop for Chat<E> {
    fn drop(&mut self) {
        let words = self.words.get_mut();
        words.close();
        while let Ok(spoken) = words.try_recv() {
            if let Word::Line(line) = spoken.word {
                self.ear.not_told(&line);
            }
        }
    }
}

impl<E: Ear> Service for Chat<E> {
    async fn serve(&self, mut connection: Connection) -> Ending {
        let stop = connection.stop().clone();
        let mut words = select! {
            biased;
            () = stop.draining() => return connection.close(Ending::Shutdown).await,
            words = self.words.lock() => words,
        };
        self.forget_all(&mut words);
        self.ear.turn(&connection);
        let mut input = BytesMut::new();
        let ending = match self.talk(&mut connection, &mut words, &mut input).await {
            Ok(ending) | Err(ending) => ending,
        };
        if !matches!(ending, Ending::Protocol(_)) {
            self.hear_the_rest(&connection, &input);
        }
        self.ear.turn_over();
        self.forget_all(&mut words);
        if let Ending::Protocol(error) = &ending {
            // Whether or not it can still be told, that is how it ended.
            let _ = connection.write_all(format!("* {error}\n").as_bytes()).await;
        }
        connection.close(ending).await
    }
}
