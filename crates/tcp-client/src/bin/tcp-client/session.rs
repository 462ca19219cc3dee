//! One run: connect, then talk, until it is over or somebody stops it.

use std::future::pending;
use std::io::{self, Write as _};
use std::pin::pin;
use std::time::Duration;

use cli::output;
use proto::Address;
use tcp_client::talk::Fault;
use tcp_client::{
    ConnectError, Connected, Delivers as _, Stream, TalkOptions, Talked, connect_with_retry, talk,
};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout, timeout_at};

use crate::args::Plan;
use crate::input::Input;
use crate::output::Output;
use crate::report::{self, Report, milliseconds};

/// How long standard output may take for what it was given, where a time limit or a signal was the end:
/// 1 s.
///
/// A reader that reads has it at once; one that does not would hold up an end that was asked for.
const LAST_FLUSH: Duration = Duration::from_secs(1);

/// What a run needs.
pub(crate) struct Session<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) report: &'a Report,
    pub(crate) input: Input,
    pub(crate) output: Output<'a>,
}

/// How a run went.
pub(crate) enum Outcome {
    /// It was only to see whether somebody listens, and somebody does.
    Open,
    /// There was a conversation.
    Talked { peer: Address, talked: Talked },
    /// There was no connection.
    NotConnected(ConnectError),
    /// The deadline came before the connection.
    TooLate,
    /// A signal came before the connection.
    Interrupted,
}

impl Session<'_> {
    /// Runs until it is over, or until `stop` gives the number of a signal, which is returned too.
    pub(crate) async fn run(self, stop: Option<oneshot::Receiver<i32>>) -> (Outcome, Option<i32>) {
        let mut signal = None;
        let stop = async {
            match stop {
                Some(stop) => signal = stop.await.ok(),
                None => pending().await,
            }
        };
        let outcome = self.connect_and_talk(pin!(stop)).await;
        (outcome, signal)
    }

    async fn connect_and_talk(self, mut stop: impl Future<Output = ()> + Unpin) -> Outcome {
        let Self { plan, report, .. } = self;
        let deadline = plan.deadline.and_then(|deadline| Instant::now().checked_add(deadline));
        let connecting = connect_with_retry(
            &plan.address,
            &plan.connect,
            &plan.retry,
            fastrand::f64,
            |error, wait| report.waiting(error, wait),
        );
        let in_time = async {
            match deadline {
                Some(deadline) => timeout_at(deadline, connecting).await.ok(),
                None => Some(connecting.await),
            }
        };
        let connected = tokio::select! {
            biased;
            () = &mut stop => return Outcome::Interrupted,
            connected = in_time => connected,
        };
        let connected = match connected {
            Some(Ok(connected)) => connected,
            Some(Err(error)) => return Outcome::NotConnected(error),
            None => return Outcome::TooLate,
        };
        let mut connected = connected;
        report.connected(&connected);
        if plan.check {
            if !report.is_json() {
                let took = milliseconds(connected.elapsed);
                let over = connected.agreed.map(|agreed| report::agreed_in_words(&agreed));
                let over = over.map(|over| format!(", {over}")).unwrap_or_default();
                output::or_exit(writeln!(io::stdout(), "{} open ({took}){over}", connected.peer));
            }
            say_goodbye(&mut connected.stream).await;
            return Outcome::Open;
        }
        let options = TalkOptions {
            on_eof: plan.on_eof,
            after_eof: plan.after_eof,
            idle: plan.idle,
            deadline,
            input_is_file: self.input.is_file(),
        };
        self.talk(connected, &options, stop).await
    }

    async fn talk(
        mut self,
        mut connected: Connected,
        options: &TalkOptions,
        stop: impl Future<Output = ()>,
    ) -> Outcome {
        let Connected { stream, peer, .. } = &mut connected;
        let mut talked = talk(stream, &mut self.input, &mut self.output, options, stop).await;
        if self.plan.reset_on_close || matches!(talked.fault, Some(Fault::Input(_))) {
            // It fails for a connection that is not there any more, which then needs no reset.
            let _ = stream.reset_on_close();
        } else if talked.fault.is_none() {
            say_goodbye(stream).await;
        }
        if let Ok(Err(error)) = timeout(LAST_FLUSH, self.output.shutdown()).await {
            talked.fault.get_or_insert(Fault::Output(error));
        }
        Outcome::Talked { peer: peer.clone(), talked }
    }
}

/// Tells the peer that this is the end and no cut, where that takes a word.
async fn say_goodbye(stream: &mut Stream) {
    if stream.says_goodbye() {
        // A peer that takes nothing more is not waited for.
        let _ = timeout(LAST_FLUSH, stream.shutdown()).await;
    }
}
