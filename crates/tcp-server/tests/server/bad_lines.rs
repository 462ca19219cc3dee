//! A line without end, and lines of any bytes.

use proto::{Ending, ProtocolError};
use tcp_server::{Limits, modes::Lines};
use tokio::io::{AsyncWriteExt as _, split};

use crate::support::library::{Server, read_to_end};
use crate::support::way::Way;

const LIMIT: usize = 16;

async fn check(input: &[u8], answers: &str, ending: Ending) {
    for way in Way::ALL {
        let limits = Limits { line: LIMIT, ..Limits::default() };
        let mut server = Server::over(way, Lines, limits).await;
        let mut client = server.dial().await.stream;
        client.write_all(input).await.unwrap();
        client.shutdown().await.unwrap();
        let heard = String::from_utf8(read_to_end(&mut client).await).unwrap();
        assert_eq!((heard.as_str(), server.ending().await), (answers, ending.clone()), "{way:?}");
    }
}

fn too_long() -> Ending {
    Ending::Protocol(ProtocolError::LineTooLong { limit: LIMIT })
}

#[tokio::test]
async fn every_line_is_answered_whatever_its_end() {
    let answers = "\
5 bytes, 5 characters: hello
0 bytes, 0 characters: 
6 bytes, 2 characters: 你好
1 bytes, 1 characters: x
";
    check("hello\r\n\n你好\nx".as_bytes(), answers, Ending::PeerFin).await;
    check(b"", "", Ending::PeerFin).await;
}

#[tokio::test]
async fn what_is_no_text_is_told_in_words() {
    check(
        b"\xff\xfe\n",
        "2 bytes, not UTF-8: byte 1 (0xff) belongs to no character\n",
        Ending::PeerFin,
    )
    .await;
}

#[tokio::test]
async fn a_line_of_the_limit_is_answered_and_a_longer_one_ends_the_connection() {
    let longest = "x".repeat(LIMIT);
    let answer = format!("16 bytes, 16 characters: {longest}\n");
    check(format!("{longest}\r\n").as_bytes(), &answer, Ending::PeerFin).await;
    let refusal = "error: a line is longer than the limit of 16 bytes\n";
    check(format!("{longest}x\n").as_bytes(), refusal, too_long()).await;
    // Also when its end never comes, and after the answers to those before it.
    let input = format!("a\n{}", "y".repeat(1000));
    check(input.as_bytes(), &format!("1 bytes, 1 characters: a\n{refusal}"), too_long()).await;
}

/// The answers to empty lines are 25 times as long as the lines: the server gathers a bounded part of
/// them, and a peer that does not read them stops being read from.
#[tokio::test]
async fn many_short_lines_do_not_fill_the_memory() {
    for (way, lines) in [(Way::Tcp, 1_000_000), (Way::Unix, 100_000), (Way::Tls, 100_000)] {
        answer_short_lines(way, lines).await;
    }
}

async fn answer_short_lines(way: Way, lines: usize) {
    let server = Server::over(way, Lines, Limits::default()).await;
    let (mut read, mut write) = split(server.dial().await.stream);
    let writing = tokio::spawn(async move {
        write.write_all(&vec![b'\n'; lines]).await.unwrap();
        write.shutdown().await.unwrap();
    });
    let mut bytes = Vec::new();
    let reading = tokio::io::AsyncReadExt::read_to_end(&mut read, &mut bytes);
    crate::support::soon("the answers", reading).await.unwrap();
    writing.await.unwrap();
    assert_eq!(bytes.len(), lines * "0 bytes, 0 characters: \n".len());
}
