//! Errors in words: what was tried, on what, why it failed, and what to do.

use std::io;

use cli::failure::io_words;
use cli::values::{bytes_in_words, time_in_words};
use cli::{Exit, Failure};
use proto::address::is_local;
use proto::{Address, Ending, TlsFault, sanitize};
use tcp_client::connect::{Cause, ConnectError, Unreached, Why};
use tcp_client::talk::{Fault, Talked};

use crate::args::Plan;
use crate::secure::Secure;

/// Why there is no connection.
pub(crate) fn no_connection(error: &ConnectError, plan: &Plan) -> Failure {
    let Plan { address, .. } = plan;
    let limit = time_in_words(plan.connect.timeout.unwrap_or_default());
    let host = match address {
        Address::Tcp { host, .. } => host.as_str(),
        Address::Unix(_) => "",
    };
    match &error.cause {
        Cause::NameNotAllowed => Failure::new(
            Exit::Usage,
            "name_not_allowed",
            format!("cannot connect to {address}: \"{host}\" is a name, and -n takes numbers only"),
        )
        .hint("leave out -n to have the name looked up"),
        Cause::Lookup(why) => {
            // Rust's own words before those of the resolver say no more than ours.
            let why = io_words(why).to_lowercase();
            let why = why.strip_prefix("failed to lookup address information: ").unwrap_or(&why);
            let message = format!("cannot find host \"{host}\": {why}");
            Failure::new(Exit::Usage, "unknown_host", message)
                .hint(format!("`getent hosts {host}` asks the same name service"))
        }
        Cause::LookupTimedOut(_) => Failure::new(
            Exit::TimeLimit,
            "lookup_timed_out",
            format!("cannot find host \"{host}\": the name service did not answer within {limit}"),
        )
        .hint("-w 30s waits longer; a number instead of the name needs no name service"),
        Cause::NoAddress(family) => Failure::new(
            Exit::Usage,
            "no_address",
            format!("cannot connect to {address}: it has no {family} address"),
        )
        .hint("leave out -4, -6 and -s to connect by any family"),
        Cause::NoName(_) => Failure::new(
            Exit::Usage,
            "no_name",
            format!("cannot connect to {address}: {error}", error = error.cause),
        )
        .hint("--tls-name says for which name the certificate is to be"),
        Cause::NotAgreed { peer, ending } => not_agreed(error, peer, ending, plan),
        Cause::Unreached(_) => match error.last() {
            Some(last) => unreached(error, last, plan),
            None => Failure::new(Exit::Failed, "io", error.to_string()),
        },
        _ => Failure::new(Exit::Failed, "io", error.to_string()),
    }
}

/// Somebody is there, and there is no TLS with him.
fn not_agreed(error: &ConnectError, peer: &Address, ending: &Ending, plan: &Plan) -> Failure {
    if let Some(changed) = plan.tls.as_ref().and_then(Secure::changed) {
        return changed;
    }
    let what = target(&plan.address, peer);
    let tries = tries(error);
    let failed = |kind, why: &str| {
        let message = format!("no TLS with {what}: {}{tries}", sanitize::line(why));
        Failure::new(Exit::Failed, kind, message)
    };
    match ending {
        Ending::Tls(TlsFault::Stalled { .. }) => Failure::new(
            Exit::TimeLimit,
            "timed_out",
            format!(
                "no TLS with {what} within {} (connected, no answer: it may speak plain){tries}",
                time_in_words(plan.connect.timeout.unwrap_or_default())
            ),
        )
        .hint("-w 30s waits longer; without --tls it is a plain connection"),
        Ending::Tls(fault @ TlsFault::NotTls) => failed("not_tls", &fault.to_string())
            .hint("without --tls it is a plain connection, which everybody on the way can read"),
        Ending::Tls(TlsFault::Certificate { why }) => {
            let is_pinned = plan.tls.as_ref().is_some_and(|tls| tls.is_pinned);
            let exit = if is_pinned { Exit::WrongKey } else { Exit::Failed };
            let why = sanitize::line(why);
            let message =
                format!("no TLS with {what}: the server's certificate is refused: {why}{tries}");
            let failure = Failure::new(exit, "certificate", message);
            if is_pinned {
                failure.hint("somebody may pretend to be this server, or it has a new certificate")
            } else if why.contains("and not for ") {
                failure.hint("--tls-name NAME asks for another name than the host's")
            } else {
                failure
                    .hint("--tls-pin sha256:HEX trusts one very certificate, whatever else it says")
            }
        }
        Ending::Tls(TlsFault::Refused { alert }) => {
            let failure = failed("refused", &format!("the server refused: {alert}"));
            if plan.connect.tls.as_ref().is_some_and(|tls| tls.has_identity()) {
                failure
            } else {
                failure.hint("--tls-cert FILE --tls-key FILE shows a certificate of yours")
            }
        }
        Ending::Tls(fault) => failed("tls", &fault.to_string())
            .hint("without --tls it is a plain connection, which everybody on the way can read"),
        ending => failed("not_tls", &ending.to_string())
            .hint("it ended at our greeting, as a server does that does not speak TLS"),
    }
}

