//! Lines that a thread of its own writes, so that whoever tells them never waits for whoever reads them.

use std::fmt;
use std::io::{self, Write};
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How much may wait to be written: 1 MiB, some 6000 lines, which is what thousands of clients make who
/// come at once. As much again may be under way.
///
/// What does not fit is lost, because the other ways are worse: without a limit a reader that stopped
/// takes all memory, and whoever waits for it serves nobody.
pub const MAX_WAITING: usize = 1024 * 1024;

/// How much more than [`MAX_WAITING`] may wait from [`Scribe::last_words`] on, so that a program says how
/// it ended to a reader that was only slow: 16 KiB, for an error with its hints.
pub const LAST_WORDS: usize = 16 * 1024;

/// How long the end of a program waits for what is still to be written: 1 s. A reader that reads takes
/// all of it in a few milliseconds, and a person who pressed Ctrl-C does not wait for longer.
pub const LAST_WRITE: Duration = Duration::from_secs(1);

/// How long the thread rests after a write, so that it writes together what is told meanwhile: 1 ms.
///
/// A line that comes alone is written at once. Where thousands of clients come in a second, a thread that
/// is woken for each of their lines takes some hundredths of a processor from those who serve them.
const REST: Duration = Duration::from_millis(1);

/// How much one write takes: 16 KiB. Each that ends shows that somebody reads.
const PIECE: usize = 16 * 1024;

/// Takes lines and has them written, in their order, by a thread.
///
/// Lines that find no room are lost; as soon as there is room again, a line in their place says how many
/// they were. Where the reader has gone for good nothing is written any more. Clones tell the same thread.
#[derive(Clone)]
pub struct Scribe {
    shared: Arc<Shared>,
}

/// What is to be done with a stream, beside writing to it.
pub struct Duties {
    /// The name of the thread.
    pub thread: &'static str,
    /// The words for so many lines that were lost, with the end of the line.
    pub lost: Box<dyn Fn(u64) -> String + Send + Sync>,
    /// Called for the first of several writes that fail, unless it did because the reader has gone.
    pub failed: Box<dyn Fn(&io::Error) + Send>,
}

struct Shared {
    state: Mutex<State>,
    /// There is something to write, or nothing will come.
    told: Condvar,
    /// Nothing will be written any more.
    done: Condvar,
    lost: Box<dyn Fn(u64) -> String + Send + Sync>,
}

struct State {
    waiting: Vec<u8>,
    /// How many lines found no room. Until the thread has taken what waits, none that comes after them is
    /// let in before they are told of.
    lost: u64,
    room: usize,
    /// Since when the write goes on that is under way.
    writing_since: Option<Instant>,
    /// Whether the thread looks by itself for what was told.
    is_resting: bool,
    is_ending: bool,
    is_done: bool,
}

impl Scribe {
    /// Starts the thread that writes to `out`.
    pub fn start(out: impl Write + Send + 'static, duties: Duties) -> io::Result<Self> {
        let Duties { thread: name, lost, failed } = duties;
        let state = State {
            waiting: Vec::new(),
            lost: 0,
            room: MAX_WAITING,
            writing_since: None,
            is_resting: false,
            is_ending: false,
            is_done: false,
        };
        let (told, done) = (Condvar::new(), Condvar::new());
        let shared = Arc::new(Shared { state: Mutex::new(state), told, done, lost });
        let scribe = Self { shared: Arc::clone(&shared) };
        thread::Builder::new().name(name.into()).spawn(move || {
            shared.write_all(out, &*failed);
            let mut state = shared.state();
            state.is_done = true;
            state.waiting = Vec::new();
            shared.done.notify_all();
        })?;
        Ok(scribe)
    }

    /// Has a line written, which brings its end with it. It never waits.
    pub fn tell(&self, line: &str) {
        let mut state = self.shared.state();
        // Nothing comes after the last words, whoever else is still talking.
        if state.is_ending || state.is_done {
            return;
        }
        let waits = state.is_idle() && !state.is_resting;
        if state.lost > 0 || state.waiting.len() + line.len() > state.room {
            state.lost += 1;
        } else {
            state.waiting.extend_from_slice(line.as_bytes());
        }
        drop(state);
        // Else the thread knows already.
        if waits {
            self.shared.told.notify_one();
        }
    }

