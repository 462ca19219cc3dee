//! Whole transfers in simulated connections: cut anywhere, resumed, with chance from a seed.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod disk;
mod hostile;
mod turns;

use bytes::{Buf as _, BytesMut};
use fastrand::Rng;
use files::limits::{BLOCK, WINDOW};
use files::{ReceiveEvent, SendEvent, SendStep};
use proto::transfer::DropWhy;

use disk::{Disk, Entry, Source, Target, Tree, file};

/// How many seeds each story is played with.
const SEEDS: u64 = 100;

/// Two sides and what is under way between them.
struct Connection {
    source: Source,
    target: Target,
    down: BytesMut,
    up: BytesMut,
    /// How many bytes have been sent by the source.
    sent: u64,
}

impl Connection {
    fn new(tree: &Tree) -> Self {
        Self {
            source: Source::new(tree, &[]),
            target: Target::new(),
            down: BytesMut::new(),
            up: BytesMut::new(),
            sent: 0,
        }
    }

    /// Lets the two sides talk, in steps that chance makes, until nothing moves any more or `cut` bytes
    /// were delivered, which is where the connection breaks. Gives whether it came to its end.
    fn run(&mut self, disk: &mut Disk, rng: &mut Rng, cut: Option<u64>) -> bool {
        let mut delivered = 0;
        loop {
            let mut moved = false;
            // A sender does not read all before it has room: as a socket's buffer would, this has an end.
            if self.down.len() < 4 * BLOCK && rng.u8(..3) > 0 {
                moved |= self.source.step(&mut self.down);
            }
            if !self.down.is_empty() && rng.u8(..3) > 0 {
                let some = rng.usize(1..=self.down.len());
                let some = match cut {
                    Some(cut) if delivered + some as u64 >= cut => {
                        let left = usize::try_from(cut - delivered).unwrap();
                        let _ = self.target.hear(&self.down[..left], disk, &mut self.up);
                        return false;
                    }
                    _ => some,
                };
                self.target.hear(&self.down[..some], disk, &mut self.up).unwrap();
                self.down.advance(some);
                delivered += some as u64;
                self.sent += some as u64;
                moved = true;
            }
            if !self.up.is_empty() && rng.bool() {
                let some = rng.usize(1..=self.up.len());
                self.source.hear(&self.up[..some]).unwrap();
                self.up.advance(some);
                moved = true;
            }
            assert!(self.source.sender.open() <= WINDOW);
            let is_idle = self.down.is_empty() && self.up.is_empty();
            if !moved && is_idle && !self.source.step(&mut self.down) && self.down.is_empty() {
                return self.source.sender.next_step() == SendStep::Done;
            }
        }
    }
}

fn bytes(rng: &mut Rng, len: usize) -> Vec<u8> {
    std::iter::repeat_with(|| rng.u8(..)).take(len).collect()
}

/// Some files and folders, among them those whose sizes lie at the edges of blocks.
fn tree(rng: &mut Rng) -> Tree {
    let mut tree = Tree::new();
    tree.insert("照片".to_owned(), Entry::Folder);
    for number in 0..rng.usize(1..=6) {
        let len = match rng.u8(..6) {
            0 => 0,
            1 => BLOCK,
            2 => 2 * BLOCK + 1,
            3 => rng.usize(..4 * BLOCK),
            _ => rng.usize(..500),
        };
        let path = if rng.bool() {
            format!("照片/海 {number}.jpg")
        } else {
            format!("{number}.tar.gz")
        };
        tree.insert(path, file(&bytes(rng, len), number.try_into().unwrap()));
    }
    tree
}

fn size(tree: &Tree) -> u64 {
    let sizes = tree.values().map(|entry| match entry {
        Entry::File { bytes, .. } => bytes.len() as u64,
        Entry::Folder => 0,
    });
    sizes.sum()
}

