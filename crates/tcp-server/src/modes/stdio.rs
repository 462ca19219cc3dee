use std::fmt;
use std::sync::{Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use proto::Ending;
use proto::limits::MAX_READ_CHUNK;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, split};
use tokio::select;
use tokio::sync::{mpsc, oneshot};

use crate::connection::Connection;
use crate::drain::Phase;
use crate::patience::{Reading, Writing};
use crate::serve::Service;
use crate::stream::Counts;

/// Wires the first client to an input and an output elsewhere, as `nc -l` does with its own.
///
/// Each direction ends on its own. At the end of the input the client is told so (FIN) and read on from; at
/// the client's end the input is sent on to its end, or not, see [`Ends::is_typed`]. The connection is over
/// when both directions are, and the service is done when the output has been given everything. Every other
/// client is closed at once: [`crate::Config::at_most`] keeps them out.
pub struct Stdio(Mutex<Option<Open>>);

type Open = Box<dyn FnOnce() -> Ends + Send>;

/// What a client is wired to.
#[derive(Debug)]
pub struct Ends {
    /// What goes to the client. The channel ends with the input.
    pub input: mpsc::Receiver<Bytes>,
    /// Where that goes which the client sends. Nobody takes it any more where this is closed.
    pub output: mpsc::Sender<Bytes>,
    /// Ready when all that was given to `output` has been taken for good.
    pub written: oneshot::Receiver<()>,
    /// Whether a person types the input: it then has no end to wait for, and ends with the client.
    pub is_typed: bool,
}

impl Stdio {
    /// `open` is called when the client has come.
    pub fn new(open: impl FnOnce() -> Ends + Send + 'static) -> Self {
        Self(Mutex::new(Some(Box::new(open))))
    }
}

impl fmt::Debug for Stdio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stdio").finish_non_exhaustive()
    }
}

impl Service for Stdio {
    async fn serve(&self, mut connection: Connection) -> Ending {
        let open = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(open) = open else { return connection.close(Ending::Done).await };
        let Ends { input, output, written, is_typed } = open();
        let ending = match wire(&mut connection, input, output, is_typed).await {
            Ok(ending) | Err(ending) => ending,
        };
        let ending = connection.close(ending).await;
        // Nothing is lost that the client has sent. Where nobody writes it any more, there is nothing to
        // wait for.
        let _ = written.await;
        ending
    }
}

async fn wire(
    connection: &mut Connection,
    input: mpsc::Receiver<Bytes>,
    output: mpsc::Sender<Bytes>,
    is_typed: bool,
) -> Result<Ending, Ending> {
    let (stop, counts) = (connection.stop().clone(), connection.stream().counts());
    connection.no_messages();
    let parts = connection.parts_mut();
    let (mut from, mut to) = split(&mut parts.stream);
    let ended = || stop.phase() == Phase::Ended;
    let mut heard = Box::pin(hear(&mut parts.reading, &mut from, output, &counts, ended));
    let mut said = Box::pin(say(&mut parts.writing, &mut to, input));
    select! {
        heard = &mut heard => match heard? {
            // A person is not waited for.
            Ending::PeerFin if !is_typed => {
                said.await?;
                Ok(Ending::PeerFin)
            }
            ending => Ok(ending),
        },
        said = &mut said => match said {
            Ok(()) => heard.await,
            // What it sent before it went is read on.
            Err(Ending::PeerReset | Ending::PeerGone) => match heard.await? {
                Ending::PeerFin => Err(Ending::PeerGone),
                ending => Ok(ending),
            },
            Err(ending) => Err(ending),
        },
    }
}

/// From the client to the output.
async fn hear(
    reading: &mut Reading,
    from: &mut (impl AsyncRead + Unpin),
    output: mpsc::Sender<Bytes>,
    counts: &Counts,
    ended: impl Fn() -> bool,
) -> Result<Ending, Ending> {
    let mut buffer = BytesMut::new();
    loop {
        buffer.reserve(MAX_READ_CHUNK);
        let sent = counts.sent();
        let read = match reading.read(from, &mut buffer).await {
            Ok(read) => read,
            // It listens: that is no silence.
            Err(Ending::Idle | Ending::Shutdown) if counts.sent() > sent && !ended() => continue,
            Err(ending) => return Err(ending),
        };
        if read == 0 {
            return Ok(Ending::PeerFin);
        }
        if output.send(buffer.split().freeze()).await.is_err() {
            return Ok(Ending::Done);
        }
    }
}

/// From the input to the client.
async fn say(
    writing: &mut Writing,
    to: &mut (impl AsyncWrite + Unpin),
    mut input: mpsc::Receiver<Bytes>,
) -> Result<(), Ending> {
    while let Some(bytes) = input.recv().await {
        writing.write_all(to, &bytes).await?;
    }
    to.shutdown().await.map_err(|error| Ending::from_io(&error))
}
