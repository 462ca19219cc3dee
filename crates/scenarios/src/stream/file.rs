//! A file's bytes, and its text.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::str;
use std::time::Duration;

use netlab::{Lab, Rule, TcpSocket, TcpState};

use crate::claims::FileRead;
use crate::findings::{Check, Story, Table};
use crate::observe::{Observer, Watch, lifelines};
use crate::stage::{PORT, SOON, Stage, Trouble, sockets, until};

use super::decoder::{Incremental, NotText, hexadecimal};

/// The first fifty-one lines of the Thousand Character Classic, sixth century: UTF-8, three bytes a
/// character.
const POEM: &[u8] = include_bytes!("thousand_characters.txt");

/// What is asked for at a time.
const ASKED: usize = 1_024;

/// A picture of one red pixel: a file that is no text.
const PICTURE: &[u8] = include_bytes!("pixel.png");

/// Plays the story; gives back what a file was when it was read as bytes.
pub(super) fn play(stage: &Stage) -> Result<(Story, FileRead), Trouble> {
    let lab = stage.lab(&["client", "server"])?;
    if let Some(wire) = lab.wire() {
        wire.add(Rule::delay("5 ms each way", Duration::from_millis(5)));
    }
    let port = if stage.level.has_namespaces() { PORT } else { 0 };
    let address = SocketAddr::new(lab.host("server").address().into(), port);
    let failed = || Trouble::io("receive a file");
    let listener = lab.host("server").run(move || TcpListener::bind(address)).map_err(failed())?;
    let address = listener.local_addr().map_err(failed())?;
    let watch = Watch::begin(&lab, address.port())?;
    let (chunks, port) = transfer(stage, &lab, &listener, POEM)?;
    let (picture_chunks, picture_port) = transfer(stage, &lab, &listener, PICTURE)?;
    let seen = watch.end(&lab)?;

    let mut story = Story {
        name: "file".into(),
        says: "a file of Chinese text is sent, and one that is no text; recv(1024) reads both".into(),
        belief: "a file read as bytes is hexadecimal and cannot be decoded as UTF-8".into(),
        set_up: vec![
            format!("client: tcp-client {address} < thousand_characters.txt, {} bytes", POEM.len()),
            format!("        tcp-client {address} < pixel.png, {} bytes", PICTURE.len()),
            format!("server: bare sockets: recv({ASKED}) until the end"),
        ],
        lifelines: lifelines(&lab, "client", "server", address.port()),
        explanation: vec![
            "A file has bytes, numbers from 0 to 255, and so has a socket. Hexadecimal is a way to print \
             them, as decimal is; nothing is converted when a file is read or sent, and what arrives has the \
             file's length, not twice that."
                .into(),
            "A file that was written as UTF-8 decodes, as a whole. Two things do not: a chunk that ends \
             within a character, which is the reader's doing and which an incremental decoder cures, and a \
             file that was never text. For that no decoder helps and none is needed: write the bytes to a \
             file."
                .into(),
        ],
        ..Story::default()
    };
    let (text, picture) = (Decoded::of(&chunks), Decoded::of(&picture_chunks));
    story.tables = vec![
        first_bytes(&chunks.concat()),
        Table {
            says: "what decodes as UTF-8".into(),
            columns: ["file", "as a whole", "chunks of 1,024 alone", "incremental"]
                .map(str::to_owned)
                .to_vec(),
            rows: vec![text.row("the poem"), picture.row("the picture")],
        },
    ];
    story.checks = checks(&chunks, &text, &picture);
    let mut observer = Observer::new(&seen.records);
    observer.name(port, "the poem");
    observer.name(picture_port, "the picture");
    seen.put_into(&mut story, &observer);
    let received = chunks.concat();
    let read = FileRead {
        hexadecimal: Some(
            received.len() == 2 * POEM.len() && received.iter().all(u8::is_ascii_hexdigit),
        ),
        decodes: Some(str::from_utf8(&received).is_ok()),
    };
    Ok((story, read))
}