/// The same in one line that fits a terminal, for an attempt that is not the last.
pub(crate) fn no_connection_yet(error: &ConnectError) -> String {
    let why = match error.last().map(|last| &last.why) {
        Some(Why::Connect(why)) => io_words(why),
        Some(why) => why.to_string(),
        None => error.cause.to_string(),
    };
    format!("cannot connect to {}: {why}", error.address)
}

fn unreached(error: &ConnectError, last: &Unreached, plan: &Plan) -> Failure {
    let what = target(&plan.address, &last.peer);
    let tries = tries(error);
    match &last.why {
        Why::TimedOut(_) => no_answer(&what, &tries, &last.peer, plan),
        Why::ToItself => Failure::new(
            Exit::Failed,
            "connected_to_itself",
            format!(
                "cannot connect to {what}: nothing listens there, the socket met itself{tries}"
            ),
        )
        .hint(start_a_server(plan)),
        Why::Bind { from, error: why } => {
            let failure =
                Failure::from_io(Exit::Usage, &format!("cannot connect from {from}"), why);
            match why.kind() {
                io::ErrorKind::AddrNotAvailable => failure
                    .hint("no interface here has this address; `ip address` lists those that are"),
                io::ErrorKind::AddrInUse => failure.hint("--source-port takes any other port"),
                io::ErrorKind::PermissionDenied => failure.hint("ports below 1024 are for root"),
                _ => failure,
            }
        }
        Why::Socket(why) => Failure::from_io(Exit::Failed, "cannot open a socket", why),
        Why::Connect(why) => refused(&what, &tries, why, plan),
        _ => Failure::new(Exit::Failed, "io", error.to_string()),
    }
}

fn tries(error: &ConnectError) -> String {
    if error.attempt > 1 { format!(", after {} attempts", error.attempt) } else { String::new() }
}

fn no_answer(what: &str, tries: &str, tried: &Address, plan: &Plan) -> Failure {
    let limit = time_in_words(plan.connect.timeout.unwrap_or_default());
    let within_this_machine = is_local(tried);
    let (why, only_check) = match &plan.address {
        Address::Unix(_) => ("its queue is full, and nobody accepts", String::new()),
        Address::Tcp { host, port } => (
            if within_this_machine {
                "SYN sent, no reply: the backlog of the server may be full"
            } else {
                "SYN sent, no reply: a firewall may drop it"
            },
            format!("; tcp-client -z {host} {port} only checks the port"),
        ),
    };
    let only_check = if plan.check { "" } else { &only_check };
    let failure = Failure::new(
        Exit::TimeLimit,
        "timed_out",
        format!("no answer from {what} within {limit} ({why}){tries}"),
    )
    .hint(format!("-w 30s waits longer{only_check}"));
    if within_this_machine {
        failure.hint("`cargo xtask demo backlog` shows what a full one does")
    } else {
        failure
    }
}

fn refused(what: &str, tries: &str, why: &io::Error, plan: &Plan) -> Failure {
    let address = &plan.address;
    let unix = matches!(address, Address::Unix(_));
    let meaning = match why.kind() {
        io::ErrorKind::ConnectionRefused if unix => {
            " (the socket is there, but nobody listens on it)"
        }
        io::ErrorKind::ConnectionRefused => " (nothing listens there)",
        io::ErrorKind::NotFound => " (no server has made this socket)",
        io::ErrorKind::TimedOut => " (SYN sent, no reply until the kernel gave up)",
        io::ErrorKind::ConnectionReset => " (accepted, then reset at once)",
        _ => "",
    };
    let failure = Failure::from_io(Exit::Failed, &format!("cannot connect to {what}"), why);
    let failure = failure.and(meaning).and(tries);
    match why.kind() {
        io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound if is_local(address) => {
            failure.hint(start_a_server(plan))
        }
        io::ErrorKind::ConnectionRefused => {
            failure.hint("a server that listens on 127.0.0.1 only is not reached from elsewhere")
        }
        io::ErrorKind::AddrNotAvailable => {
            failure.hint("the last connection between these two ports may still be in TIME_WAIT")
        }
        _ => failure,
    }
}

