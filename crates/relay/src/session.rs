//! One client that speaks frames: what it may say when, and what it is answered.

use proto::message::VERSION;
use proto::{
    Ack, Ending, Frame, Hello, Kind, Left, Message, ProtocolError, Refused, Rename, Run, Taken,
    Welcome, Why,
};

use crate::control;
use crate::hub::Hub;
use crate::outlet::{Dialect, Outlet};

/// The feature by which a client asks for [`Ack`]s.
const ACK: &str = "ack";

/// The state of one client that speaks frames.
///
/// ```text
/// New --Hello--> Here --Goodbye--> the end (Ending::Done)
/// ```
///
/// A `Hello` that is refused leaves it where it is. Anything out of turn is an error, with which the
/// connection ends.
#[derive(Debug)]
pub struct Session {
    conn: u64,
    me: Option<u32>,
    acks: bool,
    frame_limit: u32,
}

impl Session {
    /// A session of which nothing has been heard. `conn` is the connection's number in the log, and
    /// `frame_limit` the longest frame that the relay takes.
    pub fn new(conn: u64, frame_limit: u32) -> Self {
        Self { conn, me: None, acks: false, frame_limit }
    }

    /// The client's number, when it has one.
    pub fn person(&self) -> Option<u32> {
        self.me
    }

    /// Does what the client has sent. `now` is in microseconds since 1970.
    ///
    /// Gives the outlet of a reader that is behind, if there is one.
    pub fn take<O: Outlet>(
        &mut self,
        now: u64,
        hub: &mut Hub<O>,
        outlet: &O,
        taken: Taken,
    ) -> Result<Option<O>, Ending> {
        match taken {
            Taken::Run(run) => match self.me {
                Some(me) => Ok(self.say(me, now, hub, outlet, run)),
                None => Err(out_of_turn(Kind::Data)),
            },
            Taken::Control(frame) => self.control(hub, outlet, &frame).map(|()| None),
        }
    }

    fn say<O: Outlet>(
        &mut self,
        me: u32,
        now: u64,
        hub: &mut Hub<O>,
        outlet: &O,
        run: Run,
    ) -> Option<O> {
        let Some(first) = hub.next_seq(me, run.room()) else {
            outlet.put(&refuse_run(&run));
            return None;
        };
        if self.acks {
            outlet.put(&control::frames(&acks(&run, first)));
        }
        hub.publish(me, run, now)
    }

    fn control<O: Outlet>(
        &mut self,
        hub: &mut Hub<O>,
        outlet: &O,
        frame: &Frame,
    ) -> Result<(), Ending> {
        let kind = frame.header.kind;
        match (kind, self.me) {
            (Kind::Hello, None)
            | (Kind::Join | Kind::Leave | Kind::Rename, Some(_))
            | (Kind::Goodbye, _) => {}
            _ => return Err(out_of_turn(kind)),
        }
        match (Message::from_frame(frame)?, self.me) {
            (Message::Hello(hello), _) => self.hello(hub, outlet, &hello),
            (Message::Join(join), Some(me)) => {
                if let Err(refusal) = hub.join(me, &join.room, join.listen) {
                    control::refuse(outlet, Dialect::Frames, refusal.why, refusal.reason);
                }
            }
            (Message::Leave(leave), Some(me)) => {
                let room = leave.room;
                outlet.put(&control::frame(&if hub.part(me, room) {
                    Message::Left(Left { room })
                } else {
                    Message::Refused(not_joined(room, None))
                }));
            }
            (Message::Rename(rename), Some(me)) => match hub.rename(me, &rename.name) {
                Ok(()) => {
                    let name = hub.name(me).map(|name| name.as_ref().into()).unwrap_or_default();
                    outlet.put(&control::frame(&Message::Rename(Rename { name })));
                }
                Err(refusal) => {
                    control::refuse(outlet, Dialect::Frames, refusal.why, refusal.reason);
                }
            },
            (Message::Goodbye(_), _) => return Err(Ending::Done),
            _ => return Err(out_of_turn(kind)),
        }
        Ok(())
    }

    fn hello<O: Outlet>(&mut self, hub: &mut Hub<O>, outlet: &O, hello: &Hello) {
        let refuse = |why, reason| control::refuse(outlet, Dialect::Frames, why, reason);
        if hello.version != VERSION {
            let reason = format!("this relay speaks version {VERSION}");
            return refuse(Why::Other, reason);
        }
        if hello.max_frame < self.frame_limit {
            // The bytes of a frame are the same for everybody, so none can be kept from one member.
            let reason = format!("frames here have a length of up to {}", self.frame_limit);
            return refuse(Why::Other, reason);
        }
        match hub.enter(self.conn, outlet, Dialect::Frames, hello.name.as_deref()) {
            Ok(me) => {
                self.me = Some(me);
                self.acks = hello.features.iter().any(|feature| feature == ACK);
                let name = hub.name(me).map(|name| name.as_ref().into()).unwrap_or_default();
                outlet.put(&control::frame(&Message::Welcome(Welcome {
                    version: VERSION,
                    you: me,
                    name,
                    epoch: hub.epoch(),
                    max_frame: self.frame_limit,
                    features: if self.acks { vec![ACK.into()] } else { Vec::new() },
                })));
            }
            Err(refusal) => refuse(refusal.why, refusal.reason),
        }
    }
}

fn out_of_turn(kind: Kind) -> Ending {
    Ending::Protocol(ProtocolError::OutOfTurn { kind })
}

fn not_joined(room: u32, id: Option<u64>) -> Refused {
    let reason = format!("you are not in room {room}");
    Refused { why: Why::NotJoined, reason, room: Some(room), id }
}

/// Every frame of the run is refused by itself, as each has an `id` of its own.
fn refuse_run(run: &Run) -> crate::outbox::Parcel {
    let refused =
        run.iter().map(|(header, _)| Message::Refused(not_joined(header.room, Some(header.id))));
    control::frames(&refused.collect::<Vec<_>>())
}

/// An `Ack` for each part of the run in which the `id`s increase by one, nearly always all of it.
fn acks(run: &Run, first_seq: u64) -> Vec<Message> {
    let mut acks: Vec<Ack> = Vec::new();
    for (seq, (header, _)) in (first_seq..).zip(run.iter()) {
        match acks.last_mut() {
            Some(ack) if ack.id.wrapping_add(ack.count.into()) == header.id => ack.count += 1,
            _ => acks.push(Ack { room: header.room, id: header.id, count: 1, seq }),
        }
    }
    acks.into_iter().map(Message::Ack).collect()
}
