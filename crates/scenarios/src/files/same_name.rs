//! Another file comes under a name that is taken, and then one that is there already.

use crate::findings::{Check, Story, Table};
use crate::observe::{Observer, Watch, lifelines};
use crate::stage::{Stage, Trouble};

use super::scene::{POEM, POEM_NAME, Scene, Sending, Stream, WHY, short_hash};

/// The name that the second file gets.
const SECOND_NAME: &str = "千字文 (1).txt";

/// What crosses of a file that is there: offer and hash, and nothing of it.
const BESIDE: usize = 1_024;

const AGAIN: (&str, &str) =
    ("same-name-again", "bytes that cross of a file that is there already: none of its own");

/// Plays the story.
pub(super) fn play(stage: &Stage) -> Result<Story, Trouble> {
    let scene = Scene::begin(stage, stage.lab(&["client", "server"])?)?;
    let port = scene.server.address.port();
    // The same length, so that nothing but the bytes tells the two apart.
    let other = POEM.replacen("天地", "地天", 1);
    let watch = Watch::begin(&scene.lab, port)?;
    scene.write(POEM_NAME, POEM.as_bytes())?;
    let first = scene.send_all(stage, &[POEM_NAME])?;
    scene.write(POEM_NAME, other.as_bytes())?;
    let second = scene.send_all(stage, &[POEM_NAME])?;
    let again = scene.send_all(stage, &[POEM_NAME])?;
    let seen = watch.end(&scene.lab)?;

    let mut story = Story {
        name: "same-name".into(),
        says: "a file is sent, then another of its name, and that one once more".into(),
        belief: "a file that comes replaces the one that has its name".into(),
        set_up: vec![
            scene.server_says(),
            format!("client: tcp-client send-file {POEM_NAME} --to {}", scene.server.address),
            "        the same command, when two characters of the file have changed places".into(),
            "        and the same command once more".into(),
        ],
        lifelines: lifelines(&scene.lab, "client", "server", port),
        explanation: vec![
            "Who sends a file should not be able to destroy one. The receiver writes over nothing: link(2) gives \
             a name only where it is free (EEXIST), and where other bytes have it, the new file gets a number. \
             The sender is told under which name it is."
                .into(),
            "Where the bytes of that name are the same, which their length and hash say, nothing has to cross. \
             So a command may be given again at any time."
                .into(),
        ],
        tables: vec![Table {
            says: "what the sender was told".into(),
            columns: ["sent", "kept as", "there already"].map(str::to_owned).to_vec(),
            rows: [("the poem", &first), ("another of its name", &second), ("that once more", &again)]
                .map(|(sent, told)| vec![sent.to_owned(), kept_as(told), already(told)])
                .to_vec(),
        }],
        ..Story::default()
    };
    story.checks = vec![
        Check::equal(
            "same-name-names",
            "the names in the receiver's folder",
            [SECOND_NAME, POEM_NAME].join(", "),
            scene.names()?.join(", "),
        ),
        Check::equal(
            "same-name-first",
            "BLAKE3 of the first file, beside what was sent first (first digits)",
            short_hash(Some(POEM.as_bytes())),
            short_hash(scene.received(POEM_NAME).as_deref()),
        ),
        Check::equal(
            "same-name-second",
            "BLAKE3 of the second one, beside what was sent then",
            short_hash(Some(other.as_bytes())),
            short_hash(scene.received(SECOND_NAME).as_deref()),
        ),
        Check::equal(
            "same-name-told",
            "the names under which the sender is told that they are kept",
            [POEM_NAME, SECOND_NAME, SECOND_NAME].join(", "),
            [&first, &second, &again].map(kept_as).join(", "),
        ),
        match scene.lab.wire() {
            Some(_) => {
                let crossed = Stream::of(&seen, again.port).len();
                Check::within(AGAIN.0, AGAIN.1, 1..=BESIDE, crossed)
            }
            None => Check::skipped(AGAIN.0, AGAIN.1, WHY),
        },
    ];
    let mut observer = Observer::new(&seen.records);
    for (sending, who) in [(&first, "first"), (&second, "second"), (&again, "again")] {
        observer.name(sending.port, who);
    }
    seen.put_into(&mut story, &observer);
    Ok(story)
}

fn kept_as(sending: &Sending) -> String {
    let kept = sending.kept.first().and_then(|kept| kept["kept_as"].as_str());
    kept.unwrap_or("not kept").to_owned()
}

fn already(sending: &Sending) -> String {
    let is_there = sending.kept.first().is_some_and(|kept| kept["already"] == true);
    if is_there { "yes" } else { "no" }.to_owned()
}