    /// Makes room for what a program says last, also where the queue is full.
    pub fn last_words(&self) {
        let mut state = self.shared.state();
        let lost = mem::take(&mut state.lost);
        if lost > 0 && !state.is_done {
            state.waiting.extend_from_slice((self.shared.lost)(lost).as_bytes());
        }
        state.room = MAX_WAITING + LAST_WORDS;
    }

    /// Lets the thread write what waits, and end. Waits for that until `deadline` at the most, and not at
    /// all where a write has hung for [`LAST_WRITE`], because then nobody reads.
    pub fn finish(&self, deadline: Instant) {
        let mut state = self.shared.state();
        state.is_ending = true;
        self.shared.told.notify_one();
        if state.writing_since.is_some_and(|since| since.elapsed() >= LAST_WRITE) {
            return;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        let _ = self.shared.done.wait_timeout_while(state, left, |state| !state.is_done);
    }
}

/// For what writes by itself: each write is a line or several, and none of them fails.
impl Write for Scribe {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        self.tell(&String::from_utf8_lossy(lines));
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl State {
    fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.lost == 0
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes until nothing will come, or the reader has gone.
    fn write_all(&self, mut out: impl Write, tell_failed: &dyn Fn(&io::Error)) {
        let (mut batch, mut failed) = (Vec::new(), 0);
        while let Some(lost) = self.take(&mut batch) {
            let told = batch.len();
            if lost > 0 {
                batch.extend_from_slice((self.lost)(lost).as_bytes());
            }
            let before = if failed > 0 {
                // What failed may have left half a line.
                format!("\n{}", (self.lost)(failed))
            } else {
                String::new()
            };
            match self.write(&mut out, &[before.as_bytes(), &batch]) {
                Ok(()) => failed = 0,
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return,
                // A disk that is full may have room for what comes next.
                Err(error) => {
                    if failed == 0 {
                        tell_failed(&error);
                    }
                    let lines = batch[..told].split_inclusive(|&byte| byte == b'\n').count();
                    failed += lost + lines as u64;
                }
            }
            self.rest();
        }
    }

    fn rest(&self) {
        let mut state = self.state();
        state.writing_since = None;
        state.is_resting = true;
        let rest = self.told.wait_timeout_while(state, REST, |state| !state.is_ending);
        rest.unwrap_or_else(PoisonError::into_inner).0.is_resting = false;
    }

    /// Waits for lines, takes all of them, and gives how many after them were lost; `None` where nothing
    /// will come.
    fn take(&self, batch: &mut Vec<u8>) -> Option<u64> {
        batch.clear();
        // After a burst its memory is given back.
        batch.shrink_to(PIECE);
        let waits = |state: &mut State| state.is_idle() && !state.is_ending;
        let state = self.told.wait_while(self.state(), waits);
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        if state.is_idle() {
            return None;
        }
        mem::swap(batch, &mut state.waiting);
        Some(mem::take(&mut state.lost))
    }

    fn write(&self, out: &mut impl Write, parts: &[&[u8]]) -> io::Result<()> {
        for piece in parts.iter().flat_map(|part| part.chunks(PIECE)) {
            self.state().writing_since = Some(Instant::now());
            out.write_all(piece)?;
        }
        out.flush()
    }
}

impl fmt::Debug for Scribe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared.state();
        f.debug_struct("Scribe")
            .field("waiting", &state.waiting.len())
            .field("lost", &state.lost)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Duties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Duties").field("thread", &self.thread).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Each write waits until it is told how it ends.
    struct Gate {
        ends: mpsc::Receiver<io::Result<()>>,
        begun: mpsc::Sender<()>,
        written: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Gate {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            // A test that is over looks no more, and lets everything through.
            let _ = self.begun.send(());
            self.ends.recv().unwrap_or(Ok(()))?;
            self.written.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Fixture {
        scribe: Scribe,
        ends: mpsc::Sender<io::Result<()>>,
        begun: mpsc::Receiver<()>,
        written: Arc<Mutex<Vec<u8>>>,
        failures: Arc<Mutex<Vec<String>>>,
    }

    fn start() -> Fixture {
        let (ends, ends_of_gate) = mpsc::channel();
        let (begun_of_gate, begun) = mpsc::channel();
        let (written, failures) = (Arc::<Mutex<Vec<u8>>>::default(), Arc::default());
        let gate = Gate { ends: ends_of_gate, begun: begun_of_gate, written: Arc::clone(&written) };
        let told: Arc<Mutex<Vec<String>>> = Arc::clone(&failures);
        let duties = Duties {
            thread: "test",
            lost: Box::new(|lost| format!("{lost} lost\n")),
            failed: Box::new(move |error| told.lock().unwrap().push(error.to_string())),
        };
        let scribe = Scribe::start(gate, duties).unwrap();
        Fixture { scribe, ends, begun, written, failures }
    }

    impl Fixture {
        /// A write that nobody reads is under way, and the queue behind it is full.
        fn fill(&self) -> usize {
            self.scribe.tell("first\n");
            self.begun.recv().unwrap();
            let line = format!("{}\n", "x".repeat(1023));
            let fit = MAX_WAITING / line.len();
            (0..fit).for_each(|_| self.scribe.tell(&line));
            fit
        }

        fn finish(self) -> String {
            drop(self.ends);
            self.scribe.finish(Instant::now() + Duration::from_secs(30));
            assert!(self.scribe.shared.state().is_done, "it does not end");
            String::from_utf8(self.written.lock().unwrap().clone()).unwrap()
        }
    }

    #[test]
    fn lines_are_written_in_their_order() {
        let fixture = start();
        for n in 0..1000 {
            fixture.scribe.tell(&format!("{n}\n"));
        }
        let written = fixture.finish();
        let numbers: Vec<usize> = written.lines().map(|line| line.parse().unwrap()).collect();
        assert!(numbers.iter().copied().eq(0..1000), "{written}");
    }

    #[test]
    fn what_finds_no_room_is_counted_and_told_of_in_its_place() {
        let fixture = start();
        let fit = fixture.fill();
        // A short one has room, but not before those that came first.
        for line in [&*"y".repeat(2000), "short\n", "short\n"] {
            fixture.scribe.tell(line);
        }
        fixture.ends.send(Ok(())).unwrap();
        fixture.begun.recv().unwrap();
        fixture.scribe.tell("after\n");
        let written = fixture.finish();
        let lines: Vec<&str> = written.lines().collect();
        assert_eq!(lines.len(), 1 + fit + 2);
        assert_eq!((lines[0], &lines[fit + 1..]), ("first", &["3 lost", "after"][..]));
    }

    #[test]
    fn there_is_room_for_the_last_words() {
        let fixture = start();
        let fit = fixture.fill();
        fixture.scribe.tell("no room\n");
        fixture.scribe.last_words();
        fixture.scribe.tell("end\n");
        fixture.scribe.tell(&"x".repeat(LAST_WORDS));
        let written = fixture.finish();
        let lines: Vec<&str> = written.lines().skip(1 + fit).collect();
        assert_eq!(lines, ["1 lost", "end", "1 lost"]);
    }

    #[test]
    fn a_reader_that_has_gone_takes_no_memory() {
        let fixture = start();
        fixture.fill();
        fixture.ends.send(Err(io::ErrorKind::BrokenPipe.into())).unwrap();
        fixture.scribe.finish(Instant::now() + Duration::from_secs(30));
        fixture.scribe.tell("nobody reads this\n");
        let state = fixture.scribe.shared.state();
        assert_eq!((state.waiting.capacity(), state.lost, state.is_done), (0, 0, true));
        assert!(fixture.failures.lock().unwrap().is_empty());
    }

    #[test]
    fn a_write_that_fails_is_told_once_and_tried_again_with_the_next_line() {
        let fixture = start();
        let line = |text: &str, end| {
            fixture.scribe.tell(text);
            fixture.begun.recv().unwrap();
            fixture.ends.send(end).unwrap();
        };
        line("one\ntwo\n", Err(io::Error::other("full")));
        line("three\n", Err(io::Error::other("still full")));
        line("four\n", Ok(()));
        assert_eq!(*fixture.failures.lock().unwrap(), ["full"]);
        assert_eq!(fixture.finish(), "\n3 lost\nfour\n");
    }

    #[test]
    fn the_end_waits_for_a_reader_until_its_deadline_and_not_for_one_that_has_stopped() {
        let fixture = start();
        fixture.scribe.tell("first\n");
        fixture.begun.recv().unwrap();
        let begun = Instant::now();
        fixture.scribe.finish(begun + Duration::from_millis(20));
        assert!(begun.elapsed() >= Duration::from_millis(20));
        let long_ago = Instant::now().checked_sub(LAST_WRITE).unwrap();
        fixture.scribe.shared.state().writing_since = Some(long_ago);
        fixture.scribe.finish(Instant::now() + Duration::from_secs(3600));
        assert!(!fixture.scribe.shared.state().is_done);
    }
}
