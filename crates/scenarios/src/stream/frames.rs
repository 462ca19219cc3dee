//! Messages with their length in front: the same for any cut.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use bytes::BytesMut;
use netlab::{Lab, Rule};
use proto::frame::HEADER_LEN;
use proto::limits::MAX_FRAME_LENGTH;
use proto::{Decoder, FrameError, Header, Kind};

use crate::findings::{Check, Story, Table};
use crate::observe::{Observer, Watch, lifelines};
use crate::stage::{PORT, Stage, Trouble};

use super::pair::{connect_bare, in_words, wait_for_acknowledgement};

const MESSAGES: [&str; 3] = ["one", "two", "你好，世界"];

/// How the bytes of the three frames are handed to the kernel.
struct Split {
    id: &'static str,
    says: &'static str,
    /// Where a send ends.
    cuts: &'static [usize],
}

const SECOND: usize = HEADER_LEN + MESSAGES[0].len();

const THIRD: usize = SECOND + HEADER_LEN + MESSAGES[1].len();

const SPLITS: [Split; 3] = [
    Split { id: "frames-together", says: "all in one send", cuts: &[] },
    Split { id: "frames-apart", says: "one send for each", cuts: &[SECOND, THIRD] },
    Split {
        id: "frames-cut",
        says: "cut within a length, a header and a character",
        cuts: &[2, SECOND + 20, THIRD + HEADER_LEN + 4],
    },
];

/// Plays the story.
///
/// A bare client: ours does not cut its input where one would like.
pub(super) fn play(stage: &Stage) -> Result<Story, Trouble> {
    let lab = stage.lab(&["client", "server"])?;
    if let Some(wire) = lab.wire() {
        wire.add(Rule::delay("5 ms each way", Duration::from_millis(5)));
    }
    let args = ["--mode", "frames"];
    let server = stage.server(&lab, "server", "tcp-server", PORT, &args)?;
    let address = server.address;
    let watch = Watch::begin(&lab, address.port())?;
    let failed = || Trouble::io("talk to the server");
    let (client, port) = connect_bare(&lab, address).map_err(failed())?;
    let bytes = encode().expect("three short messages");
    let (mut rows, mut checks) = (Vec::new(), Vec::new());
    for Split { id, says, cuts } in SPLITS {
        let pieces = pieces(&bytes, cuts);
        send(&lab, &client, &pieces)?;
        let messages = receive(&client).map_err(failed())?;
        rows.push(vec![
            says.to_owned(),
            in_words(&pieces.iter().map(|piece| piece.len()).collect::<Vec<_>>()),
            messages.join(" | "),
        ]);
        let says = format!("messages that come back, {says}");
        checks.push(Check::equal(id, &says, MESSAGES.join(" | "), messages.join(" | ")));
    }
    let seen = watch.end(&lab)?;

    let mut story = Story {
        name: "frames".into(),
        says: "three messages go to tcp-server and back as frames, cut in three ways".into(),
        belief: "one must send slowly, so that messages do not run together".into(),
        set_up: vec![
            format!("server: tcp-server {} {address}", args.join(" ")),
            "client: bare socket, TCP_NODELAY; each send when the one before is acknowledged".into(),
        ],
        lifelines: lifelines(&lab, "client", "server", address.port()),
        explanation: vec![
            "A frame begins with its length, so its reader knows how much to wait for, whatever a read gives. \
             The same three messages come out of one segment, of three, and of pieces that end within a \
             length, a header and a character. proto::Decoder is that reader: it keeps what is not complete, \
             and gives a message only as a whole, so text in it is never cut."
                .into(),
        ],
        tables: vec![Table {
            says: "what was sent, and what the frames that came back say".into(),
            columns: ["cut", "bytes of each send", "messages"].map(str::to_owned).to_vec(),
            rows,
        }],
        ..Story::default()
    };
    let ways = bytes.len();
    checks.push(Check::equal(
        "frames-any",
        "of all ways to cut these bytes once, and byte by byte, those that proto reads the same",
        ways,
        ways_that_read_the_same(&bytes),
    ));
    story.checks = checks;
    let mut observer = Observer::new(&seen.records);
    observer.name(port, "client");
    seen.put_into(&mut story, &observer);
    Ok(story)
}

fn encode() -> Result<BytesMut, FrameError> {
    let mut bytes = BytesMut::new();
    for (id, message) in (1..).zip(MESSAGES) {
        let header = Header::new(Kind::Data, 1, id);
        header.encode(message.as_bytes(), MAX_FRAME_LENGTH, &mut bytes)?;
    }
    Ok(bytes)
}

fn pieces<'a>(mut bytes: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let (mut pieces, mut done) = (Vec::new(), 0);
    for cut in cuts {
        let (piece, rest) = bytes.split_at(cut - done);
        pieces.push(piece);
        (bytes, done) = (rest, *cut);
    }
    pieces.push(bytes);
    pieces
}

/// Sends each piece when the server's kernel has the one before.
fn send(lab: &Lab, mut client: &TcpStream, pieces: &[&[u8]]) -> Result<(), Trouble> {
    let failed = || Trouble::io("talk to the server");
    let port = client.local_addr().map_err(failed())?.port();
    for piece in pieces {
        client.write_all(piece).map_err(failed())?;
        wait_for_acknowledgement(lab, port)?;
    }
    Ok(())
}

/// Reads until as many messages are there as were sent.
fn receive(mut client: &TcpStream) -> io::Result<Vec<String>> {
    let (mut decoder, mut messages) = (Decoder::default(), Vec::new());
    let mut buffer = [0; 1024];
    while messages.len() < MESSAGES.len() {
        let length = client.read(&mut buffer)?;
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        decoder.push(&buffer[..length]);
        take_all(&mut decoder, &mut messages).map_err(io::Error::other)?;
    }
    Ok(messages)
}

fn take_all(decoder: &mut Decoder, messages: &mut Vec<String>) -> Result<(), FrameError> {
    while let Some(frame) = decoder.take_frame()? {
        messages.push(String::from_utf8_lossy(&frame.payload).into_owned());
    }
    Ok(())
}

/// Cuts the bytes at each place in turn, and at all of them at once, and reads the frames.
fn ways_that_read_the_same(bytes: &[u8]) -> usize {
    let once = (1..bytes.len()).map(|cut| pieces(bytes, &[cut]));
    let byte_by_byte = bytes.chunks(1).collect();
    let reads_the_same = |pieces: &Vec<&[u8]>| {
        let (mut decoder, mut messages) = (Decoder::default(), Vec::new());
        let read = pieces.iter().try_for_each(|piece| {
            decoder.push(piece);
            take_all(&mut decoder, &mut messages)
        });
        read.is_ok() && messages == MESSAGES && decoder.finish().is_ok()
    };
    once.chain([byte_by_byte]).filter(reads_the_same).count()
}
