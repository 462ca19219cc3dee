//! How do two hosts talk in reliable datagrams, and what can be seen of it from outside?
//!
//! A line is sealed, so nobody on the way can read it, nor tell a packet that carries it again from a new
//! one. Each line has a length of its own here, and so have the packets that carry it.

use std::net::SocketAddr;
use std::path::Path;

use netlab::clock::Moment;
use netlab::{Lab, Record, Transport};
use serde_json::Value;

use crate::scratch::Scratch;
use crate::stage::{Actor, Stage, Trouble, until};

/// The port of a reliable receiver in a lab where another one has that of datagrams.
pub const RELIABLE_PORT: u16 = 7881;

/// Why a ladder has more datagrams than a counter: `udp_send_skb` of the kernel counts a run of them once.
pub const COUNTED_BY_CALLS: &str = "UdpOutDatagrams counts calls: udp-peer gives a run of datagrams of one length to \
     its kernel with one sendmsg() (UDP_SEGMENT, udp(7)), so more of them may cross the wire than that says.";

/// Length of the first line, in bytes, and by how much each is longer than the one before: so that two do
/// not fit into one packet, none is cut, and an acknowledgement that travels with one does not make it look
/// like the next.
const FIRST: usize = 900;
const STEP: usize = 18;

/// The most lines of such lengths.
pub const MOST_LINES: usize = 10;

/// What a Data packet has around the line in it: header and tag of the packet, the fields of a Piece, and
/// the header of a frame (docs/protocol.md).
const AROUND: usize = 18 + 16 + 9 + 40;

/// The longest acknowledgement that travels with a line.
const WITH_ACK: usize = STEP - 1;

/// `udp-peer send --reliable` on the host "client" and `udp-peer recv --reliable` on the host "server".
#[derive(Debug)]
pub struct ReliablePair {
    /// Who sends.
    pub sender: Actor,
    /// Who receives.
    pub receiver: Actor,
    /// Where the receiver is.
    pub to: SocketAddr,
    /// The sender's port.
    pub port: u16,
    /// Their keys are in it.
    _homes: Scratch,
}

/// What the two have counted.
#[derive(Clone, Debug, Default)]
pub struct Counted {
    /// The sender's exit code.
    pub exit: Option<i32>,
    /// What the sender says of the connection: its event `stats`.
    pub sender: Value,
    /// What the receiver says of it.
    pub receiver: Value,
}

impl ReliablePair {
    /// Starts the receiver on this port, and the sender, which is connected.
    pub fn connect(stage: &Stage, lab: &Lab, port: u16) -> Result<Self, Trouble> {
        let homes = Scratch::new()?;
        let (receiver, to) = start_receiver(stage, lab, port, &homes.path("receiver"))?;
        let (sender, port) =
            start_sender(stage, lab, (to, "reliable sender"), &homes.path("sender"))?;
        sender.expect("connected")?;
        Ok(Self { sender, receiver, to, port, _homes: homes })
    }

    /// The sender is given the lines up to this number with one write.
    pub fn say_lines(&mut self, count: usize) -> Result<(), Trouble> {
        let lines: Vec<String> = (1..=count).map(line).collect();
        self.sender.say(&lines.join("\n"))
    }

    /// Waits until the receiver is known to have so many lines.
    pub fn wait_for_confirmed(&self, count: usize) -> Result<(), Trouble> {
        until("a confirmation of each line", || {
            Ok((self.sender.events("confirmed").len() >= count).then_some(()))
        })
    }

    /// The numbers of the lines that the receiver has told of, in its order.
    pub fn heard(&self) -> Vec<usize> {
        let number = |event: &Value| event["text"].as_str()?.split(' ').next()?.parse().ok();
        self.receiver.events("message").iter().map(|event| number(event).unwrap_or(0)).collect()
    }

