//! Receiving from a wire.

use std::collections::{BTreeMap, HashSet};
use std::mem;
use std::os::unix::fs::FileExt as _;
use std::thread;

use files::limits::MAX_FILES;
use files::{Hasher, Offered, ReceiveEvent, ReceiveStep, Receiver, SafePath};
use proto::transfer::DropWhy;
use proto::{Ending, Message, Taken};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep};

use crate::folder::{Folder, Found, IfTaken};
use crate::incoming::Incoming;
use crate::limits::{BUSY, HASHED_AT_ONCE, LET_GO, LET_GO_POLL, SYNCED_AT_ONCE};
use crate::told::{Broken, Told, Watch};
use crate::trouble::Trouble;
use crate::wire::{Until, Wire};

/// What has been received: it outlives a connection that breaks.
#[derive(Debug, Default)]
pub struct Receiving {
    /// Whether what is there is remembered for the next connection.
    remembers: bool,
    /// The keys of what came over earlier connections: it is not looked at again. A key rather than a
    /// path, because a stranger chooses how long a path is.
    before: HashSet<[u8; 32]>,
    /// The same of this connection, in which two files may have the same key.
    now: Vec<[u8; 32]>,
    /// What was asked for; none is everything.
    asked: Vec<String>,
    /// The keys of what the sender has said to be missing: it says so again in the next connection.
    missing: HashSet<[u8; 32]>,
}

impl Receiving {
    /// For a client, which asks the same server again where a connection breaks.
    pub fn remembering() -> Self {
        Self { remembers: true, ..Self::default() }
    }

    /// Takes nothing but what is at these paths and below them; none is everything.
    pub fn asking(self, paths: Vec<String>) -> Self {
        Self { asked: paths, ..self }
    }

    /// What was asked for.
    pub fn asked(&self) -> &[String] {
        &self.asked
    }

    fn begin(&mut self) {
        self.before.extend(self.now.drain(..));
    }

    fn has(&self, offered: &Offered) -> bool {
        !self.before.is_empty() && self.before.contains(&key(offered))
    }

    /// Whether this was not said before to be missing.
    fn is_news(&mut self, path: &str, reason: &str) -> bool {
        if !self.remembers || self.missing.len() >= MAX_FILES as usize {
            return true;
        }
        let mut hasher = Hasher::default();
        for text in [path, "\0", reason] {
            hasher.update(text.as_bytes());
        }
        self.missing.insert(*hasher.hash().as_bytes())
    }

    fn keep(&mut self, offered: &Offered) {
        if self.remembers {
            self.now.push(key(offered));
        }
    }
}

/// What tells one thing that is offered from others.
fn key(offered: &Offered) -> [u8; 32] {
    let mut hasher = Hasher::default();
    hasher.update(&offered.size.to_be_bytes());
    hasher.update(&offered.modified.unwrap_or(i64::MIN).to_be_bytes());
    hasher.update(&[u8::from(offered.folder)]);
    hasher.update(offered.path.as_str().as_bytes());
    *hasher.hash().as_bytes()
}

/// Receives what is offered into `folder`, until all is over.
pub async fn receive<S: AsyncRead + AsyncWrite + Unpin>(
    wire: &mut Wire<S>,
    folder: &Folder,
    receiving: &mut Receiving,
    watch: &mut impl Watch,
) -> Result<(), Broken> {
    receiving.begin();
    let receiver = Receiver::asking(&receiving.asked);
    let (open, complete, later, has_closed) = (BTreeMap::new(), Vec::new(), Vec::new(), false);
    Drive { wire, folder, receiving, watch, receiver, open, complete, later, has_closed }
        .run()
        .await
}

