//! Standard input, read by a thread of its own.
//!
//! A terminal at which nobody types then holds up neither the peer, nor a time limit, nor the end: `main`
//! leaves without waiting for the thread. The descriptor stays in blocking mode, because the shell that
//! lent it, and every program that shares it, would find the mode changed. Two buffers go round: while
//! one is sent the next is read.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd as _;
use std::os::unix::fs::FileTypeExt as _;
use std::pin::Pin;
use std::sync::mpsc as buffers;
use std::task::{Context, Poll, ready};
use std::thread;

use tcp_client::crlf::Crlf;
use tcp_client::limits::CHUNK;
use tokio::io::{AsyncBufRead, AsyncRead, ReadBuf};
use tokio::sync::mpsc;

/// What the program sends: standard input, with CR LF for LF if that is asked for.
pub(crate) struct Input {
    filled: mpsc::Receiver<io::Result<Chunk>>,
    empty: buffers::Sender<Vec<u8>>,
    chunk: Chunk,
    /// Buffers that were not yet given to the thread: it reads nothing before it has one.
    spare: Vec<Vec<u8>>,
    is_file: bool,
}

#[derive(Default)]
struct Chunk {
    buf: Vec<u8>,
    start: usize,
    end: usize,
}

impl Input {
    /// Opens standard input. Nothing is read from it until this is read. A standard input that is closed
    /// reads as an empty one: Rust puts `/dev/null` in its place at the start.
    pub(crate) fn open(crlf: bool) -> io::Result<Self> {
        let stdin = File::from(io::stdin().as_fd().try_clone_to_owned()?);
        let kind = stdin.metadata()?.file_type();
        let is_file = kind.is_file() || kind.is_block_device();
        let crlf = crlf.then(Crlf::default);
        let (empty, empties) = buffers::channel();
        let (filler, filled) = mpsc::channel(1);
        thread::Builder::new()
            .name("stdin".into())
            .spawn(move || fill(stdin, crlf, &empties, &filler))?;
        let spare = vec![vec![0; CHUNK], vec![0; CHUNK]];
        Ok(Self { filled, empty, chunk: Chunk::default(), spare, is_file })
    }

    /// Whether it is a file or a disk, which comes to its end by itself.
    pub(crate) fn is_file(&self) -> bool {
        self.is_file
    }

    fn give_back(&self, buf: Vec<u8>) {
        // After the end of the input the thread is gone and needs no buffer.
        let _ = self.empty.send(buf);
    }
}

/// Fills one buffer after the other, until the input ends or nobody wants more.
fn fill(
    mut stdin: File,
    mut crlf: Option<Crlf>,
    empties: &buffers::Receiver<Vec<u8>>,
    filler: &mpsc::Sender<io::Result<Chunk>>,
) {
    let mut raw = vec![0; if crlf.is_some() { CHUNK } else { 0 }];
    for mut buf in empties {
        let read = match &mut crlf {
            None => read(&mut stdin, &mut buf),
            Some(crlf) => read(&mut stdin, &mut raw).map(|count| {
                buf.clear();
                crlf.push(&raw[..count], &mut buf);
                buf.len()
            }),
        };
        let chunk = match read {
            Ok(0) => return,
            Ok(end) => Ok(Chunk { buf, start: 0, end }),
            Err(error) => Err(error),
        };
        let over = chunk.is_err();
        if filler.blocking_send(chunk).is_err() || over {
            return;
        }
    }
}

fn read(stdin: &mut File, buf: &mut [u8]) -> io::Result<usize> {
    loop {
        match stdin.read(buf) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

impl AsyncBufRead for Input {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        for buf in std::mem::take(&mut this.spare) {
            this.give_back(buf);
        }
        if this.chunk.start == this.chunk.end {
            let Chunk { buf, .. } = std::mem::take(&mut this.chunk);
            if !buf.is_empty() {
                this.give_back(buf);
            }
            if let Some(chunk) = ready!(this.filled.poll_recv(cx)) {
                this.chunk = chunk?;
            }
        }
        Poll::Ready(Ok(&this.chunk.buf[this.chunk.start..this.chunk.end]))
    }

    fn consume(self: Pin<&mut Self>, count: usize) {
        self.get_mut().chunk.start += count;
    }
}

/// What `AsyncBufRead` demands.
impl AsyncRead for Input {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let chunk = ready!(self.as_mut().poll_fill_buf(cx))?;
        let count = chunk.len().min(buf.remaining());
        buf.put_slice(&chunk[..count]);
        self.consume(count);
        Poll::Ready(Ok(()))
    }
}