fn checks(chunks: &[Vec<u8>], text: &Decoded, picture: &Decoded) -> Vec<Check> {
    let received = chunks.concat();
    let same = if received == POEM { "the same" } else { "different" };
    // From the file, not from what arrived.
    let poem = str::from_utf8(POEM).expect("the file is UTF-8");
    let is_whole = |start: &usize| {
        poem.is_char_boundary(*start) && poem.is_char_boundary((start + ASKED).min(POEM.len()))
    };
    let whole = (0..POEM.len()).step_by(ASKED).filter(is_whole).count();
    vec![
        Check::equal("file-bytes", "bytes that arrive of the poem", POEM.len(), received.len()),
        Check::equal("file-same", "these bytes beside the file's", "the same", same),
        Check::equal(
            "file-decodes",
            "the poem, decoded as a whole",
            format!("{} characters", poem.chars().count()),
            text.whole.clone(),
        ),
        Check::equal(
            "file-chunks",
            "its chunks of 1,024 bytes that decode by themselves",
            format!("{whole} of {}", POEM.len().div_ceil(ASKED)),
            text.alone(),
        ),
        Check::equal(
            "file-incremental",
            "the same chunks through an incremental decoder",
            format!("{} characters", poem.chars().count()),
            text.incremental.clone(),
        ),
        Check::equal(
            "file-not-text",
            "a picture's bytes through an incremental decoder",
            "no text".to_owned(),
            picture.incremental.clone(),
        ),
    ]
}

/// Sends a file with our client, and receives it as it is taught: `recv(1024)` until the end.
///
/// The reads begin when everything is there, so each is as large as it may be.
fn transfer(
    stage: &Stage,
    lab: &Lab,
    listener: &TcpListener,
    file: &[u8],
) -> Result<(Vec<Vec<u8>>, u16), Trouble> {
    let failed = || Trouble::io("receive a file");
    let address = listener.local_addr().map_err(failed())?;
    let mut client = stage.client(lab, "client", "client", address, &[])?;
    let mut input = client.program.take_input().expect("its input is a pipe");
    input.write_all(file).map_err(Trouble::io("give the client its file"))?;
    drop(input);
    let (mut server, _) = listener.accept().map_err(failed())?;
    server.set_read_timeout(Some(SOON)).map_err(failed())?;
    let port = client.local_port()?;
    until("the whole file and its end", || {
        let arrived = |s: &TcpSocket| {
            s.local.port() == address.port()
                && s.remote.port() == port
                && s.state == TcpState::CloseWait
                && s.receive_queue as usize >= file.len()
        };
        Ok(sockets(lab, "server")?.iter().any(arrived).then_some(()))
    })?;
    let (mut chunks, mut buffer) = (Vec::new(), [0; ASKED]);
    loop {
        let length = server.read(&mut buffer).map_err(failed())?;
        if length == 0 {
            break;
        }
        chunks.push(buffer[..length].to_vec());
    }
    drop(server);
    client.exit()?;
    Ok((chunks, port))
}

/// What decoding made of a file.
struct Decoded {
    whole: String,
    chunks: usize,
    chunks_alone: usize,
    incremental: String,
}

impl Decoded {
    fn of(chunks: &[Vec<u8>]) -> Self {
        let characters = |text: &str| format!("{} characters", text.chars().count());
        let mut decoder = Incremental::default();
        let pieces: Result<String, NotText> = chunks.iter().map(|c| decoder.push(c)).collect();
        Self {
            whole: match str::from_utf8(&chunks.concat()) {
                Ok(text) => characters(text),
                Err(error) => format!("fails at position {}", error.valid_up_to()),
            },
            chunks: chunks.len(),
            chunks_alone: chunks.iter().filter(|chunk| str::from_utf8(chunk).is_ok()).count(),
            incremental: match pieces {
                Ok(text) if decoder.is_between_characters() => characters(&text),
                Ok(_) => "ends within a character".to_owned(),
                Err(NotText) => "no text".to_owned(),
            },
        }
    }

    fn alone(&self) -> String {
        format!("{} of {}", self.chunks_alone, self.chunks)
    }

    fn row(&self, file: &str) -> Vec<String> {
        vec![file.to_owned(), self.whole.clone(), self.alone(), self.incremental.clone()]
    }
}

/// The same bytes, printed in three ways.
fn first_bytes(file: &[u8]) -> Table {
    let few = &file[..12.min(file.len())];
    let decimal = few.iter().map(u8::to_string).collect::<Vec<_>>().join(" ");
    let rows = [
        ("hexadecimal", hexadecimal(few)),
        ("decimal", decimal),
        ("decoded as UTF-8", String::from_utf8_lossy(few).into_owned()),
    ];
    Table {
        says: "the first 12 bytes that arrived, printed in three ways".into(),
        columns: ["printed as", "the bytes"].map(str::to_owned).to_vec(),
        rows: rows.map(|(how, shown)| vec![how.to_owned(), shown]).to_vec(),
    }
}
