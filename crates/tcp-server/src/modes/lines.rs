use std::fmt::Write as _;
use std::str;

use bytes::{Buf, BytesMut};
use proto::limits::READ_CHUNK;
use proto::{Ending, ProtocolError};

use crate::connection::Connection;
use crate::limits::ANSWERS;
use crate::serve::Service;

/// Answers each line with `N bytes, M characters: TEXT`.
///
/// Bytes and characters are counted without the line's end, which is a line feed with or without a
/// carriage return before it. A character is a Unicode scalar value. What is no UTF-8 is told in words.
/// The last line needs no end.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lines;

impl Service for Lines {
    async fn serve(&self, mut connection: Connection) -> Ending {
        let ending = match answer_lines(&mut connection).await {
            Ok(ending) | Err(ending) => ending,
        };
        if let Ending::Protocol(error) = &ending {
            // Whether or not it can still be told, that is how it ended.
            let _ = connection.write_all(format!("error: {error}\n").as_bytes()).await;
        }
        connection.close(ending).await
    }
}

async fn answer_lines(connection: &mut Connection) -> Result<Ending, Ending> {
    let limit = connection.limits().line;
    let (mut input, mut answers) = (BytesMut::new(), String::new());
    // How much of `input` is known to have no line feed, so that no byte is looked at twice.
    let mut searched = 0;
    loop {
        input.reserve(READ_CHUNK);
        let read = connection.read(&mut input).await?;
        while let Some(found) = input[searched..].iter().position(|&byte| byte == b'\n') {
            let end = searched + found;
            let line = &input[..end];
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            check_length(line, limit, &mut answers, connection).await?;
            answer(line, &mut answers);
            connection.message_ended();
            input.advance(end + 1);
            searched = 0;
            if answers.len() >= ANSWERS {
                send(&mut answers, connection).await?;
            }
        }
        searched = input.len();
        // One more than the limit may be the carriage return of an end that is to come.
        check_length(input.strip_suffix(b"\r").unwrap_or(&input), limit, &mut answers, connection)
            .await?;
        if read == 0 {
            if !input.is_empty() {
                answer(&input, &mut answers);
            }
            send(&mut answers, connection).await?;
            return Ok(Ending::PeerFin);
        }
        if !input.is_empty() {
            connection.message_begun();
        }
        send(&mut answers, connection).await?;
    }
}

/// Refuses a line that is too long, after the answers to those before it are sent.
async fn check_length(
    line: &[u8],
    limit: usize,
    answers: &mut String,
    connection: &mut Connection,
) -> Result<(), Ending> {
    if line.len() <= limit {
        return Ok(());
    }
    send(answers, connection).await?;
    Err(Ending::Protocol(ProtocolError::LineTooLong { limit }))
}

async fn send(answers: &mut String, connection: &mut Connection) -> Result<(), Ending> {
    connection.write_all(answers.as_bytes()).await?;
    answers.clear();
    Ok(())
}

/// Appends the answer to `line`.
fn answer(line: &[u8], answers: &mut String) {
    let bytes = line.len();
    let written = match str::from_utf8(line) {
        Ok(text) => writeln!(answers, "{bytes} bytes, {} characters: {text}", text.chars().count()),
        Err(error) => {
            let at = error.valid_up_to();
            match error.error_len() {
                Some(_) => writeln!(
                    answers,
                    "{bytes} bytes, not UTF-8: byte {} (0x{:02x}) belongs to no character",
                    at + 1,
                    line[at],
                ),
                None => writeln!(
                    answers,
                    "{bytes} bytes, not UTF-8: the character that begins at byte {} is cut off",
                    at + 1,
                ),
            }
        }
    };
    written.expect("a string takes everything");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_told_from_characters() {
        for (line, expected) in [
            (&b""[..], "0 bytes, 0 characters: \n"),
            (b"hello", "5 bytes, 5 characters: hello\n"),
            ("你好".as_bytes(), "6 bytes, 2 characters: 你好\n"),
            // One flag on the screen, two scalar values.
            ("🇨🇳".as_bytes(), "8 bytes, 2 characters: 🇨🇳\n"),
            (b"ab\xffcd", "5 bytes, not UTF-8: byte 3 (0xff) belongs to no character\n"),
            (
                &"你好".as_bytes()[..4],
                "4 bytes, not UTF-8: the character that begins at byte 4 is cut off\n",
            ),
        ] {
            let mut answers = String::new();
            answer(line, &mut answers);
            assert_eq!(answers, expected);
        }
    }
}
