//! What a transfer counts, and the line that it closes with.

use std::collections::HashMap;

use cli::values::bytes_in_words;
use files::limits::WINDOW;
use proto::sanitize;

use super::{Direction, line};

/// Of how many files that are under way it is known how much has crossed: as many as may be, twice, as a
/// connection that breaks leaves some behind.
const CROSSED: usize = 2 * WINDOW;

/// What has come over so far.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// How many bytes there are in all, as far as is known.
    pub(super) total: u64,
    /// How many of them are at the receiver, in this connection.
    pub(super) done: u64,
    /// How many have crossed, over all connections.
    pub(super) moved: u64,
    /// How many of these were of files that did not come over.
    wasted: u64,
    pub(super) files: u64,
    pub(super) already: u64,
    pub(super) dropped: u64,
    /// How many steps forward there were: what has come over, of whatever kind.
    pub(super) steps: u64,
    /// How many bytes have crossed of files that are neither there nor given up.
    under_way: HashMap<String, u64>,
}

impl Counts {
    /// So many bytes of a file have crossed.
    pub(super) fn crossed(&mut self, path: &str, bytes: u64) {
        self.done += bytes;
        self.moved += bytes;
        self.steps += 1;
        if let Some(crossed) = self.under_way.get_mut(path) {
            *crossed += bytes;
        } else if self.under_way.len() < CROSSED {
            self.under_way.insert(path.to_owned(), bytes);
        }
    }

    /// A file or a folder is there.
    pub(super) fn kept(&mut self, path: &str, already: bool) {
        self.files += 1;
        self.already += u64::from(already);
        self.steps += 1;
        self.under_way.remove(path);
    }

    /// A file does not come over.
    pub(super) fn dropped(&mut self, path: &str) {
        self.dropped += 1;
        self.wasted += self.under_way.remove(path).unwrap_or(0);
    }

    /// `sent report.tar: 1.2 GiB in 3.4s (361.0 MiB/s), BLAKE3 ok`.
    pub(super) fn closing_line(
        &self,
        direction: Direction,
        only: Option<&str>,
        seconds: f64,
    ) -> String {
        let &Self { files, already, dropped, moved, wasted, .. } = self;
        let moved = moved.saturating_sub(wasted);
        let did = match direction {
            Direction::Send => "sent",
            Direction::Receive => "received",
        };
        let what = match only {
            Some(path) if files == 1 => sanitize::line(path).into_owned(),
            _ => format!("{files} files and folders"),
        };
        if already == files {
            let all = if dropped == 0 { "all " } else { "" };
            return format!("{what}: {all}there already, BLAKE3 ok");
        }
        let rate = line::rate(moved as f64 / seconds.max(1e-6));
        let there = if already > 0 { format!(", {already} there already") } else { String::new() };
        format!(
            "{did} {what}: {} in {seconds:.1}s ({rate}), BLAKE3 ok{there}",
            bytes_in_words(moved)
        )
    }
}
