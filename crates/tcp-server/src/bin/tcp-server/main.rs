//! `tcp-server`: listen, serve, and say how each connection ended.

mod args;
mod clerk;
mod first_screen;
mod keyboard;
mod limit_args;
mod person;
mod place;
mod requests;
mod story;
mod wired;

use std::process::ExitCode;
use std::sync::Arc;

use cli::{Exit, Failure};
use proto::Address;
use tcp_server::modes::{Chargen, Chat, Discard, Echo, Files, Frames, Hold, Lines};
use tcp_server::program::{
    self, Handed, HangUp, Metrics, MetricsServer, Refused, Secured, Signals, Telling,
};
use tcp_server::{
    BindOptions, Config, Limits, Listener, Listeners, Service, Stop, Stopper, Summary, Timers, run,
    stop_pair,
};
use tokio::sync::mpsc;
use transfer::Folder;

use crate::args::{Args, Mode};
use crate::place::Place;
use crate::story::{SCHEMA, Story};
use crate::wired::Wired;

fn main() -> ExitCode {
    let args: Args = cli::parse(SCHEMA);
    // One file that is too large must not end the connections of others.
    cli::signals::outlive_file_size_limit();
    let handed = program::handed_over();
    let telling = match Telling::start(&args.common, SCHEMA) {
        Ok(telling) => telling,
        Err(exit) => return exit.into(),
    };
    let story = Arc::new(Story::new(telling));
    let served = match program::runtime().and_then(|runtime| Ok((runtime, Timers::apart()?))) {
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
    handed: Result<Vec<Handed>, Failure>,
) -> Result<(Summary, Option<Failure>), Failure> {
    args.check()?;
    let metrics_address = args.metrics()?;
    let tls = args.tls.open()?;
    let folder = args.folder()?;
    program::make_room(args.open_files());
    // Before anybody can know that the server is there, so that no signal is too early.
    let (hang_up, signals) = HangUp::of(tls.as_ref())
        .map_err(|error| Failure::from_io(Exit::Failed, "cannot listen for signals", &error))?;
    let (listeners, places) = listen(args, handed?).await?;
    let limits = args.limits(&places);
    let metrics = match metrics_address {
        Some(address) => Some(serve_metrics(&address, &limits, story, &timers).await?),
        None => None,
    };
    let figures = metrics.as_ref().map(MetricsServer::address);
    story.listening(&places, args, &limits, figures, tls.as_ref());
    let (stopper, stop) = stop_pair();
    let start =
        Start { args, limits, story, timers, tls, hang_up, listeners, signals, stopper, stop };
    let ended = serve_mode(args, story, folder, start).await;
    if let Some(metrics) = metrics {
        metrics.end().await;
    }
    ended
}

/// Does what the mode does, to its end.
async fn serve_mode(
    args: &Args,
    story: &Arc<Story>,
    folder: Option<Folder>,
    start: Start<'_>,
) -> Result<(Summary, Option<Failure>), Failure> {
    Ok(match args.mode {
        Mode::Echo => start.with(Echo).await,
        Mode::Discard => start.with(Discard).await,
        Mode::Chargen => start.with(Chargen).await,
        Mode::Lines => start.with(Lines).await,
        Mode::Frames => start.with(Frames).await,
        Mode::Hold => start.with(Hold).await,
        Mode::Stdio => {
            let wired = Wired::default();
            let (summary, failure) = start.with(wired.service()).await;
            (summary, failure.or_else(|| wired.failure(story.last())))
        }
        Mode::Chat => {
            // One word at a time, so that what is typed waits where it is typed.
            let (words, heard) = mpsc::channel(1);
            let seat = person::sit_down(Arc::clone(story), words, start.stopper.clone());
            let ended = start.with(Chat::new(heard, Arc::clone(story), person::waits())).await;
            seat.leave();
            ended
        }
        Mode::Files => {
            // clap asks for the folder of this mode.
            let folder = folder.expect("the folder was opened");
            start.with(Files::new(folder, args.share(), Arc::clone(story))).await
        }
    })
}

/// Shows the figures at `address`.
async fn serve_metrics(
    address: &Address,
    limits: &Limits,
    story: &Story,
    timers: &Timers,
) -> Result<MetricsServer, Failure> {
    let tally = Arc::clone(story.telling.tally());
    let metrics = Metrics::new("tcp_server", env!("CARGO_PKG_VERSION"), limits.clone(), tally);
    metrics.serve(address, timers.clone()).await.map_err(|error| {
        let options = &BindOptions::default();
        program::explain(
            &error,
            Refused {
                program: "tcp-server --metrics",
                option: "--metrics",
                default_port: 9100,
                address,
                options,
            },
        )
    })
}

/// The sockets that were handed over, or one of its own.
async fn listen(args: &Args, handed: Vec<Handed>) -> Result<(Listeners, Vec<Place>), Failure> {
    if !handed.is_empty() {
        if args.has_address() {
            let message = "a socket was handed over (LISTEN_FDS), and an address was given too";
            return Err(Failure::new(Exit::Usage, "handed_over", message)
                .hint("leave out the address: the .socket unit says where to listen"));
        }
        let (mut all, mut places) = (Vec::new(), Vec::new());
        for mut handed in handed {
            let name = handed.name.take();
            let listener = handed.listen()?;
            places.push(Place::handed_over(&listener, name));
            all.push(listener);
        }
        return Ok((all.into(), places));
    }
    let (address, options) = (&args.address()?, &args.bind_options());
    let listener = Listener::bind(address, options).await.map_err(|error| {
        let refused = Refused {
            program: "tcp-server",
            option: "--port",
            default_port: 7878,
            address,
            options,
        };
        program::explain(&error, refused)
    })?;
    let place = Place::of(&listener);
    Ok((listener.into(), vec![place]))
}

/// All that a server needs but its service.
struct Start<'a> {
    args: &'a Args,
    limits: Limits,
    story: &'a Arc<Story>,
    timers: Timers,
    tls: Option<Secured>,
    hang_up: HangUp,
    listeners: Listeners,
    signals: Signals,
    stopper: Stopper,
    stop: Stop,
}

impl Start<'_> {
    async fn with(self, service: impl Service) -> (Summary, Option<Failure>) {
        let Self { args, limits, story, timers, tls, hang_up, listeners, signals, stopper, stop } =
            self;
        let config = Config {
            limits,
            at_most: args.at_most(),
            requests: (args.mode == Mode::Hold).then(requests::from_stdin),
            timers,
            tls: tls.as_ref().map(|tls| Arc::clone(&tls.server)),
        };
        let server = run(listeners, config, service, Arc::clone(story), stop);
        let served = program::until_stopped(server, signals, stopper, || story.telling.stats());
        hang_up.during(served, tls.as_ref(), &story.telling).await
    }
}
