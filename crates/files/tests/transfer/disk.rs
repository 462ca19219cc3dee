//! Disks that are maps, and the two sides that use them as a caller would.

use std::collections::BTreeMap;

use bytes::BytesMut;
use files::naming::{another, part};
use files::sender::BLOCK_ROOM;
use files::{
    Hasher, Item, Offered, ReceiveEvent, ReceiveStep, Receiver, SafePath, SendEvent, SendStep,
    Sender,
};
use proto::transfer::DropWhy;
use proto::{Decoder, Ending, Message, Taken};

/// What a file or a folder is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    File { bytes: Vec<u8>, modified: i64 },
    Folder,
}

pub(crate) type Tree = BTreeMap<String, Entry>;

pub(crate) fn file(bytes: &[u8], modified: i64) -> Entry {
    Entry::File { bytes: bytes.to_vec(), modified }
}

/// The sending side with what it sends.
pub(crate) struct Source {
    pub(crate) sender: Sender,
    pub(crate) events: Vec<SendEvent>,
    tree: Vec<(String, Entry)>,
    /// The paths by the number under which they were offered.
    offered: BTreeMap<u32, usize>,
    next: usize,
    /// Which files change while they are sent.
    changing: Vec<String>,
    room: Vec<u8>,
    decoder: Decoder,
}

/// The receiving side with its disk.
pub(crate) struct Target {
    pub(crate) receiver: Receiver,
    pub(crate) events: Vec<ReceiveEvent>,
    open: BTreeMap<u32, Writing>,
    decoder: Decoder,
}

/// What lasts when a connection is gone.
#[derive(Default)]
pub(crate) struct Disk {
    pub(crate) tree: Tree,
    pub(crate) parts: BTreeMap<String, Vec<u8>>,
    /// How many bytes of files may lie here in all.
    pub(crate) room: Option<usize>,
}

struct Writing {
    offered: Offered,
    part: String,
    /// The path of a file that is there already, and may be the one that is offered.
    whole: Option<String>,
}

impl Source {
    pub(crate) fn new(tree: &Tree, changing: &[&str]) -> Self {
        Self {
            sender: Sender::default(),
            events: Vec::new(),
            tree: tree.iter().map(|(path, entry)| (path.clone(), entry.clone())).collect(),
            offered: BTreeMap::new(),
            next: 0,
            changing: changing.iter().map(ToString::to_string).collect(),
            room: vec![0; BLOCK_ROOM],
            decoder: Decoder::default(),
        }
    }

    /// Does one thing; gives what is to be sent, and whether there was anything to do.
    pub(crate) fn step(&mut self, out: &mut BytesMut) -> bool {
        out.unsplit(self.sender.take_output());
        match self.sender.next_step() {
            SendStep::Offer => match self.tree.get(self.next) {
                Some((path, entry)) => {
                    let (size, modified, folder) = match entry {
                        Entry::File { bytes, modified } => {
                            (bytes.len() as u64, Some(*modified), false)
                        }
                        Entry::Folder => (0, None, true),
                    };
                    let item = Item { path: path.clone(), size, modified, folder };
                    let number = self.sender.offer(item);
                    self.offered.insert(number, self.next);
                    self.next += 1;
                }
                None => self.sender.no_more(),
            },
            SendStep::Verify { file, len } => {
                let mut hasher = Hasher::default();
                hasher.update(&self.bytes(file)[..usize::try_from(len).unwrap()]);
                self.sender.verified(file, hasher);
            }
            SendStep::Block { file, at, .. } => {
                let bytes = self.bytes(file).to_vec();
                let at = usize::try_from(at).unwrap();
                let read = |into: &mut [u8]| -> Result<(), ()> {
                    into.copy_from_slice(&bytes[at..at + into.len()]);
                    Ok(())
                };
                let len = self.sender.block(&mut self.room, read).unwrap();
                out.extend_from_slice(&self.room[..len]);
            }
            SendStep::Confirm { file } => {
                let path = &self.tree[self.offered[&file]].0;
                if self.changing.contains(path) {
                    self.sender.give_up(file, DropWhy::Changed, "it changed while it was sent");
                } else {
                    self.sender.confirmed(file);
                }
            }
            SendStep::Wait | SendStep::Done => return false,
        }
        out.unsplit(self.sender.take_output());
        true
    }

    pub(crate) fn hear(&mut self, bytes: &[u8]) -> Result<(), Ending> {
        self.decoder.push(bytes);
        while let Some(frame) = self.decoder.take_frame()? {
            let event = self.sender.handle(Message::from_frame(&frame)?)?;
            self.events.extend(event);
        }
        Ok(())
    }

    fn bytes(&self, file: u32) -> &[u8] {
        match &self.tree[self.offered[&file]].1 {
            Entry::File { bytes, .. } => bytes,
            Entry::Folder => &[],
        }
    }
}

