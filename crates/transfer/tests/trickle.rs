//! A peer that says a little now and then only to be there does not stay, and one that hashes does.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

use std::fs::File;
use std::time::Duration;

use bytes::BytesMut;
use files::Hash;
use proto::transfer::{Busy, Offer, Take};
use proto::{Ending, Message};
use tests::Directory;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::task::{JoinHandle, LocalSet, spawn_local};
use tokio::time::{Instant, sleep};
use transfer::{
    Broken, Folder, LeastRate, Patience, Receiving, Sending, Source, Told, Watch, Wire, receive,
    send,
};

const IDLE: Duration = Duration::from_secs(300);
const RATE: u64 = 500;
const MIB: u64 = 1024 * 1024;

/// Hears nothing.
struct Deaf;

impl Watch for Deaf {
    fn told(&mut self, _told: Told<'_>) {}
}

fn patience() -> Patience {
    let least_rate = Some(LeastRate { bytes: RATE, over: IDLE });
    Patience { idle: Some(IDLE), least_rate, ..Patience::default() }
}

/// What ends a transfer of ours with the peer at the other end.
type Ended = JoinHandle<Result<(), Broken>>;

/// A receiver of ours.
fn receiving(into: &Directory) -> (DuplexStream, Ended) {
    let (ours, theirs) = duplex(1 << 20);
    let folder = Folder::open(into.path()).unwrap();
    let ended = spawn_local(async move {
        let mut wire = Wire::new(ours, patience());
        receive(&mut wire, &folder, &mut Receiving::default(), &mut Deaf).await
    });
    (theirs, ended)
}

/// A sender of ours, of one file of a gibibyte that has been offered.
fn sending(out: &Directory) -> (DuplexStream, Ended) {
    File::create(out.join("large")).unwrap().set_len(1024 * MIB).unwrap();
    let (ours, theirs) = duplex(1 << 20);
    let source = Source::of_folder(out.path());
    let ended = spawn_local(async move {
        let mut wire = Wire::new(ours, patience());
        send(&mut wire, &mut Sending::new(source), &mut Deaf).await
    });
    (theirs, ended)
}

fn frame(message: &Message) -> BytesMut {
    let mut bytes = BytesMut::new();
    message.encode(&mut bytes).unwrap();
    bytes
}

fn busy(done: u64) -> BytesMut {
    frame(&Message::Busy(Busy { file: 1, done }))
}

/// Says these again and again, so often, until the connection ends. Gives how long that was.
async fn say(
    (mut peer, ended): (DuplexStream, Ended),
    every: Duration,
    mut says: impl FnMut(u64) -> BytesMut,
) -> (Duration, Ending) {
    let start = Instant::now();
    for number in 0.. {
        if peer.write_all(&says(number)).await.is_err() || ended.is_finished() {
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(24 * 3600), "it stays for a day");
        sleep(every).await;
    }
    (start.elapsed(), ended.await.unwrap().unwrap_err().ending)
}

#[track_caller]
fn assert_below_rate((took, ending): (Duration, Ending)) {
    assert_eq!(ending, Ending::BelowRate);
    // What it said at the start may have been enough for the first time in which it is looked at.
    assert!(took <= 2 * IDLE + Duration::from_secs(60), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn small_frames_and_parts_of_frames_keep_no_place() {
    LocalSet::new()
        .run_until(async {
            let folder = Directory::new();
            let often = Duration::from_secs(30);
            // It claims to hash, where there is nothing to hash.
            assert_below_rate(say(receiving(&folder), often, |number| busy(number * MIB)).await);
            let offer = |number: u64| {
                let (file, path) = (u32::try_from(number).unwrap() + 1, format!("folder {number}"));
                frame(&Message::Offer(Offer { file, path, size: 0, modified: None, folder: true }))
            };
            assert_below_rate(say(receiving(&folder), often, offer).await);
            // A byte of a frame that never ends.
            let long = frame(&Message::Offer(Offer {
                file: 1,
                path: "x".repeat(4000),
                size: 1,
                modified: None,
                folder: false,
            }));
            let byte = |number: u64| BytesMut::from(&long[usize::try_from(number).unwrap()..][..1]);
            assert_below_rate(say(receiving(&folder), often, byte).await);

            // The same of one that is to get a file, and hashes the same bytes over and over, or more than there are.
            let out = Directory::new();
            assert_below_rate(say(sending(&out), often, |_| busy(MIB)).await);
            assert_below_rate(say(sending(&out), often, |_| busy(u64::MAX)).await);
        })
        .await;
}

/// Who says nothing at all is for the limit on silence, which may be longer, or none.
#[tokio::test(start_paused = true)]
async fn silence_is_another_matter() {
    LocalSet::new()
        .run_until(async {
            let folder = Directory::new();
            let (peer, ended) = receiving(&folder);
            let start = Instant::now();
            assert_eq!(ended.await.unwrap().unwrap_err().ending, Ending::Idle);
            assert_eq!(start.elapsed().as_secs(), IDLE.as_secs());
            drop(peer);
        })
        .await;
}

/// An hour of hashing what it has, as slow as a bad disk: it says so every five seconds, and stays. So does who
/// then takes the file as slowly as the rate allows.
#[tokio::test(start_paused = true)]
async fn who_hashes_and_who_keeps_the_rate_stay() {
    LocalSet::new()
        .run_until(async {
            let out = Directory::new();
            let (mut peer, ended) = sending(&out);
            for step in 1..=720 {
                sleep(Duration::from_secs(5)).await;
                peer.write_all(&busy(step * MIB)).await.unwrap();
            }
            assert!(!ended.is_finished());
            let hash = Hash::of(b"something else").to_string();
            peer.write_all(&frame(&Message::Take(Take { file: 1, from: 5, hash: Some(hash) })))
                .await
                .unwrap();
            // What lies in the pipe has gone over already, so all of it must be taken for more to follow.
            let mut some = vec![0; 256 * 1024];
            for _ in 0..20 {
                sleep(Duration::from_secs(240)).await;
                peer.read_exact(&mut some).await.unwrap();
            }
            assert!(!ended.is_finished());
        })
        .await;
}
