//! A peer that says much and reads nothing: it is heard no further, and does not stay.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

use std::time::Duration;

use bytes::BytesMut;
use proto::transfer::{Offer, Over};
use proto::{Decoder, Ending, Message};
use tests::Directory;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::task::{JoinHandle, LocalSet, spawn_local};
use tokio::time::{Instant, timeout};
use transfer::{Broken, Folder, Patience, Receiving, Wire, receive};

/// How much of what a peer says is read at most: what is under way in one read, and some answers.
const MOST: usize = 4 << 20;

/// A receiver of ours.
fn receiving(
    into: &Directory,
    patience: Patience,
) -> (DuplexStream, JoinHandle<Result<(), Broken>>) {
    let (ours, theirs) = duplex(64 * 1024);
    let folder = Folder::open(into.path()).unwrap();
    let ended = spawn_local(async move {
        let mut wire = Wire::new(ours, patience);
        receive(&mut wire, &folder, &mut Receiving::default(), &mut ()).await
    });
    (theirs, ended)
}

/// Offers files with names that nobody takes, until no more of it is read. Gives how many, and what of the
/// last one is still to be said.
async fn offer(peer: &mut DuplexStream, path: &str) -> (u32, BytesMut) {
    let mut said = 0;
    for file in 1.. {
        let offer = Offer { file, path: path.to_owned(), size: 1, modified: None, folder: false };
        let mut bytes = BytesMut::new();
        Message::Offer(offer).encode(&mut bytes).unwrap();
        said += bytes.len();
        assert!(said < MOST, "{said} bytes were read of a peer that reads none");
        // What is read is read at once.
        match timeout(Duration::from_secs(1), peer.write_all_buf(&mut bytes)).await {
            Ok(written) => written.unwrap(),
            Err(_) => return (file, bytes),
        }
    }
    unreachable!("there is no last number")
}

#[tokio::test(start_paused = true)]
async fn it_is_ended_when_it_has_taken_nothing_for_too_long() {
    LocalSet::new()
        .run_until(async {
            let folder = Directory::new();
            let limit = Some(Duration::from_secs(30));
            let silence = Patience { idle: limit, ..Patience::default() };
            let writing = Patience { write: limit, ..Patience::default() };
            for (patience, ending) in [(silence, Ending::Idle), (writing, Ending::TooSlow)] {
                let (mut peer, ended) = receiving(&folder, patience);
                let start = Instant::now();
                offer(&mut peer, &"\\".repeat(200)).await;
                assert_eq!(ended.await.unwrap().unwrap_err().ending, ending);
                assert_eq!(start.elapsed().as_secs(), 30);
            }
        })
        .await;
}

/// Who reads later has all his answers.
#[tokio::test(start_paused = true)]
async fn it_is_heard_again_when_it_reads() {
    LocalSet::new()
        .run_until(async {
            let folder = Directory::new();
            let (mut peer, ended) = receiving(&folder, Patience::default());
            let (files, mut rest) = offer(&mut peer, "../x").await;
            Message::Over(Over { files }).encode(&mut rest).unwrap();
            let (mut read, mut write) = tokio::io::split(peer);
            let writing = spawn_local(async move { write.write_all_buf(&mut rest).await });
            let (mut decoder, mut dropped) = (Decoder::default(), 0);
            'answers: loop {
                assert!(read.read_buf(decoder.space()).await.unwrap() > 0);
                while let Some(frame) = decoder.take_frame().unwrap() {
                    match Message::from_frame(&frame).unwrap() {
                        Message::Dropped(_) => dropped += 1,
                        Message::Over(_) => break 'answers,
                        other => panic!("{other:?}"),
                    }
                }
            }
            assert_eq!(dropped, files);
            writing.await.unwrap().unwrap();
            assert_eq!(ended.await.unwrap(), Ok(()));
        })
        .await;
}
