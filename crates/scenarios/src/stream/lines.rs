//! The same characters, cut on the way, to a server that reads lines.

use std::io::{BufRead as _, BufReader, Write as _};
use std::time::Duration;

use netlab::Rule;

use crate::findings::{Check, Story};
use crate::observe::{Observer, Watch, lifelines};
use crate::stage::{PORT, Stage, Trouble};

use super::characters::TEXT;
use super::pair::{check_lengths, connect_bare, segment_lengths, wait_for_acknowledgement};

/// Where the text is cut: within its second character.
const CUT: usize = 4;

/// Plays the story.
///
/// A bare client: ours does not cut its input where one would like.
pub(super) fn play(stage: &Stage) -> Result<Story, Trouble> {
    let lab = stage.lab(&["client", "server"])?;
    if let Some(wire) = lab.wire() {
        wire.add(Rule::delay("5 ms each way", Duration::from_millis(5)));
    }
    let args = ["--mode", "lines"];
    let server = stage.server(&lab, "server", "tcp-server", PORT, &args)?;
    let address = server.address;
    let watch = Watch::begin(&lab, address.port())?;
    let failed = || Trouble::io("talk to the server");
    let (client, port) = connect_bare(&lab, address).map_err(failed())?;
    let mut client = BufReader::new(client);
    let (mut answer, bytes) = (String::new(), TEXT.as_bytes());
    client.get_mut().write_all(&bytes[..CUT]).map_err(failed())?;
    // Else both parts could arrive before the server looks.
    wait_for_acknowledgement(&lab, port)?;
    client.get_mut().write_all(&[&bytes[CUT..], b"\n"].concat()).map_err(failed())?;
    client.read_line(&mut answer).map_err(failed())?;
    let seen = watch.end(&lab)?;

    let mut story = Story {
        name: "lines".into(),
        says: format!("\"{TEXT}\" as a line, cut within its second character, for tcp-server"),
        belief: "what recv() gives can be decoded".into(),
        set_up: vec![
            format!("server: tcp-server {} {address}", args.join(" ")),
            "client: bare socket: send() of 4 bytes, and of the other 12 when these are acknowledged"
                .into(),
        ],
        lifelines: lifelines(&lab, "client", "server", address.port()),
        explanation: vec![
            "A line is a message that says itself where it ends. The server keeps what it has read until the \
             line feed is there, and decodes then: the cut is not seen any more. The count also shows that a \
             length in bytes is not one in characters: a limit must say which it means."
                .into(),
        ],
        ..Story::default()
    };
    story.checks = vec![
        Check::equal(
            "lines-answer",
            "what tcp-server answers",
            format!("15 bytes, 5 characters: {TEXT}"),
            answer.trim_end().to_owned(),
        ),
        check_lengths(
            &lab,
            "lines-segments",
            "lengths of the segments that the client sent",
            &[4, 12],
            &segment_lengths(&seen, port),
        ),
    ];
    let mut observer = Observer::new(&seen.records);
    observer.name(port, "client");
    seen.put_into(&mut story, &observer);
    Ok(story)
}
