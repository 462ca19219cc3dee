//! How long a message takes to each of many people who talk, also when somebody among them never reads.
//!
//! All are in one room and everybody hears everybody. Somebody says something at fixed moments, whoever
//! heard what by then, so a server that stumbles is not spared the questions of that time. Each message
//! says which it is, and so when it was due, and each receiver says how long after that it had it.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use proto::Message;
use socket2::{Domain, Socket, Type};

use crate::figures::percentile;
use crate::relay::client::{Client, Target, closed};
use crate::relay::crowd::new_room;
use crate::relay::speech::{Heard, Room};
use crate::relay::verify::{Ledger, origin, payload};

/// How many messages a second are said by all together: each person of a thousand one in five seconds.
pub const RATE: u32 = 200;

/// The length of a message: a long paragraph.
///
/// Somebody who does not read is behind by 200 KiB a second, so a small outbox is full soon.
const PAYLOAD: usize = 1024;

/// The receive buffer of somebody who does not read: the smallest, so that what waits does so at the
/// server.
const DEAF_BUFFER: usize = 4096;

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub struct Talked {
    /// Of a hundred deliveries 99 took no longer, in microseconds.
    pub p99: f64,
    /// How often somebody who did not read was ended, and came back.
    pub ended: u64,
}

/// Lets `people` talk for twice `time`, since somebody deaf takes some seconds to be found out, with
/// somebody deaf among them if `has_deaf`.
pub fn run(target: Target, people: usize, has_deaf: bool, time: Duration) -> io::Result<Talked> {
    let mut talk = Talk::gather(target, people, has_deaf).map_err(during("come together"))?;
    // Until everybody has heard of everybody's coming, and of what comes first.
    talk.go_on(Duration::from_secs(1))?;
    talk.times.clear();
    talk.go_on(2 * time)?;
    talk.times.sort_unstable();
    let p99 = percentile(&talk.times, 0.99).as_secs_f64() * 1e6;
    Ok(Talked { p99, ended: talk.ended })
}

/// Lets `people` talk for `time`, with somebody deaf among them, and compares all that each of them hears;
/// see [`verify`](crate::relay::verify).
pub fn verify(target: Target, people: usize, time: Duration) -> io::Result<()> {
    let mut talk = Talk::gather(target, people, true).map_err(during("come together"))?;
    let numbers: Vec<u32> = talk.people.iter().map(|person| person.you).collect();
    talk.ledgers = vec![Ledger::new(&talk.room, &numbers, 0, PAYLOAD); people];
    talk.go_on(time)
}

struct Talk {
    target: Target,
    room: Room,
    people: Vec<Client>,
    /// What each of them has heard, where that is compared.
    ledgers: Vec<Ledger>,
    /// Kept open, and never read from.
    deaf: Option<TcpStream>,
    ended: u64,
    epoll: Epoll,
    start: Instant,
    /// How many messages were said.
    said: u64,
    /// How long each delivery took.
    times: Vec<Duration>,
}

impl Talk {
    fn gather(target: Target, people: usize, has_deaf: bool) -> io::Result<Self> {
        let mut talk = Self {
            target,
            room: Room { name: new_room(), number: 0 },
            people: Vec::with_capacity(people),
            ledgers: Vec::new(),
            deaf: None,
            ended: 0,
            epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?,
            start: Instant::now(),
            said: 0,
            times: Vec::new(),
        };
        while talk.people.len() < people {
            let mut person = Client::connect(target)?;
            talk.room = person.enter(&talk.room.name, true)?;
            person.stream.set_nonblocking(true)?;
            let event = EpollEvent::new(EpollFlags::EPOLLIN, talk.people.len() as u64);
            talk.epoll.add(&person.stream, event)?;
            talk.people.push(person);
            // Those who are there hear who comes.
            talk.listen(Duration::ZERO)?;
        }
        talk.deaf = if has_deaf { Some(deaf(target, &talk.room.name)?) } else { None };
        talk.start = Instant::now();
        Ok(talk)
    }

