//! The sender is killed in the middle of a file, and started again.

use netlab::{Rule, TcpFlags};

use crate::findings::{Check, Story, Table};
use crate::observe::{Observer, Seen, Watch, knobs, lifelines};
use crate::stage::{Stage, Trouble, until};

use super::scene::{Scene, Stream, WHY, short_hash};

/// The file: a mebibyte, which takes a second to cross.
const NAME: &str = "录音.wav";
const SIZE: usize = 1024 * 1024;

/// The link, in bits a second: with it there is a middle to kill in. The queue before it, in bytes, has
/// room for all of the file, so that nothing is lost here.
const RATE: u64 = 8_000_000;
const QUEUE: usize = 2 * SIZE;

/// The sender is killed when so much of the file is on the receiver's disk: early, so that a busy machine has
/// most of a second to do it.
const KILL_AT: u64 = 128 * 1024;

/// The longest block of a file in one frame (`files::limits::BLOCK`).
const BLOCK: u64 = ::files::limits::BLOCK as u64;

/// What crosses beside the file's bytes, at the most.
const BESIDE: u64 = 1_024;

/// What the sender's kernel may take ahead of the wire: little, so that what is sent is not all sent at once.
const SEND_BUFFER: &str = "4096 16384 65536";

const CHECKS: [(&str, &str); 9] = [
    ("killed-end", "how the killed sender's kernel ends its connection"),
    ("killed-left", "what the kill leaves in the receiver's folder"),
    ("killed-missing", "bytes that are missing then"),
    ("killed-kept", "bytes that had crossed and are not among those kept: a block at the most"),
    ("killed-again", "bytes that cross the second time: the missing ones, and a block at the most"),
    ("killed-exit", "how the second sender ends"),
    ("killed-name", "looks in which the file's name stood for less than the file"),
    ("killed-names", "the names in the receiver's folder in the end"),
    ("killed-hash", "BLAKE3 at the receiver, beside the sender's (first digits)"),
];

/// Plays the story.
pub(super) fn play(stage: &Stage) -> Result<Story, Trouble> {
    let mut story = Story {
        name: "killed".into(),
        says: "kill -9 of the sender in the middle of a file, and the same command again".into(),
        belief: "after a break one must send all of it again, or has a half file with a whole name".into(),
        explanation: vec![
            "A killed program's kernel still sends what it had taken from it, and then a FIN, as if all were \
             well (__tcp_close, net/ipv4/tcp.c). That something is missing the receiver knows only because it \
             was told the length."
                .into(),
            "What has come stays under a name that says that it is a part. The second time the receiver \
             answers the offer with how much it has, and with the hash of that; the sender compares, and goes \
             on from there. What is lost is at most the block that was under way, because a block is written \
             when all of it is there. When the hash of the whole is right, link(2) gives the file its name, in \
             one step."
                .into(),
        ],
        ..Story::default()
    };
    let lab = stage.lab(&["client", "server"])?;
    let Some(wire) = lab.wire() else {
        story.checks = Check::all_skipped(&CHECKS, WHY);
        return Ok(story);
    };
    wire.add(Rule::rate("8 Mbit/s", RATE, QUEUE).to(lab.host("server").id()));
    stage.turn(&lab, "client", "net.ipv4.tcp_wmem", SEND_BUFFER)?;
    let scene = Scene::begin(stage, lab)?;
    let bytes = recording();
    scene.write(NAME, &bytes)?;
    let watch = Watch::begin(&scene.lab, scene.server.address.port())?;
    let mut looks = Looks::default();
    let mut first = scene.send(stage, &[NAME])?;
    let first_port = first.local_port()?;
    until("the middle of the file", || Ok((looks.look(&scene)? >= KILL_AT).then_some(())))?;
    first.program.kill().map_err(Trouble::io("kill the sender"))?;
    // What its kernel had taken still comes.
    until("the end of the first connection", || {
        looks.look(&scene)?;
        Ok((!scene.server.actor.events("closed").is_empty()).then_some(()))
    })?;
    let kept = looks.look(&scene)?;
    let left = scene.names()?;
    let mut second = scene.send(stage, &[NAME])?;
    let second_port = second.local_port()?;
    until("the end of the second sender", || {
        looks.look(&scene)?;
        Ok((!second.events("end").is_empty()).then_some(()))
    })?;
    let exit = second.exit()?;
    scene.wait_for_the_end(second_port)?;
    let seen = watch.end(&scene.lab)?;

    let server = scene.server.address;
    story.set_up = vec![
        scene.server_says(),
        format!("client: tcp-client send-file {NAME} --to {server}, {SIZE} bytes; kill -9; again"),
        format!("a link of 8 Mbit/s; {}", knobs(&scene.lab, "client", &["net.ipv4.tcp_wmem"])),
    ];
    story.lifelines = lifelines(&scene.lab, "client", "server", server.port());
    let run = Run {
        end: end_of(&seen, first_port),
        kept,
        left,
        names: scene.names()?,
        exit,
        first: crossed(&seen, first_port),
    };
    story.tables = vec![run.table(crossed(&seen, second_port), &scene)];
    story.checks = run.checks(crossed(&seen, second_port), &looks, &scene, &bytes);
    let mut observer = Observer::new(&seen.records);
    observer.name(first_port, "first");
    observer.name(second_port, "second");
    seen.put_into(&mut story, &observer);
    Ok(story)
}

