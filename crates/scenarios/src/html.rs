//! The report as one page: for a class to look at, and to be attached to an incident.
//!
//! A page is one file. It needs no script and asks for nothing: style and drawings are in it. The same
//! findings give the same bytes. What comes from a run is text and cannot become markup, because
//! `markup` takes markup only from literals.
//!
//! | question | module |
//! |---|---|
//! | What may become markup? | `markup` |
//! | What does it say, in which language? | `words` |
//! | Where is each packet drawn, and how? | `ladder`, `arrow` |
//! | Which packets of many are shown? | `fold` |
//! | How is a value over time drawn? | `plot` |
//! | When was which data sent and acknowledged? | `sequence` |
//! | When was each end of a connection in which state? | `lanes` |
//! | Which checks and claims came out how? | `verdicts` |
//! | What is shown as rows? | `data` |
//! | How is the run itself taken out of its page? | `raw` |

mod arrow;
mod data;
mod fold;
mod ladder;
mod lanes;
mod markup;
mod plot;
mod raw;
mod sequence;
mod verdicts;
mod words;

use self::markup::Markup;
use self::plot::{Line, Plot};
pub use self::words::Language;
use self::words::Words;
use crate::findings::{Claim, Fate, SetUp, Story, Tally, Verdict};

/// How many packets all ladders of a page draw together. Each is about a kilobyte: it is drawn twice, for
/// screens and for telephones.
const ARROWS: usize = 480;

/// How many rows all tables of packets of a page have together.
const ROWS: usize = 1600;

/// How many packets of one story are drawn at most: more is no figure any more.
const ARROWS_OF_ONE: usize = 120;

/// How many rows of one story are shown at most.
const ROWS_OF_ONE: usize = 1000;

/// How many steps all plots of a page have together.
const STEPS: usize = 9_000;

/// How many rows any other table has at most, beside those of its story's packets.
const ROWS_BESIDE: usize = 8;

/// How many times as long as the longest queue a backlog is that is not drawn.
const FAR_ABOVE: u32 = 8;

/// How much longer a figure is than what it tells: what changed last goes on for a while.
const BEYOND_THE_LAST: f64 = 1.04;

/// Ten days: what lies beyond is no moment of a story.
const MOST_MS: f64 = 1e9;

/// What a page shows.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    /// What was played, and where.
    pub set_up: &'a SetUp,
    /// Which of several times, or with which knob.
    pub variant: Option<&'a str>,
    /// What plays it again.
    pub command: &'a str,
    /// The theory, a paragraph for each entry.
    pub theory: &'a [&'a str],
    /// The stories, in their order.
    pub stories: &'a [Story],
    /// The claims.
    pub claims: &'a [Claim],
    /// How long it took.
    pub seconds: f64,
}

/// How much of a story is shown, so that a page stays one that can be sent.
struct Most {
    arrows: usize,
    packets: usize,
    rows: usize,
    steps: usize,
}

/// A line of the page that lists pages.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The file's name, beside the list.
    pub file: String,
    /// The demo.
    pub demo: String,
    /// Which of several times, or with which knob.
    pub variant: Option<String>,
    /// The question that it answers.
    pub question: String,
    /// Its checks.
    pub tally: Tally,
    /// Its claims: what is claimed, and what the run says of it.
    pub claims: Vec<(String, Verdict)>,
}