    /// Talks and listens for so long, and until everything that was said is heard.
    fn go_on(&mut self, time: Duration) -> io::Result<()> {
        let until = self.start.elapsed() + time;
        let mut owed = 0;
        loop {
            let now = self.start.elapsed();
            let due = due(self.said);
            if due < until && due <= now {
                self.say()?;
                owed += self.people.len() as u64;
                continue;
            }
            if due >= until && owed == 0 {
                return Ok(());
            }
            let wait = due.min(until).saturating_sub(now);
            owed = owed.saturating_sub(self.listen(wait)?);
        }
    }

    /// The next person says something.
    fn say(&mut self) -> io::Result<()> {
        let people = self.people.len();
        let at = usize::try_from(self.said).unwrap_or(0) % people;
        let number = self.said / people as u64 + 1;
        let mut message = BytesMut::new();
        let payload = payload(at, number, PAYLOAD);
        self.target.speech.say(&self.room, number, &payload, &mut message);
        self.said += 1;
        // One message in five seconds of each: its buffer is empty.
        (&self.people[at].stream).write_all(&message).map_err(during("say"))
    }

    /// Takes what has come, or comes within `wait`; gives how many messages those were.
    fn listen(&mut self, wait: Duration) -> io::Result<u64> {
        let mut events = vec![EpollEvent::empty(); self.people.len()];
        // In milliseconds, rounded down: who is early looks again.
        let wait = u16::try_from(wait.as_millis()).unwrap_or(u16::MAX);
        let ready = self.epoll.wait(&mut events, EpollTimeout::from(wait))?;
        let (mut heard, mut is_gone) = (0, false);
        let numbered = self.people.len() as u64;
        let mut chunk = [0; 16 * 1024];
        for event in &events[..ready] {
            let at = usize::try_from(event.data()).unwrap_or(0);
            let person = &mut self.people[at];
            match (&person.stream).read(&mut chunk) {
                Ok(0) => return Err(closed()),
                Ok(read) => person.inbox.push(&chunk[..read]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(error) => return Err(during("listen")(error)),
            }
            let now = self.start.elapsed();
            while let Some(something) = person.inbox.hear()? {
                let said = match something {
                    Heard::Said(said) => said,
                    Heard::Control(Message::Presence(presence)) => {
                        is_gone |= presence.ending.as_deref() == Some("TooSlow");
                        continue;
                    }
                    _ => continue,
                };
                if let Some(ledger) = self.ledgers.get_mut(at) {
                    let wrong = |wrong| io::Error::other(format!("person {at}: {wrong}"));
                    ledger.enter(&said).map_err(wrong)?;
                }
                let (sender, number) = origin(&said.payload).unwrap_or_default();
                let nth = number.saturating_sub(1) * numbered + sender as u64;
                self.times.push(now.saturating_sub(due(nth)));
                heard += 1;
            }
            // Each is told; the first one's word is enough.
            if is_gone && at == 0 {
                // Who was ended for not reading comes back, and does not read.
                self.ended += 1;
                self.deaf = Some(deaf(self.target, &self.room.name).map_err(during("come back"))?);
            }
            is_gone = false;
        }
        Ok(heard)
    }
}

/// When the message is due that is said after `nth` others.
fn due(nth: u64) -> Duration {
    Duration::from_secs(1) * u32::try_from(nth).unwrap_or(u32::MAX) / RATE
}

/// Says what failed: all of it is one connection or another.
fn during(what: &str) -> impl FnOnce(io::Error) -> io::Error + use<'_> {
    move |error| io::Error::new(error.kind(), format!("{what}: {error}"))
}

/// Somebody who comes into the room and reads no more.
fn deaf(target: Target, room: &str) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(target.address), Type::STREAM, None)?;
    socket.set_recv_buffer_size(DEAF_BUFFER)?;
    let address: SocketAddr = target.address;
    socket.connect(&address.into())?;
    let mut client = Client::over(socket.into(), target.speech)?;
    client.enter(room, true)?;
    Ok(client.stream)
}
