use std::future::poll_fn;
use std::pin::pin;
use std::sync::LazyLock;
use std::task::Poll;

use bytes::BytesMut;
use proto::Ending;

use crate::connection::{Connection, Room};
use crate::drain::Phase;
use crate::serve::Service;

/// Sends lines of printable characters, as many as the peer takes, and reads what it sends (RFC 864).
///
/// Each line has 72 of the 95 printable characters of ASCII and CR LF, and begins one character later
/// than the line before it, so that it is seen where something is missing. A peer that has closed its
/// direction still gets lines; a server that stops ends with a whole one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Chargen;

/// How many printable characters there are. The pattern repeats after as many lines.
const LINES: u8 = 95;

/// How many of them are on a line.
const COLUMNS: u8 = 72;

/// How long a line is, with its end.
const LINE: usize = COLUMNS as usize + 2;

/// How many repetitions are written at once, as one write of some 55 KiB costs little more than one of a line.
const TIMES: usize = 8;

impl Service for Chargen {
    async fn serve(&self, mut connection: Connection) -> Ending {
        let ending = generate(&mut connection).await;
        connection.close(ending).await
    }
}

async fn generate(connection: &mut Connection) -> Ending {
    let (mut buffer, mut room, mut is_heard) = (BytesMut::new(), Room::default(), false);
    connection.no_messages();
    loop {
        if connection.stop().phase() != Phase::Running {
            return Ending::Shutdown;
        }
        let written = connection.write_all(&PATTERN).await;
        if !is_heard {
            room.make(&mut buffer);
            match what_has_come(connection, &mut buffer).await {
                // It is done with talking, and may read on.
                Ok(Some(0)) => is_heard = true,
                Ok(Some(read)) => room.learn(read),
                Ok(None) => {}
                Err(ending) => return without_debt(ending),
            }
        }
        if let Err(ending) = written {
            return without_debt(ending);
        }
    }
}

/// The kernel tells a reset after a FIN (EPIPE) from one without (`tcp_reset`): a peer that has closed in
/// order was owed nothing, whatever the lines met that were under way to it.
fn without_debt(ending: Ending) -> Ending {
    if ending == Ending::PeerGone { Ending::PeerFin } else { ending }
}

/// Reads what is there, without waiting for more.
async fn what_has_come(
    connection: &mut Connection,
    into: &mut BytesMut,
) -> Result<Option<usize>, Ending> {
    let mut read = pin!(connection.read(into));
    poll_fn(|cx| match read.as_mut().poll(cx) {
        Poll::Ready(read) => Poll::Ready(read.map(Some)),
        Poll::Pending => Poll::Ready(Ok(None)),
    })
    .await
}

/// Some repetitions of the pattern.
static PATTERN: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut pattern = Vec::with_capacity(LINE * usize::from(LINES) * TIMES);
    for line in (0..LINES).cycle().take(usize::from(LINES) * TIMES) {
        pattern.extend((0..COLUMNS).map(|column| b' ' + (line + column) % LINES));
        pattern.extend_from_slice(b"\r\n");
    }
    pattern
});
