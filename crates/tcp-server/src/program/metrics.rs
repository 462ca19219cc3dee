//! Figures for Prometheus: text over HTTP, on an address of its own.
//!
//! The page is served by the same library as everything else, with small limits: a scraper that is stuck
//! costs one of a few connections for some seconds, and the server that it asks about nothing at all.

use std::collections::VecDeque;
use std::fmt::{self, Display, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::BytesMut;
use proto::{Address, Ending, ProtocolError};
use tokio::select;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::Tally;
use crate::accept::AcceptFault;
use crate::connection::Connection;
use crate::drain::{Stopper, stop_pair};
use crate::limits::{
    Limits, METRICS_CONNECTIONS, METRICS_HEAD, METRICS_REQUEST, METRICS_SILENT, METRICS_TIME,
};
use crate::listener::{BindError, BindOptions, Listener};
use crate::patience::Timers;
use crate::serve::{Config, Service, Summary, run};

/// The figures of one server.
#[derive(Clone, Debug)]
pub struct Metrics {
    prefix: &'static str,
    version: &'static str,
    limits: Limits,
    tally: Arc<Tally>,
    started: f64,
    silent: Silent,
}

/// Serves the page until it is dropped, or asked to end.
#[derive(Debug)]
pub struct MetricsServer {
    address: Address,
    stopper: Stopper,
    task: JoinHandle<Summary>,
}

impl Metrics {
    /// The figures that `tally` counts of a server with these limits, which begins now. The names begin with
    /// `prefix`.
    pub fn new(
        prefix: &'static str,
        version: &'static str,
        limits: Limits,
        tally: Arc<Tally>,
    ) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            prefix,
            version,
            limits,
            tally,
            started: since.as_secs_f64(),
            silent: Silent::default(),
        }
    }

    /// Serves them at `address`.
    pub async fn serve(
        self,
        address: &Address,
        timers: Timers,
    ) -> Result<MetricsServer, BindError> {
        let listener = Listener::bind(address, &BindOptions::default()).await?;
        let address = listener.local_address().clone();
        let limits = Limits {
            connections: METRICS_CONNECTIONS,
            idle: Some(METRICS_REQUEST),
            message: METRICS_REQUEST,
            write: METRICS_TIME,
            linger: Duration::from_millis(500),
            drain: Duration::ZERO,
            line: METRICS_HEAD,
            ..Limits::default()
        };
        let config = Config { limits, timers, ..Config::default() };
        let (stopper, stop) = stop_pair();
        let task = tokio::spawn(run(listener, config, self, (), stop));
        Ok(MetricsServer { address, stopper, task })
    }

    /// All of them, in the text format of Prometheus, version 0.0.4.
    pub fn text(&self) -> String {
        let stats = self.tally.stats();
        let mut page = Page { prefix: self.prefix, text: String::with_capacity(4096) };
        page.gauge("build_info", "The program that runs, and its version.");
        page.value_of("build_info", &[("version", self.version)], 1);
        page.gauge("start_time_seconds", "When it began, in seconds since 1970 in UTC.");
        page.value("start_time_seconds", self.started);
        page.gauge("uptime_seconds", "For how long it has run.");
        page.value("uptime_seconds", stats.seconds);

        page.gauge("connections", "Connections that are open.");
        page.value("connections", stats.open);
        page.counter("connections_accepted_total", "Connections that were accepted.");
        page.value("connections_accepted_total", stats.served);
        page.counter("connections_refused_total", "Connections that were reset at once.");
        let why = [("reason", "per_address")];
        page.value_of("connections_refused_total", &why, stats.refused);
        page.counter("connections_ended_total", "Connections that have ended, by how they ended.");
        for (ending, count) in self.tally.endings() {
            page.value_of("connections_ended_total", &[("ending", ending)], count);
        }
        page.counter("accept_errors_total", "Failures of accept(2), by whose they were.");
        for (fault, name) in
            [(AcceptFault::Connection, "connection"), (AcceptFault::System, "system")]
        {
            let count = self.tally.accept_errors(fault);
            page.value_of("accept_errors_total", &[("fault", name)], count);
        }
        page.counter("received_bytes_total", "Bytes that were read from clients.");
        page.value("received_bytes_total", stats.received);
        page.counter("sent_bytes_total", "Bytes that were written to clients.");
        page.value("sent_bytes_total", stats.sent);
        self.limits(&mut page);
        page.text
    }

    /// A limit that is off has no value.
    fn limits(&self, page: &mut Page) {
        let Limits { connections, per_address, least_rate, line, frame, .. } = self.limits;
        let Limits { idle, first_byte, message, write, drain, .. } = self.limits;
        let counts = [
            ("limit_connections", "The most at a time.", Some(connections as u64)),
            (
                "limit_connections_per_address",
                "The most of one address at a time.",
                per_address.map(|limit| limit as u64),
            ),
            (
                "limit_least_rate_bytes_per_second",
                "The least that must go through while a client owes some.",
                least_rate,
            ),
            ("limit_line_bytes", "The longest line.", Some(line as u64)),
            ("limit_frame_bytes", "The longest frame.", Some(frame.into())),
        ];
        for (name, help, limit) in counts {
            if let Some(limit) = limit {
                page.gauge(name, help);
                page.value(name, limit);
            }
        }
        let times = [
            ("limit_idle_seconds", "The longest silence.", idle),
            ("limit_first_byte_seconds", "How long the first byte may take.", first_byte),
            ("limit_message_seconds", "How long a line or a frame may take.", Some(message)),
            ("limit_write_seconds", "How long one write may wait.", Some(write)),
            ("limit_drain_seconds", "How long connections may go on at the end.", Some(drain)),
        ];
        for (name, help, limit) in times {
            if let Some(limit) = limit {
                page.gauge(name, help);
                page.value(name, limit.as_secs_f64());
            }
        }
    }

    /// Waits for a request, and gives the answer to it.
    async fn asked(&self, connection: &mut Connection) -> Result<String, Ending> {
        let mut request = BytesMut::new();
        loop {
            request.reserve(1024);
            connection.message_begun();
            if connection.read(&mut request).await? == 0 {
                return Err(Ending::PeerFin);
            }
            if let Some(answer) = self.answer(&request) {
                return Ok(answer);
            }
        }
    }

    /// The answer to a request, of which this much has come; none where more is to come.
    fn answer(&self, request: &[u8]) -> Option<String> {
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut parsed = httparse::Request::new(&mut headers);
        match parsed.parse(request) {
            Ok(httparse::Status::Complete(_)) => {}
            Ok(httparse::Status::Partial) if request.len() < METRICS_HEAD => return None,
            Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
                let text = "the request is too long\n";
                return Some(response("431 Request Header Fields Too Large", "", text, true));
            }
            Err(error) => {
                let text = format!("this is no request of HTTP/1: {error}\n");
                return Some(response("400 Bad Request", "", &text, true));
            }
        }
        let (method, target) = (parsed.method.unwrap_or_default(), parsed.path.unwrap_or_default());
        let has_body = method != "HEAD";
        let path = target.split('?').next().unwrap_or_default();
        Some(match (method, path) {
            ("GET" | "HEAD", "/metrics") => response("200 OK", FORMAT, &self.text(), has_body),
            ("GET" | "HEAD", _) => {
                response("404 Not Found", "", "the figures are at /metrics\n", has_body)
            }
            _ => {
                let text = "the figures can be read with GET, and nothing can be sent here\n";
                response("405 Method Not Allowed", "Allow: GET, HEAD\r\n", text, true)
            }
        })
    }
}

