//! A relay in this process, and clients of both kinds. Nothing here waits without a limit.

use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use proto::{Decoder, Frame, Header, Hello, Join, Kind, Message, Person, Presence, Refused};
use relay::{Config, Event, Limits, Observer, serve};
use tcp_server::{BindOptions, Closed, Listener, Peer, Stopper, Summary, stop_pair};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

/// How long anything may take before a test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A relay on a port of its own.
pub(crate) struct Relay {
    runtime: Runtime,
    server: JoinHandle<Summary>,
    pub(crate) address: SocketAddr,
    pub(crate) stopper: Stopper,
    pub(crate) log: Arc<Log>,
}

/// What the relay told its observer.
#[derive(Debug, Default)]
pub(crate) struct Log {
    pub(crate) closed: Mutex<Vec<Closed>>,
    opened: Mutex<usize>,
}

impl tcp_server::Observer for Log {
    fn opened(&self, _id: u64, _peer: &Peer) {
        *self.opened.lock().unwrap() += 1;
    }

    fn closed(&self, closed: &Closed) {
        self.closed.lock().unwrap().push(closed.clone());
    }
}

impl Observer for Log {
    fn happened(&self, _event: &Event) {}
}

impl Log {
    /// The endings so far, by name.
    pub(crate) fn endings(&self) -> Vec<&'static str> {
        self.closed.lock().unwrap().iter().map(|closed| closed.ending.name()).collect()
    }
}

impl Relay {
    pub(crate) fn start(limits: Limits) -> Self {
        Self::start_with(limits.into())
    }

    /// It lingers for a moment only: most clients here hold on until their test ends.
    pub(crate) fn start_with(mut config: Config) -> Self {
        config.limits.linger = Duration::from_millis(100);
        let runtime = Runtime::new().unwrap();
        let log = Arc::new(Log::default());
        let (stopper, stop) = stop_pair();
        let any = "127.0.0.1:0".parse().unwrap();
        let listener = runtime.block_on(Listener::bind(&any, &BindOptions::default())).unwrap();
        let address = listener.local_address().to_string().parse().unwrap();
        let server = runtime.spawn(serve(listener, config, Arc::clone(&log), stop));
        Self { runtime, server, address, stopper, log }
    }

    /// Does something in the runtime in which the relay runs.
    pub(crate) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        let within = async { tokio::time::timeout(2 * PATIENCE, future).await };
        self.runtime.block_on(within).expect("it comes to an end")
    }

    /// Asks it to stop and waits for its end.
    pub(crate) fn stop(self) -> Summary {
        self.stopper.stop();
        let server = async { tokio::time::timeout(PATIENCE, self.server).await };
        self.runtime.block_on(server).expect("the relay ends").unwrap()
    }

    /// Waits until so many connections have ended, and gives the names of their endings.
    pub(crate) fn endings(&self, count: usize) -> Vec<&'static str> {
        until(|| Some(self.log.endings()).filter(|endings| endings.len() >= count))
    }
}

/// Looks again and again until there is something to see.
#[track_caller]
pub(crate) fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(start.elapsed() < PATIENCE, "it did not come to pass");
        std::thread::yield_now();
    }
}

pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// A client that speaks frames.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    decoder: Decoder,
}

impl Client {
    /// Connected, and nothing said.
    pub(crate) fn silent(address: SocketAddr) -> Self {
        Self { stream: connect(address), decoder: Decoder::default() }
    }

    /// Connected and welcome.
    pub(crate) fn named(address: SocketAddr, name: &str) -> Self {
        let mut client = Self::silent(address);
        client.hello(Some(name));
        let welcome = client.message();
        assert!(
            matches!(&welcome, Message::Welcome(welcome) if welcome.name == name),
            "{welcome:?}"
        );
        client
    }

    /// In a room, whose number comes with it.
    pub(crate) fn in_room(address: SocketAddr, name: &str, room: &str) -> (Self, u32) {
        let mut client = Self::named(address, name);
        let room = client.join(room);
        (client, room)
    }

    pub(crate) fn hello(&mut self, name: Option<&str>) {
        let name = name.map(Into::into);
        let features = vec!["ack".to_owned()];
        self.send(&Message::Hello(Hello { version: 1, name, max_frame: 1 << 20, features }));
    }