/// The page of a run.
pub fn page(run: &Run<'_>, language: Language) -> String {
    let words = language.words();
    let mut tally = Tally::default();
    run.stories.iter().for_each(|story| tally.add(story));
    let name = match run.variant {
        Some(variant) => format!("{} ({variant})", run.set_up.demo),
        None => run.set_up.demo.clone(),
    };
    let mut out = begin(&name, tally, words);
    out.fill("<header><h1>{} ", &[&name]).add(&badge(tally, words));
    out.fill("</h1><p class=\"q\">{}</p><p class=\"mut\">", &[&run.set_up.question]);
    out.text(&run.set_up.kernel).raw(" · ");
    out.fill(words.level, &[&run.set_up.level, &run.set_up.level_words]).raw(" · ");
    out.fill(words.seed, &[&run.set_up.seed]);
    out.fill("<br>{} <code>{}</code></p></header>", &[&words.reproduce, &run.command]);
    navigation(&mut out, run, words);
    out.raw("<main>");
    verdicts::claims(&mut out, run.claims, words);
    verdicts::checks(&mut out, run.stories, words);
    out.fill("<h2 id=\"stories\">{}</h2>", &[&words.stories]);
    let share = run.stories.len().max(1);
    let plots: usize = run.stories.iter().map(|story| story.series.len() + 3).sum();
    let packets = || run.stories.iter().map(|story| story.packets.len());
    let most = Most {
        arrows: ARROWS_OF_ONE.min(fair(packets(), ARROWS)),
        packets: ROWS_OF_ONE.min(fair(packets(), ROWS)),
        rows: (ROWS_OF_ONE.min(ROWS / share) / ROWS_BESIDE).max(20),
        steps: STEPS / plots.max(1),
    };
    for (number, story) in run.stories.iter().enumerate() {
        self::story(&mut out, story, number, &most, words);
    }
    if !run.theory.is_empty() {
        out.fill("<h2 id=\"theory\">{}</h2><ul>", &[&words.theory]);
        for paragraph in run.theory {
            out.raw("<li>");
            linked(&mut out, paragraph);
            out.raw("</li>");
        }
        out.raw("</ul>");
    }
    raw::link(&mut out, run, words);
    out.fill("<h2 id=\"understand\">{}</h2><ul>", &[&words.understand]);
    for paragraph in words.understanding {
        out.fill("<li>{}</li>", &[paragraph]);
    }
    out.raw("</ul></main></body></html>\n");
    out.finish()
}

/// How many each may have at most, so that all together have no more than `total`: who needs less leaves
/// more to the others.
fn fair(needs: impl Iterator<Item = usize>, total: usize) -> usize {
    let mut needs: Vec<usize> = needs.collect();
    needs.sort_unstable();
    let mut left = total;
    for (at, need) in needs.iter().enumerate() {
        let share = left / (needs.len() - at);
        if *need > share {
            return share;
        }
        left -= need;
    }
    usize::MAX
}

/// The page that lists the pages of several demos.
pub fn index(entries: &[Entry], language: Language) -> String {
    let words = language.words();
    let mut sum = Tally::default();
    for Entry { tally, .. } in entries {
        sum.checks += tally.checks;
        sum.failed += tally.failed;
        sum.skipped += tally.skipped;
    }
    let mut out = begin(words.index_title, sum, words);
    out.fill("<header><h1>{} ", &[&words.index_title]).add(&badge(sum, words));
    out.raw("</h1></header><main><table class=\"cards\" id=\"claims\"><thead><tr>");
    for column in [words.demo, words.question, words.checks, words.claims] {
        out.fill("<th scope=\"col\">{}</th>", &[&column]);
    }
    out.raw("</tr></thead><tbody>");
    for entry in entries {
        out.fill("<tr><td class=\"v\"><a href=\"./{}\">{}</a>", &[&entry.file, &entry.demo]);
        if let Some(variant) = &entry.variant {
            out.fill("<br>{}", &[variant]);
        }
        out.fill("</td><td data-h=\"{}\">{}</td>", &[&words.question, &entry.question]);
        out.fill("<td data-h=\"{}\">", &[&words.checks]).add(&badge(entry.tally, words));
        out.fill("</td><td data-h=\"{}\">", &[&words.claims]);
        if !entry.claims.is_empty() {
            out.raw("<ul class=\"links\">");
            for (says, verdict) in &entry.claims {
                out.raw("<li>").add(&verdicts::badge(*verdict, words)).fill(" {}</li>", &[says]);
            }
            out.raw("</ul>");
        }
        out.raw("</td></tr>");
    }
    out.raw("</tbody></table></main></body></html>\n");
    out.finish()
}

