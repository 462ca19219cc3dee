//! A send that takes less than it was given.

use std::io::{ErrorKind, Read as _, Write as _};
use std::time::{Duration, Instant};

use netlab::{Lab, Record, Rule};
use socket2::SockRef;

use crate::findings::{Check, Story, Table};
use crate::observe::Watch;
use crate::stage::{SOON, Stage, Trouble};

use super::pair::Pair;

/// What is offered to each send.
const OFFERED: usize = 256 * 1024;

/// The send buffer and the receive buffer; the kernel doubles both (socket(7)).
const BUFFER: usize = 8 * 1024;

/// How long one look for a closed window takes: a round trip, and a little more.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

const WINDOW: (&str, &str) =
    ("short-window", "bytes for which the receiver has room, when nobody reads for long enough");

/// Plays the story.
pub(super) fn play(stage: &Stage) -> Result<Story, Trouble> {
    let lab = stage.lab(&["client", "server"])?;
    if let Some(wire) = lab.wire() {
        wire.add(Rule::delay("5 ms each way", Duration::from_millis(5)));
    }
    let failed = || Trouble::io("talk over a bare connection");
    // Before it listens: a window that was offered is not taken back.
    let mut pair = Pair::connect_with(stage, &lab, |l| l.set_recv_buffer_size(BUFFER))?;
    SockRef::from(&pair.client).set_send_buffer_size(BUFFER).map_err(failed())?;
    let watch = Watch::begin(&lab, pair.address.port())?;
    pair.client.set_nonblocking(true).map_err(failed())?;
    let offered: Vec<u8> = (0..=u8::MAX).cycle().take(OFFERED).collect();
    let mut sends = Sends::default();
    let refused = loop {
        match pair.client.write(&offered[sends.taken..]) {
            Ok(more) => sends.took(more),
            Err(error) if error.kind() == ErrorKind::WouldBlock => break "EAGAIN".to_owned(),
            Err(error) => break error.to_string(),
        }
        if sends.taken == OFFERED {
            break "nothing: it takes all".to_owned();
        }
    };
    let first = sends.first;
    sends.returned(&refused);
    let window = fill_the_receiver(&lab, &mut pair, &offered, &mut sends)?;
    let taken = sends.taken;
    let mut arrived = vec![0; taken];
    pair.server.read_exact(&mut arrived).map_err(failed())?;
    let seen = watch.end(&lab)?;

    let mut story = Story {
        name: "short-write".into(),
        says: "a send of 256 KiB is called on a socket that must not wait".into(),
        belief: "send() sends everything that it is given".into(),
        set_up: vec![
            format!("bare sockets: send() of {OFFERED} bytes to {}", pair.address),
            format!(
                "the client's socket is non-blocking; SO_SNDBUF and SO_RCVBUF were set to {BUFFER}"
            ),
        ],
        explanation: vec![
            "send() copies into the kernel's buffer, takes what fits, and returns how much that was \
             (send(2)). What it returns must be looked at, or the end of a message is never sent: that is \
             what write_all() and sendall() are for. A blocking socket waits instead, until the peer has \
             read; either way the receiver sets the pace."
                .into(),
            "What the sender's kernel has taken it sends, until the receiver's buffer is full as well. Then each \
             acknowledgement offers a window of 0 bytes, and nothing is under way until the program there \
             has read (RFC 9293, 3.8.6)."
                .into(),
        ],
        tables: vec![Table {
            says: format!(
                "what the sends returned: {taken} bytes in all, those behind the refused one until the receiver \
                 had no room either"
            ),
            columns: ["send", "offered", "taken"].map(str::to_owned).to_vec(),
            rows: sends.rows,
        }],
        ..Story::default()
    };
    let window = if lab.wire().is_some() {
        let offered = window.map_or("none was told".to_owned(), |window| window.to_string());
        Check::equal(WINDOW.0, WINDOW.1, "0".to_owned(), offered)
    } else {
        Check::skipped(WINDOW.0, WINDOW.1, "needs a recording: level L0 or L1")
    };
    let same = if arrived == offered[..taken] { "the same" } else { "different" };
    story.checks = vec![
        Check::within(
            "short-first",
            "bytes that the first send takes of 262,144",
            1..=OFFERED - 1,
            first,
        ),
        Check::equal(
            "short-again",
            "what a later one meets, while nobody reads",
            "EAGAIN".to_owned(),
            refused,
        ),
        Check::equal(
            "short-same",
            "what arrives, beside what the sends said that they took",
            "the same",
            same,
        ),
        window,
    ];
    pair.put_into(&lab, seen, &mut story);
    Ok(story)
}

/// What each send was offered and what it returned.
#[derive(Debug, Default)]
struct Sends {
    rows: Vec<Vec<String>>,
    /// How many bytes the first one took, and all of them.
    first: usize,
    taken: usize,
}

impl Sends {
    fn took(&mut self, bytes: usize) {
        if self.rows.is_empty() {
            self.first = bytes;
        }
        self.returned(&bytes.to_string());
        self.taken += bytes;
    }

    fn returned(&mut self, what: &str) {
        let [number, offered] = [self.rows.len() + 1, OFFERED - self.taken];
        self.rows.push(vec![number.to_string(), offered.to_string(), what.to_owned()]);
    }
}

/// Sends on until the receiver's kernel offers no room, and gives the room that it offered last; none where
/// it offered none, or there is no wire to see it.
fn fill_the_receiver(
    lab: &Lab,
    pair: &mut Pair,
    offered: &[u8],
    sends: &mut Sends,
) -> Result<Option<u64>, Trouble> {
    let Some(wire) = lab.wire() else { return Ok(None) };
    let port = pair.address.port();
    let window = |record: &Record| {
        let tcp = record.packet.as_ref()?.tcp().filter(|tcp| tcp.source_port == port)?;
        (!tcp.flags.syn).then_some(u64::from(tcp.window))
    };
    let deadline = Instant::now() + SOON;
    while Instant::now() < deadline {
        match pair.client.write(&offered[sends.taken..]) {
            Ok(0) => {}
            Ok(more) => sends.took(more),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(Trouble::io("send on")(error)),
        }
        if wire.wait_for(LOOK_AGAIN, |record| window(record) == Some(0)).is_some() {
            break;
        }
    }
    Ok(wire.records().iter().filter_map(window).next_back())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_send_is_told_and_they_add_up() {
        let mut sends = Sends::default();
        sends.took(10_000);
        sends.took(3_032);
        sends.returned("EAGAIN");
        sends.took(5_792);
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        let expected = [
            row(["1", "262144", "10000"]),
            row(["2", "252144", "3032"]),
            row(["3", "249112", "EAGAIN"]),
            row(["4", "249112", "5792"]),
        ];
        assert_eq!(sends.rows, expected);
        assert_eq!((sends.first, sends.taken), (10_000, 18_824));
    }
}
