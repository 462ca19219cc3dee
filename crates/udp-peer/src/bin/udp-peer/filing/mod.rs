//! `udp-peer send-file` and `recv-file`: files over connections that may break.
//!
//! What goes over the wire the crate `files` knows, and how disks are read and written `transfer`; here
//! are the connection that is made again, and the exit code.

mod args;
mod receive;
mod send;

use std::io;
use std::time::Duration;

use cli::{Exit, Failure, signals};
use proto::{Ending, sanitize};
use tokio::runtime;
use tokio::sync::oneshot;
use transfer::meter::{nothing_to_send, open_folder};
use transfer::{Broken, Direction, Meter, Source};

pub(crate) use args::{RecvFileArgs, SendFileArgs};

use crate::report::Report;

/// The ordered channel that files go over: 1, beside the lines' 0.
const CHANNEL: u8 = 1;

/// How long the last words of a connection may take: 5 s, some round trips of a bad link.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// How it ended.
struct Ended {
    failure: Option<Failure>,
    signal: Option<i32>,
}

/// How the program leaves.
pub(crate) enum Leave {
    With(Exit),
    By(i32),
}

/// Sends to the end, tells it, and says how to leave.
pub(crate) fn send(args: &SendFileArgs, report: &Report) -> Leave {
    let way = &args.way;
    let mut meter = Meter::new(report, Direction::Send, way.common.quiet, way.progress);
    let source = Source::of_paths(&args.paths);
    let ended = if source.entries.is_empty() {
        Err(nothing_to_send(&source))
    } else {
        block_on(|stop| send::run(args, source, &mut meter, stop))
    };
    leave(meter, ended)
}

/// Receives to the end, tells it, and says how to leave.
pub(crate) fn receive(args: &RecvFileArgs, report: &Report) -> Leave {
    let way = &args.way;
    let mut meter = Meter::new(report, Direction::Receive, way.common.quiet, way.progress);
    let ended = open_folder(&args.dir)
        .and_then(|folder| block_on(|stop| receive::run(args, &folder, &mut meter, stop)));
    leave(meter, ended)
}

fn leave(mut meter: Meter<'_, Report>, ended: Result<Ended, Failure>) -> Leave {
    let Ended { failure, signal } =
        ended.unwrap_or_else(|failure| Ended { failure: Some(failure), signal: None });
    let exit = match (&failure, signal) {
        (_, Some(signal)) => signals::exit(signal),
        (Some(failure), None) => failure.exit(),
        (None, None) => Exit::Ok,
    };
    meter.end(exit, failure);
    signal.map_or(Leave::With(exit), Leave::By)
}

/// Disks block, and the connection is to go on meanwhile: it has a thread of its own.
fn block_on<F: Future<Output = Result<Ended, Failure>>>(
    run: impl FnOnce(oneshot::Receiver<i32>) -> F,
) -> Result<Ended, Failure> {
    let cannot_start = |error: io::Error| Failure::from_io(Exit::Failed, "cannot start", &error);
    let (sender, stop) = oneshot::channel();
    // Always: that what has come is kept is told, also when it is Ctrl-C that ends it.
    signals::watch_for(2 * LAST_WORDS, move |signal| {
        // Where nobody receives it, the program is about to end anyway.
        let _ = sender.send(signal);
    })
    .map_err(cannot_start)?;
    let runtime = runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.map_err(cannot_start)?;
    let ended = runtime.block_on(run(stop));
    runtime.shutdown_background();
    ended
}

/// What is wrong with a transfer that another attempt makes no better.
fn unfit(peer: &str, broken: &Broken) -> Failure {
    let words = broken.to_string();
    let words = sanitize::line(&words);
    match broken.ending {
        Ending::Protocol(_) => {
            let message = format!("{peer} broke the protocol: {words}");
            Failure::new(Exit::Failed, "protocol", message)
        }
        _ => Failure::new(Exit::Failed, "refused", format!("{peer} refused: {words}")),
    }
}
