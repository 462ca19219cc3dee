//! Chance that can be played again.

use fastrand::Rng;

use crate::record::HostId;

/// The dice of one rule: a stream of their own for every sender.
///
/// The packets of one host come in an order that its programs decide; how they interleave with those of
/// another host is chance. With one stream for both, that chance would decide which packets are lost.
#[derive(Debug, Default)]
pub(super) struct Dice {
    seed: u64,
    streams: Vec<Option<Rng>>,
}

impl Dice {
    /// The dice of the `nth` rule that has this name, in a lab with this seed.
    pub(super) fn new(seed: u64, name: &str, nth: u64) -> Self {
        let seed = mix(mix(seed ^ hash(name)).wrapping_add(nth));
        Self { seed, streams: Vec::new() }
    }

    /// The stream for packets of this sender.
    pub(super) fn of(&mut self, from: HostId) -> &mut Rng {
        let HostId(place) = from;
        if self.streams.len() <= place {
            self.streams.resize_with(place + 1, || None);
        }
        let seed = self.seed;
        self.streams[place].get_or_insert_with(|| Rng::with_seed(mix(seed ^ place as u64)))
    }
}

/// FNV-1a, 64 bits: the standard library does not promise that its own hash stays the same.
fn hash(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The last step of `SplitMix64`: seeds that differ in one bit give streams that have nothing in common.
fn mix(seed: u64) -> u64 {
    let z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_follows_from_seed_name_and_sender_alone() {
        let first = |seed, name, nth, from| Dice::new(seed, name, nth).of(HostId(from)).u64(..);
        let one = first(7, "lost", 0, 0);
        assert_eq!(one, first(7, "lost", 0, 0));
        let others = [
            first(8, "lost", 0, 0),
            first(7, "late", 0, 0),
            first(7, "lost", 1, 0),
            first(7, "lost", 0, 1),
        ];
        assert!(!others.contains(&one), "{one}: {others:?}");
        // Published tables of results stay true only while this number does.
        assert_eq!(one, FIRST);
    }

    const FIRST: u64 = 14_022_763_628_594_357_702;
}
