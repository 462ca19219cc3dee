//! SIGINT and SIGTERM: a last word, then the death that the signal stands for. SIGXFSZ: no death at all.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::flag::{register, register_conditional_default};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use crate::exit::Exit;

/// How long the last word may take, where standard output may be a pipe that nobody reads: 1 s.
const LAST_WORD: Duration = Duration::from_secs(1);

/// Tells the first of the two signals, by its number. A second one ends the program at once, and so does
/// a last word that takes too long.
pub fn watch(tell: impl FnOnce(i32) + Send + 'static) -> io::Result<()> {
    watch_for(LAST_WORD, tell)
}

/// The same for a program that has more to do than to say a last word, and takes at most so long for it.
pub fn watch_for(last_word: Duration, tell: impl FnOnce(i32) + Send + 'static) -> io::Result<()> {
    let asked = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        register_conditional_default(signal, Arc::clone(&asked))?;
    }
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    thread::Builder::new().name("signals".into()).spawn(move || {
        let Some(signal) = signals.forever().next() else { return };
        asked.store(true, Ordering::SeqCst);
        tell(signal);
        thread::sleep(last_word);
        die_by(signal);
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
