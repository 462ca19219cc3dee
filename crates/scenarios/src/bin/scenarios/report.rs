//! How is what is found shown as it is found?

use std::fs;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use cli::{Events, Exit, Failure, Format};
use netlab::Level;
use scenarios::compare::{Comparison, Played, compare};
use scenarios::findings::{Claim, KeptHost, SetUp, Story, Tally};
use scenarios::glyphs::Glyphs;
use scenarios::html::Run;
use scenarios::scenario::Scenario;
use scenarios::summary::{Row, unlike};
use scenarios::{json, side_by_side, text};
use serde_json::json;

use crate::interrupt::Phase;
use crate::options::RunArgs;
use crate::pages::Pages;

/// Shows what is found, and remembers how it came out.
///
/// It is shared with the thread that hears of signals: whoever holds it may speak.
pub(crate) struct Report {
    pub(crate) phase: Phase,
    voice: Voice,
    args: Arc<RunArgs>,
    level: Level,
    kernel: String,
    /// How many demos will be played, each time counted.
    planned: usize,
    /// Those that have begun, in order; the last one may not have come to its end.
    rows: Vec<Row>,
    /// The last story that is complete, of the last row.
    last_story: Option<String>,
    /// What the last row showed, and the one before it, where they are to be compared.
    played: Vec<Played>,
    /// What the last demo is, for its page.
    begun: Option<(SetUp, &'static [&'static str])>,
    pages: Option<Pages>,
    start: Instant,
    row_start: Instant,
}

enum Voice {
    Json(Events),
    Text(Glyphs),
}

