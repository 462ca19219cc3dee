//! `relay`: listen, and relay what people say.

mod args;
mod story;

use std::process::ExitCode;
use std::sync::Arc;

use cli::{Exit, Failure};
use relay::Config;
use tcp_server::program::{self, HangUp, Refused, Telling};
use tcp_server::{Listener, Summary, stop_pair};

use crate::args::{Args, PORT, Serve};
use crate::story::{SCHEMA, Story};

fn main() -> ExitCode {
    let args = cli::parse::<Args>(SCHEMA).into_serve();
    let telling = match Telling::start(&args.common, SCHEMA) {
        Ok(telling) => telling,
        Err(exit) => return exit.into(),
    };
    let story = Arc::new(Story::new(telling));
    let served = match program::runtime() {
        Ok(runtime) => runtime.block_on(serve(&args, &story)),
        Err(error) => Err(Failure::from_io(Exit::Failed, "cannot start", &error)),
    };
    story.telling.end(served).into()
}

/// Serves until it was asked to stop. The failure beside a summary is an end by a second signal.
async fn serve(args: &Serve, story: &Arc<Story>) -> Result<(Summary, Option<Failure>), Failure> {
    let address = args.address()?;
    let tls = args.tls.open()?;
    program::make_room(args.max_people);
    // Before anybody can know that the relay is there, so that no signal is too early.
    let (hang_up, signals) = HangUp::of(tls.as_ref())
        .map_err(|error| Failure::from_io(Exit::Failed, "cannot listen for signals", &error))?;
    let options = args.bind_options();
    let listener = Listener::bind(&address, &options).await.map_err(|error| {
        let (address, options) = (&address, &options);
        let refused =
            Refused { program: "relay", option: "--port", default_port: PORT, address, options };
        program::explain(&error, refused)
    })?;
    story.listening(listener.local_address(), args, tls.as_ref());
    let (stopper, stop) = stop_pair();
    let server = tls.as_ref().map(|tls| Arc::clone(&tls.server));
    let config = Config { limits: args.limits(), tls: server };
    let server = relay::serve(listener, config, Arc::clone(story), stop);
    let served = program::until_stopped(server, signals, stopper, || story.telling.stats());
    Ok(hang_up.during(served, tls.as_ref(), &story.telling).await)
}
