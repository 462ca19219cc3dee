use bytes::BytesMut;
use proto::Ending;

use crate::connection::{Connection, Room};
use crate::serve::Service;

/// Sends back the bytes that it gets (RFC 862).
#[derive(Clone, Copy, Debug, Default)]
pub struct Echo;

impl Service for Echo {
    async fn serve(&self, mut connection: Connection) -> Ending {
        let ending = match echo(&mut connection).await {
            Ok(ending) | Err(ending) => ending,
        };
        connection.close(ending).await
    }
}

async fn echo(connection: &mut Connection) -> Result<Ending, Ending> {
    let (mut buffer, mut room) = (BytesMut::new(), Room::default());
    connection.no_messages();
    loop {
        room.make(&mut buffer);
        let read = connection.read(&mut buffer).await?;
        if read == 0 {
            return Ok(Ending::PeerFin);
        }
        room.learn(read);
        connection.write_all(&buffer).await?;
    }
}