    pub(crate) fn join(&mut self, room: &str) -> u32 {
        self.send(&Message::Join(Join { room: room.into(), listen: true }));
        match self.message() {
            Message::Joined(joined) => joined.room,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn send(&mut self, message: &Message) {
        let mut bytes = BytesMut::new();
        message.encode(&mut bytes).unwrap();
        self.stream.write_all(&bytes).unwrap();
    }

    pub(crate) fn say(&mut self, room: u32, id: u64, text: &str) {
        self.stream.write_all(&data(room, id, text.as_bytes())).unwrap();
    }

    /// The next frame; `None` at the end of the stream.
    pub(crate) fn frame(&mut self) -> Option<Frame> {
        self.try_frame().unwrap()
    }

    pub(crate) fn try_frame(&mut self) -> std::io::Result<Option<Frame>> {
        let mut chunk = vec![0; 64 * 1024];
        loop {
            if let Some(frame) = self.decoder.take_frame().unwrap() {
                return Ok(Some(frame));
            }
            match self.stream.read(&mut chunk) {
                Ok(0) => return Ok(None),
                Ok(read) => self.decoder.push(&chunk[..read]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    #[track_caller]
    pub(crate) fn message(&mut self) -> Message {
        let frame = self.frame().expect("a frame before the end");
        Message::from_frame(&frame).unwrap()
    }

    /// The next data frame; control frames before it are skipped.
    #[track_caller]
    pub(crate) fn data(&mut self) -> Frame {
        loop {
            let frame = self.frame().expect("a frame before the end");
            if frame.header.kind == Kind::Data {
                return frame;
            }
        }
    }

    #[track_caller]
    pub(crate) fn hears(&mut self, text: &str) -> Frame {
        let frame = self.data();
        assert_eq!(str::from_utf8(&frame.payload), Ok(text));
        frame
    }

    #[track_caller]
    pub(crate) fn refused(&mut self) -> Refused {
        match self.message() {
            Message::Refused(refused) => refused,
            other => panic!("{other:?}"),
        }
    }

    /// The next presence; other frames before it are skipped.
    #[track_caller]
    pub(crate) fn presence(&mut self) -> Presence {
        loop {
            let frame = self.frame().expect("a frame before the end");
            if frame.header.kind == Kind::Presence
                && let Message::Presence(presence) = Message::from_frame(&frame).unwrap()
            {
                return presence;
            }
        }
    }

    /// The goodbye that comes next, by the name of its ending, and then the end.
    #[track_caller]
    pub(crate) fn goodbye(&mut self) -> String {
        loop {
            let frame = self.frame().expect("a goodbye before the end");
            if frame.header.kind == Kind::Goodbye
                && let Message::Goodbye(goodbye) = Message::from_frame(&frame).unwrap()
            {
                assert!(self.frame().is_none(), "nothing comes after a goodbye");
                return goodbye.ending;
            }
        }
    }
}

/// A data frame on the wire, with its stamped fields forged.
pub(crate) fn data(room: u32, id: u64, payload: &[u8]) -> BytesMut {
    let mut bytes = BytesMut::new();
    let mut header = Header::new(Kind::Data, room, id);
    (header.from, header.seq, header.time) = (0xdead_beef, u64::MAX, 1);
    header.encode(payload, 1 << 20, &mut bytes).unwrap();
    bytes
}

/// A client that speaks lines.
pub(crate) struct Lines {
    pub(crate) stream: BufReader<TcpStream>,
}

impl Lines {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self { stream: BufReader::new(connect(address)) }
    }

    /// Connected, greeted, and by this name in this room.
    pub(crate) fn in_room(address: SocketAddr, name: &str, room: &str) -> Self {
        let mut client = Self::connect(address);
        client.types(&format!("/nick {name}\n/join {room}\n"));
        assert!(client.line().starts_with("* welcome"));
        assert!(client.line().starts_with(&format!("* you are {name}; ")));
        assert!(client.line().starts_with(&format!("* you are in {room}: ")));
        client
    }

    pub(crate) fn types(&mut self, text: &str) {
        self.stream.get_mut().write_all(text.as_bytes()).unwrap();
    }

    /// The next line without its end; empty at the end of the stream.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        line.trim_end_matches('\n').to_owned()
    }
}

pub(crate) fn names(people: &[Person]) -> Vec<&str> {
    people.iter().map(|person| person.name.as_str()).collect()
}
