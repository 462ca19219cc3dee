//! `tcp-server`: listen, serve, and say how each connection ended.

mod args;
mod clerk;
mod keyboard;
mod person;
mod requests;
mod story;

use std::future;
use std::os::fd::OwnedFd;
use std::process::ExitCode;
use std::sync::Arc;

use cli::{Exit, Failure};
use tcp_server::modes::{Chat, Discard, Echo, Files, Frames, Hold, Lines};
use tcp_server::program::{self, Refused, Secured, Signals, Telling};
use tcp_server::{Config, Listener, Service, Stop, Stopper, Summary, Timers, run, stop_pair};
use tokio::runtime::Runtime;
use tokio::select;
use tokio::signal::unix::Signal;
use tokio::sync::mpsc;

use crate::args::{Args, Mode};
use crate::story::{SCHEMA, Story};

fn main() -> ExitCode {
    let args: Args = cli::parse(SCHEMA);
    let handed = program::handed_over();
    let telling = match Telling::start(&args.common, SCHEMA) {
        Ok(telling) => telling,
        Err(exit) => return exit.into(),
    };
    let story = Arc::new(Story::new(telling));
    let served = match Runtime::new().and_then(|runtime| Ok((runtime, Timers::apart()?))) {
        Ok((runtime, timers)) => runtime.block_on(serve(&args, &story, timers, handed)),
        Err(error) => Err(Failure::from_io(Exit::Failed, "cannot start", &error)),
    };
    story.telling.end(served).into()
}

/// Serves until it was asked to stop. The failure beside a summary is an end by a second signal.
async fn serve(
    args: &Args,
    story: &Arc<Story>,
    timers: Timers,
    handed: Result<Option<OwnedFd>, Failure>,
) -> Result<(Summary, Option<Failure>), Failure> {
    let tls = args.tls.open()?;
    let folder = args.folder()?;
    program::make_room(args.max_conns());
    // Before anybody can know that the server is there, so that no signal is too early.
    let no_signals = |error| Failure::from_io(Exit::Failed, "cannot listen for signals", &error);
    let hang_up = match &tls {
        Some(tls) => tls.hang_up().map_err(no_signals)?,
        None => None,
    };
    let signals = if hang_up.is_some() { Signals::without_hang_up() } else { Signals::new() };
    let signals = signals.map_err(no_signals)?;
    let listener = listen(args, handed?).await?;
    story.listening(listener.local_address(), args, tls.as_ref());
    let (stopper, stop) = stop_pair();
    let start = Start { args, story, timers, tls, hang_up, listener, signals, stopper, stop };
    Ok(match args.mode {
        Mode::Echo => start.with(Echo).await,
        Mode::Discard => start.with(Discard).await,
        Mode::Lines => start.with(Lines).await,
        Mode::Frames => start.with(Frames).await,
        Mode::Hold => start.with(Hold).await,
        Mode::Chat => {
            // One word at a time, so that what is typed waits where it is typed.
            let (words, heard) = mpsc::channel(1);
            person::sit_down(Arc::clone(story), words, start.stopper.clone());
            start.with(Chat::new(heard, Arc::clone(story), person::waits())).await
        }
        Mode::Files => {
            // clap asks for the folder of this mode.
            let folder = folder.expect("the folder was opened");
            start.with(Files::new(folder, args.share(), Arc::clone(story))).await
        }
    })
}

/// The socket that was handed over, or one of its own.
async fn listen(args: &Args, handed: Option<OwnedFd>) -> Result<Listener, Failure> {
    if let Some(socket) = handed {
        if args.has_address() {
            let message = "a socket was handed over (LISTEN_FDS), and an address was given too";
            return Err(Failure::new(Exit::Usage, "handed_over", message)
                .hint("leave out the address: the .socket unit says where to listen"));
        }
        return Listener::handed_over(socket)
            .map_err(|error| Failure::new(Exit::Usage, "handed_over", error.to_string()));
    }
    let (address, options) = (&args.address()?, &args.bind_options());
    Listener::bind(address, options).await.map_err(|error| {
        let refused = Refused { program: "tcp-server", default_port: 7878, address, options };
        program::explain(&error, refused)
    })
}

/// All that a server needs but its service.
struct Start<'a> {
    args: &'a Args,
    story: &'a Arc<Story>,
    timers: Timers,
    tls: Option<Secured>,
    hang_up: Option<Signal>,
    listener: Listener,
    signals: Signals,
    stopper: Stopper,
    stop: Stop,
}

impl Start<'_> {
    async fn with(self, service: impl Service) -> (Summary, Option<Failure>) {
        let Self { args, story, timers, tls, hang_up, listener, signals, stopper, stop } = self;
        let config = Config {
            limits: args.limits(),
            at_most: args.once.then_some(1),
            requests: (args.mode == Mode::Hold).then(requests::from_stdin),
            timers,
            tls: tls.as_ref().map(|tls| Arc::clone(&tls.server)),
        };
        let server = run(listener, config, service, Arc::clone(story), stop);
        let served = program::until_stopped(server, signals, stopper, || story.telling.stats());
        let (Some(tls), Some(hang_up)) = (&tls, hang_up) else { return served.await };
        let read_anew = async {
            tls.read_anew(hang_up, &story.telling).await;
            future::pending().await
        };
        select! {
            served = served => served,
            never = read_anew => never,
        }
    }
}
