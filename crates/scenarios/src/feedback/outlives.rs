//! Who keeps what was sent: the program, or its kernel?

use std::time::Duration;

use netlab::{TcpSocket, TcpState};

use crate::findings::{Check, Story};
use crate::stage::{SOON, Stage, Trouble, until};

use super::scene::{Scene, WHY, lab};

const DELAY: Duration = Duration::from_millis(5);

const BYTES: usize = 1000;

const CHECKS: [(&str, &str); 3] = [
    ("outlives-kept", "bytes kept for a program that is gone, its FIN counted as one"),
    ("outlives-owner", "the file that holds them (inode)"),
    ("outlives-arrives", "bytes that arrive at the server in the end"),
];

/// Plays the story; gives back whether the data arrived though its program was gone.
pub(super) fn play(stage: &Stage) -> Result<(Story, Option<bool>), Trouble> {
    let mut story = Story {
        name: "outlives".into(),
        says: format!("{BYTES} bytes are lost, their sender is killed, then the cable is mended"),
        belief: "the program has to send again what was lost".into(),
        explanation: vec![
            "The memory is the kernel's, and so are the timer and the second try. A program that has handed \
             its data over may end, even by kill -9: its kernel sends the rest, then its FIN. It tries for a \
             shorter time than for a live program, though (tcp_orphan_retries), and nobody is told if it \
             fails."
                .into(),
        ],
        ..Story::default()
    };
    let Some(lab) = lab(stage)? else {
        story.checks = Check::all_skipped(&CHECKS, WHY);
        return Ok((story, None));
    };
    let mut scene = Scene::begin(stage, lab, DELAY, &[])?;
    scene.cut_cable();
    scene.send(BYTES)?;
    scene.wait_for_sent(1, SOON);
    scene.client.program.kill().map_err(Trouble::io("kill the client"))?;
    let left = until("the connection of a program that is gone", || {
        let is_orphan = |socket: &TcpSocket| socket.state == TcpState::FinWait1;
        Ok(scene.client_end()?.filter(is_orphan))
    })?;
    scene.mend_cable();
    let closed = scene.server.actor.expect("closed")?;
    until("the end of the connection", || {
        let is_over = |socket: &TcpSocket| socket.state == TcpState::TimeWait;
        Ok(scene.client_end()?.is_none_or(|socket| is_over(&socket)).then_some(()))
    })?;
    let played = scene.end(&mut story, &["net.ipv4.tcp_orphan_retries"])?;

    let arrived = closed["received"].as_u64().unwrap_or(0);
    let [kept, owner, arrives] = CHECKS;
    story.checks = vec![
        Check::equal(kept.0, kept.1, BYTES + 1, left.send_queue as usize),
        Check::equal(owner.0, owner.1, 0, left.inode),
        Check::equal(arrives.0, arrives.1, BYTES as u64, arrived),
    ];
    story.series = vec![played.send_queue()];
    played.put_into(&mut story);
    Ok((story, Some(arrived == BYTES as u64)))
}
