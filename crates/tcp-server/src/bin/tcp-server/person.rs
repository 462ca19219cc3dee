//! `chat`: the person at the server, who types.

use std::io::{self, Read as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use chat::command::nearest;
use chat::{Line, Lines};
use tcp_server::Stopper;
use tcp_server::modes::{Ear as _, Spoken, Word};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::keyboard;
use crate::story::Story;

/// What the person can do but talk.
const COMMANDS: [&str; 3] = ["/next", "/help", "/quit"];

const HELP: &str = "\
/next   say goodbye to this client and take the next one
/help   name these
/quit   end, as q and the end of input do
//text  say /text";

/// Longest line that may be said: what a client may say, too.
const MAX_LINE: usize = 64 * 1024;

/// What a typed line asks for.
#[derive(Debug, PartialEq, Eq)]
enum Typed {
    Word(Word),
    Help,
    Quit,
    /// It is not said, and this is why.
    Refused(String),
}

fn read(line: Line) -> Typed {
    let text = match line {
        Line::Text(text) => text,
        Line::NotText(_) => return refused("not sent: the line is no text in UTF-8"),
        Line::TooLong { len } => {
            return refused(&format!(
                "not sent: the line has {len} bytes, and {MAX_LINE} is the limit"
            ));
        }
    };
    match text.trim() {
        "" => refused("nothing to send: type a line, or /help"),
        "q" | "/quit" => Typed::Quit,
        "/next" => Typed::Word(Word::Next),
        "/help" => Typed::Help,
        command if command.starts_with('/') && !command.starts_with("//") => {
            let word = command.split_whitespace().next().unwrap_or(command);
            let advice = match nearest(word, COMMANDS) {
                Some(nearest) => format!("did you mean {nearest}?"),
                None => format!("/help names them, /{word} says it"),
            };
            refused(&format!("unknown command {word}; {advice}"))
        }
        _ => {
            let text = text.strip_prefix('/').map(str::to_owned).unwrap_or(text);
            Typed::Word(Word::Line(text))
        }
    }
}

fn refused(why: &str) -> Typed {
    Typed::Refused(why.to_owned())
}

/// How long a person who types `q` waits for his last line to be taken: 2 s, for a client that reads.
const LAST_LINE: Duration = Duration::from_secs(2);

/// Whether what is typed while nobody is there waits for the next client: that of a pipe does, a person
/// at a terminal is told that nobody is there.
pub(crate) fn waits() -> bool {
    !keyboard::is_there()
}

/// Gives what is typed to the client that is there, until the end of input or `q`; then asks the server
/// to stop.
///
/// A thread of its own reads, as tokio's standard input would keep the runtime from ending while a read
/// waits for a person. Nobody waits for this thread.
pub(crate) fn sit_down(story: Arc<Story>, words: mpsc::Sender<Spoken>, stopper: Stopper) -> Seat {
    let runtime = Handle::current();
    let seat = Seat::default();
    let passing_on = Arc::clone(&seat.0);
    thread::spawn(move || {
        let mut person = Person { waits: waits(), story, words, runtime, passing_on };
        person.type_all();
        // There is room for another word when the last one was taken, or the server has ended.
        let taken = person.words.reserve();
        if person.waits {
            let _ = person.runtime.block_on(taken);
        } else {
            let _ = person.runtime.block_on(async { timeout(LAST_LINE, taken).await });
        }
        drop(person);
        stopper.stop();
    });
    seat
}

/// Where the person sits, whom nobody waits for.
#[derive(Debug, Default)]
pub(crate) struct Seat(Arc<Mutex<()>>);

impl Seat {
    /// Waits until the person has said of each line that was read what became of it, when the server has
    /// ended.
    pub(crate) fn leave(&self) {
        drop(self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

struct Person {
    /// Whether lines wait for a client where there is none.
    waits: bool,
    story: Arc<Story>,
    words: mpsc::Sender<Spoken>,
    runtime: Handle,
    /// Held while lines that were read are given on.
    passing_on: Arc<Mutex<()>>,
}

impl Person {
    /// Types everything.
    fn type_all(&mut self) {
        let (mut lines, mut chunk) = (Lines::new(MAX_LINE), vec![0; 16 * 1024]);
        let mut to = None;
        loop {
            let before = to;
            let read = match self.read(&mut to, &mut chunk) {
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    tracing::warn!(%error, "cannot read standard input");
                    0
                }
            };
            if to != before {
                // Ctrl-D hands over a line without its end.
                lines.finish();
                if !self.take_all(&mut lines, before) {
                    return;
                }
            }
            lines.push(&chunk[..read]);
            if read == 0 {
                lines.finish();
            }
            if !self.take_all(&mut lines, to) || read == 0 {
                return;
            }
        }
    }

    /// Reads some of what is typed; `to` becomes whose turn that is for.
    ///
    /// A turn begins by throwing away what was not read. While one reads, none begins, so what is read was
    /// typed in the turn of `to`.
    fn read(&self, to: &mut Option<u64>, chunk: &mut [u8]) -> io::Result<usize> {
        if self.waits {
            return io::stdin().lock().read(chunk);
        }
        keyboard::wait();
        let turn = self.story.hold_turn();
        // What one has waited for may have been thrown away.
        if !keyboard::has_line()? {
            return Err(io::ErrorKind::Interrupted.into());
        }
        *to = *turn;
        io::stdin().lock().read(chunk)
    }

    /// Does what the lines that have ended ask for; `false` ends.
    fn take_all(&self, lines: &mut Lines, to: Option<u64>) -> bool {
        let _passing_on = self.passing_on.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(line) = lines.next_line() {
            if !self.take(line, to) {
                return false;
            }
        }
        true
    }

    /// Does what a line asks for that was typed in the turn of `to`; `false` ends.
    fn take(&self, line: Line, to: Option<u64>) -> bool {
        match read(line) {
            Typed::Quit => return false,
            Typed::Help => self.story.notice("help", HELP),
            Typed::Refused(why) => self.story.notice("refused", &why),
            Typed::Word(_) if !self.waits && to.is_none() => {
                self.story.notice("nobody", "nobody is here: wait until a client has come");
            }
            Typed::Word(word) => {
                let Ok(room) = self.runtime.block_on(self.words.reserve()) else {
                    // The server has ended, for the lines behind this one as well.
                    if let Word::Line(line) = word {
                        self.story.not_told(&line);
                    }
                    return true;
                };
                // Waiting for room may have taken the rest of the turn.
                if self.waits || self.story.talking_to() == to {
                    room.send(Spoken { to, word });
                } else if let Word::Line(line) = word {
                    self.story.not_told(&line);
                }
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typed_line_is_said_or_done_or_refused() {
        let say = |text: &str| Typed::Word(Word::Line(text.into()));
        for (line, typed) in [
            ("你好", say("你好")),
            (" q ", Typed::Quit),
            ("q?", say("q?")),
            ("//next", say("/next")),
            ("/next", Typed::Word(Word::Next)),
            ("/help", Typed::Help),
            ("/quit", Typed::Quit),
            ("  ", refused("nothing to send: type a line, or /help")),
            ("/nxet", refused("unknown command /nxet; did you mean /next?")),
            ("/x y", refused("unknown command /x; /help names them, //x says it")),
        ] {
            assert_eq!(read(Line::Text(line.into())), typed, "{line:?}");
        }
        assert_eq!(
            read(Line::TooLong { len: 70_000 }),
            refused("not sent: the line has 70000 bytes, and 65536 is the limit"),
        );
    }
}