/// A mebibyte in which no two blocks are alike.
fn recording() -> Vec<u8> {
    (0_u32..).flat_map(u32::to_le_bytes).take(SIZE).collect()
}

fn crossed(seen: &Seen, port: u16) -> u64 {
    Stream::of(seen, port).len() as u64
}

/// The flags with which the kernel behind this port ended its connection: `FIN`, `FIN, RST`.
fn end_of(seen: &Seen, port: u16) -> String {
    let sends = |is_it: fn(&TcpFlags) -> bool| {
        !seen.segments(|_, tcp| tcp.source_port == port && is_it(&tcp.flags)).is_empty()
    };
    let fin = sends(|flags| flags.fin).then_some("FIN");
    let rst = sends(|flags| flags.rst).then_some("RST");
    [fin, rst].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Looks into the receiver's folder while a file comes.
#[derive(Default)]
struct Looks {
    /// How often the file's own name stood for less than the file.
    too_early: usize,
}

impl Looks {
    /// Looks, and says how much of the file is there.
    fn look(&mut self, scene: &Scene) -> Result<u64, Trouble> {
        let whole = scene.length(NAME);
        self.too_early += usize::from(whole.is_some_and(|length| length < SIZE as u64));
        let names = scene.names()?;
        let part = names.iter().find(|name| ::files::naming::is_part(name));
        // Between the two looks it may have got its name.
        let part = part.and_then(|part| scene.length(part));
        Ok(whole.or(part).or_else(|| scene.length(NAME)).unwrap_or_default())
    }
}

/// What was seen.
struct Run {
    /// How the connection of the killed sender ended.
    end: String,
    /// How much of the file was there after the kill.
    kept: u64,
    /// The names in the folder then.
    left: Vec<String>,
    /// The names in the end.
    names: Vec<String>,
    /// How the second sender ended.
    exit: Option<i32>,
    /// Bytes that crossed before the kill, and after it out of its kernel.
    first: u64,
}

impl Run {
    fn checks(&self, second: u64, looks: &Looks, scene: &Scene, bytes: &[u8]) -> Vec<Check> {
        let [end, left, missing, kept, again, exit, name, names, hash] = CHECKS;
        let size = SIZE as u64;
        let is_missing = size.saturating_sub(self.kept);
        let parts = self.left.iter().filter(|name| ::files::naming::is_part(name)).count();
        let all = self.left.len();
        let in_words = |parts: usize, others: usize| format!("{parts} part, {others} other files");
        vec![
            Check::equal(end.0, end.1, "FIN".to_owned(), self.end.clone()),
            Check::equal(left.0, left.1, in_words(1, 0), in_words(parts, all - parts)),
            Check::within(missing.0, missing.1, 1..=size - KILL_AT, is_missing),
            Check::within(kept.0, kept.1, 0..=BLOCK + BESIDE, self.first.saturating_sub(self.kept)),
            Check::within(again.0, again.1, is_missing..=is_missing + BLOCK, second),
            Check::equal(exit.0, exit.1, "exit code 0".to_owned(), ended(self.exit)),
            Check::equal(name.0, name.1, 0, looks.too_early),
            Check::equal(names.0, names.1, NAME.to_owned(), self.names.join(", ")),
            Check::equal(
                hash.0,
                hash.1,
                short_hash(Some(bytes)),
                short_hash(scene.received(NAME).as_deref()),
            ),
        ]
    }

    fn table(&self, second: u64, scene: &Scene) -> Table {
        let row = |run: &str, crossed: u64, there: u64, names: &[String]| {
            vec![run.to_owned(), crossed.to_string(), there.to_string(), names.join(", ")]
        };
        let there = scene.length(NAME).unwrap_or_default();
        Table {
            says: format!(
                "a file of {SIZE} bytes: what crossed, and what is on the receiver's disk"
            ),
            columns: ["sender", "bytes that crossed", "bytes of the file there", "under the name"]
                .map(str::to_owned)
                .to_vec(),
            rows: vec![
                row("killed", self.first, self.kept, &self.left),
                row("started again", second, there, &self.names),
            ],
        }
    }
}

fn ended(exit: Option<i32>) -> String {
    exit.map_or_else(|| "goes on".to_owned(), |code| format!("exit code {code}"))
}
