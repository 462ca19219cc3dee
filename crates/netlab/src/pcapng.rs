//! A recording as a file that every packet tool reads, with what the lab knows beside: pcapng.
//!
//! An interface stands for each host. Every packet is in the file once, at the interface of its sender
//! and with the time at which it left, the dropped ones too, so that a reader sees what a cable would
//! have shown. What became of it is its comment, which Wireshark shows in the packet's details and finds by
//! `frame.comment`.
//!
//! The format is that of draft-ietf-opsawg-pcapng: section header, interface descriptions, name
//! resolution, one enhanced packet block for each packet, interface statistics.

use std::io::{self, Write};
use std::net::IpAddr;

use crate::clock::Clock;
use crate::host::Host;
use crate::record::Record;

/// The types of blocks (sections 4.1 to 4.6).
const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const NAMES: u32 = 4;
const STATISTICS: u32 = 5;
const PACKET: u32 = 6;

/// By this a reader tells in which byte order the file is.
const BYTE_ORDER: u32 = 0x1a2b_3c4d;

/// `LINKTYPE_ETHERNET` of the registry of link types.
const ETHERNET: u16 = 1;

/// Options: their codes in the blocks that have them.
const COMMENT: u16 = 1;
const SECTION_APPLICATION: u16 = 4;
const INTERFACE_NAME: u16 = 2;
const INTERFACE_DESCRIPTION: u16 = 3;
const INTERFACE_RESOLUTION: u16 = 9;
const STATISTICS_RECEIVED: u16 = 4;
const STATISTICS_DROPPED: u16 = 5;

/// Records in a name resolution block.
const NAME_OF_IPV4: u16 = 1;
const NAME_OF_IPV6: u16 = 2;

/// A host as the file names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
}

impl Interface {
    /// The host in words: `host client, 10.0.0.1`.
    fn description(&self) -> String {
        let addresses = self.addresses.iter().map(|address| format!(", {address}"));
        format!("host {}{}", self.name, addresses.collect::<String>())
    }
}

impl From<&Host> for Interface {
    fn from(host: &Host) -> Self {
        Self { name: host.name().to_owned(), addresses: host.addresses().all() }
    }
}

/// What a file says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// What was recorded, in words.
    pub says: String,
    /// The hosts of the lab.
    pub interfaces: Vec<Interface>,
    /// How many packets could not be recorded.
    pub missed: u64,
}

/// Writes the records of a lab; `comment` says what is to be known of one.
pub fn write<'a>(
    out: &mut impl Write,
    clock: Clock,
    about: &About,
    records: impl IntoIterator<Item = &'a Record>,
    comment: impl Fn(&Record) -> Option<String>,
) -> io::Result<()> {
    let About { says, interfaces, missed } = about;
    Block::new(SECTION)
        .u32(BYTE_ORDER)
        .u16(1)
        .u16(0)
        // The section's length is not known before its end.
        .bytes(&(-1_i64).to_ne_bytes())
        .option(COMMENT, says.as_bytes())
        .option(SECTION_APPLICATION, concat!("sockeye ", env!("CARGO_PKG_VERSION")).as_bytes())
        .write(out)?;
    for interface in interfaces {
        Block::new(INTERFACE)
            .u16(ETHERNET)
            .u16(0)
            // No limit is set on the length of a frame.
            .u32(0)
            .option(INTERFACE_NAME, interface.name.as_bytes())
            .option(INTERFACE_DESCRIPTION, interface.description().as_bytes())
            // Times are in units of ten to the power of minus nine.
            .option(INTERFACE_RESOLUTION, &[9])
            .write(out)?;
    }
    names(interfaces).write(out)?;
    let mut counts = vec![0_u64; interfaces.len()];
    for record in records {
        let wall =
            u64::try_from(clock.to_wall(record.sent).as_nanos()).map_err(io::Error::other)?;
        counts.get_mut(record.from.0).into_iter().for_each(|count| *count += 1);
        let mut block = Block::new(PACKET)
            .u32(size(record.from.0)?)
            .u64_in_halves(wall)
            .u32(size(record.frame.len())?)
            .u32(size(record.len)?)
            .padded(&record.frame);
        if let Some(comment) = comment(record) {
            block = block.option(COMMENT, comment.as_bytes());
        }
        block.write(out)?;
    }
    let end = u64::try_from(clock.to_wall(clock.now()).as_nanos()).map_err(io::Error::other)?;
    for (number, count) in counts.iter().enumerate() {
        // Which host sent what was missed nobody knows: it is told at the first one.
        let missed = if number == 0 { *missed } else { 0 };
        Block::new(STATISTICS)
            .u32(size(number)?)
            .u64_in_halves(end)
            .option(STATISTICS_RECEIVED, &count.to_ne_bytes())
            .option(STATISTICS_DROPPED, &missed.to_ne_bytes())
            .write(out)?;
    }
    out.flush()
}

