//! The same loss twice on the same wire: to TCP, which the kernel keeps going, and to `udp-peer`, which
//! does so itself.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use netlab::clock::Moment;
use netlab::{Packet, Record, Rule, Transport};

use crate::findings::{Check, Series, Story, Table};
use crate::reliable_pair::{COUNTED_BY_CALLS, Counted, ReliablePair, line_in, line_of};
use crate::stage::{Stage, Trouble, UDP_PORT};

use super::scene::{Played, Scene, WHY, between, data_of, lab};

const DELAY: Duration = Duration::from_millis(20);

/// How much longer what is sent again takes, each way, where the tail is lost (see `tail_loss`).
const LONGER: Duration = Duration::from_millis(20);

/// Full segments of TCP, and as many lines.
const COUNT: usize = 8;

/// Bytes of a full segment (see `one_loss`).
const SEGMENT: usize = 1448;

/// Which of the eight are lost, and what is to be seen then.
struct Loss {
    name: &'static str,
    says: &'static str,
    /// The places of those that are lost, from 1.
    lost: std::ops::RangeInclusive<usize>,
    /// Whether what is sent again takes longer.
    longer: bool,
    /// In seconds, when something of it is sent again: by TCP, and by `udp-peer`.
    again: [std::ops::RangeInclusive<f64>; 2],
    /// Probes of each.
    probes: u64,
    explanation: &'static [&'static str],
}

/// A round trip is 40 ms. Both timers would take 100 ms and more beyond it: TCP's at least 200 ms, that of
/// `udp-peer` at first two round trips and a quarter of a tenth of a second (RFC 9002, 6.2.1).
const ONE: Loss = Loss {
    name: "beside-one",
    says: "of eight segments and of eight datagrams the third is lost: TCP beside udp-peer",
    lost: 3..=3,
    longer: false,
    again: [0.04..=0.24, 0.04..=0.14],
    probes: 0,
    explanation: &[
        "Both keep what was sent until it is acknowledged, and both learn of the gap in the same way: later \
         ones are acknowledged, and this one is not. Three of them, or one that was sent long enough after it, \
         are proof (RFC 8985, in the kernel and in crates/arq/src/loss.rs). It is sent again about one round \
         trip after the first time, and nothing else is.",
        "What differs is where it happens. With TCP the kernel keeps the bytes (Send-Q), and the program is \
         told nothing. Over UDP the program keeps the lines, because the kernel forgets a datagram when it has \
         left; and it can say of each line that the other program has it: \"confirmed\".",
        "TCP sends the same sequence number again, so an answer may be meant for either. udp-peer sends a new \
         packet with a number of its own, and the old contents (RFC 9002, 4.2): every answer is a sample of the \
         round trip. Nobody else can tell the two apart; here each line has a length of its own.",
    ],
};

const TAIL: Loss = Loss {
    name: "beside-tail",
    says: "of eight segments and of eight datagrams the last two are lost: TCP beside udp-peer",
    lost: 7..=8,
    longer: true,
    again: [0.08..=0.4, 0.06..=0.3],
    probes: 1,
    explanation: &[
        "Nothing overtakes the last ones, so both have to ask. TCP waits two round trips from the last news and \
         sends the last segment again; SACK in the answer shows that another one is missing, too, and that is \
         sent a round trip later (RFC 8985, 7).",
        "udp-peer waits for the round trip, its variation, and the 25 ms for which an acknowledgement may be \
         held back, from the last packet on. Its probe is two packets, because one alone may be lost, with the \
         oldest that nobody has confirmed (RFC 9002, 6.2.4): here that is both lines, so nothing is left to ask \
         for.",
        "For both, a probe calls nothing lost, and doubles the next wait.",
    ],
};

/// What the checks are of; the second of each pair is `udp-peer`'s.
const PARTS: [(&str, &str); 10] = [
    ("tcp", "TCP: time from the loss until it is sent again"),
    ("udp", "udp-peer: the same"),
    ("tcp-again", "TCP: segments sent again (RetransSegs)"),
    ("udp-again", "udp-peer: packets that carry a line again"),
    ("tcp-probes", "TCP: probes (TCPLossProbes), and timers that expired (TCPTimeouts)"),
    ("udp-probes", "udp-peer: probes (its event stats)"),
    ("tcp-kept", "TCP: bytes that its kernel keeps when the gap is closed"),
    ("udp-kept", "udp-peer: lines that it keeps then"),
    ("udp-heard", "the lines as the receiver tells of them"),
    ("udp-end", "udp-peer: exit code, lines kept at the end, packets that came twice"),
];

/// One of many is lost.
pub(super) fn one(stage: &Stage) -> Result<(Story, Duration), Trouble> {
    ONE.play(stage)
}

