//! A receiver that does not read: its buffer fills, and what comes next is thrown away.

use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;

use netlab::Lab;
use netlab::udp_sockets::drops_by_socket;
use nix::sys::socket::sockopt::RxqOvfl;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt};
use socket2::SockRef;

use super::peer::{address_of_server, arrivals, bare_socket, send_lines, skipped};
use crate::findings::{Check, Story, Table};
use crate::observe::{Observer, Seen, Watch, lifelines};
use crate::stage::{SOON, Stage, Trouble, until};

const SENT: usize = 100;
const LEN: usize = 100;

/// What is asked for; the kernel doubles it, for its own bookkeeping (socket(7)).
const BUFFER: usize = 4096;

/// How often the last word is said again, for one to arrive over a wire that a knob makes lose.
const LAST_WORDS: usize = 20;

const COUNTERS: [(&str, &str); 3] = [
    ("overflow-rcvbuf-errors", "the host's counter UdpRcvbufErrors says so many were thrown away"),
    ("overflow-in-errors", "the host's counter UdpInErrors says so"),
    ("overflow-arrived", "datagrams that the wire delivered to its port, \"the next\" among them"),
];

pub(super) fn play(stage: &Stage) -> Result<Story, Trouble> {
    let lab = stage.lab(&["client", "server"])?;
    // Bare: a program of ours would read.
    let socket = bare_socket(&lab, "server", address_of_server(stage, &lab))?;
    let failed = || Trouble::io("set up the receiver");
    SockRef::from(&socket).set_recv_buffer_size(BUFFER).map_err(failed())?;
    setsockopt(&socket, RxqOvfl, &1).map_err(io::Error::from).map_err(failed())?;
    let granted = SockRef::from(&socket).recv_buffer_size().map_err(failed())?;
    let address = socket.local_addr().map_err(failed())?;
    let watch = Watch::begin(&lab, address.port())?;
    let lines: Vec<String> = (1..=SENT).map(|number| format!("{number:0LEN$}")).collect();
    send_lines(stage, &lab, address, &[], &lines)?;
    let behind = wait_behind(stage, &lab, address)?;
    let find = || -> Result<_, Trouble> {
        let sockets =
            lab.host("server").udp_sockets().map_err(Trouble::io("read the UDP sockets"))?;
        Ok(sockets.into_iter().find(|socket| socket.local.port() == address.port()))
    };
    let socket_by_kernel = until("the receiver's socket", find)?;
    let by_socket = drops_by_socket(&socket).map_err(Trouble::io("read SO_MEMINFO"))?;
    let kept = drain(&socket).map_err(Trouble::io("read what was kept"))?;
    // The count travels with a datagram: with the next one that finds room.
    let before = arrivals(&lab, address).of(SENT);
    send_lines(stage, &lab, address, &[], &["the next".to_owned()])?;
    let by_datagram = if arrivals(&lab, address).of(SENT + 1) > before {
        socket.set_read_timeout(Some(SOON)).map_err(failed())?;
        receive(&socket).map_err(Trouble::io("receive the next"))?.1
    } else {
        None
    };
    let mut seen = watch.end(&lab)?;

    let lost = SENT - kept.len();
    let first: Vec<String> = lines[..kept.len().min(SENT)].to_vec();
    let shown = |count: Option<u32>| count.map_or("not told".to_owned(), |count| count.to_string());
    let mut story = Story {
        name: "overflow".into(),
        says: format!("{SENT} datagrams of {LEN} bytes come to a receiver that does not read"),
        belief: "what reached the receiver's machine has arrived".into(),
        set_up: vec![
            format!("server: a bare socket with SO_RCVBUF {BUFFER} (the kernel gives {granted}), which reads when all is over"),
            format!(
                "client: udp-peer send {address}, {SENT} lines; then \"last\" to {behind}, which arrives behind them \
                 and shows that they are over; then \"the next\" to {address}"
            ),
        ],
        lifelines: lifelines(&lab, "client", "server", address.port()),
        explanation: vec![
            "A receive buffer holds memory, not bytes of data: a datagram of 100 bytes takes several hundred, with \
             what the kernel needs around it. When it is full, what comes next is thrown away: the newest, not the \
             oldest (__udp_enqueue_schedule_skb, net/ipv4/udp.c)."
                .into(),
            "Nobody is told, but everybody can look: the host's counters, the socket's own count in three places, \
             and, for the program itself, SO_RXQ_OVFL: each datagram then brings along how many were thrown away \
             before it. udp-peer recv does that, and reports what was lost."
                .into(),
        ],
        ..Story::default()
    };
    let expected = lost.to_string();
    let same = |id, says, measured| Check::equal(id, says, expected.clone(), measured);
    story.checks = vec![
        Check::within("overflow-kept", "datagrams that were kept", 1..=SENT - 1, kept.len()),
        Check::equal(
            "overflow-oldest",
            "the ones that were kept are the first that came",
            true,
            kept == first,
        ),
        same(
            "overflow-diag",
            "sock_diag (d of ss -m) says so many were thrown away",
            shown(socket_by_kernel.drops_by_diag),
        ),
        same("overflow-table", "/proc/net/udp says so", shown(socket_by_kernel.drops_by_table)),
        same("overflow-meminfo", "SO_MEMINFO of the socket says so", by_socket.to_string()),
        same("overflow-ovfl", "the next datagram says so (SO_RXQ_OVFL)", shown(by_datagram)),
    ];
    let hidden = seen.hide_where(|record| {
        let ports = record.packet.as_ref().and_then(netlab::Packet::ports);
        ports.is_none_or(|(_, to)| to != address.port())
    });
    let recorded = seen.records.len();
    let arrived = seen.records.iter().filter(|record| record.delivered().is_some()).count();
    let [rcvbuf, in_errors, delivered] = COUNTERS;
    story.checks.extend(match lab.wire() {
        Some(_) => vec![
            same(rcvbuf.0, rcvbuf.1, seen.moved("server", "UdpRcvbufErrors").to_string()),
            same(in_errors.0, in_errors.1, seen.moved("server", "UdpInErrors").to_string()),
            Check::equal(delivered.0, delivered.1, SENT + 1, arrived),
        ],
        None => skipped(&COUNTERS),
    });
    story.tables = vec![Table {
        says: "where the datagrams are".into(),
        columns: ["sent", "kept", "thrown away"].map(str::to_owned).to_vec(),
        rows: vec![vec![SENT.to_string(), kept.len().to_string(), lost.to_string()]],
    }];
    draw(&mut story, seen, kept.len());
    story.not_drawn = not_drawn(recorded - story.packets.len(), hidden, behind.port());
    Ok(story)
}

