//! A read that cuts a character.

use std::io::{Read as _, Write as _};
use std::str;
use std::time::Duration;

use netlab::Rule;

use crate::findings::{Check, Story, Table};
use crate::observe::Watch;
use crate::stage::{Stage, Trouble};

use super::decoder::{Incremental, decoded_alone, hexadecimal};
use super::pair::Pair;

/// Five characters of three bytes each.
pub(super) const TEXT: &str = "你好，世界";

/// What is asked for at a time: a character and the first byte of the next.
const ASKED: usize = 4;

/// Plays the story.
pub(super) fn play(stage: &Stage) -> Result<Story, Trouble> {
    let lab = stage.lab(&["client", "server"])?;
    if let Some(wire) = lab.wire() {
        wire.add(Rule::delay("5 ms each way", Duration::from_millis(5)));
    }
    let mut pair = Pair::connect(stage, &lab)?;
    let watch = Watch::begin(&lab, pair.address.port())?;
    let failed = || Trouble::io("talk over a bare connection");
    pair.client.write_all(TEXT.as_bytes()).map_err(failed())?;
    pair.wait_for_unread(&lab, u32::try_from(TEXT.len()).expect("15"))?;
    let (mut decoder, mut whole, mut rows) = (Incremental::default(), String::new(), Vec::new());
    let (mut first, mut alone, mut read) = (None, 0, 0);
    while read < TEXT.len() {
        let mut buffer = [0; ASKED];
        let length = pair.server.read(&mut buffer).map_err(failed())?;
        let chunk = &buffer[..length];
        if chunk.is_empty() {
            return Err(Trouble::program("the client", "closed before everything was read"));
        }
        read += length;
        let decoded = str::from_utf8(chunk);
        alone += usize::from(decoded.is_ok());
        first = first.or(Some(decoded.map(|_| ())));
        let text = decoder.push(chunk).unwrap_or_else(|_| "no text".into());
        rows.push(vec![
            (rows.len() + 1).to_string(),
            hexadecimal(chunk),
            decoded_alone(chunk),
            format!("\"{text}\""),
        ]);
        whole.push_str(&text);
    }
    let seen = watch.end(&lab)?;

    let mut story = Story {
        name: "characters".into(),
        says: format!("\"{TEXT}\" is sent, and recv(4) is called until nothing is left"),
        belief: "what recv() gives can be decoded".into(),
        set_up: vec![
            format!("bare sockets: send(\"{TEXT}\".encode()) to {}, recv({ASKED})", pair.address),
            "a character of it is three bytes of UTF-8".into(),
        ],
        explanation: vec![
            "UTF-8 gives a character one to four bytes (RFC 3629), and a read ends wherever its buffer does. \
             Four bytes are 你 and the first third of 好: no text, but no damage either. A buffer of \
             1,024 does the same, only less often, which is worse: the test passes and the long message \
             fails."
                .into(),
            "The cure keeps the incomplete bytes at the end for the next read: an incremental decoder \
             (codecs.getincrementaldecoder in Python, TextDecoder with stream: true in a browser; in Rust \
             Utf8Error::error_len() is None exactly then). Or decode only what is complete by its own \
             measure: a line, or a frame."
                .into(),
        ],
        tables: vec![Table {
            says: "each recv(4), decoded by itself, and through an incremental decoder".into(),
            columns: ["recv", "bytes", "by itself", "incremental"].map(str::to_owned).to_vec(),
            rows,
        }],
        ..Story::default()
    };
    let first = match first {
        Some(Err(error)) => {
            let kind = if error.error_len().is_none() { "cut off" } else { "invalid" };
            format!("position {}, {kind}", error.valid_up_to())
        }
        Some(Ok(())) | None => "it decodes".to_owned(),
    };
    story.checks = vec![
        Check::equal(
            "characters-first",
            "where decoding the first four bytes fails",
            "position 3, cut off".to_owned(),
            first,
        ),
        Check::equal(
            "characters-alone",
            "of four chunks, those that decode by themselves",
            1,
            alone,
        ),
        Check::equal(
            "characters-incremental",
            "what the incremental decoder makes of them",
            TEXT.to_owned(),
            whole,
        ),
        Check::equal(
            "characters-rest",
            "whether it ends between two characters",
            true,
            decoder.is_between_characters(),
        ),
    ];
    pair.put_into(&lab, seen, &mut story);
    Ok(story)
}
