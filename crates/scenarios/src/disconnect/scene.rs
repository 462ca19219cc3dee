//! How each act is played: what is done to the client, or by it, and how long one watches.

use std::cell::Cell;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use netlab::{Lab, Record, Rule, Tcp, TcpSocket, TcpState, Verdict, Wire};
use nix::sys::signal::Signal;

use crate::findings::Check;
use crate::stage::{Actor, SOON, Server, Stage, Trouble, sockets, until, wait_for_acknowledgement};

use super::row::Act;

/// How long a silence is watched.
const SILENCE: Duration = Duration::from_secs(2);

/// The name of the rules that cut the client's cable.
const CUT: &str = "cable cut";

/// How often a client is asked to be stopped between its question and the answer.
const ATTEMPTS: u32 = 5;

/// How it went.
pub(super) struct Went {
    /// The ending that tcp-server gives, or `nothing`.
    pub(super) ending: String,
    /// The port that the client talked from.
    pub(super) port: u16,
    /// What only this act measures.
    pub(super) checks: Vec<Check>,
}

/// Where an act is played.
pub(super) struct Scene<'a> {
    pub(super) stage: &'a Stage,
    pub(super) lab: &'a Lab,
    pub(super) server: &'a Server,
}

impl Scene<'_> {
    pub(super) fn go(&self, act: Act) -> Result<Went, Trouble> {
        match act {
            Act::Destroy => self.destroy(),
            Act::Reboot => self.reboot(),
            Act::SendOn => self.send_on(),
            Act::Cut => self.cut(SILENCE),
            Act::CutKeepalive => self.cut(SOON),
            Act::KillUnread => self.kill_unread(),
            Act::Close | Act::Kill | Act::Reset => {
                let mut client = self.client_with_echo(act.client_args())?;
                match act {
                    Act::Kill => kill(&mut client)?,
                    _ => client.close_input(),
                }
                self.closed(client.local_port()?)
            }
        }
    }

    fn client(&self, args: &[&str]) -> Result<Actor, Trouble> {
        self.stage.client(self.lab, "client", "client", self.server.address, args)
    }

    /// A client that has said a word and read its echo.
    fn client_with_echo(&self, args: &[&str]) -> Result<Actor, Trouble> {
        let mut client = self.client(args)?;
        client.say("hello")?;
        client.expect("data")?;
        Ok(client)
    }

    /// The client is stopped before the answer arrives, and killed when it lies unread in its socket. On a
    /// busy machine the answer may be quicker; then it asks again.
    fn kill_unread(&self) -> Result<Went, Trouble> {
        let mut client = self.client(&[])?;
        let port = client.local_port()?;
        for asked in 1..=ATTEMPTS {
            client.say("hello")?;
            self.crossed(asked, |tcp| tcp.source_port == port)
                .ok_or_else(|| Trouble::program("client", "asked nothing"))?;
            client.program.stop().map_err(Trouble::io("stop the client"))?;
            self.crossed(asked, |tcp| tcp.destination_port == port)
                .ok_or_else(|| Trouble::program("server", "answered nothing"))?;
            self.acknowledged(port)?;
            let unread = |s: &TcpSocket| s.local.port() == port && s.receive_queue > 0;
            if sockets(self.lab, "client")?.iter().any(unread) {
                kill(&mut client)?;
                return self.closed(port);
            }
            client.program.signal(Signal::SIGCONT).map_err(Trouble::io("let the client go on"))?;
        }
        Err(Trouble::program("client", "has read every answer before it could be stopped"))
    }

    /// Waits until the wire has recorded so many packets with data that are meant.
    fn crossed(&self, count: u32, is_meant: impl Fn(&Tcp) -> bool) -> Option<Record> {
        let wire = self.lab.wire().expect("this act is played only where there is a wire");
        let seen = Cell::new(0);
        wire.wait_for(SOON, |record| {
            let tcp = record.packet.as_ref().and_then(|packet| packet.tcp());
            let is_one = tcp.is_some_and(|tcp| is_meant(tcp) && tcp.len > 0);
            seen.set(seen.get() + u32::from(is_one));
            seen.get() == count
        })
    }

    /// Somebody ends the client's connection in its kernel, over the program's head.
    fn destroy(&self) -> Result<Went, Trouble> {
        let to = self.server.address.to_string();
        let mut client = self.stage.failing_client(self.lab, "client", "client", &[&to])?;
        client.say("hello")?;
        client.expect("data")?;
        let local = client.local_address()?;
        self.end_in_kernel(local)?;
        let end = client.expect("end")?;
        let mut went = self.closed(local.port())?;
        let errno = end["error"]["os_error"].as_i64().and_then(|errno| i32::try_from(errno).ok());
        let errno = name(errno.map(io::Error::from_raw_os_error).as_ref());
        // In words, between which a narrow report can break it.
        let kind = end["error"]["kind"].as_str().unwrap_or("no error").replace('_', " ");
        went.checks = vec![
            Check::equal(
                "destroyed-served",
                "bytes of its echo that tcp-client has read",
                6,
                end["received"].as_u64().unwrap_or(0),
            ),
            Check::equal(
                "destroyed-client",
                "what tcp-client says",
                "connection aborted (ECONNABORTED), exit code 1".to_owned(),
                format!("{kind} ({errno}), exit code {}", end["exit"]),
            ),
        ];
        Ok(went)
    }

    /// The client's host forgets everything while its cable is out and an answer is under way; then the
    /// cable is put in again.
    fn reboot(&self) -> Result<Went, Trouble> {
        let mut client = self.client_with_echo(&[])?;
        let local = client.local_address()?;
        self.acknowledged(local.port())?;
        let wire = self.lab.wire().expect("this act is played only where there is a wire");
        let host = self.lab.host("client").id();
        wire.add(Rule::cut(CUT).to(host));
        client.say("are you there?")?;
        let is_lost = |record: &Record, says: &dyn Fn(&Tcp) -> bool| {
            let tcp = record.packet.as_ref().and_then(|packet| packet.tcp());
            record.verdict == Verdict::Dropped && tcp.is_some_and(says)
        };
        let answer = |tcp: &Tcp| tcp.destination_port == local.port() && tcp.len > 0;
        wire.wait_for(SOON, |record| is_lost(record, &answer))
            .ok_or_else(|| Trouble::program("the wire", "lost no answer"))?;
        // What the kernel says when a socket is destroyed, a machine that has lost its power does not.
        wire.add(Rule::cut(CUT).from(host));
        // Nor does its program: it has no time left to meet the error.
        client.program.stop().map_err(Trouble::io("stop the client"))?;
        self.end_in_kernel(local)?;
        kill(&mut client)?;
        let last_word = |tcp: &Tcp| tcp.source_port == local.port() && tcp.flags.rst;
        wire.wait_for(SOON, |record| is_lost(record, &last_word))
            .ok_or_else(|| Trouble::program("the wire", "lost no RST"))?;
        wire.remove(CUT);
        let mut went = self.closed(local.port())?;
        // The server's kernel has it a moment before the recording does.
        let reset = |record: &Record| {
            let tcp = record.packet.as_ref().and_then(|packet| packet.tcp());
            record.delivered().is_some() && tcp.is_some_and(&last_word)
        };
        wire.wait_for(SOON, reset).ok_or_else(|| Trouble::program("the wire", "carried no RST"))?;
        let answered = self.sent_before_the_reset(local.port());
        let (id, says) =
            ("rebooted-answers", "what the RST answers: bytes that the server sent again");
        went.checks = vec![Check::equal(id, says, "are you there?".len() + 1, answered)];
        Ok(went)
    }

    /// How many bytes the last segment of the server carried that arrived before the client's host said
    /// RST; none where it had said that by itself.
    fn sent_before_the_reset(&self, port: u16) -> usize {
        let records = self.lab.wire().map(Wire::records).unwrap_or_default();
        let arrived = records.iter().filter(|record| record.delivered().is_some());
        let segments = arrived.filter_map(|record| Some((record, record.packet.as_ref()?.tcp()?)));
        let segments: Vec<_> = segments.collect();
        let reset = segments.iter().find(|(_, tcp)| tcp.flags.rst && tcp.source_port == port);
        let Some((reset, _)) = reset else { return 0 };
        let mut before = segments.iter().filter(|(record, tcp)| {
            tcp.destination_port == port && record.delivered() < Some(reset.sent)
        });
        before.next_back().map_or(0, |(_, tcp)| tcp.len)
    }

    /// Waits until the client's system has acknowledged all that the server has sent.
    fn acknowledged(&self, port: u16) -> Result<(), Trouble> {
        wait_for_acknowledgement(self.lab, "server", |socket| socket.remote.port() == port)
    }

    /// Ends the client's connection as `ss -K` does.
    fn end_in_kernel(&self, local: SocketAddr) -> Result<(), Trouble> {
        let host = self.lab.host("client");
        let failed = Trouble::io("destroy the client's socket (SOCK_DESTROY)");
        host.destroy(local, self.server.address).map_err(failed)
    }

    /// A client that takes the end of the stream for nothing. A bare socket: ours ends there.
    fn send_on(&self) -> Result<Went, Trouble> {
        let address = self.server.address;
        let failed = || Trouble::io("talk to the server");
        let connect = move || -> io::Result<(TcpStream, u16)> {
            let socket = TcpStream::connect(address)?;
            socket.set_read_timeout(Some(SOON))?;
            let port = socket.local_addr()?.port();
            Ok((socket, port))
        };
        let (mut socket, port) = self.lab.host("client").run(connect).map_err(failed())?;
        let end = socket.read(&mut [0; 64]).map_err(failed())?;
        let first = socket.write(b"is anybody there?").map_err(failed())?;
        // The RST is on its way; only the kernel knows when it has arrived.
        let error = until("the reset", || {
            let client = sockets(self.lab, "client")?;
            let is_it = |s: &TcpSocket| s.local.port() == port && s.remote == address;
            let gone = !client.iter().any(is_it);
            Ok(gone.then(|| socket.write(b"hello?").err()))
        })?;
        let mut went = self.closed(port)?;
        let second = name(error.as_ref());
        went.checks = vec![
            Check::equal("late-sender-read", "bytes that the client reads first: the end", 0, end),
            Check::equal("late-sender-first", "bytes that its first send takes", 17, first),
            Check::equal("late-sender-second", "its next send", "EPIPE".to_owned(), second),
        ];
        Ok(went)
    }

    /// The cable is cut and the client is killed behind it; the server is watched for at most `limit`.
    fn cut(&self, limit: Duration) -> Result<Went, Trouble> {
        let mut client = self.client_with_echo(&[])?;
        let port = client.local_port()?;
        // With an answer under way that nobody acknowledges, the kernel sends that again in place of
        // keepalive probes (tcp_keepalive_timer).
        self.acknowledged(port)?;
        let wire = self.lab.wire().expect("this act is played only where there is a wire");
        let host = self.lab.host("client").id();
        wire.add(Rule::cut(CUT).from(host));
        wire.add(Rule::cut(CUT).to(host));
        kill(&mut client)?;
        let start = self.lab.clock().now();
        let Some(closed) = self.closed_event(port, limit) else {
            let standing = sockets(self.lab, "server")?
                .iter()
                .any(|s| s.remote.port() == port && s.state == TcpState::Established);
            let check = Check::equal(
                "cut-stands",
                "the connection in the server's kernel, two seconds later",
                "ESTAB",
                if standing { "ESTAB" } else { "gone" },
            );
            return Ok(Went { ending: "nothing".into(), port, checks: vec![check] });
        };
        let took = self.lab.clock().now().since(start).as_secs_f64();
        let checks = vec![Check::seconds(
            "cut-keepalive-time",
            "time until the server's kernel gives up",
            3.0..=5.5,
            took,
        )];
        Ok(Went { ending: closed, port, checks })
    }

    /// Waits until tcp-server says how the connection from this port ended.
    fn closed(&self, port: u16) -> Result<Went, Trouble> {
        let ending = self.closed_event(port, SOON).ok_or_else(|| {
            Trouble::program("tcp-server", "did not say how the client's connection ended")
        })?;
        Ok(Went { ending, port, checks: Vec::new() })
    }

    fn closed_event(&self, port: u16, limit: Duration) -> Option<String> {
        let of_client = |event: &serde_json::Value| {
            let peer = event["peer"].as_str().and_then(|text| text.parse::<SocketAddr>().ok());
            peer.is_some_and(|peer| peer.port() == port)
        };
        let closed = self.server.actor.event_where(limit, "closed", of_client)?;
        closed["ending"].as_str().map(str::to_owned)
    }
}

fn kill(client: &mut Actor) -> Result<(), Trouble> {
    client.program.kill().map_err(Trouble::io("kill the client"))?;
    Ok(())
}

/// The name of an error of the system.
fn name(error: Option<&io::Error>) -> String {
    let errno = error.and_then(io::Error::raw_os_error).map(nix::errno::Errno::from_raw);
    errno.map_or("no error".to_owned(), |errno| format!("{errno:?}"))
}
