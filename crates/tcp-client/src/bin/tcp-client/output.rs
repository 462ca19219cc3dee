//! Standard output: bytes as they came, or made harmless for a terminal, or as events.
//!
//! Writes to it happen on a thread of the runtime, so that a pipe that nobody reads holds up neither the
//! other direction nor a time limit. Its descriptor stays in blocking mode, as that of standard input.

use std::fs;
use std::io::{self, IsTerminal as _};
use std::os::fd::AsFd as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use proto::visible::Visible;
use serde::Serialize;
use tokio::fs::File;
use tokio::io::AsyncWrite;

use crate::report::Report;

/// Where the peer's bytes go.
pub(crate) enum Output<'a> {
    /// To a file or a pipe, as they came.
    Plain(File),
    /// To a terminal, with control characters made visible.
    Terminal(Terminal),
    /// Into events, one for each read.
    Events(TextEvents<'a>),
}

/// Events with what was read as text. A character that a read cuts goes whole into the next one.
pub(crate) struct TextEvents<'a> {
    report: &'a Report,
    /// The beginning of a character: three bytes at the most.
    begun: Vec<u8>,
}

/// A terminal, and what it is still to be shown.
pub(crate) struct Terminal {
    file: File,
    visible: Visible,
    text: String,
    start: usize,
}

#[derive(Serialize)]
struct Data<'a> {
    bytes: usize,
    text: &'a str,
}

impl<'a> Output<'a> {
    /// Opens standard output.
    pub(crate) fn open(report: &'a Report, raw: bool) -> io::Result<Self> {
        if report.is_json() {
            return Ok(Self::Events(TextEvents { report, begun: Vec::new() }));
        }
        let stdout = io::stdout();
        let file = File::from_std(fs::File::from(stdout.as_fd().try_clone_to_owned()?));
        if raw || !stdout.is_terminal() {
            return Ok(Self::Plain(file));
        }
        let visible = Visible::default();
        Ok(Self::Terminal(Terminal { file, visible, text: String::new(), start: 0 }))
    }
}

impl TextEvents<'_> {
    fn push(&mut self, bytes: &[u8]) {
        self.begun.extend_from_slice(bytes);
        let begun = self.begun.split_off(self.begun.len() - cut_off(&self.begun));
        self.tell();
        self.begun = begun;
    }

    /// Tells what was held back, once nothing follows it.
    fn finish(&mut self) {
        self.tell();
        self.begun.clear();
    }

    fn tell(&self) {
        if !self.begun.is_empty() {
            let text = &String::from_utf8_lossy(&self.begun);
            self.report.event("data", &Data { bytes: self.begun.len(), text });
        }
    }
}

/// How many bytes at the end are the beginning of a character that more bytes may complete.
fn cut_off(bytes: &[u8]) -> usize {
    let last = bytes.utf8_chunks().last().map_or(&[][..], |chunk| chunk.invalid());
    match str::from_utf8(last) {
        Err(error) if error.error_len().is_none() => last.len(),
        _ => 0,
    }
}

impl Terminal {
    fn poll_show(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.start < self.text.len() {
            let rest = &self.text.as_bytes()[self.start..];
            self.start += ready!(Pin::new(&mut self.file).poll_write(cx, rest))?;
        }
        self.text.clear();
        self.start = 0;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Output<'_> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(file) => Pin::new(file).poll_write(cx, bytes),
            Self::Terminal(terminal) => {
                ready!(terminal.poll_show(cx))?;
                terminal.visible.push(bytes, &mut terminal.text);
                Poll::Ready(Ok(bytes.len()))
            }
            Self::Events(events) => {
                events.push(bytes);
                Poll::Ready(Ok(bytes.len()))
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(file) => Pin::new(file).poll_flush(cx),
            Self::Terminal(terminal) => {
                ready!(terminal.poll_show(cx))?;
                Pin::new(&mut terminal.file).poll_flush(cx)
            }
            Self::Events(_) => Poll::Ready(Ok(())),
        }
    }

    /// Writes what was held back because more could have followed it.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(_) => {}
            Self::Terminal(terminal) => terminal.visible.finish(&mut terminal.text),
            Self::Events(events) => events.finish(),
        }
        self.poll_flush(cx)
    }
}