/// Waits until all that was sent to the receiver is there or gone: what is sent to another socket comes
/// behind it. Gives the address of that.
fn wait_behind(stage: &Stage, lab: &Lab, receiver: SocketAddr) -> Result<SocketAddr, Trouble> {
    let socket = bare_socket(lab, "server", SocketAddr::new(receiver.ip(), 0))?;
    let failed = || Trouble::io("receive what was sent last");
    let address = socket.local_addr().map_err(failed())?;
    // It may be lost itself, where a knob makes the wire lose.
    let mut sent = 0;
    while sent == 0 || sent < LAST_WORDS && arrivals(lab, address).of(sent) == 0 {
        send_lines(stage, lab, address, &[], &["last".to_owned()])?;
        sent += 1;
    }
    socket.set_read_timeout(Some(SOON)).map_err(failed())?;
    socket.recv(&mut [0; LEN]).map_err(failed())?;
    Ok(address)
}

/// Puts the packets into the story, of which the first and the last that were kept, and some that were
/// not, say it all.
fn draw(story: &mut Story, seen: Seen, kept: usize) {
    let mut observer = Observer::new(&seen.records);
    for record in seen.records.iter().take(SENT).skip(kept) {
        observer.dropped_by_kernel(record.number, "thrown away: the buffer is full");
    }
    seen.put_into(story, &observer);
    if story.packets.len() == SENT + 1 && (2..SENT - 4).contains(&kept) {
        story.packets.drain(kept + 2..SENT - 1);
        story.packets.drain(1..kept - 1);
    }
}

/// What no ladder shows: `more` datagrams to the receiver's port, and `others` to the one behind it.
fn not_drawn(more: usize, others: usize, port: u16) -> Option<String> {
    let others = match others {
        0 => None,
        1 => Some(format!("\"last\" to port {port}")),
        others => Some(format!("\"last\" to port {port}, {others} times")),
    };
    let more = (more > 0).then(|| format!("{more} more datagrams"));
    let told: Vec<String> = more.into_iter().chain(others).collect();
    (!told.is_empty()).then(|| told.join(", and "))
}

/// Everything that waits, in its order.
fn drain(socket: &UdpSocket) -> io::Result<Vec<String>> {
    socket.set_nonblocking(true)?;
    let mut kept = Vec::new();
    loop {
        match receive(socket) {
            Ok((text, _)) => kept.push(text),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
    }
    socket.set_nonblocking(false)?;
    Ok(kept)
}

/// The next datagram, and how many were thrown away before it, if it says so.
fn receive(socket: &UdpSocket) -> io::Result<(String, Option<u32>)> {
    let mut bytes = [0; LEN];
    let mut parts = [IoSliceMut::new(&mut bytes)];
    let mut control = nix::cmsg_space!(u32);
    let message =
        recvmsg::<()>(socket.as_raw_fd(), &mut parts, Some(&mut control), MsgFlags::empty())?;
    let dropped = message.cmsgs()?.find_map(|control| match control {
        ControlMessageOwned::RxqOvfl(count) => Some(count),
        _ => None,
    });
    let len = message.bytes;
    Ok((String::from_utf8_lossy(&bytes[..len]).into_owned(), dropped))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_recorded_is_drawn_or_told_of() {
        let told = |more, others| not_drawn(more, others, 5000);
        let both = "95 more datagrams, and \"last\" to port 5000";
        assert_eq!(told(95, 1).as_deref(), Some(both));
        assert_eq!(told(0, 3).as_deref(), Some("\"last\" to port 5000, 3 times"));
        assert_eq!(told(0, 0), None, "without a wire");
    }
}
