//! What does `recv(1024)` give, and is it text?
//!
//! TCP carries bytes in order, and nothing else. Where a write began, where a message ended and which
//! bytes make up a character is known to the programs alone, so a read gives any part of what was
//! written. It loses nothing: what one read leaves behind the next one gets.

mod characters;
mod chunks;
mod decoder;
mod file;
mod frames;
mod lines;
mod merge;
mod pair;
mod short_write;

use std::thread::{self, ScopedJoinHandle};

use crate::claims::{file_read_as_bytes_is_hexadecimal, recv_throws_away_over_tcp};
use crate::findings::{Claim, Story};
use crate::scenario::Scenario;
use crate::stage::{Stage, Trouble};

/// The demo.
pub const SCENARIO: Scenario = Scenario {
    name: "stream",
    question: "what does recv(1024) give, and is it text?",
    explain: &[
        "TCP numbers bytes and delivers them in order, each once. It has no messages: where one send \
         ended is not on the wire.",
        "Sends merge: small ones wait for each other at the sender (Nagle), and whatever has arrived is \
         one queue at the receiver. One send is split: into segments of the path's size, and by \
         buffers that take only a part of it.",
        "recv(n) gives at least one byte and at most n of what is there; the rest stays for the next \
         call. Zero bytes is the end of the stream.",
        "A program must therefore say itself where a message ends: by a line feed, by a length in \
         front, or by closing.",
        "UTF-8 makes a character of one to four bytes, so a read may end within one. The bytes are \
         whole, only not yet all there: keep them, and decode with what comes next.",
        "Text is bytes with an agreed encoding. Hexadecimal is a way to print bytes; a file that was \
         written as UTF-8 decodes, and a picture does not.",
        "Watch: ss -tn shows what lies unread (Recv-Q) and what is not acknowledged (Send-Q).",
        "recv(2): https://man7.org/linux/man-pages/man2/recv.2.html; tcp(7), MSG_TRUNC and \
         TCP_NODELAY: https://man7.org/linux/man-pages/man7/tcp.7.html",
        "RFC 9293, 3.4, sequence numbers: https://www.rfc-editor.org/rfc/rfc9293#section-3.4; \
         RFC 3629, UTF-8: https://www.rfc-editor.org/rfc/rfc3629",
        "kernel: tcp_recvmsg_locked and tcp_sendmsg_locked in net/ipv4/tcp.c, tcp_nagle_test in \
         net/ipv4/tcp_output.c",
    ],
    seconds: 2,
    programs: &["tcp-server", "tcp-client"],
    play,
};

/// Plays the stories side by side, each in a lab of its own: they wait more than they work.
pub fn play(stage: &Stage, show: &mut dyn FnMut(Story)) -> Result<Vec<Claim>, Trouble> {
    thread::scope(|scope| {
        let merge = scope.spawn(|| stage.tell("merge", merge::play));
        let chunks = scope.spawn(|| stage.tell("chunks", chunks::play));
        let short_write = scope.spawn(|| stage.tell("short-write", short_write::play));
        let characters = scope.spawn(|| stage.tell("characters", characters::play));
        let lines = scope.spawn(|| stage.tell("lines", lines::play));
        let frames = scope.spawn(|| stage.tell("frames", frames::play));
        let file = scope.spawn(|| stage.tell("file", file::play));

        show(ended(merge)?.0);
        let (story, rest_lost) = ended(chunks)?;
        show(story);
        show(ended(short_write)?.0);
        show(ended(characters)?.0);
        show(ended(lines)?.0);
        show(ended(frames)?.0);
        let (story, read) = ended(file)?;
        show(story);
        Ok(vec![
            recv_throws_away_over_tcp(rest_lost),
            file_read_as_bytes_is_hexadecimal(read.unwrap_or_default()),
        ])
    })
}

fn ended<T>(story: ScopedJoinHandle<'_, Result<T, Trouble>>) -> Result<T, Trouble> {
    story.join().expect("a story does not panic")
}
