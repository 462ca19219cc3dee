//! A stream that takes a few bytes at a time: frames stay whole and in order, whatever waits behind what.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

use std::fs;
use std::path::Path;

use tests::{Directory, noise};
use tokio::io::duplex;
use tokio::try_join;
use transfer::{
    Broken, Folder, Patience, Receiving, Sending, Source, Told, Watch, Wire, receive, send,
};

/// Counts what is kept and what is not.
#[derive(Debug, Default, PartialEq)]
struct Count {
    kept: u32,
    dropped: u32,
    bytes: u64,
}

impl Watch for Count {
    fn told(&mut self, told: Told<'_>) {
        match told {
            Told::Kept { .. } => self.kept += 1,
            Told::Dropped { .. } => self.dropped += 1,
            Told::Block { bytes, .. } => self.bytes += bytes,
            _ => {}
        }
    }
}

/// Sends all that is in `out` into `into`, through a pipe of so many bytes. Gives what each side counted.
async fn over(width: usize, out: &Path, into: &Path) -> Result<[Count; 2], Broken> {
    let (one, other) = duplex(width);
    let folder = Folder::open(into).unwrap();
    let mut sending = Sending::new(Source::of_folder(out));
    let mut receiving = Receiving::default();
    let [mut sender, mut receiver] = [one, other].map(|end| Wire::new(end, Patience::default()));
    let (mut sent, mut received) = (Count::default(), Count::default());
    // Where one side fails, the other would wait for it.
    try_join!(
        send(&mut sender, &mut sending, &mut sent),
        receive(&mut receiver, &folder, &mut receiving, &mut received),
    )?;
    Ok([sent, received])
}

#[tokio::test]
async fn every_file_is_whole_through_a_stream_of_any_width() {
    let out = Directory::new();
    let mut total = 0;
    for number in 0..100 {
        // Small ones and some that take several blocks, in turn.
        let len = if number % 10 == 3 { 150_000 + number } else { number * 7 };
        fs::write(out.join(format!("文件 {number}")), noise(len)).unwrap();
        total += len as u64;
    }
    for width in [13, 41, 1000, 65_000, 1 << 20] {
        let into = Directory::new();
        let counts = over(width, out.path(), into.path()).await.unwrap();
        for count in counts {
            assert_eq!(count, Count { kept: 100, dropped: 0, bytes: total }, "{width}");
        }
        for entry in fs::read_dir(out.path()).unwrap() {
            let entry = entry.unwrap();
            let there = fs::read(into.join(entry.file_name())).unwrap();
            assert!(there == fs::read(entry.path()).unwrap(), "{width}: {entry:?}");
        }
        assert_eq!(fs::read_dir(into.path()).unwrap().count(), 100, "{width}: no part is left");
        // The second time nothing crosses.
        let [sent, _] = over(width, out.path(), into.path()).await.unwrap();
        assert_eq!(sent, Count { kept: 100, dropped: 0, bytes: 0 }, "{width}");
    }
}
