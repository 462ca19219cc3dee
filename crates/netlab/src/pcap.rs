//! A recording as a file that every packet tool reads: the classic pcap format.

use std::io::{self, Write};

use crate::clock::Clock;
use crate::record::Record;

/// Says that times are in nanoseconds and written in this machine's byte order.
const MAGIC_NANOSECONDS: u32 = 0xa1b2_3c4d;

/// `LINKTYPE_ETHERNET` of the registry of link types.
const ETHERNET: u32 = 1;

/// Longest frame that the file may hold.
const SNAP_LENGTH: u32 = 65_535;

/// Writes the records as seen where they were sent, the dropped ones too, with the times at which they
/// were sent.
///
/// The format is that of draft-ietf-opsawg-pcap, sections 4 and 5.
pub fn write<'a>(
    out: &mut impl Write,
    clock: Clock,
    records: impl IntoIterator<Item = &'a Record>,
) -> io::Result<()> {
    let mut header = Vec::new();
    header.extend(MAGIC_NANOSECONDS.to_ne_bytes());
    header.extend(2_u16.to_ne_bytes());
    header.extend(4_u16.to_ne_bytes());
    header.extend([0; 8]);
    header.extend(SNAP_LENGTH.to_ne_bytes());
    header.extend(ETHERNET.to_ne_bytes());
    out.write_all(&header)?;
    for record in records {
        let wall = clock.to_wall(record.sent);
        let seconds = u32::try_from(wall.as_secs()).map_err(io::Error::other)?;
        let kept = u32::try_from(record.frame.len()).map_err(io::Error::other)?;
        let len = u32::try_from(record.len).map_err(io::Error::other)?;
        for number in [seconds, wall.subsec_nanos(), kept, len] {
            out.write_all(&number.to_ne_bytes())?;
        }
        out.write_all(&record.frame)?;
    }
    out.flush()
}