/// The address that was asked for, and the one that was tried where that says more.
fn target(asked: &Address, tried: &Address) -> String {
    if asked == tried { asked.to_string() } else { format!("{asked} ({tried})") }
}

fn start_a_server(plan: &Plan) -> String {
    let command = plan.server.command(&plan.address);
    format!("start a server in another terminal: {command}")
}

/// The user's time for everything was over before there was a connection.
pub(crate) fn deadline_before_connection(plan: &Plan) -> Failure {
    let deadline = time_in_words(plan.deadline.unwrap_or_default());
    let message = format!("no connection to {} before the deadline of {deadline}", plan.address);
    Failure::new(Exit::TimeLimit, "deadline", message)
}

/// What was wrong with a conversation; `None` where it ended as it should.
pub(crate) fn of_talk(talked: &Talked, peer: &Address, plan: &Plan) -> Option<Failure> {
    match &talked.fault {
        Some(Fault::Input(why)) => {
            return Some(Failure::from_io(Exit::Failed, "cannot read standard input", why).hint(
                "the connection was reset, so that the peer does not take a part for the whole",
            ));
        }
        Some(Fault::Output(why)) => {
            return Some(Failure::from_io(Exit::Failed, "cannot write to standard output", why));
        }
        Some(Fault::Peer(_)) | None => {}
    }
    let after = format!(
        "after {} sent, {} received",
        bytes_in_words(talked.sent),
        bytes_in_words(talked.received)
    );
    let failed = |kind, message: String| {
        let failure = Failure::new(Exit::Failed, kind, message);
        match &talked.fault {
            Some(Fault::Peer(why)) => failure.with_os_error(why),
            _ => failure,
        }
    };
    match &talked.ending {
        Ending::PeerFin | Ending::PeerReset | Ending::PeerGone if talked.met_tls => Some(
            failed("speaks_tls", format!("{peer} speaks TLS, and refused what was plain {after}"))
                .hint("--tls speaks it too"),
        ),
        Ending::PeerFin | Ending::Done | Ending::Shutdown => None,
        Ending::Tls(TlsFault::Refused { alert }) => Some(
            failed("refused", format!("{peer} refused: {alert} {after}"))
                .hint("--tls-cert FILE --tls-key FILE shows a certificate of yours"),
        ),
        Ending::Tls(TlsFault::Truncated) => Some(
            failed("cut_off", format!("{peer} ended without close_notify {after}"))
                .hint("what came may be a part: the server died, or somebody on the way cut it off"),
        ),
        Ending::Tls(fault) => Some(failed("tls", format!("TLS with {peer} failed: {fault} {after}"))),
        Ending::Idle => Some(Failure::new(
            Exit::TimeLimit,
            "idle",
            format!(
                "the connection to {peer} was silent for {} {after}",
                time_in_words(plan.idle.unwrap_or_default())
            ),
        )),
        Ending::Deadline => Some(Failure::new(
            Exit::TimeLimit,
            "deadline",
            format!(
                "still connected to {peer} at the deadline of {} {after}",
                time_in_words(plan.deadline.unwrap_or_default())
            ),
        )),
        // Not a word of the peer: somebody here has ended it (`tcp_abort` in net/ipv4/tcp.c).
        Ending::PeerReset if fault_kind(talked) == Some(io::ErrorKind::ConnectionAborted) => Some(
            failed(
                "connection_aborted",
                format!("this system has ended the connection to {peer} {after}"),
            )
            .hint("whoever has CAP_NET_ADMIN can do so, as `ss -K` does"),
        ),
        Ending::PeerReset => Some(
            failed("connection_reset", format!("connection reset by {peer} {after}")).hint(
                "a peer that closes with unread data resets the connection: see `cargo xtask demo disconnect`",
            ),
        ),
        Ending::PeerGone => Some(
            failed("peer_gone", format!("{peer} closed before it had taken all of the input {after}"))
                .hint("how much of it arrived only the peer knows"),
        ),
        Ending::Unanswered => {
            let why = fault_words(talked);
            Some(failed("unanswered", format!("{peer} no longer answers: {why} {after}")))
        }
        _ => {
            let why = fault_words(talked);
            Some(failed("io", format!("connection to {peer} failed: {why} {after}")))
        }
    }
}

fn fault_kind(talked: &Talked) -> Option<io::ErrorKind> {
    match &talked.fault {
        Some(Fault::Peer(why)) => Some(why.kind()),
        _ => None,
    }
}

fn fault_words(talked: &Talked) -> String {
    match &talked.fault {
        Some(Fault::Peer(why) | Fault::Input(why) | Fault::Output(why)) => io_words(why),
        None => talked.ending.to_string(),
    }
}