/// Which name belongs to which address, so that a reader need not ask anybody.
fn names(interfaces: &[Interface]) -> Block {
    let mut block = Block::new(NAMES);
    for Interface { name, addresses } in interfaces {
        for address in addresses {
            let (kind, mut value) = match address {
                IpAddr::V4(address) => (NAME_OF_IPV4, address.octets().to_vec()),
                IpAddr::V6(address) => (NAME_OF_IPV6, address.octets().to_vec()),
            };
            value.extend(name.as_bytes());
            value.push(0);
            block = block.option(kind, &value);
        }
    }
    // The end of the records has the form of an option's end.
    block.has_options = false;
    block.u32(0)
}

fn size(number: usize) -> io::Result<u32> {
    u32::try_from(number).map_err(io::Error::other)
}

/// A block: its type, its length, what is in it, and its length again.
#[derive(Debug)]
struct Block {
    kind: u32,
    body: Vec<u8>,
    has_options: bool,
}

impl Block {
    fn new(kind: u32) -> Self {
        Self { kind, body: Vec::new(), has_options: false }
    }

    fn bytes(mut self, bytes: &[u8]) -> Self {
        self.body.extend(bytes);
        self
    }

    fn u16(self, number: u16) -> Self {
        self.bytes(&number.to_ne_bytes())
    }

    fn u32(self, number: u32) -> Self {
        self.bytes(&number.to_ne_bytes())
    }

    /// Times have their upper half first, in either byte order.
    fn u64_in_halves(self, number: u64) -> Self {
        let [upper, lower] = [number >> 32, number & u64::from(u32::MAX)];
        let half = |half: u64| u32::try_from(half).expect("it has 32 bits");
        self.u32(half(upper)).u32(half(lower))
    }

    /// Bytes, and zeros up to a multiple of four.
    fn padded(self, bytes: &[u8]) -> Self {
        let padding = bytes.len().next_multiple_of(4) - bytes.len();
        self.bytes(bytes).bytes(&[0; 3][..padding])
    }

    /// An option; what is longer than one can be is cut.
    fn option(mut self, code: u16, value: &[u8]) -> Self {
        self.has_options = true;
        let len = u16::try_from(value.len()).unwrap_or(u16::MAX);
        self.u16(code).u16(len).padded(&value[..usize::from(len)])
    }

    fn write(mut self, out: &mut impl Write) -> io::Result<()> {
        if self.has_options {
            self = self.u32(0);
        }
        let len = size(self.body.len() + 12)?.to_ne_bytes();
        out.write_all(&self.kind.to_ne_bytes())?;
        out.write_all(&len)?;
        out.write_all(&self.body)?;
        out.write_all(&len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Moment;
    use crate::record::{HostId, Verdict};

    fn record(from: usize, frame: &[u8]) -> Record {
        Record {
            number: 1,
            from: HostId(from),
            to: None,
            sent: Moment(7),
            verdict: Verdict::Dropped,
            rule: None,
            copy_of: None,
            packet: None,
            len: 100,
            frame: frame.to_vec(),
        }
    }

    /// The blocks of a file: each with its type and its body.
    fn blocks(mut file: &[u8]) -> Vec<(u32, Vec<u8>)> {
        let number = |bytes: &[u8]| u32::from_ne_bytes(bytes[..4].try_into().unwrap());
        let mut blocks = Vec::new();
        while !file.is_empty() {
            let (kind, len) = (number(file), number(&file[4..]) as usize);
            assert_eq!(len % 4, 0);
            assert_eq!(number(&file[len - 4..]) as usize, len, "the length stands at both ends");
            blocks.push((kind, file[8..len - 4].to_vec()));
            file = &file[len..];
        }
        blocks
    }

    #[test]
    fn every_packet_is_in_a_block_of_its_own_with_its_comment() {
        let interfaces = [
            Interface { name: "client".into(), addresses: vec!["10.0.0.1".parse().unwrap()] },
            Interface { name: "server".into(), addresses: vec!["fd00::2".parse().unwrap()] },
        ];
        let records = [record(0, b"12345"), record(1, b"")];
        let mut file = Vec::new();
        let comment = |record: &Record| (record.from.0 == 0).then(|| "lost".to_owned());
        let about = About { says: "a story".into(), interfaces: interfaces.into(), missed: 3 };
        write(&mut file, Clock::start(), &about, &records, comment).unwrap();
        let blocks = blocks(&file);
        let kinds: Vec<u32> = blocks.iter().map(|(kind, _)| *kind).collect();
        assert_eq!(
            kinds,
            [SECTION, INTERFACE, INTERFACE, NAMES, PACKET, PACKET, STATISTICS, STATISTICS]
        );
        let contains = |block: usize, text: &[u8]| {
            blocks[block].1.windows(text.len()).any(|window| window == text)
        };
        assert!(contains(0, b"a story") && contains(2, b"host server, fd00::2"));
        let first = &blocks[4].1;
        assert_eq!(first[12..20], [5_u32.to_ne_bytes(), 100_u32.to_ne_bytes()].concat()[..]);
        assert_eq!(first[20..28], *b"12345\0\0\0");
        assert_eq!(
            first[28..36],
            [&1_u16.to_ne_bytes()[..], &4_u16.to_ne_bytes(), b"lost"].concat()
        );
        assert_eq!(blocks[5].1.len(), 20, "no bytes and no comment");
    }
}
