//! Every way in which a conversation ends, in virtual time and without a socket.

use std::collections::VecDeque;
use std::future::pending;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader, BufWriter, duplex, empty, sink};
use tokio::time::sleep;

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const EPIPE: i32 = 32;
const ECONNRESET: i32 = 104;

/// A peer that does what is written down for it.
#[derive(Debug, Default)]
struct Scripted {
    reads: VecDeque<Step>,
    written: Vec<u8>,
    write_error: Option<i32>,
    failed: bool,
    shut: bool,
}

#[derive(Clone, Debug)]
enum Step {
    Bytes(&'static [u8]),
    /// So often the same, or until this side has sent its FIN.
    Flood(u32),
    /// Nothing until this side has sent its FIN, or met an error in sending.
    AwaitEnd,
    Fin,
    Error(i32),
}

impl Scripted {
    fn new(reads: impl IntoIterator<Item = Step>) -> Self {
        Self { reads: reads.into_iter().collect(), ..Self::default() }
    }
}

impl AsyncRead for Scripted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(step) = self.reads.pop_front() else { return Poll::Pending };
        match step {
            Step::Bytes(bytes) => buf.put_slice(bytes),
            Step::Flood(left) if left > 0 && !self.shut => {
                buf.put_slice(b"x");
                self.reads.push_front(Step::Flood(left - 1));
            }
            Step::AwaitEnd if !self.shut && !self.failed => {
                self.reads.push_front(step);
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Step::Flood(_) | Step::AwaitEnd => return self.poll_read(cx, buf),
            Step::Fin => self.reads.push_front(Step::Fin),
            Step::Error(errno) => return Poll::Ready(Err(io::Error::from_raw_os_error(errno))),
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Scripted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if let Some(errno) = self.write_error {
            self.failed = true;
            return Poll::Ready(Err(io::Error::from_raw_os_error(errno)));
        }
        self.written.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shut = true;
        Poll::Ready(Ok(()))
    }
}

/// An input or output that fails.
struct Broken;

impl AsyncRead for Broken {
    fn poll_read(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        _buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Ready(Err(io::ErrorKind::IsADirectory.into()))
    }
}

impl AsyncWrite for Broken {
    fn poll_write(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        _bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// An input at which nobody types: it neither gives a byte nor ends.
struct Silent;

impl AsyncRead for Silent {
    fn poll_read(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        _buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

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

#[tokio::test]
async fn the_end_of_the_peer_is_the_end_while_the_input_stays_open() {
    let mut peer = Scripted::new([Step::Bytes(b"bye"), Step::Fin]);
    let (talked, output) = talk_to(&mut peer, Silent, TalkOptions::default()).await;
    assert_eq!(talked.ending, Ending::PeerFin);
    assert_eq!(output, b"bye");
    assert!(!peer.shut);
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
    assert_eq!(talked.ending, Ending::PeerFin);
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
