//! One send of 3,000 bytes, and what `recv(1024)` does with what is beyond 1,024.

use std::io::{Read as _, Write as _};
use std::mem::MaybeUninit;
use std::time::Duration;

use netlab::{Lab, Rule};
use socket2::SockRef;

use crate::findings::{Check, Story, Table};
use crate::observe::Watch;
use crate::stage::{Stage, Trouble};

use super::pair::{Pair, check_lengths, in_words, segment_lengths};

/// What is sent at once.
const SENT: usize = 3_000;

/// What is asked for at a time.
const ASKED: usize = 1_024;

/// Plays the story; gives back whether what the first read left behind was lost.
pub(super) fn play(stage: &Stage) -> Result<(Story, bool), Trouble> {
    let lab = stage.lab(&["client", "server"])?;
    if let Some(wire) = lab.wire() {
        wire.add(Rule::delay("5 ms each way", Duration::from_millis(5)));
    }
    let mut pair = Pair::connect(stage, &lab)?;
    let watch = Watch::begin(&lab, pair.address.port())?;
    let sent: Vec<u8> = (0..=u8::MAX).cycle().take(SENT).collect();
    let reads = send_and_read(&mut pair, &lab, &sent, |_| Take::Read)?;
    // The one way to have what the claim says: to ask for it.
    let middle = |read| if read == 1 { Take::Discard } else { Take::Read };
    let discarded = send_and_read(&mut pair, &lab, &sent, middle)?;
    let seen = watch.end(&lab)?;

    let mut story = Story {
        name: "chunks".into(),
        says: "3,000 bytes are sent at once, and recv(1024) is called until nothing is left".into(),
        belief: "recv(1024) throws away what is beyond 1024 bytes".into(),
        set_up: vec![
            format!("bare sockets: send() of {SENT} bytes to {}, recv({ASKED})", pair.address),
            "and once more with MSG_TRUNC at the second recv".into(),
        ],
        explanation: vec![
            "The number given to recv() is how much of the caller's memory may be filled. The rest stays in \
             the kernel, in order, and the next call gets it; while it lies there the receiver's window is \
             smaller, so a reader that never comes back stops the sender and loses nothing."
                .into(),
            "On Linux a TCP receiver can have bytes thrown away, if it asks: MSG_TRUNC takes them from the \
             queue without copying them (tcp(7)). For datagrams it is otherwise: there the rest of the \
             message is gone."
                .into(),
        ],
        ..Story::default()
    };
    story.tables = vec![Table {
        says: "what each recv(1024) got, and what lay in the kernel after it".into(),
        columns: ["recv", "bytes it got", "bytes unread (Recv-Q)"].map(str::to_owned).to_vec(),
        rows: reads
            .iter()
            .enumerate()
            .map(|(number, read)| {
                [number + 1, read.got, read.unread].iter().map(usize::to_string).collect()
            })
            .collect(),
    }];
    let sizes = |reads: &[ReadOnce]| reads.iter().map(|read| read.got).collect::<Vec<_>>();
    let data = |reads: &[ReadOnce]| reads.iter().flat_map(|r| r.data.clone()).collect::<Vec<u8>>();
    let total = data(&reads).len();
    let same = |a: &[u8], b: &[u8]| if a == b { "the same" } else { "different" };
    let kept = [&sent[..ASKED], &sent[2 * ASKED..]].concat();
    let lengths = segment_lengths(&seen, pair.port);
    story.checks = vec![
        Check::equal(
            "chunks-reads",
            "what each recv gets",
            "1024, 1024, 952".to_owned(),
            in_words(&sizes(&reads)),
        ),
        Check::equal("chunks-total", "bytes that all of them get", SENT, total),
        Check::equal(
            "chunks-same",
            "these bytes beside those that were sent",
            "the same",
            same(&data(&reads), &sent),
        ),
        Check::equal(
            "chunks-discarded",
            "bytes that arrive where the second recv asks to discard (MSG_TRUNC)",
            kept.len(),
            data(&discarded).len(),
        ),
        Check::equal(
            "chunks-discarded-same",
            "these bytes beside the first 1,024 and the last 952",
            "the same",
            same(&data(&discarded), &kept),
        ),
        // 1,500 less 20 of IP, 20 of TCP and 12 of time stamps.
        check_lengths(
            &lab,
            "chunks-segments",
            "lengths of the segments that carried them",
            &[1448, 1448, 104],
            &lengths[..lengths.len().min(3)],
        ),
    ];
    pair.put_into(&lab, seen, &mut story);
    Ok((story, total < SENT))
}

/// How a read takes what is there.
#[derive(Clone, Copy)]
enum Take {
    Read,
    /// With `MSG_TRUNC`.
    Discard,
}

/// What one read got.
struct ReadOnce {
    /// What the call returned.
    got: usize,
    /// The bytes that reached the program.
    data: Vec<u8>,
    /// What lay in the kernel after it.
    unread: usize,
}

/// Sends, waits until everything has arrived, and reads until nothing is left.
fn send_and_read(
    pair: &mut Pair,
    lab: &Lab,
    sent: &[u8],
    how: impl Fn(usize) -> Take,
) -> Result<Vec<ReadOnce>, Trouble> {
    let failed = || Trouble::io("talk over a bare connection");
    pair.client.write_all(sent).map_err(failed())?;
    pair.wait_for_unread(lab, u32::try_from(sent.len()).expect("3,000"))?;
    let mut reads = Vec::new();
    while reads.last().is_none_or(|last: &ReadOnce| last.unread > 0) {
        let (got, data) = match how(reads.len()) {
            Take::Read => {
                let mut buffer = [0; ASKED];
                let got = pair.server.read(&mut buffer).map_err(failed())?;
                (got, buffer[..got].to_vec())
            }
            Take::Discard => {
                let mut buffer = [MaybeUninit::uninit(); ASKED];
                let got = SockRef::from(&pair.server)
                    .recv_with_flags(&mut buffer, nix::libc::MSG_TRUNC)
                    .map_err(failed())?;
                (got, Vec::new())
            }
        };
        let unread = pair.unread(lab)? as usize;
        reads.push(ReadOnce { got, data, unread });
    }
    Ok(reads)
}
