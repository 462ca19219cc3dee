//! How fast frames are found in a buffer and stamped, beside a codec that finds them, and beside a copy.
//!
//! All three work on the same bytes, in the same buffer type (`BytesMut`), filled just before with a
//! plain copy, as a read from a socket leaves it. A buffer holds 64 frames. Filling it is not timed.
//!
//! | contender | what is timed |
//! |---|---|
//! | ours | [`Decoder::take`] until the buffer is empty, [`Run::stamp`] on each run, dropping the run |
//! | the codec | tokio-util's [`LengthDelimitedCodec`] until the buffer is empty, dropping each frame |
//! | a copy | the same bytes into another buffer that is large enough, one copy per run |
//!
//! The codec gets the easier work: it finds frames by their length and nothing else, while ours also
//! judges kind, flags and reserved bytes, keeps rooms apart, and writes 20 bytes into each frame. What
//! it does not get are two ideas: it hands out a counted reference per frame, where ours lends a run
//! where it lies, and counts only a run that somebody keeps. `alone` is the case without the runs: the
//! rooms alternate, so that each of them has one frame. The copy is no peer but a measure: what a relay
//! would pay at least if it put together what it sends on.
//!
//! Criterion runs the same loops (`cargo bench -p bench --bench framing`), one contender after the
//! other. The rows come from here, where they take turns: a machine that others share changes its
//! pace between two measurements by more than some ratios are away from their goals.
//!
//! [`Run::stamp`]: proto::Run::stamp

use std::hint::black_box;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use cli::Failure;
use proto::limits::MAX_FRAME_LENGTH;
use proto::{Decoder, Header, Kind, Taken};
use tokio_util::codec::{Decoder as _, LengthDelimitedCodec};

use crate::machine::version_of;
use crate::row::{Better, Outcome, Row, Work};
use crate::session::{Measured, Peer, Session};

/// How long one measurement takes.
const TIME: Duration = Duration::from_millis(200);

/// Each work, with the ratio that ours must reach beside the codec and beside the copy.
///
/// Beside the codec: 3 for small frames in runs, and never slower anywhere. Beside the copy: from frames
/// of 1 KiB in runs on, and for a large one alone, stamping must cost less than copying would. Where
/// the frames are smaller, a copy of so few bytes always wins; the goal there is a floor, through which
/// only a real loss would fall.
const WORKS: [(Runs, usize, f64, f64); 8] = [
    (Runs::Alone, 16, 1.0, 0.04),
    (Runs::Alone, 128, 1.0, 0.1),
    (Runs::Alone, 1024, 1.0, 0.5),
    (Runs::Alone, 64 * 1024, 1.0, 1.0),
    (Runs::Of64, 16, 3.0, 0.15),
    (Runs::Of64, 128, 3.0, 0.4),
    (Runs::Of64, 1024, 1.0, 1.0),
    (Runs::Of64, 64 * 1024, 1.0, 1.0),
];

/// Measures every work.
pub fn run(session: &mut Session) -> Result<(), Failure> {
    let tokio_util = version_of("tokio-util").unwrap_or("of unknown version");
    let peers = vec![
        Peer { name: CODEC, version: format!("tokio-util {tokio_util}"), install: None },
        Peer { name: COPY, version: "memcpy".into(), install: None },
    ];
    let mut bench = session.begin("framing", peers, TIME);
    for (runs, payload, beside_codec, beside_copy) in WORKS {
        let work = Work { name: work_name(runs, payload), unit: "frame/s", better: Better::More };
        if !bench.wants(&work.name) {
            continue;
        }
        let mut loops = Contender::ALL.map(|contender| Framing::new(contender, payload, runs));
        let time = bench.time();
        let names = Contender::ALL.map(Contender::name);
        let reached = bench
            .measure(&work, &names, |contender| Ok(Measured::alone(loops[contender].rate(time))))?;
        let [ours, codec, copy] =
            [0, 1, 2].map(|contender: usize| Measured::figures(&reached[contender]));
        for (peer, theirs, goal) in [(CODEC, codec, beside_codec), (COPY, copy, beside_copy)] {
            let outcome = Outcome::Measured { ours: ours.clone(), theirs: Some(theirs) };
            bench.row(Row { work: work.clone(), peer: Some(peer.into()), goal, outcome });
        }
    }
    Ok(())
}

/// The name of a work: `run64-16B`, `alone-64KiB`.
pub fn work_name(runs: Runs, payload: usize) -> String {
    let runs = match runs {
        Runs::Alone => "alone",
        Runs::Of64 => "run64",
    };
    match payload {
        0..1024 => format!("{runs}-{payload}B"),
        _ => format!("{runs}-{}KiB", payload / 1024),
    }
}

const CODEC: &str = "LengthDelimitedCodec";
const COPY: &str = "plain copy";

/// How many frames a buffer holds.
const FRAMES: usize = 64;

/// The payloads of the frames, in bytes.
pub const PAYLOADS: [usize; 4] = [16, 128, 1024, 64 * 1024];

/// How many bytes are filled in and worked off at a time: most of a first-level cache, so that the
/// clock is read seldom and the bytes are still near.
const BATCH: usize = 32 * 1024;

