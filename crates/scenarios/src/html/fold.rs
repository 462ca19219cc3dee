//! Which packets of a long recording are shown?

use crate::findings::{Fate, PacketLine};

/// A part of what is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// The packet at this place.
    Packet(usize),
    /// So many packets that are left out.
    LeftOut(usize),
}

/// Shows all packets, or at most `most`: the first ones, the last ones, and between them those that
/// were dropped, reset or sent again, each with the one before it.
pub(super) fn fold(packets: &[PacketLine], most: usize) -> Vec<Piece> {
    let count = packets.len();
    let mut shown = vec![count <= most; count];
    if count > most {
        let end = most / 4;
        shown[..end].fill(true);
        shown[count - end..].fill(true);
        let mut left = most - 2 * end;
        for at in (end..count - end).filter(|at| matters(&packets[*at])) {
            let before = at.saturating_sub(1);
            let needed = usize::from(!shown[before]) + usize::from(!shown[at]);
            if needed > left {
                break;
            }
            left -= needed;
            (shown[before], shown[at]) = (true, true);
        }
    }
    let mut pieces = Vec::new();
    for (at, shown) in shown.into_iter().enumerate() {
        match (shown, pieces.last_mut()) {
            (true, _) => pieces.push(Piece::Packet(at)),
            (false, Some(Piece::LeftOut(many))) => *many += 1,
            (false, _) => pieces.push(Piece::LeftOut(1)),
        }
    }
    pieces
}

/// Whether something became of it that a reader looks for.
pub(super) fn matters(packet: &PacketLine) -> bool {
    packet.retry > 0 || was_dropped(packet) || packet.label.contains("RST")
}

pub(super) fn was_dropped(packet: &PacketLine) -> bool {
    matches!(packet.fate, Fate::DroppedByKernel(_) | Fate::DroppedOnTheWire(_))
}
