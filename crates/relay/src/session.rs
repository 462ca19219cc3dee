//! One client that speaks frames: what it may say when, and what it is answered.

use proto::message::VERSION;
use proto::{
    Ack, Ending, Frame, Hello, Kind, Leave, Left, Message, ProtocolError, Refused, Rename, Run,
    Taken, Welcome, Why,
};

use crate::control;
use crate::hub::Hub;
use crate::outbox::Parcel;
use crate::outlet::{Behind, Dialect, Outlet, Said, answer};
use crate::refusal::Refusal;

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
    /// Who is behind with reading is put into `behind`, this client too if it does not read its answers.
    /// A run for which members of its room are too far behind is [`Said::Held`]: it stays in its buffer.
    pub fn take<O: Outlet>(
        &mut self,
        now: u64,
        hub: &mut Hub<O>,
        outlet: &O,
        taken: Taken<'_>,
        behind: &mut Behind<O>,
    ) -> Result<Said, Ending> {
        match taken {
            Taken::Run(run) => match self.me {
                Some(me) => self.say((me, now), hub, outlet, run, behind),
                None => Err(out_of_turn(Kind::Data)),
            },
            Taken::Control(frame) => {
                if let Some(said) = self.control(hub, outlet, &frame)? {
                    answer(outlet, self.me, &said, behind)?;
                }
                // What the hub has put is not less than an answer of ours.
                if outlet.room() == 0 {
                    behind.entry(self.me.unwrap_or_default()).or_insert_with(|| outlet.clone());
                }
                Ok(Said::Done)
            }
        }
    }

    fn say<O: Outlet>(
        &mut self,
        (me, now): (u32, u64),
        hub: &mut Hub<O>,
        outlet: &O,
        run: Run<'_>,
        behind: &mut Behind<O>,
    ) -> Result<Said, Ending> {
        let Some(first) = hub.next_seq(me, run.room()) else {
            return answer(outlet, self.me, &refuse_run(&run), behind).map(|()| Said::Done);
        };
        if hub.holds(run.room(), behind) {
            run.leave();
            return Ok(Said::Held);
        }
        if self.acks {
            answer(outlet, self.me, &control::frames(&acks(&run, first)), behind)?;
        }
        hub.publish(me, run, now, behind);
        Ok(Said::Done)
    }

    /// Does what a control frame asks for, and gives the answer, where the hub has not put it already.
    fn control<O: Outlet>(
        &mut self,
        hub: &mut Hub<O>,
        outlet: &O,
        frame: &Frame,
    ) -> Result<Option<Parcel>, Ending> {
        let kind = frame.header.kind;
        match (kind, self.me) {
            (Kind::Hello, None)
            | (Kind::Join | Kind::Leave | Kind::Rename, Some(_))
            | (Kind::Goodbye, _) => {}
            _ => return Err(out_of_turn(kind)),
        }
        let done = match (Message::from_frame(frame)?, self.me) {
            (Message::Hello(hello), _) => {
                self.hello(hub, outlet, &hello).map(|welcome| Some(Message::Welcome(welcome)))
            }
            (Message::Join(join), Some(me)) => {
                hub.join(me, &join.room, join.listen).map(|_room| None)
            }
            (Message::Leave(Leave { room }), Some(me)) => Ok(Some(if hub.part(me, room) {
                Message::Left(Left { room })
            } else {
                Message::Refused(not_joined(room, None))
            })),
            (Message::Rename(rename), Some(me)) => hub
                .rename(me, &rename.name)
                .map(|()| Some(Message::Rename(Rename { name: name_of(hub, me) }))),
            (Message::Goodbye(_), _) => return Err(Ending::Done),
            _ => return Err(out_of_turn(kind)),
        };
        Ok(match done {
            Ok(said) => said.as_ref().map(control::frame),
            Err(refusal) => Some(control::refusal(refusal, Dialect::Frames)),
        })
    }

    fn hello<O: Outlet>(
        &mut self,
        hub: &mut Hub<O>,
        outlet: &O,
        hello: &Hello,
    ) -> Result<Welcome, Refusal> {
        if hello.version != VERSION {
            let reason = format!("this relay speaks version {VERSION}");
            return Err(Refusal::new(Why::Other, reason));
        }
        if hello.max_frame < self.frame_limit {
            // The bytes of a frame are the same for everybody, so none can be kept from one member.
            let reason = format!("frames here have a length of up to {}", self.frame_limit);
            return Err(Refusal::new(Why::Other, reason));
        }
        let me = hub.enter(self.conn, outlet, Dialect::Frames, hello.name.as_deref())?;
        self.me = Some(me);
        self.acks = hello.features.iter().any(|feature| feature == ACK);
        Ok(Welcome {
            version: VERSION,
            you: me,
            name: name_of(hub, me),
            epoch: hub.epoch(),
            max_frame: self.frame_limit,
            features: if self.acks { vec![ACK.into()] } else { Vec::new() },
        })
    }
}

fn name_of<O: Outlet>(hub: &Hub<O>, person: u32) -> String {
    hub.name(person).map(|name| name.as_ref().into()).unwrap_or_default()
}

fn out_of_turn(kind: Kind) -> Ending {
    Ending::Protocol(ProtocolError::OutOfTurn { kind })
}

fn not_joined(room: u32, id: Option<u64>) -> Refused {
    let reason = format!("you are not in room {room}");
    Refused { why: Why::NotJoined, reason, room: Some(room), id }
}

/// Every frame of the run is refused by itself, as each has an `id` of its own.
fn refuse_run(run: &Run<'_>) -> Parcel {
    let refused =
        run.iter().map(|(header, _)| Message::Refused(not_joined(header.room, Some(header.id))));
    control::frames(&refused.collect::<Vec<_>>())
}

/// An `Ack` for each part of the run in which the `id`s increase by one, nearly always all of it.
fn acks(run: &Run<'_>, first_seq: u64) -> Vec<Message> {
    let mut acks: Vec<Ack> = Vec::new();
    for (seq, (header, _)) in (first_seq..).zip(run.iter()) {
        match acks.last_mut() {
            Some(ack) if ack.id.wrapping_add(ack.count.into()) == header.id => ack.count += 1,
            _ => acks.push(Ack { room: header.room, id: header.id, count: 1, seq }),
        }
    }
    acks.into_iter().map(Message::Ack).collect()
}
