//! A datagram that is longer than what the receiver takes.

use std::net::{SocketAddr, UdpSocket};

use super::peer::{Receiver, arrivals, bare_socket, list, send_lines};
use crate::findings::{Check, Story, Table};
use crate::observe::{Observer, Watch};
use crate::stage::{SOON, Stage, Trouble};

const LONG: usize = 1400;
const TAKEN: usize = 1024;

/// Plays the story; gives back whether what is beyond 1024 bytes was lost, if both datagrams came.
pub(super) fn play(stage: &Stage) -> Result<(Story, Option<bool>), Trouble> {
    let lab = stage.lab(&["client", "server"])?;
    let lines = ["x".repeat(LONG), "next".to_owned()];

    // First a bare recv(1024), as the tutorial has it, on a port of its own.
    let own = SocketAddr::new(lab.host("server").address().into(), 0);
    let socket = bare_socket(&lab, "server", own)?;
    let address = socket.local_addr().map_err(Trouble::io("ask for the socket's address"))?;
    let watch = Watch::begin(&lab, address.port())?;
    send_lines(stage, &lab, address, &[], &lines)?;
    let arrive = arrivals(&lab, address).of(lines.len());
    let (first, second) = (receive(&socket, arrive > 0)?, receive(&socket, arrive > 1)?);
    drop(socket);

    // Then our program, which asks for the length.
    let receiver = Receiver::start(stage, &lab, &["--max-size", &TAKEN.to_string()])?;
    send_lines(stage, &lab, receiver.address, &[], &lines)?;
    receiver.hears(&lab, lines.len());
    let seen = watch.end(&lab)?;
    let told = receiver.datagrams();
    let told: Vec<String> = told
        .iter()
        .map(|event| match event["kept"].as_u64() {
            Some(kept) if event["cut"] == true => {
                format!("{} bytes, cut to {kept}", event["bytes"])
            }
            _ => format!("{} bytes", event["bytes"]),
        })
        .collect();

    let (bare, ours) = (address.port(), receiver.address.port());
    let client = format!("client {}", lab.host("client").address());
    let rest = "x".repeat(LONG - TAKEN);
    let rest_lost = (arrive > 1).then(|| first.len() < LONG && second != rest.as_bytes());
    let shown = |bytes: &[u8]| match bytes.len() {
        0 => "nothing".to_owned(),
        len => format!("{len} bytes"),
    };
    let mut story = Story {
        name: "cut".into(),
        says: format!("a datagram of {LONG} bytes is received with recv({TAKEN}), then another one"),
        belief: format!("recv({TAKEN}) throws away what is beyond {TAKEN} bytes"),
        set_up: vec![
            format!(
                "server: a bare socket at {address} that calls recv({TAKEN}); then udp-peer recv --max-size {TAKEN} {}",
                receiver.address
            ),
            format!("client: udp-peer send to each of them, a line of {LONG} bytes and \"next\""),
        ],
        lifelines: vec![client, format!("server {}, ports {bare} and {ours}", address.ip())],
        tables: vec![Table {
            says: "what each receiver got, call by call".into(),
            columns: ["call", "a bare recv(1024)", "udp-peer recv --max-size 1024"].map(str::to_owned).to_vec(),
            rows: vec![
                vec!["1".into(), shown(&first), told.first().cloned().unwrap_or_default()],
                vec!["2".into(), shown(&second), told.get(1).cloned().unwrap_or_default()],
            ],
        }],
        explanation: vec![
            "Here the tutorial is right, for datagrams: one call takes one datagram, and what the memory has \
             no room for is gone. The bare recv() does not even say that something is missing."
                .into(),
            "The kernel does know: recvmsg() sets MSG_TRUNC, and with MSG_TRUNC among its flags recv() gives \
             the real length (recv(2), udp(7)). udp-peer asks, and says what was cut. Give room for the largest \
             datagram, 65,507 bytes over IPv4, and nothing is."
                .into(),
        ],
        ..Story::default()
    };
    story.checks = vec![
        Check::equal("cut-taken", "bytes that recv(1024) gives", TAKEN, first.len()),
        Check::equal(
            "cut-rest",
            "what the next call gives: not the rest",
            "next".to_owned(),
            String::from_utf8_lossy(&second).into_owned(),
        ),
        Check::equal(
            "cut-told",
            "what udp-peer recv says of the two",
            format!("{LONG} bytes, cut to {TAKEN}, 4 bytes"),
            list(told),
        ),
    ];
    let mut observer = Observer::new(&seen.records);
    for (from, to) in seen.records.iter().filter_map(|record| record.packet.as_ref()?.ports()) {
        observer.name(from, if to == bare { "to bare" } else { "to udp-peer" });
    }
    seen.put_into(&mut story, &observer);
    Ok((story, rest_lost))
}

/// What a call gives, which waits where a datagram has arrived; nothing where it was lost.
fn receive(socket: &UdpSocket, has_arrived: bool) -> Result<Vec<u8>, Trouble> {
    let mut bytes = vec![0; TAKEN];
    let len = if has_arrived {
        let received = socket.set_read_timeout(Some(SOON)).and_then(|()| socket.recv(&mut bytes));
        received.map_err(Trouble::io("receive a datagram"))?
    } else {
        0
    };
    bytes.truncate(len);
    Ok(bytes)
}
