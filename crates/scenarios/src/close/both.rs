//! Both sides close before either has heard of the other's close.

use std::process::Command;
use std::time::Duration;

use netlab::clock::Moment;
use netlab::{Lab, TcpState};

use crate::findings::{Check, Story};
use crate::played_again::{Played, unspoiled};
use crate::stage::{
    Actor, PORT, SOON, Server, Stage, Trouble, exit_in_words, sockets_in, until,
    wait_for_acknowledgement,
};

use super::scene::{Ended, Ends, WHY, Watched, is_fin, lab};

/// Each way: both FINs are under way at the same time.
const DELAY: Duration = Duration::from_millis(100);

/// How often the story is played at most.
const TRIES: usize = 5;

const CHECKS: [(&str, &str); 3] = [
    ("close-both", "the segments of the close, FINs first"),
    ("close-both-time-wait", "ends in TIME_WAIT"),
    ("close-both-exit", "exit codes of tcp-client and tcp-server"),
];

/// Plays the story.
///
/// Where a busy machine let one program go on so late that it had heard of the other's close, it is played
/// again.
pub(super) fn play(stage: &Stage) -> Result<Story, Trouble> {
    let (story, ()) = unspoiled(TRIES, || play_once(stage))?;
    Ok(story)
}

fn play_once(stage: &Stage) -> Result<Played<()>, Trouble> {
    let mut story = Story {
        name: "both".into(),
        says: "both sides close at the same moment, over a link of 100 ms each way".into(),
        belief: "one side closes, and the other answers".into(),
        explanation: vec![
            "Each FIN meets a side that has said its own already. Nothing is left that could take the ACK \
             along, so each acknowledges alone. Both were first, as far as they know, so both keep the \
             connection in TIME_WAIT; CLOSING is the state of who has seen the other's FIN before the ACK of \
             its own (RFC 9293, 3.6, case 3)."
                .into(),
        ],
        ..Story::default()
    };
    let Some(lab) = lab(stage, DELAY)? else {
        story.checks = Check::all_skipped(&CHECKS, WHY);
        return Ok(Played { story, seen: (), spoiled: None });
    };
    let mut server = server(stage, &lab)?;
    let mut client = stage.client(&lab, "client", "client", server.address, &[])?;
    let ends = Ends::of(&lab, &client, &server)?;
    client.say("hello")?;
    // What the client says comes out of the server as it is.
    let heard = server.actor.program.wait_for(SOON, |line| (line.text == "hello").then_some(()));
    heard.ok_or_else(|| Trouble::program("tcp-server", "did not write what its client said"))?;
    let port = ends.client.port();
    wait_for_acknowledgement(&lab, "client", |socket| socket.local.port() == port)?;
    let watched = Watched::begin(&lab, ends)?;
    client.close_input();
    server.actor.close_input();
    let exits = [client.exit()?, server.actor.exit()?];
    ends.wait_for_the_end(&lab)?;
    let ended = watched.end(&lab)?;

    let mut waiting = 0;
    for host in ["client", "server"] {
        waiting += sockets_in(&lab, host, TcpState::TimeWait)?;
    }
    story.set_up = vec![
        format!("server: tcp-server --mode stdio {}", server.address),
        format!("client: tcp-client {}: one line", server.address),
        "then the inputs of both end at the same moment".into(),
    ];
    let kinds: Vec<&str> =
        ended.close().iter().map(|record| if is_fin(record) { "FIN" } else { "ACK" }).collect();
    let exits = exits.map(exit_in_words);
    let [segments, time_wait, exit] = CHECKS;
    story.checks = vec![
        Check::equal(segments.0, segments.1, "FIN, FIN, ACK, ACK".to_owned(), kinds.join(", ")),
        Check::equal(time_wait.0, time_wait.1, 2, waiting),
        Check::equal(exit.0, exit.1, "0, 0".to_owned(), exits.join(", ")),
    ];
    story.tables = vec![ended.states()];
    let spoiled = apart(&ended).filter(|apart| *apart >= DELAY);
    let spoiled = spoiled.map(|apart| format!("the FINs left {} ms apart", apart.as_millis()));
    ended.put_into(&mut story, &lab);
    Ok(Played { story, seen: (), spoiled })
}

/// A server that closes when its own input ends, as its client does.
///
/// It tells what it does on standard error only, so the kernel is asked whether it listens.
fn server(stage: &Stage, lab: &Lab) -> Result<Server, Trouble> {
    let address = (lab.host("server").address(), PORT).into();
    let mut command = Command::new(stage.programs.join("tcp-server"));
    command.args(["--quiet", "--mode", "stdio"]).arg(format!("{address}"));
    let actor = Actor::start(lab, "server", "tcp-server", command)?;
    until("a server that listens", || {
        Ok((sockets_in(lab, "server", TcpState::Listen)? > 0).then_some(()))
    })?;
    Ok(Server { actor, address })
}

/// How far apart the first FINs of both sides left.
fn apart(ended: &Ended) -> Option<Duration> {
    let first = |is_clients: bool| -> Option<Moment> {
        let close = ended.close();
        let mut fins = close.iter().filter(|record| is_fin(record));
        fins.find(|record| ended.is_clients(record) == is_clients).map(|record| record.sent)
    };
    let (client, server) = (first(true)?, first(false)?);
    Some(if client < server { server.since(client) } else { client.since(server) })
}
