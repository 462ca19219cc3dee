//! What crosses when a file is sent, and what if its sender is killed?
//!
//! A socket carries bytes, and a file has nothing else: what is text is known to whoever reads it. That all
//! of it has come, a hash says; that only all of it has the file's name, the receiver takes care of.

mod crosses;
mod killed;
mod same_name;
mod scene;

use crate::claims::hex_mends_a_file;
use crate::findings::{Claim, Story};
use crate::scenario::Scenario;
use crate::stage::{Stage, Trouble};

/// The demo.
pub const SCENARIO: Scenario = Scenario {
    name: "files",
    question: "what crosses when a file is sent, and what if its sender is killed?",
    explain: &[
        "A file is a sequence of bytes, and so is a TCP connection. To send a file is to read the one and \
         write the other; nothing is converted, whether it is text, a picture or an archive.",
        "What a connection has not is the file's name, its length, and where the next one begins: a program \
         must say these itself, in front of the bytes.",
        "TCP delivers what it was given, in order. It does not know how long the file is: a sender that is \
         killed and one that is done end their connection in the same way, with a FIN.",
        "A receiver that knows the length and a hash of the whole knows whether it has the file. TCP's own \
         checksum has 16 bits, and what was read from a disk or written to one has none.",
        "While a file comes it has another name (NAME.KEY.part). Its own name it gets at the end, in one \
         step, by link(2), which never replaces what has the name: whoever sees it sees the whole file.",
        "What has come is kept. The next time the receiver says how much it has, with the hash of that, and \
         only the rest crosses, where the sender's file begins with the same bytes.",
        "What cannot be decoded as UTF-8 is text in another encoding, or no text; both are whole. Whether a \
         file is whole is a question about bytes, and its hash answers it.",
        ".hex() in Python makes a text of two digits for each byte. It cannot fail, and it is of use to look \
         at bytes; written to a file it is another file.",
        "Watch: b3sum or cmp on both files; ls on the folder while a file comes; ss -tni shows what was \
         acknowledged (bytes_acked) and what waits (notsent).",
        "send(2): https://man7.org/linux/man-pages/man2/send.2.html; link(2): \
         https://man7.org/linux/man-pages/man2/link.2.html; bytes.hex: \
         https://docs.python.org/3/library/stdtypes.html#bytes.hex",
        "BLAKE3: https://github.com/BLAKE3-team/BLAKE3-specs; RFC 3629, UTF-8: \
         https://www.rfc-editor.org/rfc/rfc3629",
        "kernel: tcp_sendmsg_locked and __tcp_close in net/ipv4/tcp.c",
    ],
    seconds: 3,
    programs: &["tcp-server", "tcp-client"],
    play,
};

/// Plays the stories.
pub fn play(stage: &Stage, show: &mut dyn FnMut(Story)) -> Result<Vec<Claim>, Trouble> {
    let (story, cure) = stage.tell("crosses", crosses::play)?;
    show(story);
    show(stage.tell("killed", killed::play)?.0);
    show(stage.tell("same-name", same_name::play)?.0);
    Ok(vec![hex_mends_a_file(&cure.unwrap_or_default())])
}
