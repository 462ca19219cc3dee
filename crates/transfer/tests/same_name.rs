//! Files of one name, size and time in one transfer: each gets a name of its own, at once, and once.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use tests::Directory;
use tokio::io::duplex;
use tokio::time::Instant;
use tokio::try_join;
use transfer::{Folder, Patience, Receiving, Sending, Source, Told, Watch, Wire, receive, send};

/// Counts what is kept and what is not.
#[derive(Debug, Default, PartialEq)]
struct Count {
    kept: u32,
    already: u32,
    dropped: u32,
}

impl Watch for Count {
    fn told(&mut self, told: Told<'_>) {
        match told {
            Told::Kept { already, .. } => {
                self.kept += 1;
                self.already += u32::from(already);
            }
            Told::Dropped { .. } => self.dropped += 1,
            _ => {}
        }
    }
}

/// A file `x` of one time with these bytes, in a folder of its own.
fn file(out: &Directory, number: usize, bytes: &[u8]) -> PathBuf {
    let folder = out.join(number.to_string());
    fs::create_dir(&folder).unwrap();
    let path = folder.join("x");
    fs::write(&path, bytes).unwrap();
    let time = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
    path
}

/// Sends them into `into`. Gives what the receiver counted, and checks that nobody was waited for.
async fn over(paths: &[PathBuf], into: &Path) -> Count {
    let (one, other) = duplex(1 << 20);
    let (folder, start) = (Folder::open(into).unwrap(), Instant::now());
    let mut sending = Sending::new(Source::of_paths(paths));
    let [mut sender, mut receiver] = [one, other].map(|end| Wire::new(end, Patience::default()));
    let (mut count, mut receiving, mut nobody) = (Count::default(), Receiving::default(), ());
    try_join!(
        send(&mut sender, &mut sending, &mut nobody),
        receive(&mut receiver, &folder, &mut receiving, &mut count),
    )
    .unwrap();
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    count
}

fn list(folder: &Directory) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(folder.path()).unwrap();
    let mut all: Vec<_> = entries.map(|entry| fs::read(entry.unwrap().path()).unwrap()).collect();
    all.sort();
    all
}

#[tokio::test(start_paused = true)]
async fn many_empty_files_are_one() {
    let (out, into) = (Directory::new(), Directory::new());
    let paths: Vec<_> = (0..40).map(|number| file(&out, number, b"")).collect();
    for already in [39, 40] {
        let count = over(&paths, into.path()).await;
        assert_eq!(count, Count { kept: 40, already, dropped: 0 });
        assert_eq!(list(&into), [b""]);
    }
}

#[tokio::test(start_paused = true)]
async fn different_files_are_all_there_and_the_next_time_nothing_is_added() {
    let (out, into) = (Directory::new(), Directory::new());
    let bytes: Vec<_> =
        (0..40).map(|number| format!("{number:02}").repeat(9).into_bytes()).collect();
    let paths: Vec<_> = (0..40).map(|number| file(&out, number, &bytes[number])).collect();
    for already in [0, 40, 40] {
        let count = over(&paths, into.path()).await;
        assert_eq!(count, Count { kept: 40, already, dropped: 0 });
        assert_eq!(list(&into), bytes);
    }
}
