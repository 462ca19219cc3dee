//! Every way in which a conversation ends, in virtual time and without a socket.

mod peers;

use std::cell::RefCell;
use std::future::pending;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader, BufWriter, duplex, empty, sink};
use tokio::time::sleep;

use super::*;
use crate::limits::{ACKNOWLEDGED_POLL, PAUSE_AFTER_FIN, PAUSE_ONCE_TAKEN};
use peers::{Broken, Delivery, Scripted, Silent, Step};

const SECOND: Duration = Duration::from_secs(1);
const EPIPE: i32 = 32;
const ECONNRESET: i32 = 104;

/// Talks to `peer` and returns what came out too, so far as it was flushed.
async fn talk_to(
    peer: &mut Scripted,
    input: impl AsyncRead + Unpin,
    options: TalkOptions,
) -> (Talked, Vec<u8>) {
    let mut output = BufWriter::new(Vec::new());
    let mut input = BufReader::new(input);
    let talked = talk(peer, &mut input, &mut output, &options, pending()).await;
    (talked, output.get_ref().clone())
}

#[tokio::test]
async fn the_end_of_the_input_is_told_and_the_reply_read() {
    let mut peer = Scripted::new([Step::AwaitEnd, Step::Bytes(b"reply"), Step::Fin]);
    let (talked, output) = talk_to(&mut peer, &b"request"[..], TalkOptions::default()).await;
    assert_eq!(talked.ending, Ending::PeerFin);
    assert_eq!((talked.sent, talked.received, talked.unsent), (7, 5, 0));
    assert_eq!(peer.written, b"request");
    assert_eq!(output, b"reply");
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_peer_is_the_end_while_the_input_stays_open() {
    let mut peer = Scripted::new([Step::Bytes(b"bye"), Step::Fin]);
    let (talked, output) = talk_to(&mut peer, Silent, TalkOptions::default()).await;
    assert_eq!(talked.ending, Ending::PeerFin);
    assert_eq!(output, b"bye");
    assert!(!peer.shut && !talked.paused);
    assert_eq!(talked.elapsed.as_millis(), PAUSE_AFTER_FIN.as_millis());
}

#[tokio::test]
async fn what_the_input_has_is_sent_though_the_peer_has_closed_its_direction() {
    let mut peer = Scripted::new([Step::Bytes(b"bye"), Step::Fin]);
    let sent = vec![b'x'; 1 << 20];
    let (talked, output) = talk_to(&mut peer, &sent[..], TalkOptions::default()).await;
    assert_eq!(talked.ending, Ending::PeerFin);
    assert_eq!((talked.sent, talked.unsent), (1 << 20, 0));
    assert!(peer.written == sent && peer.shut);
    assert_eq!(output, b"bye");
}

/// What comes out of `input` when it is played, with the peer's FIN before all of it.
async fn typed_after_the_fin(
    options: TalkOptions,
    pauses: &[Duration],
    deliveries: &[Delivery],
) -> (Talked, Scripted) {
    let mut peer = Scripted::new([Step::Fin]);
    peer.deliveries = RefCell::new(deliveries.iter().copied().collect());
    let (mut typist, input) = duplex(64);
    let typing = async move {
        for &pause in pauses {
            sleep(pause).await;
            // Where it has ended, nobody listens.
            let _ = typist.write_all(b"x").await;
        }
        sleep(100 * SECOND).await;
    };
    let (mut input, mut output) = (BufReader::new(input), sink());
    let talked = tokio::select! {
        talked = talk(&mut peer, &mut input, &mut output, &options, pending()) => talked,
        () = typing => panic!("it goes on for 100 s after the last byte"),
    };
    (talked, peer)
}

/// Less than an input may pause at first; ten of them are less than once the peer has taken some.
const MOMENT: Duration = Duration::from_millis(45);

#[tokio::test(start_paused = true)]
async fn an_input_that_pauses_after_the_fin_may_take_longer_once_the_peer_has_taken_some() {
    let pauses = [MOMENT, 10 * MOMENT, 10 * MOMENT];
    let (talked, peer) =
        typed_after_the_fin(TalkOptions::default(), &pauses, &[Delivery::Pending]).await;
    assert_eq!(talked.ending, Ending::PeerFin);
    assert_eq!(peer.written, b"xxx");
    assert!(talked.paused);
    assert_eq!(talked.elapsed, 21 * MOMENT + PAUSE_ONCE_TAKEN);
}

#[tokio::test(start_paused = true)]
async fn a_file_is_sent_to_its_end_however_slow_the_disk_is() {
    let mut peer = Scripted::new([Step::Fin]);
    let (mut disk, input) = duplex(64);
    let reading = async move {
        sleep(20 * SECOND).await;
        disk.write_all(b"last block").await.unwrap();
        drop(disk);
        pending::<()>().await;
    };
    let options = TalkOptions { input_is_file: true, ..TalkOptions::default() };
    let (mut input, mut output) = (BufReader::new(input), sink());
    let talked = tokio::select! {
        talked = talk(&mut peer, &mut input, &mut output, &options, pending()) => talked,
        () = reading => unreachable!(),
    };
    assert_eq!(talked.ending, Ending::PeerFin);
    assert_eq!(peer.written, b"last block");
    assert!(peer.shut && !talked.paused);
}

#[tokio::test(start_paused = true)]
async fn a_reset_after_the_fin_ends_the_pause_at_once() {
    let deliveries = [Delivery::Pending, Delivery::Pending, Delivery::Refused(EPIPE)];
    let (talked, _) =
        typed_after_the_fin(TalkOptions::default(), &[Duration::ZERO], &deliveries).await;
    assert_eq!(talked.ending, Ending::PeerGone);
    assert!(matches!(talked.fault, Some(Fault::Peer(_))));
    assert!(talked.elapsed <= 3 * ACKNOWLEDGED_POLL, "{:?}", talked.elapsed);
}

/// The peer's FIN is there before the input ends.
async fn end_after_the_fin(
    says_goodbye: bool,
    input: &'static [u8],
    deliveries: &[Delivery],
) -> Talked {
    let mut peer = Scripted::new([Step::Fin]);
    peer.deliveries = RefCell::new(deliveries.iter().copied().collect());
    peer.says_goodbye = says_goodbye;
    talk_to(&mut peer, input, TalkOptions::default()).await.0
}

#[tokio::test(start_paused = true)]
async fn what_the_peer_refuses_after_both_have_ended_is_lost_and_no_success() {
    let later = [Delivery::Pending, Delivery::Pending, Delivery::Pending];
    for (last, ending) in [
        (Delivery::Arrived, Ending::PeerFin),
        (Delivery::Refused(ECONNRESET), Ending::PeerReset),
        (Delivery::Refused(EPIPE), Ending::PeerGone),
    ] {
        let deliveries = [&later[..], &[last]].concat();
        let talked = end_after_the_fin(false, b"request", &deliveries).await;
        assert_eq!(talked.ending, ending, "{last:?}");
        assert!(talked.elapsed >= ACKNOWLEDGED_POLL);
    }
}

#[tokio::test]
async fn a_reset_that_answers_nothing_but_a_goodbye_is_no_loss() {
    let refusal = [Delivery::RefusedAtEnd(ECONNRESET)];
    let mut peer = Scripted::new([Step::Bytes(b"all of it"), Step::Fin]);
    peer.deliveries = RefCell::new(refusal.into());
    peer.says_goodbye = true;
    let (talked, _) = talk_to(&mut peer, empty(), TalkOptions::default()).await;
    assert_eq!(talked.ending, Ending::PeerFin);
    // Where the input went on past the FIN, it may be the input that is refused.
    let talked = end_after_the_fin(true, b"request", &refusal).await;
    assert_eq!(talked.ending, Ending::PeerReset);
}

#[tokio::test]
async fn on_eof_close_does_not_wait_for_the_peer() {
    let mut peer = Scripted::default();
    let options = TalkOptions { on_eof: OnEof::Close, ..TalkOptions::default() };
    let (talked, _) = talk_to(&mut peer, &b"request"[..], options).await;
    assert_eq!(talked.ending, Ending::Done);
    assert_eq!(peer.written, b"request");
}

#[tokio::test(start_paused = true)]
async fn on_eof_keep_tells_the_peer_nothing() {
    let mut peer = Scripted::default();
    let options = TalkOptions { on_eof: OnEof::Keep, idle: Some(SECOND), ..TalkOptions::default() };
    let (talked, _) = talk_to(&mut peer, &b"request"[..], options).await;
    assert_eq!(talked.ending, Ending::Idle);
    assert!(!peer.shut);
}

#[tokio::test(start_paused = true)]
async fn after_the_end_of_the_input_it_goes_on_for_as_long_as_it_may() {
    let mut peer = Scripted::default();
    let options = TalkOptions { after_eof: Some(3 * SECOND), ..TalkOptions::default() };
    let (talked, _) = talk_to(&mut peer, empty(), options).await;
    assert_eq!(talked.ending, Ending::Done);
    assert_eq!(talked.elapsed.as_secs(), 3);
    assert!(peer.shut);
}

#[tokio::test(start_paused = true)]
async fn silence_ends_it_and_each_byte_of_either_side_is_no_silence() {
    let (mut ours, mut theirs) = duplex(64);
    let (mut typist, input) = duplex(64);
    let script = async {
        sleep(SECOND).await;
        theirs.write_all(b"a").await.unwrap();
        sleep(SECOND).await;
        typist.write_all(b"b").await.unwrap();
        pending::<()>().await;
    };
    let options = TalkOptions { idle: Some(3 * SECOND / 2), ..TalkOptions::default() };
    let talking = async {
        let (mut input, mut output) = (BufReader::new(input), Vec::new());
        talk(&mut ours, &mut input, &mut output, &options, pending()).await
    };
    let talked = tokio::select! {
        talked = talking => talked,
        () = script => unreachable!("the script never ends"),
    };
    assert_eq!(talked.ending, Ending::Idle);
    assert_eq!(talked.elapsed.as_millis(), 3500);
    assert_eq!((talked.sent, talked.received), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn the_deadline_ends_it_though_bytes_still_come() {
    let (mut ours, mut theirs) = duplex(64);
    let ticking = async {
        loop {
            theirs.write_all(b"tick").await.unwrap();
            sleep(SECOND / 10).await;
        }
    };
    let deadline = Some(Instant::now() + 2 * SECOND);
    let options = TalkOptions { deadline, idle: Some(SECOND), ..TalkOptions::default() };
    let talking = async {
        let mut input = BufReader::new(Silent);
        talk(&mut ours, &mut input, &mut sink(), &options, pending()).await
    };
    let talked = tokio::select! {
        talked = talking => talked,
        () = ticking => unreachable!("it ticks for ever"),
    };
    assert_eq!(talked.ending, Ending::Deadline);
    assert_eq!(talked.elapsed.as_secs(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_caller_can_stop_it() {
    let mut peer = Scripted::default();
    let options = TalkOptions::default();
    let mut input = BufReader::new(Silent);
    let talked = talk(&mut peer, &mut input, &mut sink(), &options, sleep(SECOND)).await;
    assert_eq!(talked.ending, Ending::Shutdown);
}

#[tokio::test]
async fn what_came_before_a_reset_is_not_lost() {
    let mut peer = Scripted::new([Step::Bytes(b"last words"), Step::Error(ECONNRESET)]);
    let (talked, output) = talk_to(&mut peer, Silent, TalkOptions::default()).await;
    assert_eq!(talked.ending, Ending::PeerReset);
    assert!(matches!(talked.fault, Some(Fault::Peer(_))));
    assert_eq!(output, b"last words");
}

#[tokio::test]
async fn what_can_still_be_read_after_a_failed_write_is_not_lost() {
    let mut peer = Scripted::new([Step::AwaitEnd, Step::Bytes(b"413 Too Large"), Step::Fin]);
    peer.write_error = Some(ECONNRESET);
    let (talked, output) = talk_to(&mut peer, &b"request"[..], TalkOptions::default()).await;
    assert_eq!(talked.ending, Ending::PeerReset);
    assert_eq!(output, b"413 Too Large");
    assert_eq!((talked.sent, talked.unsent), (0, 7));
}

#[tokio::test]
async fn a_peer_that_takes_no_more_has_sent_its_fin() {
    let mut peer = Scripted::new([Step::AwaitEnd, Step::Fin]);
    peer.write_error = Some(EPIPE);
    let (talked, _) = talk_to(&mut peer, &b"request"[..], TalkOptions::default()).await;
    assert_eq!(talked.ending, Ending::PeerGone);
    assert_eq!(talked.unsent, 7);
}

#[tokio::test]
async fn an_input_that_fails_is_told_apart_from_one_that_ends() {
    let mut peer = Scripted::default();
    let (talked, _) = talk_to(&mut peer, Broken, TalkOptions::default()).await;
    assert_eq!(talked.ending, Ending::Io(io::ErrorKind::IsADirectory));
    assert!(matches!(talked.fault, Some(Fault::Input(_))));
    assert!(!peer.shut);
}

#[tokio::test]
async fn an_output_that_fails_ends_it() {
    let mut peer = Scripted::new([Step::Bytes(b"reply")]);
    let options = TalkOptions::default();
    let mut input = BufReader::new(Silent);
    let talked = talk(&mut peer, &mut input, &mut Broken, &options, pending()).await;
    assert_eq!(talked.ending, Ending::Io(io::ErrorKind::BrokenPipe));
    assert!(matches!(talked.fault, Some(Fault::Output(_))));
}

#[tokio::test]
async fn an_output_that_is_not_read_holds_up_nothing_else() {
    let mut peer = Scripted::new([Step::Bytes(b"more than fits")]);
    let (mut output, mut reader) = duplex(4);
    let (mut input, options) = (&b"request"[..], TalkOptions::default());
    let stop = async {
        // Everything else has had its turn when the output is full.
        let mut first = [0; 1];
        reader.read_exact(&mut first).await.unwrap();
    };
    let talked = talk(&mut peer, &mut input, &mut output, &options, stop).await;
    assert_eq!(talked.ending, Ending::Shutdown);
    assert_eq!(peer.written, b"request");
    assert!(peer.shut);
}

#[tokio::test]
async fn a_peer_that_never_pauses_does_not_keep_us_from_speaking() {
    let mut peer = Scripted::new([Step::Flood(100_000), Step::Fin]);
    let (talked, _) = talk_to(&mut peer, &b"request"[..], TalkOptions::default()).await;
    assert_eq!(talked.sent, 7);
    assert!(talked.received < 1000, "{} bytes came before our turn", talked.received);
}
