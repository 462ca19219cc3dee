//! What becomes of data that gets lost, and when does TCP give up?
//!
//! What was sent stays in the sender's kernel until it is acknowledged. What acknowledgements show to be
//! lost is sent again at once; where none come, a timer decides, which doubles each time. Over UDP a program
//! can do so itself, which is played beside it.

mod bad_link;
mod beside;
mod given_up;
mod kept;
mod model;
mod one_loss;
mod outlives;
mod scene;
mod silent;
mod tail_loss;
mod user_timeout;

use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

use crate::claims::{Kept, Resends, held_until_acknowledged, resends_and_gives_up};
use crate::findings::{Claim, Story};
use crate::played_again::{Played, unspoiled};
use crate::scenario::Scenario;
use crate::stage::{Stage, Trouble};

/// How late a machine may deliver a packet before it changes what TCP does: well below the waits that
/// such stories are about, of 40 ms and more.
const LATE: Duration = Duration::from_millis(20);

/// How often such a story is played at most.
const ATTEMPTS: usize = 6;

/// The demo.
pub const SCENARIO: Scenario = Scenario {
    name: "feedback",
    question: "what becomes of data that gets lost, and when does TCP give up?",
    explain: &[
        "Every byte of a TCP stream has a number, and the receiver says which number it expects \
         next. The sender's kernel keeps what it has sent until that number has passed it.",
        "A segment behind a gap is acknowledged too, by SACK. What later segments have overtaken \
         must be lost, so it is sent again at once: fast retransmit, within one round trip.",
        "A loss at the end is overtaken by nothing. A timer of about two round trips sends the \
         last segment once more, as a question: the tail loss probe.",
        "Only when there is no answer at all does the retransmission timer (RTO) decide: the round \
         trip plus its variation, at least 200 ms, and twice as long after each try, up to 120 s.",
        "tcp_retries2 is no count of tries. It is turned into a time: how long that many tries \
         would take from 200 ms on, 924.6 s by default. The first expiry after that is the end: \
         ETIMEDOUT.",
        "A program may set a shorter limit for a socket: TCP_USER_TIMEOUT. Without one it learns \
         nothing for a quarter of an hour, unless it has a time limit of its own.",
        "The program has no part in any of this: its data is sent again even when it has ended.",
        "Over UDP a program can do the same for itself: keep what it sent, have it acknowledged, send it again \
         after a round trip or when nothing is heard. udp-peer does, by the rules of QUIC (RFC 9002) and RACK.",
        "Watch: ss -tnoi shows Send-Q, the timer, rto and backoff; nstat shows TCPSackRecovery, \
         TCPFastRetrans, TCPLossProbes, TCPTimeouts and TCPAbortOnTimeout.",
        "tcp(7): https://man7.org/linux/man-pages/man7/tcp.7.html; ip-sysctl: \
         https://docs.kernel.org/networking/ip-sysctl.html",
        "RFC 6298, the timer; RFC 8985, RACK and tail loss probes: \
         https://www.rfc-editor.org/rfc/rfc8985; RFC 2018, SACK; RFC 5482, the user timeout",
        "kernel: tcp_retransmit_timer and tcp_model_timeout in net/ipv4/tcp_timer.c, \
         tcp_schedule_loss_probe in net/ipv4/tcp_output.c, tcp_fastretrans_alert in \
         net/ipv4/tcp_input.c",
    ],
    seconds: 11,
    programs: &["tcp-server", "tcp-client", "udp-peer"],
    play,
};

/// Plays the stories; those that only wait play beside the others.
pub fn play(stage: &Stage, show: &mut dyn FnMut(Story)) -> Result<Vec<Claim>, Trouble> {
    thread::scope(|scope| {
        let silent = scope.spawn(|| stage.tell("silent", silent::play));
        let given_up = scope.spawn(|| stage.tell("given-up", given_up::play));
        let user_timeout = scope.spawn(|| stage.tell("user-timeout", user_timeout::play));
        let bad_link = scope.spawn(|| stage.tell("bad-link", bad_link::play));

        let (story, kept) = stage.tell("kept", kept::play)?;
        show(story);
        let (story, outlives) = stage.tell("outlives", outlives::play)?;
        show(story);
        show(stage.tell("one-loss", |stage| on_time(|| one_loss::play(stage)))?.0);
        show(stage.tell("tail-loss", |stage| on_time(|| tail_loss::play(stage)))?.0);
        show(stage.tell("beside-one", |stage| on_time(|| beside::one(stage)))?.0);
        show(stage.tell("beside-tail", |stage| on_time(|| beside::tail(stage)))?.0);
        let (story, silence) = join(silent)?;
        show(story);
        show(join(given_up)?.0);
        show(join(user_timeout)?.0);
        show(join(bad_link)?.0);

        let silence = silence.flatten().unwrap_or_default();
        let resends = Resends { waits: silence.waits, gives_up_after: silence.gives_up_after };
        let held = Kept {
            until_acknowledged: kept.flatten(),
            in_silence: silence.kept,
            outlives: outlives.flatten(),
        };
        Ok(vec![resends_and_gives_up(&resends), held_until_acknowledged(held)])
    })
}

/// Plays a story about milliseconds again where it was the machine, and not the link, that took them.
fn on_time(play: impl Fn() -> Result<(Story, Duration), Trouble>) -> Result<Story, Trouble> {
    let (story, ()) = unspoiled(ATTEMPTS, || {
        let (story, late) = play()?;
        let words = || format!("this machine was {} ms late", late.as_millis());
        Ok(Played { story, seen: (), spoiled: (late > LATE).then(words) })
    })?;
    Ok(story)
}

fn join<T>(playing: ScopedJoinHandle<'_, T>) -> T {
    playing.join().expect("a story does not panic")
}
