//! A stream of frames, and how it is split.

use bytes::BytesMut;
use proto::limits::MAX_FRAME_LENGTH;
use proto::{Decoder, Frame, FrameError, Taken};

/// A small limit, so that frames beyond it are met.
const LIMIT: u32 = 4096;

type Decoded = (Vec<Frame>, u64, Result<(), FrameError>);

/// The first byte is the length of what is read at a time. However the stream is split, and whether
/// frames are taken in runs or one by one, the same must come out of it, and what came out must make
/// the same bytes again.
pub fn run(data: &[u8]) {
    let Some((&chunk, stream)) = data.split_first() else { return };
    let chunk = usize::from(chunk).max(1);
    let whole = decode(stream, stream.len().max(1), true);
    assert_eq!(whole, decode(stream, chunk, true));
    assert_eq!(whole, decode(stream, chunk, false));
    let mut again = BytesMut::new();
    for frame in &whole.0 {
        frame.encode(MAX_FRAME_LENGTH, &mut again).expect("it was within a lower limit");
    }
    if whole.1 == 0 {
        assert!(stream.starts_with(&again), "other bytes than came in");
    }
}

fn decode(stream: &[u8], chunk: usize, runs: bool) -> Decoded {
    let mut decoder = Decoder::new(LIMIT);
    let mut frames = Vec::new();
    let mut ended = Ok(());
    for bytes in stream.chunks(chunk) {
        decoder.push(bytes);
        ended = if runs {
            take_runs(&mut decoder, &mut frames)
        } else {
            take(&mut decoder, &mut frames)
        };
        if ended.is_err() {
            break;
        }
    }
    let ended = ended.and_then(|()| decoder.finish());
    (frames, decoder.ignored(), ended)
}

fn take(decoder: &mut Decoder, frames: &mut Vec<Frame>) -> Result<(), FrameError> {
    while let Some(frame) = decoder.take_frame()? {
        frames.push(frame);
    }
    Ok(())
}

fn take_runs(decoder: &mut Decoder, frames: &mut Vec<Frame>) -> Result<(), FrameError> {
    while let Some(taken) = decoder.take()? {
        match taken {
            Taken::Control(frame) => frames.push(frame),
            Taken::Run(run) => {
                let count = run.frames();
                let of_run = run.iter();
                frames.extend(
                    of_run.map(|(header, payload)| Frame {
                        header,
                        payload: payload.to_vec().into(),
                    }),
                );
                assert!(count > 0);
            }
        }
    }
    Ok(())
}
