//! What the kernel knows of a connection beyond its queues: `struct tcp_info` (linux/tcp.h, tcp(7)).

use std::time::Duration;

use serde::Serialize;

/// What the kernel knows of a connection, as `ss -i` shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct TcpInfo {
    /// What the sender believes about the network.
    pub belief: Belief,
    /// How often in a row the oldest unacknowledged segment was sent again because its timer expired.
    pub retransmits: u8,
    /// How often probes of a closed window, or of a silent peer, have had no answer.
    pub probes: u8,
    /// How often in a row the timer was doubled.
    pub backoff: u8,
    /// The options that both ends agreed on.
    pub options: Options,
    /// How long the sender waits for an acknowledgement, doublings included.
    pub rto: Duration,
    /// The smoothed round trip time.
    pub rtt: Duration,
    /// How much round trip times differ.
    pub rtt_variance: Duration,
    /// Most bytes of data in one segment.
    pub send_mss: u32,
    /// Segments that are sent and not acknowledged; of a listener, connections that wait.
    pub unacked: u32,
    /// Segments among them that the peer has, beyond a gap; of a listener, its backlog.
    pub sacked: u32,
    /// Segments among them that the sender takes for lost.
    pub lost: u32,
    /// Segments among them that were sent again.
    pub retrans: u32,
    /// How many segments may be under way.
    pub congestion_window: u32,
    /// Segments that were ever sent again.
    pub total_retrans: u32,
    /// Bytes that the peer has acknowledged; since Linux 4.1.
    pub bytes_acked: Option<u64>,
    /// Bytes that were never sent yet; since Linux 4.6.
    pub not_sent: Option<u32>,
}

/// What the sender believes about the network (`enum tcp_ca_state`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Belief {
    /// All is well.
    Open,
    /// Acknowledgements point at a gap; it may be mere reordering.
    Disorder,
    /// The network has said that it is congested.
    Congested,
    /// Something was lost and is sent again at once.
    Recovery,
    /// The timer expired: everything unacknowledged may be lost.
    Loss,
}

/// Options of TCP that both ends agreed on (`TCPI_OPT_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Options(pub u8);

impl Options {
    /// Time stamps (RFC 7323).
    pub const fn timestamps(self) -> bool {
        self.0 & 1 != 0
    }

    /// Selective acknowledgements (RFC 2018).
    pub const fn sack(self) -> bool {
        self.0 & 2 != 0
    }

    /// Windows larger than 64 KiB (RFC 7323).
    pub const fn window_scale(self) -> bool {
        self.0 & 4 != 0
    }
}

impl TcpInfo {
    /// Reads what the kernel gave; `None` where it is shorter than it ever was.
    ///
    /// The structure has grown over the years, and each kernel gives as much as it has.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let byte = |at: usize| bytes.get(at).copied();
        let number = |at: usize| bytes.get(at..)?.first_chunk().copied().map(u32::from_ne_bytes);
        let long = |at: usize| bytes.get(at..)?.first_chunk().copied().map(u64::from_ne_bytes);
        let micros = |at| number(at).map(|micros| Duration::from_micros(micros.into()));
        Some(Self {
            belief: match byte(1)? {
                0 => Belief::Open,
                1 => Belief::Disorder,
                2 => Belief::Congested,
                3 => Belief::Recovery,
                _ => Belief::Loss,
            },
            retransmits: byte(2)?,
            probes: byte(3)?,
            backoff: byte(4)?,
            options: Options(byte(5)?),
            rto: micros(8)?,
            send_mss: number(16)?,
            unacked: number(24)?,
            sacked: number(28)?,
            lost: number(32)?,
            retrans: number(36)?,
            rtt: micros(68)?,
            rtt_variance: micros(72)?,
            congestion_window: number(80)?,
            total_retrans: number(100)?,
            bytes_acked: long(120),
            not_sent: number(144),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each field holds its own place, so that one read from elsewhere is seen.
    fn numbered(len: u8) -> Vec<u8> {
        (0..len).collect()
    }

    #[test]
    fn an_older_kernel_gives_less_and_a_younger_one_more() {
        let oldest = TcpInfo::parse(&numbered(104)).unwrap();
        assert_eq!((oldest.bytes_acked, oldest.not_sent), (None, None));
        let ours = TcpInfo::parse(&numbered(250)).unwrap();
        assert_eq!(ours.not_sent, Some(u32::from_ne_bytes([144, 145, 146, 147])));
        assert_eq!(ours.bytes_acked.map(|n| n.to_ne_bytes()[0]), Some(120));
        assert_eq!(TcpInfo { bytes_acked: None, not_sent: None, ..ours }, oldest);
        assert_eq!(TcpInfo::parse(&numbered(103)), None);
    }

    #[test]
    fn options_are_told_apart() {
        let told = |bits| {
            let options = Options(bits);
            (options.timestamps(), options.sack(), options.window_scale())
        };
        assert_eq!(
            [1, 2, 4].map(told),
            [(true, false, false), (false, true, false), (false, false, true)]
        );
    }
}