fn begin(name: &str, tally: Tally, words: &Words) -> Markup {
    let mut out = Markup::default();
    out.fill("<!doctype html>\n<html lang=\"{}\"><head><meta charset=\"utf-8\">", &[&words.tag]);
    out.raw("<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">");
    // Should anything slip through, a browser still fetches and runs nothing.
    out.raw("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">");
    // Without it a browser asks for /favicon.ico.
    out.raw("<link rel=\"icon\" href=\"data:,\">");
    out.fill("<title>{}: ", &[&name]);
    summary(&mut out, tally, words);
    out.raw("</title>\n<style>").raw(include_str!("html/style.css")).raw("</style></head>\n<body>");
    out.fill("<a class=\"skip\" href=\"#claims\">{}</a>", &[&words.skip]);
    out
}

/// How the checks came out, in words.
fn summary(out: &mut Markup, tally: Tally, words: &Words) {
    let Tally { checks, failed, skipped } = tally;
    match failed {
        0 => out.fill(words.all_good, &[&(checks - skipped), &checks]),
        _ => out.fill(words.failed_of, &[&failed, &checks]),
    };
    if skipped > 0 {
        out.fill(words.skipped_too, &[&skipped]);
    }
}

fn badge(tally: Tally, words: &Words) -> Markup {
    let mut out = Markup::default();
    out.raw(match tally {
        Tally { failed: 1.., .. } => "<span class=\"badge bad\">✗ ",
        Tally { checks, skipped, .. } if checks == skipped => "<span class=\"badge skp\">· ",
        _ => "<span class=\"badge ok\">✓ ",
    });
    summary(&mut out, tally, words);
    out.raw("</span>");
    out
}

fn navigation(out: &mut Markup, run: &Run<'_>, words: &Words) {
    out.fill(
        "<nav><a href=\"#claims\">{}</a><a href=\"#checks\">{}</a>",
        &[&words.claims, &words.checks],
    );
    for (number, story) in run.stories.iter().enumerate() {
        out.fill("<a href=\"#story-{}\">{}</a>", &[&number, &story.name]);
    }
    if !run.theory.is_empty() {
        out.fill("<a href=\"#theory\">{}</a>", &[&words.theory]);
    }
    out.fill("<a href=\"#raw\">{}</a>", &[&words.raw]);
    out.fill("<a href=\"#understand\">{}</a></nav>", &[&words.understand]);
}

fn story(out: &mut Markup, story: &Story, number: usize, most: &Most, words: &Words) {
    out.fill("<section><h3 id=\"story-{}\">{}: {}</h3>", &[&number, &story.name, &story.says]);
    if !story.belief.is_empty() {
        out.fill("<blockquote>{} {}</blockquote>", &[&words.believed, &story.belief]);
    }
    if !story.set_up.is_empty() {
        out.fill("<details open><summary>{}</summary><ul class=\"setup\">", &[&words.set_up]);
        for line in &story.set_up {
            out.fill("<li><code>{}</code></li>", &[line]);
        }
        out.raw("</ul></details>");
    }
    out.add(&ladder::figure(story, &format!("ladder-{number}"), most.arrows, words));
    if !story.explanation.is_empty() {
        out.fill("<h4>{}</h4>", &[&words.happened]);
        for paragraph in &story.explanation {
            out.fill("<p>{}</p>", &[paragraph]);
        }
    }
    let span = span(story);
    out.add(&lanes::figure(story, span, most.rows, words));
    out.add(&queue(story, number, span, most, words));
    for (at, series) in story.series.iter().enumerate() {
        let line = Line { name: &series.says, dashed: false, points: series.points.clone() };
        let plot = Plot {
            id: &format!("series-{number}-{at}"),
            title: &series.says,
            unit: &series.unit,
            note: words.series_note,
            span,
            lines: vec![line],
            crosses: Vec::new(),
            rows: most.rows,
            steps: most.steps,
        };
        out.add(&plot.figure(words));
    }
    out.add(&sequence::figures(story, &format!("data-{number}"), span, most, words));
    for table in &story.tables {
        out.add(&data::found(table, most.rows, words));
    }
    out.add(&data::counters(story, most.rows, words));
    out.add(&data::packets(story, most.packets, words));
    out.raw("</section>");
}

/// The accept queue over time; nothing where nobody ever waited.
fn queue(story: &Story, number: usize, span: (f64, f64), most: &Most, words: &Words) -> Markup {
    if story.queue.iter().all(|sample| sample.length == 0) {
        return Markup::default();
    }
    let length = |sample: &crate::findings::QueueLine| (sample.at_ms, f64::from(sample.length));
    let backlog = |sample: &crate::findings::QueueLine| (sample.at_ms, f64::from(sample.backlog));
    let dropped = story.packets.iter().filter(|p| matches!(p.fate, Fate::DroppedByKernel(_)));
    let length_at = |ms: f64| {
        let last = story.queue.iter().rev().find(|sample| sample.at_ms <= ms);
        last.map_or(0.0, |sample| f64::from(sample.length))
    };
    let crosses = dropped.filter_map(|packet| packet.arrived_ms).map(|ms| (ms, length_at(ms)));
    let mut lines = vec![Line {
        name: words.waiting,
        dashed: false,
        points: story.queue.iter().map(length).collect(),
    }];
    let longest = story.queue.iter().map(|sample| sample.length).max().unwrap_or_default();
    let limit = story.queue.iter().map(|sample| sample.backlog).max().unwrap_or_default();
    let mut note = words.queue_note.to_owned();
    if limit / FAR_ABOVE > longest {
        // It would press what waits flat.
        note = format!("{note} {}", words.backlog_far.replace("{}", &limit.to_string()));
    } else {
        let points = story.queue.iter().map(backlog).collect();
        lines.push(Line { name: words.backlog, dashed: true, points });
    }
    let plot = Plot {
        id: &format!("queue-{number}"),
        title: words.queue,
        unit: words.waiting,
        note: &note,
        span,
        lines,
        crosses: crosses.take(ARROWS_OF_ONE).collect(),
        rows: most.rows,
        steps: most.steps,
    };
    plot.figure(words)
}

/// The moments from the first packet to a little after the last that a story tells of: all its figures have
/// this scale, so that what is above each other happened at the same time. What was before is drawn at its
/// beginning.
fn span(story: &Story) -> (f64, f64) {
    let packets = story.packets.iter().flat_map(|p| [Some(p.sent_ms), p.arrived_ms]).flatten();
    let queue = story.queue.iter().map(|sample| sample.at_ms);
    let lanes = story.lanes.iter().flat_map(|lane| &lane.states).map(|(at, _)| *at);
    let series = story.series.iter().flat_map(|series| &series.points).map(|(at, _)| *at);
    let all = packets.chain(queue).chain(lanes).chain(series);
    let last = all.filter(|at| at.is_finite() && at.abs() < MOST_MS).fold(0.001, f64::max);
    (0.0, last * BEYOND_THE_LAST)
}

/// A paragraph, in which what begins with `https://` can be followed.
fn linked(out: &mut Markup, paragraph: &str) {
    for (at, word) in paragraph.split(' ').enumerate() {
        if at > 0 {
            out.raw(" ");
        }
        let link = word.trim_end_matches([',', '.', ')', ';', ':']);
        let begin = link.find("https://").unwrap_or(link.len());
        out.text(&link[..begin]);
        if begin < link.len() {
            out.fill(
                "<a href=\"{}\" rel=\"noreferrer\">{}</a>",
                &[&&link[begin..], &&link[begin..]],
            );
        }
        out.text(&word[link.len()..]);
    }
}

#[cfg(test)]
mod tests;