impl Target {
    pub(crate) fn new() -> Self {
        Self {
            receiver: Receiver::default(),
            events: Vec::new(),
            open: BTreeMap::new(),
            decoder: Decoder::default(),
        }
    }

    /// Takes what has come, and does all that there is to do. Gives what is to be sent.
    pub(crate) fn hear(
        &mut self,
        bytes: &[u8],
        disk: &mut Disk,
        out: &mut BytesMut,
    ) -> Result<(), Ending> {
        self.decoder.push(bytes);
        loop {
            let event = match self.decoder.take()? {
                None => break,
                Some(Taken::Run(run)) => {
                    let open = &mut self.open;
                    self.receiver.data(&run, |block| {
                        let writing = open.get_mut(&block.file).unwrap();
                        if block.restart {
                            writing.whole = None;
                            disk.parts.insert(writing.part.clone(), Vec::new());
                        }
                        let full = "no space left on device".to_owned();
                        if disk.room.is_some_and(|room| disk.used() + block.bytes.len() > room) {
                            return Err((DropWhy::NoRoom, full));
                        }
                        let part = disk.parts.get_mut(&writing.part).unwrap();
                        assert_eq!(part.len() as u64, block.at);
                        part.extend_from_slice(block.bytes);
                        Ok(())
                    })?
                }
                Some(Taken::Control(frame)) => {
                    self.receiver.handle(Message::from_frame(&frame)?)?
                }
            };
            self.events.extend(event);
            while self.step(disk) {}
        }
        out.unsplit(self.receiver.take_output());
        Ok(())
    }

    fn step(&mut self, disk: &mut Disk) -> bool {
        match self.receiver.next_step() {
            ReceiveStep::Look(offered) => self.look(offered, disk),
            ReceiveStep::Commit { file } => {
                let Writing { offered, part, whole } = self.open.remove(&file).unwrap();
                if let Some(whole) = whole {
                    self.receiver.kept(file, &SafePath::new(&whole).unwrap(), true);
                    return true;
                }
                let bytes = disk.parts.remove(&part).unwrap();
                let path = disk.free(&offered.path);
                let modified = offered.modified.unwrap();
                disk.tree.insert(path.to_string(), Entry::File { bytes, modified });
                self.receiver.kept(file, &path, false);
            }
            ReceiveStep::Close { file, keep } => {
                let writing = self.open.remove(&file);
                if let Some(writing) = writing.filter(|_| !keep) {
                    disk.parts.remove(&writing.part);
                }
            }
            ReceiveStep::Wait | ReceiveStep::Done => return false,
        }
        true
    }

    fn look(&mut self, offered: Offered, disk: &mut Disk) {
        let (file, path) = (offered.file, offered.path.clone());
        if offered.folder {
            let was = disk.tree.insert(path.to_string(), Entry::Folder);
            self.receiver.kept(file, &path, was.is_some());
            return;
        }
        let part = part(path.as_str(), offered.size, offered.modified, 1);
        let whole = disk.same_size(&offered);
        let (len, hasher) = match &whole {
            Some((_, bytes)) => hashed(bytes),
            None => hashed(disk.parts.entry(part.clone()).or_default()),
        };
        let whole = whole.map(|(path, _)| path);
        self.open.insert(file, Writing { offered, part, whole });
        self.receiver.found(file, len, hasher);
    }
}

impl Disk {
    fn used(&self) -> usize {
        let whole = self.tree.values().map(|entry| match entry {
            Entry::File { bytes, .. } => bytes.len(),
            Entry::Folder => 0,
        });
        whole.sum::<usize>() + self.parts.values().map(Vec::len).sum::<usize>()
    }

    /// The path, or the first one with a number that nothing is under.
    fn free(&self, path: &SafePath) -> SafePath {
        let copies = (1..).map(|number| path.with_name(&another(path.name(), number)));
        let mut paths = std::iter::once(path.clone()).chain(copies);
        paths.find(|path| !self.tree.contains_key(path.as_str())).unwrap()
    }

    /// A file under the path, or under one with a number, that may be the one that is offered.
    fn same_size(&self, offered: &Offered) -> Option<(String, Vec<u8>)> {
        let path = &offered.path;
        let copies = (1..4).map(|number| path.with_name(&another(path.name(), number)));
        let there = std::iter::once(path.clone()).chain(copies).filter_map(|path| {
            match self.tree.get(path.as_str())? {
                Entry::File { bytes, modified } if bytes.len() as u64 == offered.size => {
                    Some((path.to_string(), bytes.clone(), *modified))
                }
                _ => None,
            }
        });
        let there: Vec<_> = there.collect();
        let same = there.iter().find(|(_, _, modified)| Some(*modified) == offered.modified);
        same.or(there.first()).map(|(path, bytes, _)| (path.clone(), bytes.clone()))
    }
}

fn hashed(bytes: &[u8]) -> (u64, Hasher) {
    let mut hasher = Hasher::default();
    hasher.update(bytes);
    (bytes.len() as u64, hasher)
}