    /// How many bytes of lines the sender has kept, over time: those that it was given, without those that
    /// are confirmed.
    pub fn kept(&self) -> Vec<(Moment, usize)> {
        let mut kept = 0;
        let mut over_time = Vec::new();
        for (at, event) in self.sender.timed_events() {
            let bytes = event["bytes"].as_u64().and_then(|bytes| usize::try_from(bytes).ok());
            match event["event"].as_str() {
                Some("sent") => kept += bytes.unwrap_or(0),
                Some("confirmed") => kept -= bytes.unwrap_or(0).min(kept),
                _ => continue,
            }
            over_time.push((at, kept));
        }
        over_time
    }

    /// The sender's input ends: it ends when all is confirmed, and both say what they have counted.
    pub fn finish(&mut self) -> Result<Counted, Trouble> {
        self.sender.close_input();
        let exit = self.sender.exit()?;
        let stats = |actor: &Actor| actor.expect("stats");
        Ok(Counted { exit, sender: stats(&self.sender)?, receiver: stats(&self.receiver)? })
    }
}

impl Counted {
    /// What the sender has counted of this.
    pub fn sent(&self, what: &str) -> u64 {
        self.sender[what].as_u64().unwrap_or(0)
    }

    /// What the receiver has counted of this.
    pub fn received(&self, what: &str) -> u64 {
        self.receiver[what].as_u64().unwrap_or(0)
    }
}

/// Starts `udp-peer recv --reliable` on the host "server", and gives its address.
pub fn start_receiver(
    stage: &Stage,
    lab: &Lab,
    port: u16,
    home: &Path,
) -> Result<(Actor, SocketAddr), Trouble> {
    let own = SocketAddr::new(lab.host("server").address().into(), port).to_string();
    let args = ["recv", "--reliable", &own];
    let receiver = stage.private_peer(lab, ("server", "reliable receiver"), home, &args)?;
    let address = receiver.listens_at()?;
    Ok((receiver, address))
}

/// Starts `udp-peer send --reliable` on the host "client", under a name, and gives its port.
pub fn start_sender(
    stage: &Stage,
    lab: &Lab,
    (to, name): (SocketAddr, &str),
    home: &Path,
) -> Result<(Actor, u16), Trouble> {
    let args = ["send", "--reliable", &to.to_string()];
    let sender = stage.private_peer(lab, ("client", name), home, &args)?;
    let port = sender.listens_at()?.port();
    Ok((sender, port))
}

/// The line of this number, from 1: the number, and as much behind it as makes its length its own.
///
/// There are [`MOST_LINES`] of them.
#[track_caller]
pub fn line(number: usize) -> String {
    assert!((1..=MOST_LINES).contains(&number), "there is no line {number}");
    let len = FIRST + STEP * (number - 1);
    format!("{:x<len$}", format!("{number} "))
}

/// The number of the line in a datagram of this length, if it is as long as one with a line.
pub fn line_in(len: usize) -> Option<usize> {
    let more = len.checked_sub(AROUND + FIRST)?;
    let number = more / STEP + 1;
    (number <= MOST_LINES && more % STEP <= WITH_ACK).then_some(number)
}

/// The number of the line that a sender of this port has sent with it, if it has sent one.
pub fn line_of(record: &Record, port: u16) -> Option<usize> {
    match record.packet.as_ref()?.transport {
        Transport::Udp { source_port, len, .. }
            if source_port == port && record.copy_of.is_none() =>
        {
            line_in(len)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_known_by_the_length_of_its_packet() {
        for number in 1..=MOST_LINES {
            let len = line(number).len() + AROUND;
            for more in [0, 5, WITH_ACK] {
                assert_eq!(line_in(len + more), Some(number), "{number} with {more}");
            }
            assert!(line(number).starts_with(&format!("{number} ")) && len + WITH_ACK < 1200);
        }
        assert_eq!([34, 1200, line(1).len() + AROUND - 1].map(line_in), [None; 3]);
    }
}
