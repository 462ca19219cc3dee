//! `tcp-server`: listen, serve, and say how each connection ended.

mod args;
mod clerk;
mod keyboard;
mod person;
mod requests;
mod story;

use std::process::ExitCode;
use std::sync::Arc;

use cli::{Exit, Failure};
use tcp_server::modes::{Chat, Discard, Echo, Files, Frames, Hold, Lines};
use tcp_server::program::{self, Refused, Signals, Telling};
use tcp_server::{Config, Listener, Service, Stop, Stopper, Summary, Timers, run, stop_pair};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use crate::args::{Args, Mode};
use crate::story::{SCHEMA, Story};

fn main() -> ExitCode {
    let args: Args = cli::parse(SCHEMA);
    let telling = match Telling::start(&args.common, SCHEMA) {
        Ok(telling) => telling,
        Err(exit) => return exit.into(),
    };
    let story = Arc::new(Story::new(telling));
    let served = match Runtime::new().and_then(|runtime| Ok((runtime, Timers::apart()?))) {
        Ok((runtime, timers)) => runtime.block_on(serve(&args, &story, timers)),
        Err(error) => Err(Failure::from_io(Exit::Failed, "cannot start", &error)),
    };
    story.telling.end(served).into()
}

/// Serves until it was asked to stop. The failure beside a summary is an end by a second signal.
async fn serve(
    args: &Args,
    story: &Arc<Story>,
    timers: Timers,
) -> Result<(Summary, Option<Failure>), Failure> {
    let address = args.address()?;
    let folder = args.folder()?;
    program::make_room(args.max_conns());
    // Before anybody can know that the server is there, so that no signal is too early.
    let signals = Signals::new()
        .map_err(|error| Failure::from_io(Exit::Failed, "cannot listen for signals", &error))?;
    let options = args.bind_options();
    let listener = Listener::bind(&address, &options).await.map_err(|error| {
        let (address, options) = (&address, &options);
        let refused = Refused { program: "tcp-server", default_port: 7878, address, options };
        program::explain(&error, refused)
    })?;
    story.listening(listener.local_address(), args);
    let (stopper, stop) = stop_pair();
    let start = Start { args, story, timers, listener, signals, stopper, stop };
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

/// All that a server needs but its service.
struct Start<'a> {
    args: &'a Args,
    story: &'a Arc<Story>,
    timers: Timers,
    listener: Listener,
    signals: Signals,
    stopper: Stopper,
    stop: Stop,
}

impl Start<'_> {
    async fn with(self, service: impl Service) -> (Summary, Option<Failure>) {
        let Self { args, story, timers, listener, signals, stopper, stop } = self;
        let config = Config {
            limits: args.limits(),
            at_most: args.once.then_some(1),
            requests: (args.mode == Mode::Hold).then(requests::from_stdin),
            timers,
        };
        let server = run(listener, config, service, Arc::clone(story), stop);
        program::until_stopped(server, signals, stopper, || story.telling.stats()).await
    }
}
