//! A service that panics costs its own connection and nothing else.

use std::io;

use proto::Ending;
use tcp_server::{Connection, Limits, Service};

use crate::support::library::{Server, read_to_end};

struct Panics;

impl Service for Panics {
    async fn serve(&self, connection: Connection) -> Ending {
        assert!(connection.id() != 1, "this is the panic that the test is about");
        connection.close(Ending::Done).await
    }
}

#[tokio::test]
async fn its_connection_is_reported_and_the_next_one_is_served() {
    let mut server = Server::start(Panics, Limits::default()).await;
    let mut first = server.connect().await;
    assert_eq!(read_to_end(&mut first).await, b"");
    assert_eq!(server.ending().await, Ending::Io(io::ErrorKind::Other));
    let mut second = server.connect().await;
    assert_eq!(read_to_end(&mut second).await, b"");
    assert_eq!(server.ending().await, Ending::Done);
    server.stopper.stop();
    assert_eq!(server.end().await.served, 2);
}
