//! What is told of pings.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use cli::failure::io_words;
use serde_json::json;

use super::{Report, bytes_of, shown};
use crate::ping::{Summary, milliseconds};

impl Report {
    /// An answer; `what` is whether it came in order, out of it, or again.
    pub(crate) fn reply(
        &self,
        from: SocketAddr,
        bytes: usize,
        seq: u64,
        time: Duration,
        what: &str,
    ) {
        self.received.fetch_add(1, Ordering::Relaxed);
        let (from, ms) = (shown(from), milliseconds(time));
        if self.events.is_some() {
            let event = json!({"from": from, "bytes": bytes, "seq": seq, "ms": ms, "what": what});
            return self.event("reply", &event);
        }
        let what = match what {
            "duplicate" => "  (again)",
            "out_of_order" => "  (out of order)",
            _ => "",
        };
        let line =
            format!("{} from {from}: seq={seq} time={ms:.3} ms{what}\n", bytes_of(bytes as u64));
        self.write(|| io::stdout().lock().write_all(line.as_bytes()));
    }

    /// An answer to something that was asked too long ago to know when.
    pub(crate) fn too_old(&self, from: SocketAddr, seq: u64) {
        let from = shown(from);
        self.event("too_old", &json!({"from": from, "seq": seq}));
        self.say(format_args!("{from}: an answer to seq={seq}, which is too long ago"));
    }

    /// What there was.
    pub(crate) fn pinged(&self, peer: SocketAddr, summary: &Summary) {
        self.sent.store(summary.sent, Ordering::Relaxed);
        if self.events.is_some() {
            return self.event("summary", summary);
        }
        let Summary { sent, received, loss, out_of_order, duplicates, min, avg, p99, max, .. } =
            summary;
        let mut text = format!(
            "--- {} ---\n{sent} sent, {received} received, {loss}% lost, {out_of_order} out of order, \
             {duplicates} twice\n",
            shown(peer)
        );
        if let (Some(min), Some(avg), Some(p99), Some(max)) = (min, avg, p99, max) {
            text = format!("{text}rtt min/avg/p99/max = {min:.3}/{avg:.3}/{p99:.3}/{max:.3} ms\n");
        }
        self.write(|| io::stdout().lock().write_all(text.as_bytes()));
    }

    /// A ping was answered, or could not be.
    pub(crate) fn answered(&self, from: SocketAddr, bytes: usize, error: Option<&io::Error>) {
        self.received.fetch_add(1, Ordering::Relaxed);
        let from = shown(from);
        if let Some(error) = error {
            self.not_sent.fetch_add(1, Ordering::Relaxed);
            return self.say(format_args!("cannot answer {from}: {}", io_words(error)));
        }
        self.sent.fetch_add(1, Ordering::Relaxed);
        self.event("answered", &json!({"to": from, "bytes": bytes}));
        if self.verbose {
            self.say(format_args!("answered {from}, {}", bytes_of(bytes as u64)));
        }
    }

    /// Something came that is no ping.
    pub(crate) fn not_answered(&self, from: SocketAddr, bytes: usize) {
        let from = shown(from);
        self.event("not_answered", &json!({"from": from, "bytes": bytes}));
        if self.verbose {
            let bytes = bytes_of(bytes as u64);
            self.say(format_args!("{from} sends {bytes} that are no ping, which is not answered"));
        }
    }
}