#[test]
fn everything_comes_over() {
    for seed in 0..SEEDS {
        let mut rng = Rng::with_seed(seed);
        let (tree, mut disk) = (tree(&mut rng), Disk::default());
        let mut connection = Connection::new(&tree);
        assert!(connection.run(&mut disk, &mut rng, None), "seed {seed}");
        assert_eq!(disk.tree, tree, "seed {seed}");
        assert!(disk.parts.is_empty(), "seed {seed}");
        assert_eq!(connection.source.sender.block_bytes(), size(&tree), "seed {seed}");
        let kept = connection.source.events.iter().filter(
            |event| matches!(event, SendEvent::Kept { path, already: false, .. } if tree.contains_key(path)),
        );
        assert_eq!(kept.count(), tree.len(), "seed {seed}");
    }
}

#[test]
fn a_connection_that_is_cut_anywhere_is_gone_on_with() {
    for seed in 0..SEEDS {
        let mut rng = Rng::with_seed(seed);
        let (tree, mut disk) = (tree(&mut rng), Disk::default());
        let (mut crossed, mut cuts) = (0, 0);
        loop {
            let cut = (cuts < 8).then(|| rng.u64(1..3 * BLOCK as u64));
            let mut connection = Connection::new(&tree);
            let is_over = connection.run(&mut disk, &mut rng, cut);
            // What had been taken before the cut; the sender may have sent a little more in vain.
            crossed += connection.target.receiver.block_bytes();
            if is_over {
                break;
            }
            cuts += 1;
        }
        assert_eq!(disk.tree, tree, "seed {seed}");
        assert!(disk.parts.is_empty(), "seed {seed}: {:?}", disk.parts.keys());
        assert_eq!(crossed, size(&tree), "seed {seed}: not a byte is taken twice");
    }
}

#[test]
fn what_is_there_is_neither_sent_again_nor_overwritten() {
    for seed in 0..SEEDS {
        let mut rng = Rng::with_seed(seed);
        let (mut tree, mut disk) = (tree(&mut rng), Disk::default());
        // One is there in full, one has the same size and other bytes, one is another file altogether.
        tree.insert("same".to_owned(), file(b"the same", 5));
        tree.insert("other".to_owned(), file(b"one text", 5));
        tree.insert("longer.tar".to_owned(), file(b"new", 5));
        disk.tree.insert("same".to_owned(), file(b"the same", 1));
        disk.tree.insert("other".to_owned(), file(b"two text", 1));
        disk.tree.insert("longer.tar".to_owned(), file(b"what was there", 5));
        for again in [false, true] {
            let mut connection = Connection::new(&tree);
            assert!(connection.run(&mut disk, &mut rng, None), "seed {seed}");
            let expected = if again { 0 } else { size(&tree) - 8 };
            assert_eq!(connection.source.sender.block_bytes(), expected, "seed {seed}");
            assert_eq!(disk.tree.len(), tree.len() + 2, "seed {seed}");
            for (path, bytes) in [
                ("same", &b"the same"[..]),
                ("other", b"two text"),
                ("other (1)", b"one text"),
                ("longer.tar", b"what was there"),
                ("longer (1).tar", b"new"),
            ] {
                let Entry::File { bytes: there, .. } = &disk.tree[path] else { panic!("{path}") };
                assert_eq!(there, bytes, "seed {seed}: {path}");
            }
        }
    }
}

#[test]
fn a_part_that_is_not_the_beginning_is_begun_anew() {
    let mut rng = Rng::with_seed(1);
    let tree = Tree::from([("a".to_owned(), file(&bytes(&mut rng, 3 * BLOCK), 1))]);
    let mut disk = Disk::default();
    assert!(!Connection::new(&tree).run(&mut disk, &mut rng, Some(2 * BLOCK as u64)));
    let part = disk.parts.values_mut().next().unwrap();
    assert!(part.len() > BLOCK / 2);
    part[17] ^= 1;
    let mut connection = Connection::new(&tree);
    assert!(connection.run(&mut disk, &mut rng, None));
    assert_eq!(disk.tree, tree);
    assert_eq!(connection.source.sender.block_bytes(), size(&tree));
}