/// The report, to speak.
pub(crate) fn lock(report: &Arc<Mutex<Report>>) -> MutexGuard<'_, Report> {
    report.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Report {
    pub(crate) fn new(args: &Arc<RunArgs>, level: Level, planned: usize) -> Arc<Mutex<Self>> {
        let voice = match args.common.format() {
            Format::Json => Voice::Json(Events::stdout(json::SCHEMA)),
            Format::Text => Voice::Text(args.glyphs()),
        };
        let now = Instant::now();
        Arc::new(Mutex::new(Self {
            phase: Phase::Playing,
            voice,
            args: Arc::clone(args),
            level,
            kernel: kernel(),
            planned,
            rows: Vec::new(),
            last_story: None,
            played: Vec::new(),
            begun: None,
            pages: Pages::new(args, planned),
            start: now,
            row_start: now,
        }))
    }

    /// A demo begins.
    pub(crate) fn begin(&mut self, scenario: &Scenario, variant: Option<&str>) {
        let seen_before = self.rows.iter().any(|row| row.demo == scenario.name);
        self.rows.push(Row::new(scenario.name, variant.map(str::to_owned)));
        self.played.push(Played::default());
        self.row_start = Instant::now();
        self.last_story = None;
        let place = (self.rows.len(), self.planned);
        let set_up = SetUp {
            demo: scenario.name.to_owned(),
            question: scenario.question.to_owned(),
            level: self.level.to_string(),
            level_words: self.level.words().to_owned(),
            kernel: self.kernel.clone(),
            seed: self.args.seed,
        };
        let shown = || {
            let gap = if place.0 > 1 { "\n" } else { "" };
            let with = variant.map(|variant| format!("with {variant}\n")).unwrap_or_default();
            format!("{gap}{}{with}", text::set_up(&set_up, place))
        };
        self.show(shown, || {
            let (name, mut body) = json::set_up(&set_up);
            if place.1 > 1 {
                body["number"] = place.0.into();
                body["of"] = place.1.into();
            }
            vec![(name, body)]
        });
        self.begun = Some((set_up, scenario.explain));
        if self.args.explain && !seen_before {
            let explain = scenario.explain;
            self.show(|| text::theory(explain), || json::theory(scenario.name, explain));
        }
    }

    /// A story is complete.
    pub(crate) fn story(&mut self, story: &Story) -> Result<(), Failure> {
        let brief = self.is_brief();
        let row = self.rows.last_mut().expect("a demo has begun");
        row.add(story);
        let demo = row.demo.clone();
        let shown = || if brief { in_one_line(story) } else { text::story(story) };
        self.show(shown, || json::story(&demo, story));
        if brief || self.pages.is_some() {
            let played = self.played.last_mut().expect("a demo has begun");
            played.stories.push(Story { capture: None, ..story.clone() });
        }
        self.last_story = Some(story.name.clone());
        self.write_capture(&demo, story)
    }

    /// A demo is complete. A page that cannot be written loses nothing of what is shown.
    pub(crate) fn claims(&mut self, claims: Vec<Claim>) -> Result<(), Failure> {
        let brief = self.is_brief();
        let row = self.rows.last_mut().expect("a demo has begun");
        row.judge(&claims);
        row.seconds = self.row_start.elapsed().as_secs_f64();
        let demo = row.demo.clone();
        let shown = || if brief { String::new() } else { text::claims(&claims) };
        self.show(shown, || claims.iter().map(|claim| json::claim(&demo, claim)).collect());
        let played = self.played.last_mut().expect("a demo has begun");
        played.claims = claims;
        self.write_page()
    }

    fn write_page(&mut self) -> Result<(), Failure> {
        let (Some(pages), Some((set_up, theory))) = (&mut self.pages, &self.begun) else {
            return Ok(());
        };
        let [.., row] = &self.rows[..] else { return Ok(()) };
        let [.., played] = &mut self.played[..] else { return Ok(()) };
        let written = pages.write(&Run {
            set_up,
            variant: row.variant.as_deref(),
            command: &self.args.command(&row.demo),
            theory,
            stories: &played.stories,
            claims: &played.claims,
        });
        if !self.is_brief() {
            // Nobody asks for it again.
            self.played.clear();
        }
        let path = written?;
        self.show(|| format!("\nreport: {}\n", path.display()), Vec::new);
        Ok(())
    }

    /// A demo that is to be compared could not be played to its end.
    pub(crate) fn not_played(&mut self, trouble: &Failure) {
        trouble.print();
        let row = self.rows.last_mut().expect("a demo has begun");
        row.seconds = self.row_start.elapsed().as_secs_f64();
        let body = json!({ "demo": row.demo, "error": trouble });
        self.show(String::new, || vec![("not_played", body)]);
        let played = self.played.last_mut().expect("a demo has begun");
        played.trouble = Some(trouble.message().to_owned());
    }

    /// The last two demos were the same one, with two values of a knob.
    pub(crate) fn compared(&mut self) {
        let [.., a, b] = &self.rows[..] else { return };
        let [.., first, second] = &self.played[..] else { return };
        let comparison: Comparison = compare(first, second);
        let variants = [a, b].map(|row| row.variant.as_deref().unwrap_or_default());
        self.show(
            || side_by_side::comparison(&a.demo, variants, &comparison),
            || json::comparison(&a.demo, variants, &comparison),
        );
        self.played.clear();
    }

    /// The hosts that stay.
    pub(crate) fn kept(&mut self, hosts: &[KeptHost]) {
        let demo = self.rows.last().map(|row| row.demo.clone()).unwrap_or_default();
        self.show(
            || text::kept(hosts),
            || hosts.iter().map(|host| json::kept(&demo, host)).collect(),
        );
    }

    /// All is played, and so many checks failed that make it a failed run.
    pub(crate) fn end(&mut self, failed: usize) -> Exit {
        let tally = self.tally();
        let unlike = if self.args.repeat > 1 { unlike(&self.rows) } else { Vec::new() };
        let exit = if failed > 0 || !unlike.is_empty() {
            Exit::Failed
        } else if tally.checks == tally.skipped {
            Exit::Skipped
        } else {
            Exit::Ok
        };
        if self.rows.len() > 1 {
            self.show(|| side_by_side::table(&self.rows), Vec::new);
        }
        if self.args.repeat > 1 {
            let times = self.args.repeat;
            self.show(
                || side_by_side::repeated(times, &unlike),
                || vec![json::repeated(times, &unlike)],
            );
        }
        if self.is_brief() && tally.failed > failed {
            let why = "\nchecks that fail under a knob that overrules the demo are no failure\n";
            self.show(|| why.to_owned(), Vec::new);
        }
        let seconds = self.start.elapsed().as_secs_f64();
        self.show(|| text::end(tally, seconds), || vec![self.end_event(exit)]);
        self.phase = Phase::Over;
        exit
    }

    /// Something could not be done, and nothing more is played.
    pub(crate) fn fail(&mut self, failure: &Failure) -> Exit {
        failure.print();
        let (name, mut body) = self.end_event(failure.exit());
        body["error"] = serde_json::to_value(failure).expect("a failure is plain data");
        self.show(String::new, || vec![(name, body)]);
        self.phase = Phase::Over;
        failure.exit()
    }

    /// A signal ended it.
    pub(crate) fn interrupted(&mut self, exit: Exit) -> Exit {
        let failure = Failure::new(exit, "interrupted", format!("interrupted {}", self.how_far()));
        self.fail(&failure)
    }

    /// Whether this is the first process of a PID namespace.
    pub(crate) fn has_namespaces(&self) -> bool {
        self.level.has_namespaces()
    }

    /// How far it has come, in words.
    fn how_far(&self) -> String {
        let Some(row) = self.rows.last() else { return "before the first demo".to_owned() };
        let demo = match &row.variant {
            Some(variant) => format!("{} ({})", row.demo, side_by_side::short(variant)),
            None => row.demo.clone(),
        };
        let place = match self.planned {
            1 => String::new(),
            planned => format!(", demo {} of {planned}", self.rows.len()),
        };
        let story = match &self.last_story {
            Some(story) => format!("after its story {story}"),
            None => "in its first story".to_owned(),
        };
        let Tally { checks, failed, .. } = self.tally();
        let failed = if failed == 0 { "none".to_owned() } else { failed.to_string() };
        format!("in {demo}{place}, {story}; {checks} checks so far, {failed} failed")
    }

    /// The last event; it names the demo where only one was asked for.
    fn end_event(&self, exit: Exit) -> json::Event {
        let seconds = self.start.elapsed().as_secs_f64();
        let (name, mut body) =
            json::end(exit.code(), self.tally(), &self.level.to_string(), seconds);
        if let [first, others @ ..] = &self.rows[..]
            && others.iter().all(|row| row.demo == first.demo)
        {
            body["demo"] = first.demo.clone().into();
        }
        (name, body)
    }

    fn tally(&self) -> Tally {
        self.rows.iter().fold(Tally::default(), |mut sum, Row { tally, .. }| {
            sum.checks += tally.checks;
            sum.failed += tally.failed;
            sum.skipped += tally.skipped;
            sum
        })
    }

    /// Whether only what differs is shown to a person: two whole reports hide it.
    fn is_brief(&self) -> bool {
        self.args.compare.is_some()
    }

    fn show(&self, text: impl FnOnce() -> String, json: impl FnOnce() -> Vec<json::Event>) {
        match &self.voice {
            Voice::Json(events) => {
                let row = self.rows.last();
                let variant = row.and_then(|row| row.variant.clone());
                for (name, mut body) in json() {
                    let of_one_row = !matches!(name, "end" | "compare" | "compared" | "repeated");
                    if let Some(variant) = variant.as_ref().filter(|_| of_one_row) {
                        body["variant"] = variant.clone().into();
                    }
                    events.emit(name, &body);
                }
            }
            Voice::Text(glyphs) => crate::print(&glyphs.translate(&text())),
        }
    }

    fn write_capture(&self, demo: &str, story: &Story) -> Result<(), Failure> {
        let (Some(folder), Some(capture)) = (&self.args.pcap, &story.capture) else {
            return Ok(());
        };
        let variant = self.rows.last().and_then(|row| row.variant.as_deref());
        let variant = variant.map(|variant| format!("-{}", side_by_side::short(variant)));
        let file = format!("{demo}-{}{}.pcapng", story.name, variant.unwrap_or_default());
        let path = folder.join(file.replace([' ', '/'], "_"));
        fs::create_dir_all(folder).and_then(|()| fs::write(&path, capture)).map_err(
            |error: io::Error| {
                Failure::from_io(Exit::Failed, &format!("cannot write {}", path.display()), &error)
            },
        )
    }
}

fn in_one_line(story: &Story) -> String {
    let mut tally = Tally::default();
    tally.add(story);
    let Tally { checks, failed, skipped } = tally;
    format!("  {}: {checks} checks, {failed} failed, {skipped} skipped\n", story.name)
}

fn kernel() -> String {
    let name = nix::sys::utsname::uname();
    name.map_or_else(
        |_| "an unknown kernel".to_owned(),
        |name| {
            let (system, release) = (name.sysname(), name.release());
            format!("{} {}", system.to_string_lossy(), release.to_string_lossy())
        },
    )
}