struct Drive<'a, S, W> {
    wire: &'a mut Wire<S>,
    folder: &'a Folder,
    receiving: &'a mut Receiving,
    watch: &'a mut W,
    receiver: Receiver,
    open: BTreeMap<u32, Incoming>,
    /// The numbers of those that are complete, and have no name yet.
    complete: Vec<u32>,
    /// What is looked at when a file that is open has been closed; nothing where none is open.
    later: Vec<Offered>,
    has_closed: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin, W: Watch> Drive<'_, S, W> {
    async fn run(mut self) -> Result<(), Broken> {
        loop {
            while !self.wire.is_full() && self.hear()? {
                while self.step().await? {}
                self.wire.queue(self.receiver.take_output());
            }
            // All that has come is seen: what of it is complete goes to the disk together.
            self.commit_complete().await;
            if mem::take(&mut self.has_closed) {
                for offered in mem::take(&mut self.later) {
                    self.look(offered).await?;
                }
            }
            self.wire.queue(self.receiver.take_output());
            if self.receiver.next_step() == ReceiveStep::Done {
                self.wire.flush().await?;
                self.tell_unanswered();
                return Ok(());
            }
            let until = if self.wire.is_full() { Until::Room } else { Until::Read };
            self.wire.moved(until).await?;
        }
    }

    /// Takes the next thing that has come; false where more bytes are needed.
    fn hear(&mut self) -> Result<bool, Broken> {
        let Self { wire, watch, receiver, open, .. } = self;
        let event = match wire.take()? {
            None => return Ok(false),
            Some(Taken::Run(run)) => receiver.data(&run, |block| {
                let Some(incoming) = open.get_mut(&block.file) else { return Ok(()) };
                let path = incoming.offered().path.clone();
                let path = path.as_str();
                if block.restart {
                    watch.told(Told::Anew { path, from: incoming.len() });
                }
                let written = incoming.write(&block);
                written.map_err(|trouble| (trouble.why, trouble.reason))?;
                watch.told(Told::Block { path, bytes: block.bytes.len() as u64 });
                Ok(())
            })?,
            Some(Taken::Control(frame)) => {
                match Message::from_frame(&frame).map_err(Ending::from)? {
                    Message::Goodbye(goodbye) => return Err(goodbye.into()),
                    Message::Refused(refused) => return Err(Broken::refused(refused)),
                    message => receiver.handle(message)?,
                }
            }
        };
        match event {
            Some(ReceiveEvent::Batch(batch)) => {
                self.watch.told(Told::Batch { files: batch.files, bytes: batch.bytes });
            }
            Some(ReceiveEvent::Hashed { bytes }) => self.wire.hashed(bytes),
            Some(ReceiveEvent::Dropped { file, path, why, reason }) => {
                let size = self.open.get(&file).map_or(0, |incoming| incoming.offered().size);
                self.dropped(&path, size, &Trouble::new(why, reason));
            }
            Some(ReceiveEvent::Missing { path, why, reason })
                if self.receiving.is_news(&path, &reason) =>
            {
                self.dropped(&path, 0, &Trouble::new(why, reason));
            }
            _ => {}
        }
        Ok(true)
    }

    /// What was asked for and nothing was said of has not come, whatever the sender takes for the end.
    fn tell_unanswered(&mut self) {
        let Self { receiver, watch, .. } = self;
        for path in receiver.unanswered() {
            let (why, reason) = (DropWhy::NoSuchFile, "nothing of it was offered");
            watch.told(Told::Dropped { path, size: 0, why, reason });
        }
    }

    /// Does the next thing that is to be done; false where there is none.
    async fn step(&mut self) -> Result<bool, Broken> {
        match self.receiver.next_step() {
            ReceiveStep::Look(offered) => self.look(offered).await?,
            ReceiveStep::Commit { file } => self.complete.push(file),
            ReceiveStep::Close { file, keep } => {
                self.later.retain(|offered| offered.file != file);
                if let Some(incoming) = self.open.remove(&file) {
                    incoming.close(keep);
                    self.has_closed = true;
                }
            }
            ReceiveStep::Wait | ReceiveStep::Done => return Ok(false),
        }
        Ok(true)
    }

    async fn look(&mut self, offered: Offered) -> Result<(), Broken> {
        let Offered { file, path, size, .. } = &offered;
        if self.receiving.has(&offered) {
            // It was told of when it came.
            let (shown, size) = (path.as_str(), *size);
            self.watch.told(Told::Begun { path: shown, size, from: size });
            self.receiver.kept(*file, path, true);
            return Ok(());
        }
        // Its part is open here, for another file of this connection: so it comes after that.
        let is_like = |it: &Offered| {
            (&it.path, it.size, it.modified) == (path, *size, offered.modified) && !offered.folder
        };
        if self.open.values().any(|incoming| is_like(incoming.offered())) {
            self.later.push(offered);
            return Ok(());
        }
        match self.found(&offered).await {
            Ok(Found::Taken) => {
                let trouble = Trouble::new(DropWhy::InTheWay, "it is being received already");
                self.give_up(&offered, &trouble);
            }
            Ok(Found::Folder { already }) => self.kept(&offered, path, already),
            Ok(Found::File(incoming)) => {
                let hashed = self.hash(&incoming).await?;
                match hashed {
                    Ok(hasher) => {
                        let (path, size, from) = (path.as_str(), *size, incoming.len());
                        self.watch.told(Told::Begun { path, size, from });
                        self.receiver.found(*file, from, hasher);
                        self.open.insert(*file, incoming);
                    }
                    Err(trouble) => {
                        incoming.close(true);
                        self.give_up(&offered, &trouble);
                    }
                }
            }
            Err(trouble) if trouble.is_want() && !self.open.is_empty() => self.later.push(offered),
            Err(trouble) => self.give_up(&offered, &trouble),
        }
        Ok(())
    }

    /// What is there. Somebody who is about to let go of a part is waited for.
    async fn found(&self, offered: &Offered) -> Result<Found, Trouble> {
        let since = Instant::now();
        while since.elapsed() < LET_GO {
            match self.folder.look(offered, IfTaken::Say)? {
                Found::Taken => sleep(LET_GO_POLL).await,
                found => return Ok(found),
            }
        }
        self.folder.look(offered, IfTaken::Another)
    }

    /// Hashes what is there of a file.
    async fn hash(&mut self, incoming: &Incoming) -> Result<Result<Hasher, Trouble>, Broken> {
        let (file, len) = (incoming.offered().file, incoming.len());
        let (mut hasher, mut at, mut said) = (Hasher::default(), 0, Instant::now());
        let mut buffer = vec![0; usize::try_from(len).unwrap_or(usize::MAX).min(HASHED_AT_ONCE)];
        while at < len {
            let count = usize::try_from(len - at).unwrap_or(usize::MAX).min(HASHED_AT_ONCE);
            if let Err(trouble) = incoming.read_at(&mut buffer[..count], at) {
                return Ok(Err(trouble));
            }
            hasher.update(&buffer[..count]);
            at += count as u64;
            let path = incoming.offered().path.as_str();
            self.watch.told(Told::Hashed { path, done: at, of: len });
            self.say_busy(&mut said, file, at).await?;
        }
        Ok(Ok(hasher))
    }

    /// Tells the sender now and then how much has been read of what is there.
    async fn say_busy(&mut self, said: &mut Instant, file: u32, at: u64) -> Result<(), Ending> {
        if said.elapsed() > BUSY {
            *said = Instant::now();
            self.receiver.busy(file, at);
            self.wire.queue(self.receiver.take_output());
            self.wire.nudge().await?;
        }
        Ok(())
    }

    /// Brings the files that are complete to the disk, and gives them their names.
    async fn commit_complete(&mut self) {
        let mut complete = Vec::new();
        for file in mem::take(&mut self.complete) {
            // Those are not there any more that their sender has dropped meanwhile.
            let Some(incoming) = self.open.remove(&file) else { continue };
            self.has_closed = true;
            match self.twin(&incoming).await {
                Some(kept_as) => {
                    let offered = incoming.offered().clone();
                    incoming.close(false);
                    self.kept(&offered, &kept_as, true);
                }
                None => complete.push(incoming),
            }
        }
        let synced = sync_all(&complete);
        for (incoming, synced) in complete.into_iter().zip(synced) {
            let offered = incoming.offered().clone();
            match synced.and_then(|()| incoming.commit()) {
                Ok((kept_as, already)) => self.kept(&offered, &kept_as, already),
                Err(trouble) => self.give_up(&offered, &trouble),
            }
        }
    }

    /// The path of a file that is there with the very bytes of one that has come.
    async fn twin(&mut self, incoming: &Incoming) -> Option<SafePath> {
        let (file, len, mut said) = (incoming.offered().file, incoming.len(), Instant::now());
        let count = usize::try_from(len).unwrap_or(usize::MAX).min(HASHED_AT_ONCE);
        'twins: for (twin, path) in incoming.twins() {
            let mut buffers = [vec![0; count], vec![0; count]];
            let mut at = 0;
            while at < len {
                let count = usize::try_from(len - at).unwrap_or(usize::MAX).min(HASHED_AT_ONCE);
                let [ours, theirs] = &mut buffers;
                let (ours, theirs) = (&mut ours[..count], &mut theirs[..count]);
                let read =
                    incoming.read_at(ours, at).is_ok() && twin.read_exact_at(theirs, at).is_ok();
                if !read || ours != theirs {
                    continue 'twins;
                }
                at += count as u64;
                // A wire that has broken is found so by who waits on it next.
                let _ = self.say_busy(&mut said, file, at).await;
            }
            return Some(path);
        }
        None
    }

    fn kept(&mut self, offered: &Offered, kept_as: &SafePath, already: bool) {
        let Offered { file, path, size, folder, .. } = offered;
        self.receiver.kept(*file, kept_as, already);
        self.receiving.keep(offered);
        let (path, kept_as, size, folder) = (path.as_str(), kept_as.as_str(), *size, *folder);
        self.watch.told(Told::Kept { path, kept_as, size, folder, already });
    }

    fn give_up(&mut self, offered: &Offered, trouble: &Trouble) {
        self.receiver.give_up(offered.file, trouble.why, &trouble.reason);
        self.dropped(offered.path.as_str(), offered.size, trouble);
    }

    fn dropped(&mut self, path: &str, size: u64, trouble: &Trouble) {
        let Trouble { why, reason, .. } = trouble;
        self.watch.told(Told::Dropped { path, size, why: *why, reason });
    }
}

/// Brings files to the disk, some of them at the same time: whoever waits for a disk alone waits longest.
fn sync_all(files: &[Incoming]) -> Vec<Result<(), Trouble>> {
    if let [file] = files {
        return vec![file.sync()];
    }
    let mut synced = Vec::with_capacity(files.len());
    for some in files.chunks(SYNCED_AT_ONCE) {
        thread::scope(|scope| {
            let threads: Vec<_> = some
                .iter()
                .map(|file| (file, thread::Builder::new().spawn_scoped(scope, || file.sync())))
                .collect();
            for (file, thread) in threads {
                synced.push(match thread {
                    Ok(thread) => thread.join().expect("it does not panic"),
                    // There are no more threads to be had.
                    Err(_) => file.sync(),
                });
            }
        });
    }
    synced
}
