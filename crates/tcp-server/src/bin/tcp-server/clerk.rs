//! `files`: what is told of the files that come and go.

use cli::values::bytes_in_words;
use proto::Address;
use serde::Serialize;
use tcp_server::Peer;
use tcp_server::modes::Clerk;
use tcp_server::program::Secured;
use transfer::Told;

use crate::args::Args;
use crate::story::Story;

#[derive(Serialize)]
struct File<'a> {
    conn: u64,
    peer: String,
    path: &'a str,
    kept_as: &'a str,
    bytes: u64,
    folder: bool,
    already: bool,
}

#[derive(Serialize)]
struct Dropped<'a> {
    conn: u64,
    peer: String,
    path: &'a str,
    bytes: u64,
    why: &'a str,
    reason: &'a str,
}

#[derive(Serialize)]
struct Resumed<'a> {
    conn: u64,
    peer: String,
    path: &'a str,
    bytes: u64,
    from: u64,
}

impl Clerk for Story {
    fn told(&self, conn: u64, peer: &Peer, told: Told<'_>) {
        let peer = peer.to_string();
        let start = format!("conn={conn} peer={peer}");
        match told {
            Told::Kept { path, kept_as, size: bytes, folder, already } => {
                let event = File { conn, peer, path, kept_as, bytes, folder, already };
                if folder {
                    // What is in it is told.
                    return self.telling.tell("kept", &event, String::new);
                }
                let what = if already { "had already" } else { "whole and checked" };
                self.telling.tell_line("kept", &event, || {
                    format!("{start} {}: {}, {what}", named(path, kept_as), bytes_in_words(bytes))
                });
            }
            Told::Dropped { path, size: bytes, why, reason } => {
                let event = Dropped { conn, peer, path, bytes, why: why.name(), reason };
                self.telling.tell_line("dropped", &event, || {
                    // What stands for several has no path.
                    let what = if path.is_empty() { "" } else { ": " };
                    format!("{start} {path}{what}not transferred: {reason}")
                });
            }
            Told::Begun { path, size: bytes, from } if from > 0 && from < bytes => {
                let event = Resumed { conn, peer, path, bytes, from };
                self.telling.tell_line("resumed", &event, || {
                    format!("{start} {path}: goes on after {}", bytes_in_words(from))
                });
            }
            _ => {}
        }
    }
}

fn named(path: &str, kept_as: &str) -> String {
    if path == kept_as { path.to_owned() } else { format!("{path} as {kept_as}") }
}

/// The commands for the other machine.
pub(crate) fn ways_to_share(address: &Address, args: &Args, tls: Option<&Secured>) -> String {
    let options = tls.map(|tls| format!(" {}", tls.client_options())).unwrap_or_default();
    let address = match address {
        Address::Tcp { host, port } if host == "0.0.0.0" => format!("THIS-HOST:{port}"),
        Address::Tcp { host, port } if host == "::" => format!("THIS-HOST:{port}"),
        address => address.to_string(),
    };
    let mut ways = Vec::new();
    if args.share().takes() {
        ways.push(format!("  to send here:  tcp-client send-file PATH... --to {address}{options}"));
    }
    if args.share().gives() {
        ways.push(format!("  to fetch:      tcp-client recv-file --from {address}{options}"));
    }
    ways.join("\n")
}
