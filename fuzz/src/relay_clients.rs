//! Clients of a relay that say anything, in frames and in lines.

use bytes::BytesMut;
use proto::limits::MAX_FRAME_LENGTH;
use proto::{Decoder, Hello, Join, Message, Taken, sanitize};
use relay::line_session::LineSession;
use relay::{Behind, Hub, Limits, Said, Session};

use crate::input::Input;
use crate::wire::Wire;

/// Longest line that is taken.
const LINE: usize = 1000;

/// The first byte is the length of what is read at a time; each step is a byte that says which of two
/// strangers speaks, a length, and bytes. A third client is honest and reads everything: what it is sent
/// are frames, each with the next number of its room. A fourth reads lines, and sees nothing that a
/// terminal would obey.
pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let chunk = usize::from(input.u8()).max(1);
    let mut hub = Hub::new(Limits { rooms: 3, ..Limits::default() }, 1);
    let (mut listener, mut reader) = (Listener::new(&mut hub), Wire::new());
    let mut lines = LineSession::new(4, LINE);
    let mut begin = BytesMut::from("/nick reader\n/join a\n");
    let _ = lines.take(7, &mut hub, &reader, (&mut begin, false), &mut Behind::new());
    let mut frames = (Session::new(1, MAX_FRAME_LENGTH), Decoder::default(), Wire::new());
    let mut typed = (LineSession::new(2, LINE), BytesMut::new(), Wire::new());
    while !input.is_empty() {
        let (who, len) = (input.u8(), input.u16() % 2000);
        let bytes = input.take(len.into());
        for piece in bytes.chunks(chunk) {
            let ended = if who & 1 == 0 {
                frames.1.push(piece);
                take_frames(&mut hub, &mut frames)
            } else {
                typed.1.extend_from_slice(piece);
                let (session, input, wire) = &mut typed;
                let behind = &mut Behind::new();
                session.take(7, &mut hub, wire, (input, false), behind).is_err()
            };
            if ended {
                return;
            }
        }
        listener.read();
        while !frames.2.read(100_000).is_empty() {}
        for wire in [&mut reader, &mut typed.2] {
            let text = String::from_utf8(wire.read(1_000_000)).expect("what is shown is text");
            let harmful = text.lines().find(|line| sanitize::line(line) != *line);
            assert_eq!(harmful, None);
        }
    }
}

/// Whether the session ended.
fn take_frames(hub: &mut Hub<Wire>, client: &mut (Session, Decoder, Wire)) -> bool {
    let (session, decoder, wire) = client;
    loop {
        let Ok(taken) = decoder.take() else { return true };
        let Some(taken) = taken else { return false };
        match session.take(7, hub, wire, taken, &mut Behind::new()) {
            Ok(Said::Done) => {}
            Ok(Said::Held) => return false,
            Err(_) => return true,
        }
    }
}

struct Listener {
    wire: Wire,
    decoder: Decoder,
    next: [u64; 8],
}

impl Listener {
    fn new(hub: &mut Hub<Wire>) -> Self {
        let wire = Wire::new();
        let mut client = (Session::new(3, MAX_FRAME_LENGTH), Decoder::default(), wire.clone());
        let mut bytes = BytesMut::new();
        let hello =
            Hello { version: 1, name: None, max_frame: MAX_FRAME_LENGTH, features: Vec::new() };
        let mut say = |message: Message| message.encode(&mut bytes).expect("it is short");
        say(Message::Hello(hello));
        for room in ["a", "b"] {
            say(Message::Join(Join { room: room.to_owned(), listen: true }));
        }
        client.1.push(&bytes);
        assert!(!take_frames(hub, &mut client));
        Self { wire, decoder: Decoder::default(), next: [1; 8] }
    }

    fn read(&mut self) {
        loop {
            let bytes = self.wire.read(1_000_000);
            if bytes.is_empty() {
                return;
            }
            self.decoder.push(&bytes);
            while let Some(taken) = self.decoder.take().expect("a relay sends frames") {
                match taken {
                    Taken::Run(run) => {
                        for (header, _) in run.iter() {
                            let next = &mut self.next[header.room as usize];
                            assert_eq!((header.seq, header.time), (*next, 7));
                            *next += 1;
                        }
                    }
                    Taken::Control(frame) => drop(Message::from_frame(&frame).expect("a message")),
                }
            }
        }
    }
}