/// How the frames of a buffer form runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runs {
    /// Every frame is of another room than the one before it.
    Alone,
    /// All are of one room.
    Of64,
}

/// The buffers of one work, and who does it.
#[derive(Debug)]
pub struct Framing {
    stream: BytesMut,
    /// Length of a run in bytes.
    run: usize,
    contender: Buffers,
}

/// Who does the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contender {
    /// `proto`.
    Ours,
    /// tokio-util's `LengthDelimitedCodec`.
    Codec,
    /// `memcpy`.
    Copy,
}

impl Contender {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Ours, Self::Codec, Self::Copy];

    /// As the rows name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ours => "proto",
            Self::Codec => CODEC,
            Self::Copy => COPY,
        }
    }
}

#[derive(Debug)]
enum Buffers {
    Ours(Vec<Decoder>),
    Codec(Vec<(LengthDelimitedCodec, BytesMut)>),
    Copy(Vec<(BytesMut, BytesMut)>),
}

impl Framing {
    /// The work of `contender` on frames with payloads of `payload` bytes.
    pub fn new(contender: Contender, payload: usize, runs: Runs) -> Self {
        let mut stream = BytesMut::new();
        for frame in 0..FRAMES {
            let room = if runs == Runs::Alone { frame % 2 } else { 0 };
            Header::new(Kind::Data, u32::try_from(room).expect("0 or 1"), frame as u64)
                .encode(&vec![b'x'; payload], MAX_FRAME_LENGTH, &mut stream)
                .expect("the payload is below the limit");
        }
        let count = (BATCH / stream.len()).max(1);
        let run = if runs == Runs::Alone { stream.len() / FRAMES } else { stream.len() };
        let buffer = || BytesMut::with_capacity(stream.len());
        let codec = || {
            LengthDelimitedCodec::builder().max_frame_length(MAX_FRAME_LENGTH as usize).new_codec()
        };
        let contender = match contender {
            Contender::Ours => Buffers::Ours((0..count).map(|_| Decoder::default()).collect()),
            Contender::Codec => Buffers::Codec((0..count).map(|_| (codec(), buffer())).collect()),
            Contender::Copy => Buffers::Copy((0..count).map(|_| (buffer(), buffer())).collect()),
        };
        Self { stream, run, contender }
    }

    /// How many frames a batch has.
    pub fn frames(&self) -> usize {
        FRAMES
            * match &self.contender {
                Buffers::Ours(buffers) => buffers.len(),
                Buffers::Codec(buffers) => buffers.len(),
                Buffers::Copy(buffers) => buffers.len(),
            }
    }

    /// How many bytes a batch has.
    pub fn bytes(&self) -> usize {
        self.frames() / FRAMES * self.stream.len()
    }

    /// How long `batches` batches take, without the time to fill them in.
    pub fn time(&mut self, batches: u64) -> Duration {
        (0..batches).map(|_| self.time_one()).sum()
    }

    /// Frames per second, measured for about `time`.
    pub fn rate(&mut self, time: Duration) -> f64 {
        let until = Instant::now() + time;
        let mut timed = Duration::ZERO;
        let mut frames = 0;
        loop {
            timed += self.time_one();
            frames += self.frames();
            if Instant::now() >= until {
                return frames as f64 / timed.as_secs_f64();
            }
        }
    }

    fn time_one(&mut self) -> Duration {
        let stream = &self.stream[..];
        match &mut self.contender {
            Buffers::Ours(decoders) => {
                for decoder in decoders.iter_mut() {
                    decoder.push(stream);
                }
                let start = Instant::now();
                for decoder in decoders {
                    ours(decoder);
                }
                start.elapsed()
            }
            Buffers::Codec(codecs) => {
                for (_, buffer) in codecs.iter_mut() {
                    buffer.extend_from_slice(stream);
                }
                let start = Instant::now();
                for (codec, buffer) in codecs {
                    decode(codec, buffer);
                }
                start.elapsed()
            }
            Buffers::Copy(buffers) => {
                for (from, to) in buffers.iter_mut() {
                    from.clear();
                    from.extend_from_slice(stream);
                    to.clear();
                }
                let start = Instant::now();
                for (from, to) in buffers {
                    copy(from, to, self.run);
                }
                start.elapsed()
            }
        }
    }
}

#[inline(never)]
fn ours(decoder: &mut Decoder) {
    while let Some(taken) = decoder.take().expect("the stream is valid") {
        let Taken::Run(mut run) = taken else { panic!("the stream has data frames only") };
        run.stamp(black_box(7), black_box(1000), black_box(1_700_000_000_000_000));
        black_box(&run);
    }
}

#[inline(never)]
fn decode(codec: &mut LengthDelimitedCodec, buffer: &mut BytesMut) {
    while let Some(frame) = codec.decode(buffer).expect("the stream is valid") {
        black_box(&frame);
    }
}

#[inline(never)]
fn copy(from: &[u8], to: &mut BytesMut, run: usize) {
    for run in from.chunks_exact(run) {
        to.extend_from_slice(run);
    }
    black_box(to);
}
