//! Three files cross: text, bytes that are no text, and text in another encoding.

use ::files::Hash;

use crate::claims::{Arrived, HexCure, hex};
use crate::findings::{Check, Story, Table};
use crate::observe::{Observer, Seen, Watch, lifelines};
use crate::stage::{Stage, Trouble};

use super::scene::{POEM, POEM_NAME, Scene, Sending, Stream, WHY, short_hash};

/// As long a name as the poem's, in bytes, so that what crosses can be compared.
const BYTES_NAME: &str = "any-bytes.bin";
const UTF16_NAME: &str = "千字文-utf16.txt";

/// What may cross beside a file's own bytes: the two sides' greeting, the offer with name and size, a header
/// for each block, and the hash (docs/protocol.md, Files).
const BESIDE: usize = 1_024;

/// By how much that may differ: the first message has a number of chance, whose digits are not always as
/// many.
const DIGITS: i64 = 4;

/// One file of the story.
struct File {
    name: &'static str,
    /// What it is called in the ladder.
    who: &'static str,
    sent: Vec<u8>,
    text: Option<&'static str>,
    arrived: Vec<u8>,
    sending: Sending,
}

/// Plays the story; gives back what `.hex()` would have done for the files that do not decode.
pub(super) fn play(stage: &Stage) -> Result<(Story, HexCure), Trouble> {
    let scene = Scene::begin(stage, stage.lab(&["client", "server"])?)?;
    let port = scene.server.address.port();
    let watch = Watch::begin(&scene.lab, port)?;
    let files = [
        send(stage, &scene, (POEM_NAME, "UTF-8"), POEM.as_bytes().to_vec(), Some(POEM))?,
        send(stage, &scene, (BYTES_NAME, "bytes"), any_bytes(POEM.len()), None)?,
        send(stage, &scene, (UTF16_NAME, "UTF-16"), utf16(POEM), Some(POEM))?,
    ];
    let seen = watch.end(&scene.lab)?;

    let mut story = Story {
        name: "crosses".into(),
        says: "a poem, as many bytes that are no text, and the poem as UTF-16 are sent as files".into(),
        belief: "a received file that cannot be decoded is mended by .hex()".into(),
        set_up: vec![scene.server_says()],
        lifelines: lifelines(&scene.lab, "client", "server", port),
        explanation: vec![
            "What crosses is a greeting, the file's name and length, its bytes as they are in the file, and at \
             the end their hash. The socket knows nothing of characters: the poem and as many bytes of any \
             value take the same way, and the same room."
                .into(),
            "Two of the files do not decode as UTF-8, and nothing is wrong with them: each is byte for byte what \
             was sent. One is no text, and needs no decoding; the other is text in UTF-16, and decodes as \
             that. bytes.hex() raises no error for either, because it asks nothing of the bytes; what it gives \
             is another file, twice as long. Write what arrives to a file as it is, in binary mode."
                .into(),
        ],
        tables: vec![what_arrived(&files)],
        ..Story::default()
    };
    for file in &files {
        story.set_up.push(format!(
            "client: tcp-client send-file {} --to {}, {} bytes",
            file.name,
            scene.server.address,
            file.sent.len()
        ));
    }
    let arrived = files.each_ref().map(|file| Arrived {
        sent: &file.sent,
        arrived: &file.arrived,
        text: file.text,
    });
    let cure = HexCure::of(&arrived);
    story.checks = checks_of_disks(&scene, &files)?;
    story.checks.extend(checks_of_hex(&files, &cure));
    story.checks.extend(match scene.lab.wire() {
        Some(_) => checks_of_wire(&seen, &files),
        None => Check::all_skipped(&WIRE, WHY),
    });
    let mut observer = Observer::new(&seen.records);
    for file in &files {
        observer.name(file.sending.port, file.who);
    }
    seen.put_into(&mut story, &observer);
    Ok((story, cure))
}

fn send(
    stage: &Stage,
    scene: &Scene,
    (name, who): (&'static str, &'static str),
    sent: Vec<u8>,
    text: Option<&'static str>,
) -> Result<File, Trouble> {
    scene.write(name, &sent)?;
    let sending = scene.send_all(stage, &[name])?;
    let arrived = scene.received(name).unwrap_or_default();
    Ok(File { name, who, sent, text, arrived, sending })
}

/// So many bytes, of every value, from the greatest down: none of the first 128 begins a character.
fn any_bytes(length: usize) -> Vec<u8> {
    (0..=u8::MAX).rev().cycle().take(length).collect()
}

/// A text as UTF-16 in little-endian order, with the mark of that in front, as Windows writes it.
fn utf16(text: &str) -> Vec<u8> {
    "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
}

/// What is UTF-16 in little-endian order, with its mark, decoded.
fn from_utf16(bytes: &[u8]) -> Option<String> {
    let units: Vec<u16> =
        bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    let text = String::from_utf16(&units).ok()?;
    Some(text.strip_prefix('\u{feff}')?.to_owned())
}

