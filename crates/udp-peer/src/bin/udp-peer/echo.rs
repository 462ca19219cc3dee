//! `udp-peer echo`: answers what `udp-peer ping` asks, and nothing else.
//!
//! An echo of everything could be made to talk with another one for ever, by one datagram in its name
//! (CVE-2024-2169).

use cli::Failure;
use tokio::select;
use tokio::sync::oneshot;
use udp_peer::limits::MAX_DATAGRAM;
use udp_peer::{Incoming, Plain};

use crate::args::EchoArgs;
use crate::failures;
use crate::ping::packet;
use crate::recv::bind_to;
use crate::report::Report;

/// Answers until `stop` comes.
pub(crate) async fn echo(
    args: &EchoArgs,
    report: &Report,
    mut stop: oneshot::Receiver<i32>,
) -> Result<(), Failure> {
    let plain = Plain::new(bind_to(&args.address(), None).await?);
    let socket = plain.socket();
    report.listening(socket.local_addr().map_err(|error| failures::of_receiving(&error))?, None);
    let mut buf = vec![0; MAX_DATAGRAM];
    loop {
        let incoming = select! {
            biased;
            _ = &mut stop => return Ok(()),
            incoming = plain.next(&mut buf) => incoming,
        };
        match incoming.map_err(|error| failures::of_receiving(&error))? {
            Incoming::Datagram(received) => {
                let datagram = &mut buf[..received.kept];
                if packet::answer(datagram) {
                    let sent = socket.send_to(datagram, received.from).await;
                    report.answered(received.from, datagram.len(), sent.as_ref().err());
                } else {
                    report.not_answered(received.from, received.len);
                }
            }
            Incoming::Unreachable(unreachable) => report.unreachable(unreachable),
        }
    }
}