/// The last ones are lost.
pub(super) fn tail(stage: &Stage) -> Result<(Story, Duration), Trouble> {
    TAIL.play(stage)
}

impl Loss {
    fn play(&self, stage: &Stage) -> Result<(Story, Duration), Trouble> {
        let mut story = Story {
            name: self.name.into(),
            says: self.says.into(),
            belief: "what UDP loses is lost; only TCP keeps data and sends it again".into(),
            explanation: self
                .explanation
                .iter()
                .chain([&COUNTED_BY_CALLS])
                .map(|&says| says.to_owned())
                .collect(),
            ..Story::default()
        };
        let Some(lab) = lab(stage)? else {
            let ids = self.ids();
            let all: Vec<(&str, &str)> =
                ids.iter().zip(PARTS).map(|(id, (_, says))| (&**id, says)).collect();
            story.checks = Check::all_skipped(&all, WHY);
            return Ok((story, Duration::ZERO));
        };
        let mut scene = Scene::begin(stage, lab, DELAY, &[])?;
        let mut pair = ReliablePair::connect(stage, &scene.lab, UDP_PORT)?;
        let (tcp_port, udp_port) = (scene.port, pair.port);
        if self.longer {
            let again = nth_of(tcp_port, udp_port, |place| place > COUNT);
            scene.wire().add(Rule::delay("20 ms more", LONGER).matching(again));
        }
        let lost = self.lost.clone();
        let is_lost = nth_of(tcp_port, udp_port, move |place| lost.contains(&place));
        scene.wire().add(Rule::drop("lost").matching(is_lost));
        scene.send(COUNT * SEGMENT)?;
        scene.wait_for_acknowledged((COUNT * SEGMENT) as u64)?;
        pair.say_lines(COUNT)?;
        pair.wait_for_confirmed(COUNT)?;
        let counted = pair.finish()?;
        let mut played =
            scene.end(&mut story, &["net.ipv4.tcp_sack", "net.ipv4.tcp_early_retrans"])?;

        played.observer.name(tcp_port, "TCP");
        played.observer.name(udp_port, "udp-peer");
        played.observer.name(UDP_PORT, "udp-peer");
        let segment = |record: &Record| Some(data_of(record, tcp_port)?.sequence as usize);
        let tcp = Way::of(&played.seen.records, |record| match record.copy_of {
            None => segment(record),
            Some(_) => None,
        });
        let udp = Way::of(&played.seen.records, |record| line_of(record, udp_port));
        let kept = pair.kept();
        let findings = Beside { tcp, udp, kept, counted, heard: pair.heard() };
        story.checks = findings.checks(self, &played);
        story.tables = vec![findings.table(&played)];
        story.series = vec![played.send_queue(), findings.series(&played)];
        story.set_up.extend([
            format!("server: udp-peer recv --reliable {}", pair.to),
            format!(
                "client: udp-peer send --reliable {}, {COUNT} lines of 900 bytes and more",
                pair.to
            ),
            self.in_words(),
        ]);
        let late = played.late;
        played.put_into(&mut story);
        Ok((story, late))
    }

    fn ids(&self) -> [String; PARTS.len()] {
        PARTS.map(|(part, _)| format!("{}-{part}", self.name))
    }

    fn in_words(&self) -> String {
        let (first, last) = (self.lost.start(), self.lost.end());
        let which = if first == last {
            format!("number {first}")
        } else {
            format!("numbers {first} and {last}")
        };
        let longer = if self.longer { "; what is sent again takes 20 ms longer" } else { "" };
        format!("wire: of what carries data, {which} of each of the two is lost{longer}")
    }
}