fn checks_of_disks(scene: &Scene, files: &[File; 3]) -> Result<Vec<Check>, Trouble> {
    let mut names = files.each_ref().map(|file| file.name);
    names.sort_unstable();
    let hashes = |bytes: fn(&File) -> &[u8]| {
        files.each_ref().map(|file| short_hash(Some(bytes(file)))).join(", ")
    };
    let exits = files.iter().filter(|file| file.sending.exit == Some(0)).count();
    Ok(vec![
        Check::equal("crosses-sent", "of three senders, those that end with exit code 0", 3, exits),
        Check::equal(
            "crosses-names",
            "the names in the receiver's folder",
            names.join(", "),
            scene.names()?.join(", "),
        ),
        Check::equal(
            "crosses-hash",
            "BLAKE3 of each file at the receiver, beside the sender's (first digits)",
            hashes(|file| &file.sent),
            hashes(|file| &file.arrived),
        ),
    ])
}

fn checks_of_hex(files: &[File; 3], cure: &HexCure) -> Vec<Check> {
    let [.., other] = files;
    let characters = |text: &str| format!("{} characters", text.chars().count());
    let decoded = from_utf16(&other.arrived);
    vec![
        Check::equal(
            "crosses-undecodable",
            "of the three, those that do not decode as UTF-8",
            2,
            cure.undecodable,
        ),
        Check::equal(
            "crosses-damaged",
            "of these, those that are not byte for byte what was sent",
            0,
            cure.damaged,
        ),
        Check::equal(
            "crosses-hex-file",
            "of these, those that .hex() turns into the file that was sent",
            0,
            cure.gives_file,
        ),
        Check::equal(
            "crosses-hex-text",
            "texts among them that .hex() shows",
            format!("0 of {}", 1),
            format!("{} of {}", cure.gives_text, cure.texts),
        ),
        Check::equal(
            "crosses-utf16",
            "the text of UTF-16, decoded as that",
            characters(POEM),
            decoded.as_deref().map_or_else(|| "no text".to_owned(), characters),
        ),
    ]
}

const WIRE: [(&str, &str); 4] = [
    ("crosses-as-it-is", "of three files, those whose bytes are on the wire as in the file"),
    ("crosses-beside", "bytes that crossed beside the file's own, the most of the three"),
    ("crosses-alike", "bytes that crossed for the poem, less those for as many of any value"),
    ("crosses-hash-told", "of three files, those whose BLAKE3 crossed behind them"),
];

fn checks_of_wire(seen: &Seen, files: &[File; 3]) -> Vec<Check> {
    let streams = files.each_ref().map(|file| Stream::of(seen, file.sending.port));
    let with_files = || files.iter().zip(&streams);
    let as_it_is = with_files().filter(|(file, stream)| stream.has(&file.sent)).count();
    let told = |(file, stream): &(&File, &Stream)| {
        stream.has(Hash::of(&file.arrived).to_string().as_bytes())
    };
    let told = with_files().filter(told).count();
    let signed = |length: usize| i64::try_from(length).expect("some thousand bytes");
    let beside = with_files().map(|(file, stream)| signed(stream.len()) - signed(file.sent.len()));
    let alike = signed(streams[0].len()) - signed(streams[1].len());
    let [is, most, same, hash] = WIRE;
    vec![
        Check::equal(is.0, is.1, 3, as_it_is),
        Check::within(most.0, most.1, 1..=signed(BESIDE), beside.max().unwrap_or_default()),
        Check::within(same.0, same.1, -DIGITS..=DIGITS, alike),
        Check::equal(hash.0, hash.1, 3, told),
    ]
}

fn what_arrived(files: &[File; 3]) -> Table {
    let row = |file: &File| {
        let decodes = match std::str::from_utf8(&file.arrived) {
            Ok(text) => format!("{} characters", text.chars().count()),
            Err(error) => format!("fails at position {}", error.valid_up_to()),
        };
        vec![
            file.name.to_owned(),
            file.arrived.len().to_string(),
            short_hash(Some(&file.arrived)),
            decodes,
            hex(&file.arrived).len().to_string(),
        ]
    };
    Table {
        says: "what is in the receiver's folder, and what .hex() would make of it".into(),
        columns: ["file", "bytes", "BLAKE3 begins", "decoded as UTF-8", "bytes of .hex()"]
            .map(str::to_owned)
            .to_vec(),
        rows: files.iter().map(row).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_is_none_and_utf16_is_read_again() {
        assert!(std::str::from_utf8(&any_bytes(10)).is_err());
        assert_eq!(utf16("你"), [0xff, 0xfe, 0x60, 0x4f]);
        assert_eq!(from_utf16(&utf16(POEM)).as_deref(), Some(POEM));
        assert_eq!(from_utf16(POEM.as_bytes()), None);
    }
}
