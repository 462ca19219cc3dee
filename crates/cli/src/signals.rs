//! SIGINT and SIGTERM: a last word, then the death that the signal stands for. SIGXFSZ: no death at all.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::flag::{register, register_conditional_default};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use crate::exit::Exit;

/// How long the last word may take, where standard output may be a pipe that nobody reads: 1 s.
const LAST_WORD: Duration = Duration::from_secs(1);

/// How long the same signal is taken for the one that came before: 200 ms.
///
/// timeout(1) sends its signal to its child and then to its group, of which the child is one. A person
/// who wants to be rid of a program takes longer from one Ctrl-C to the next.
pub const SAME_SIGNAL: Duration = Duration::from_millis(200);

/// Which signals are a word of their own, and which repeat the one before. It is asked with the time.
///
/// ```
/// use std::time::Instant;
/// use cli::signals::{Repeats, SAME_SIGNAL};
///
/// let (now, mut heard) = (Instant::now(), Repeats::default());
/// assert!(heard.is_new(15, now));
/// assert!(!heard.is_new(15, now + SAME_SIGNAL / 2));
/// assert!(heard.is_new(2, now + SAME_SIGNAL / 2));
/// assert!(heard.is_new(15, now + SAME_SIGNAL));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Repeats {
    /// When each signal was last a word of its own.
    heard: Vec<(i32, Instant)>,
}

impl Repeats {
    /// Whether the signal that comes now counts.
    pub fn is_new(&mut self, signal: i32, now: Instant) -> bool {
        let Some((_, last)) = self.heard.iter_mut().find(|(heard, _)| *heard == signal) else {
            self.heard.push((signal, now));
            return true;
        };
        let is_new = now.duration_since(*last) >= SAME_SIGNAL;
        if is_new {
            *last = now;
        }
        is_new
    }
}

/// Tells the first of the two signals, by its number. A second one ends the program at once, unless it only
/// repeats the first ([`SAME_SIGNAL`]), and so does a last word that takes too long.
pub fn watch(tell: impl FnOnce(i32) + Send + 'static) -> io::Result<()> {
    watch_for(LAST_WORD, tell)
}

/// The same for a program that has more to do than to say a last word, and takes at most so long for it.
pub fn watch_for(last_word: Duration, tell: impl FnOnce(i32) + Send + 'static) -> io::Result<()> {
    let deadly = [SIGINT, SIGTERM].map(|signal| (signal, Arc::new(AtomicBool::new(false))));
    for (signal, is_deadly) in &deadly {
        register_conditional_default(*signal, Arc::clone(is_deadly))?;
    }
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    thread::Builder::new().name("signals".into()).spawn(move || {
        let Some(first) = signals.forever().next() else { return };
        let make_deadly = |wanted: fn(bool) -> bool| {
            for (_, is_deadly) in deadly.iter().filter(|(signal, _)| wanted(*signal == first)) {
                is_deadly.store(true, Ordering::SeqCst);
            }
        };
        make_deadly(|is_first| !is_first);
        tell(first);
        thread::sleep(SAME_SIGNAL.min(last_word));
        make_deadly(|is_first| is_first);
        thread::sleep(last_word.saturating_sub(SAME_SIGNAL));
        die_by(first);
    })?;
    Ok(())
}

/// Tells the first of the two signals, by its number, and leaves the rest to `tell`; later ones are
/// ignored.
///
/// For the first process of a PID namespace, which the kernel protects from its own signals: to die by
/// one, as [`watch`] ends, is not given to it.
pub fn first(tell: impl FnOnce(i32) + Send + 'static) -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    thread::Builder::new().name("signals".into()).spawn(move || {
        let first = signals.forever().next();
        first.map(tell);
        // To drop them would give the later ones their default back.
        signals.forever().for_each(drop);
    })?;
    Ok(())
}

/// Makes a file that would grow beyond the limit of the shell (`ulimit -f`, `RLIMIT_FSIZE`) an error of the one
/// who writes it: EFBIG, as write(2) says, in place of the end of the program by SIGXFSZ.
///
/// A handler that does nothing of use has this effect, as the signal is then not deadly.
pub fn outlive_file_size_limit() {
    // It fails for a number that is no signal, or one that may not be caught, and this one may.
    let _ = register(SIGXFSZ, Arc::default());
}

/// The code that a shell sees for it.
pub fn exit(signal: i32) -> Exit {
    if signal == SIGTERM { Exit::Terminated } else { Exit::Interrupted }
}

/// Ends the program as the signal would have, so that a shell sees what happened and its loop stops.
pub fn die_by(signal: i32) -> ! {
    // It fails for a number that is no signal, and this one was received.
    let _ = emulate_default_handler(signal);
    std::process::exit(128 + signal)
}