#[test]
fn a_byte_that_is_damaged_on_the_way_is_found() {
    let mut rng = Rng::with_seed(2);
    let tree = Tree::from([
        ("a".to_owned(), file(&bytes(&mut rng, BLOCK), 1)),
        ("b".to_owned(), file(&bytes(&mut rng, BLOCK), 1)),
    ]);
    let mut disk = Disk::default();
    let mut connection = Connection::new(&tree);
    // All of it is made ready first, so that the byte can be found.
    loop {
        while connection.source.step(&mut connection.down) {}
        if connection.down.len() > BLOCK {
            break;
        }
        let down = connection.down.split();
        connection.target.hear(&down, &mut disk, &mut connection.up).unwrap();
        let up = connection.up.split();
        connection.source.hear(&up).unwrap();
    }
    connection.down[1000] ^= 1;
    assert!(connection.run(&mut disk, &mut rng, None));
    assert!(!disk.tree.contains_key("a") && disk.tree["b"] == tree["b"]);
    assert!(disk.parts.is_empty(), "nobody goes on with what is damaged");
    for event in &connection.target.events {
        assert!(matches!(event, ReceiveEvent::Dropped { file: 1, why: DropWhy::Damaged, .. }));
    }
    let dropped = &connection.source.events;
    let why = |event: &SendEvent| {
        matches!(event, SendEvent::Dropped { file: 1, why: DropWhy::Damaged, .. })
    };
    assert!(dropped.iter().any(why), "{dropped:?}");
}

#[test]
fn a_file_that_changes_is_given_up_and_the_others_go_on() {
    for seed in 0..SEEDS {
        let mut rng = Rng::with_seed(seed);
        let mut tree = tree(&mut rng);
        tree.insert("log".to_owned(), file(&bytes(&mut rng, BLOCK + 5), 3));
        let mut disk = Disk::default();
        let mut connection = Connection::new(&tree);
        connection.source = Source::new(&tree, &["log"]);
        assert!(connection.run(&mut disk, &mut rng, None), "seed {seed}");
        tree.remove("log");
        assert_eq!(disk.tree, tree, "seed {seed}");
        assert!(disk.parts.is_empty(), "seed {seed}: the part of a file that was is of no use");
    }
}

#[test]
fn a_full_disk_ends_the_file_and_not_the_transfer() {
    for seed in 0..SEEDS {
        let mut rng = Rng::with_seed(seed);
        let tree = Tree::from([
            ("large".to_owned(), file(&bytes(&mut rng, 5 * BLOCK), 1)),
            ("small".to_owned(), file(b"small", 1)),
        ]);
        let mut disk = Disk { room: Some(3 * BLOCK), ..Disk::default() };
        let mut connection = Connection::new(&tree);
        assert!(connection.run(&mut disk, &mut rng, None), "seed {seed}");
        let dropped =
            |event: &SendEvent| matches!(event, SendEvent::Dropped { why: DropWhy::NoRoom, .. });
        assert!(connection.source.events.iter().any(dropped), "seed {seed}");
        // There is room again: only what was missing comes.
        let had: usize = disk.parts.values().map(Vec::len).sum();
        assert!(had >= BLOCK, "seed {seed}: what has come is kept");
        disk.room = None;
        let mut connection = Connection::new(&tree);
        assert!(connection.run(&mut disk, &mut rng, None), "seed {seed}");
        assert_eq!(disk.tree, tree, "seed {seed}");
        let small =
            if connection.source.sender.block_bytes() == (5 * BLOCK - had) as u64 { 0 } else { 5 };
        assert_eq!(connection.source.sender.block_bytes(), (5 * BLOCK - had + small) as u64);
    }
}

#[test]
fn names_that_attack_are_refused_and_the_others_go_on() {
    let mut rng = Rng::with_seed(3);
    let mut tree = Tree::new();
    let attacks =
        ["../../x", "/etc/passwd", "a\0b", "CON", &"x".repeat(300), "a/../b", "\u{1b}[2J"];
    for path in attacks {
        tree.insert(path.to_owned(), file(b"evil", 1));
    }
    tree.insert("报告".to_owned(), file(b"good", 1));
    let mut disk = Disk::default();
    let mut connection = Connection::new(&tree);
    assert!(connection.run(&mut disk, &mut rng, None));
    assert_eq!(disk.tree.keys().collect::<Vec<_>>(), ["报告"]);
    let refused =
        |event: &&SendEvent| matches!(event, SendEvent::Dropped { why: DropWhy::NameBad, .. });
    assert_eq!(connection.source.events.iter().filter(refused).count(), attacks.len());
}