/// Whether the place of a packet is one of these, among those that carry data of the client over TCP, and
/// of those over UDP. What one rule has dropped the next does not count, so each counts by itself.
fn nth_of(
    tcp_port: u16,
    udp_port: u16,
    is_one: impl Fn(usize) -> bool + Send + 'static,
) -> impl Fn(&Packet) -> bool + Send + 'static {
    let (tcp_count, udp_count) = (AtomicUsize::new(0), AtomicUsize::new(0));
    move |packet| {
        let count = match &packet.transport {
            Transport::Tcp(tcp) if tcp.source_port == tcp_port && tcp.len > 0 => &tcp_count,
            Transport::Udp { source_port, len, .. }
                if *source_port == udp_port && line_in(*len).is_some() =>
            {
                &udp_count
            }
            _ => return false,
        };
        is_one(count.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

/// How the data of one of the two crossed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Way {
    /// Seconds from the first loss until something that was lost was sent again.
    again_after: Option<f64>,
    /// Packets that carried something again.
    again: usize,
    /// When the first thing that was sent again arrived.
    closed: Option<Moment>,
    /// Seconds from the first packet until everything had arrived.
    all_after: Option<f64>,
}

impl Way {
    /// `what` says which piece a packet carries, where it carries one that is meant here.
    fn of(records: &[Record], what: impl Fn(&Record) -> Option<usize>) -> Self {
        let mut way = Self::default();
        let mut first: Option<&Record> = None;
        // The packet that each piece was in last, and whether it has arrived.
        let mut pieces: HashMap<usize, (&Record, Option<Moment>)> = HashMap::new();
        for record in records {
            let Some(piece) = what(record) else { continue };
            first = first.or(Some(record));
            let arrived = record.delivered();
            let Some((before, has_arrived)) = pieces.insert(piece, (record, arrived)) else {
                continue;
            };
            way.again += 1;
            if before.delivered().is_none() && way.again_after.is_none() {
                way.again_after = Some(between(before, record));
                way.closed = arrived;
            }
            if let Some(piece) = pieces.get_mut(&piece)
                && let Some(earlier) = has_arrived
            {
                piece.1 = Some(piece.1.map_or(earlier, |now| now.min(earlier)));
            }
        }
        let last = pieces.values().map(|(_, arrived)| *arrived).collect::<Option<Vec<_>>>();
        let last = last.and_then(|arrived| arrived.into_iter().max());
        way.all_after = last.zip(first).map(|(last, first)| last.since(first.sent).as_secs_f64());
        way
    }
}

/// What was seen of both.
struct Beside {
    tcp: Way,
    udp: Way,
    /// Bytes of lines that `udp-peer` kept, over time.
    kept: Vec<(Moment, usize)>,
    counted: Counted,
    heard: Vec<usize>,
}

impl Beside {
    fn checks(&self, loss: &Loss, played: &Played) -> Vec<Check> {
        let moved = |counter| played.seen.moved("client", counter);
        let measured = Measured {
            tcp_again: moved("TcpRetransSegs"),
            tcp_probes: [moved("TcpExtTCPLossProbes"), moved("TcpExtTCPTimeouts")],
            tcp_kept: self.tcp.closed.and_then(|at| played.kept_at(at)).unwrap_or(0),
            udp_kept: self.udp.closed.map_or(0, |at| self.lines_kept_at(at)),
        };
        checks(loss, self, &measured)
    }

    /// How many lines `udp-peer` kept at a moment.
    fn lines_kept_at(&self, at: Moment) -> usize {
        let mut lines = 0_usize;
        let mut before = 0;
        for (_, bytes) in self.kept.iter().take_while(|(when, _)| *when <= at) {
            lines = if *bytes > before { lines + 1 } else { lines.saturating_sub(1) };
            before = *bytes;
        }
        lines
    }

    fn series(&self, played: &Played) -> Series {
        let point = |(at, bytes): &(Moment, usize)| (played.observer.millis(*at), *bytes as f64);
        Series {
            says: "what udp-peer keeps: lines that it was given and that are not confirmed".into(),
            unit: "bytes".into(),
            points: self.kept.iter().map(point).collect(),
        }
    }

    fn table(&self, played: &Played) -> Table {
        let ms = |seconds: Option<f64>| {
            seconds.map_or("never".to_owned(), |seconds| format!("{:.1} ms", seconds * 1e3))
        };
        let moved = |counter| played.seen.moved("client", counter);
        let most = self.kept.iter().map(|(_, bytes)| *bytes).max().unwrap_or(0);
        let send_queue = played.samples.iter().filter_map(|sample| sample.socket.as_ref());
        let most_by_kernel = send_queue.map(|socket| socket.send_queue).max().unwrap_or(0);
        let stats = |what| self.counted.sent(what);
        let rows = [
            ("who keeps what was sent", "the kernel".to_owned(), "the program".to_owned()),
            ("the most that it kept", format!("{most_by_kernel} B"), format!("{most} B")),
            ("sent again after", ms(self.tcp.again_after), ms(self.udp.again_after)),
            (
                "on what grounds",
                format!(
                    "{} by later ones, {} probes, {} timers",
                    moved("TcpExtTCPSackRecovery"),
                    moved("TcpExtTCPLossProbes"),
                    moved("TcpExtTCPTimeouts"),
                ),
                format!("{} by later ones, {} probes", stats("lost"), stats("probes")),
            ),
            ("pieces that were sent again", self.tcp.again.to_string(), self.udp.again.to_string()),
            ("all had arrived after", ms(self.tcp.all_after), ms(self.udp.all_after)),
        ];
        Table {
            says: "the same loss".into(),
            columns: ["", "TCP", "udp-peer"].map(str::to_owned).to_vec(),
            rows: rows.map(|(what, tcp, udp)| vec![what.to_owned(), tcp, udp]).to_vec(),
        }
    }
}

/// What the two kernels and the program have counted.
struct Measured {
    tcp_again: i64,
    tcp_probes: [i64; 2],
    tcp_kept: u32,
    udp_kept: usize,
}

fn checks(loss: &Loss, seen: &Beside, measured: &Measured) -> Vec<Check> {
    let ids = loss.ids();
    let [tcp, udp, tcp_again, udp_again, tcp_probes, udp_probes, tcp_kept, udp_kept, heard, end] =
        std::array::from_fn(|at| (&*ids[at], PARTS[at].1));
    let lost = loss.lost.clone().count();
    let from_the_gap = COUNT + 1 - loss.lost.start();
    let [of_tcp, of_udp] = loss.again.clone();
    let list =
        |lines: Vec<usize>| lines.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let numbers =
        |probes: &[i64]| probes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let exit = seen.counted.exit.unwrap_or(-1);
    let left = seen.kept.last().map_or(0, |(_, bytes)| *bytes);
    let repeats = seen.counted.received("repeats");
    let probes = i64::try_from(loss.probes).unwrap_or(i64::MAX);
    let bytes = |segments: usize| u32::try_from(segments * SEGMENT).expect("some thousand");
    vec![
        Check::seconds_until(tcp.0, tcp.1, of_tcp, seen.tcp.again_after),
        Check::seconds_until(udp.0, udp.1, of_udp, seen.udp.again_after),
        Check::equal(
            tcp_again.0,
            tcp_again.1,
            i64::try_from(lost).unwrap_or(-1),
            measured.tcp_again,
        ),
        // A probe that is answered may have been overtaken by what shows that it was needed.
        Check::within(
            udp_again.0,
            udp_again.1,
            lost..=lost + usize::from(loss.longer),
            seen.udp.again,
        ),
        Check::equal(
            tcp_probes.0,
            tcp_probes.1,
            numbers(&[probes, 0]),
            numbers(&measured.tcp_probes),
        ),
        Check::equal(udp_probes.0, udp_probes.1, loss.probes, seen.counted.sent("probes")),
        // What is before the gap may be confirmed by then, and nothing behind it.
        Check::within(
            tcp_kept.0,
            tcp_kept.1,
            bytes(from_the_gap)..=bytes(COUNT),
            measured.tcp_kept,
        ),
        Check::within(udp_kept.0, udp_kept.1, from_the_gap..=COUNT, measured.udp_kept),
        Check::equal(heard.0, heard.1, list((1..=COUNT).collect()), list(seen.heard.clone())),
        Check::equal(end.0, end.1, "0, 0, 0".to_owned(), format!("{exit}, {left}, {repeats}")),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::findings::Outcome;

    fn seen() -> (Beside, Measured) {
        let way = Way { again_after: Some(0.045), again: 1, closed: None, all_after: Some(0.066) };
        let counted = Counted {
            exit: Some(0),
            sender: json!({"probes": 0, "lost": 1}),
            receiver: json!({"repeats": 0}),
        };
        let heard = (1..=COUNT).collect();
        let beside = Beside { tcp: way, udp: way, kept: Vec::new(), counted, heard };
        let tcp_kept = u32::try_from(6 * SEGMENT).expect("some thousand");
        (beside, Measured { tcp_again: 1, tcp_probes: [0, 0], tcp_kept, udp_kept: 6 })
    }

    #[track_caller]
    fn failed(change: impl FnOnce(&mut Beside, &mut Measured), expected: &[&str]) {
        let (mut beside, mut measured) = seen();
        change(&mut beside, &mut measured);
        let checks = checks(&ONE, &beside, &measured);
        let failed = checks.iter().filter(|check| check.outcome != Outcome::Ok);
        let failed: Vec<&str> = failed.map(|check| &*check.id).collect();
        assert_eq!(failed, expected);
    }

    #[test]
    fn who_waits_for_a_timer_forgets_or_repeats_is_found_out() {
        failed(|_, _| {}, &[]);
        failed(|seen, _| seen.udp.again_after = Some(0.15), &["beside-one-udp"]);
        failed(|seen, _| seen.tcp.again_after = None, &["beside-one-tcp"]);
        failed(|seen, _| seen.udp.again = 6, &["beside-one-udp-again"]);
        failed(|_, measured| measured.tcp_probes = [1, 0], &["beside-one-tcp-probes"]);
        failed(|_, measured| measured.udp_kept = 5, &["beside-one-udp-kept"]);
        failed(|seen, _| seen.heard.swap(2, 3), &["beside-one-udp-heard"]);
        failed(|seen, _| seen.heard.truncate(7), &["beside-one-udp-heard"]);
        failed(|seen, _| seen.counted.exit = Some(1), &["beside-one-udp-end"]);
        let twice = json!({"repeats": 1});
        failed(|seen, _| seen.counted.receiver = twice, &["beside-one-udp-end"]);
    }
}
