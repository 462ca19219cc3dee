//! Several sockets on which one server listens.

use std::future;
use std::io;
use std::task::{Context, Poll};

use crate::listener::Listener;
use crate::stream::{Peer, Stream};

/// The sockets of a server, of any kinds. Its limits hold over all of them together.
///
/// They take turns: one to which clients come without end does not keep those of the others waiting.
#[derive(Debug)]
pub struct Listeners {
    all: Vec<Listener>,
    /// Which one is asked first.
    next: usize,
}

impl From<Listener> for Listeners {
    fn from(listener: Listener) -> Self {
        vec![listener].into()
    }
}

impl From<Vec<Listener>> for Listeners {
    /// With none of them nobody ever comes.
    fn from(all: Vec<Listener>) -> Self {
        Self { all, next: 0 }
    }
}

impl Listeners {
    /// Takes the next connection out of one of the kernel's queues. Nothing is lost if the future is dropped.
    pub(crate) async fn accept(&mut self) -> io::Result<(Stream, Peer)> {
        future::poll_fn(|cx| self.poll_accept(cx)).await
    }

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Stream, Peer)>> {
        let count = self.all.len();
        for turn in 0..count {
            let at = (self.next + turn) % count;
            // An error moves on too: one socket that is broken must not keep the others from being asked.
            if let Poll::Ready(accepted) = self.all[at].poll_accept(cx) {
                self.next = at + 1;
                return Poll::Ready(accepted);
            }
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::net::TcpStream;
    use tokio::time::timeout;

    use super::*;
    use crate::listener::BindOptions;

    #[tokio::test]
    async fn a_crowd_at_one_does_not_keep_the_others_waiting() {
        let (mut all, mut addresses, mut clients) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..3 {
            let any = "127.0.0.1:0".parse().unwrap();
            let listener = Listener::bind(&any, &BindOptions::default()).await.unwrap();
            addresses.push(listener.local_address().to_string());
            all.push(listener);
        }
        // The crowd comes last, so that all have clients when the first one is taken.
        for at in [1, 2, 2, 0, 0, 0, 0] {
            clients.push(TcpStream::connect(&addresses[at]).await.unwrap());
        }
        let at_which = |peer: &Peer| {
            let of = |client: &TcpStream| client.local_addr().unwrap().to_string();
            let client = clients.iter().find(|client| of(client) == peer.to_string()).unwrap();
            addresses.iter().position(|at| *at == client.peer_addr().unwrap().to_string()).unwrap()
        };
        let mut listeners = Listeners::from(all);
        let mut taken = Vec::new();
        for _ in 0..clients.len() {
            let accepted = timeout(Duration::from_secs(20), listeners.accept()).await;
            taken.push(at_which(&accepted.expect("there are more").unwrap().1));
        }
        assert_eq!(taken, [0, 1, 2, 0, 2, 0, 0]);
    }
}