/// Who is connected and has not asked yet, in the order in which they came.
#[derive(Clone, Debug, Default)]
struct Silent(Arc<Mutex<InOrder>>);

/// By its number each, with what takes its place from it.
type InOrder = VecDeque<(u64, oneshot::Sender<()>)>;

impl Silent {
    /// One has come; what is given is ready when its place is given to another.
    fn enter(&self, id: u64) -> oneshot::Receiver<()> {
        let (give_up, given_up) = oneshot::channel();
        let mut all = self.lock();
        // Those who ended otherwise listen no more.
        all.retain(|(_, give_up)| !give_up.is_closed());
        if all.len() >= METRICS_SILENT
            && let Some((_, first)) = all.pop_front()
        {
            // It may have asked at this moment.
            let _ = first.send(());
        }
        all.push_back((id, give_up));
        given_up
    }

    /// It has asked.
    fn leave(&self, id: u64) {
        self.lock().retain(|(other, _)| *other != id);
    }

    fn lock(&self) -> MutexGuard<'_, InOrder> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Service for Metrics {
    async fn serve(&self, mut connection: Connection) -> Ending {
        let mut given_up = self.silent.enter(connection.id());
        let asked = select! {
            biased;
            asked = self.asked(&mut connection) => asked,
            // Without a word, and without waiting for one: its place is wanted.
            _ = &mut given_up => return Ending::Replaced,
        };
        self.silent.leave(connection.id());
        let ending = match asked {
            Ok(answer) => match connection.write_all(answer.as_bytes()).await {
                // What still comes of a request is read on, so that its end is no reset.
                Ok(()) => Ending::Protocol(ProtocolError::Http),
                Err(ending) => ending,
            },
            Err(ending) => ending,
        };
        connection.close(ending).await
    }
}

impl MetricsServer {
    /// Where the page is, with the port that the system chose.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Ends it, at once.
    pub async fn end(self) {
        self.stopper.stop();
        self.stopper.stop();
        // It has nothing to say of itself.
        let _ = self.task.await;
    }
}

const FORMAT: &str = "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n";

fn response(status: &str, fields: &str, body: &str, has_body: bool) -> String {
    let fields = if fields.contains("Content-Type") {
        fields.to_owned()
    } else {
        format!("Content-Type: text/plain; charset=utf-8\r\n{fields}")
    };
    let length = body.len();
    let body = if has_body { body } else { "" };
    format!(
        "HTTP/1.1 {status}\r\n{fields}Content-Length: {length}\r\nCache-Control: no-store\r\n\
         Connection: close\r\n\r\n{body}"
    )
}

/// The text as it grows.
struct Page {
    prefix: &'static str,
    text: String,
}

impl Page {
    fn gauge(&mut self, name: &str, help: &str) {
        self.family(name, help, "gauge");
    }

    fn counter(&mut self, name: &str, help: &str) {
        self.family(name, help, "counter");
    }

    fn family(&mut self, name: &str, help: &str, kind: &str) {
        let prefix = self.prefix;
        self.put(format_args!("# HELP {prefix}_{name} {help}\n# TYPE {prefix}_{name} {kind}\n"));
    }

    fn value(&mut self, name: &str, value: impl Display) {
        self.value_of(name, &[], value);
    }

    /// The values of labels are our own words, in which there is nothing to escape.
    fn value_of(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let labels = labels.iter().map(|(name, value)| format!("{name}=\"{value}\""));
        let labels = labels.collect::<Vec<_>>().join(",");
        let labels = if labels.is_empty() { labels } else { format!("{{{labels}}}") };
        let prefix = self.prefix;
        self.put(format_args!("{prefix}_{name}{labels} {value}\n"));
    }

    fn put(&mut self, text: fmt::Arguments<'_>) {
        self.text.write_fmt(text).expect("a string takes everything");
    }
}
