//! How is what is found shown as it is found?

#[cfg(all(feature = "lab", target_os = "linux"))]
mod live;

use std::cell::RefCell;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use cli::{Events, Failure, Format};
use scenarios::cast::{self, Cast};
use scenarios::compare::{Comparison, Played, compare};
use scenarios::findings::{Claim, KeptHost, SetUp, Story, Tally};
use scenarios::glyphs::Glyphs;
use scenarios::html::Run;
use scenarios::look::{Diagram, Look};
use scenarios::replay::End;
use scenarios::summary::Row;
use scenarios::{json, side_by_side, text};
use serde_json::json;

use crate::options::RunArgs;
use crate::pages::Pages;
use crate::told;
use crate::written::{Names, write_file};

/// Shows what is found, and remembers how it came out.
///
/// It is shared with the thread that hears of signals: whoever holds it may speak.
pub(crate) struct Report {
    pub(crate) phase: Phase,
    voice: Voice,
    look: Look,
    args: Arc<RunArgs>,
    /// `L0`, `L1` or `L2`.
    level: String,
    /// How many demos will be played, each time counted.
    planned: usize,
    /// Those that have begun, in order; the last one may not have come to its end.
    rows: Vec<Row>,
    /// The last story that is complete, of the last row.
    last_story: Option<String>,
    /// What the last row showed, and the one before it, where they are to be compared.
    played: Vec<Played>,
    /// What the last demo is, and its theory, for its page.
    begun: Option<(SetUp, Vec<String>)>,
    pages: Option<Pages>,
    /// The names of the captures.
    captures: Names,
    /// The captures and pages that could not be written. That loses no verdict: all is played, and they are
    /// told at the end.
    not_written: Vec<Failure>,
    /// What is shown to a person, as a recording of a terminal, and how it looks there.
    cast: Option<(RefCell<Cast>, Look)>,
    #[cfg(all(feature = "lab", target_os = "linux"))]
    start: Instant,
    row_start: Instant,
}

/// What a signal finds.
pub(crate) enum Phase {
    /// Demos are being played.
    Playing,
    /// All is told, and the hosts are kept until somebody says that it is enough.
    #[cfg(all(feature = "lab", target_os = "linux"))]
    Keeping(std::sync::mpsc::Sender<()>),
    /// The last word has been said.
    Over,
}

enum Voice {
    /// What is told here was told already.
    Silent,
    Json(Events),
    Text(Glyphs),
}

/// The report, to speak.
pub(crate) fn lock(report: &Arc<Mutex<Report>>) -> MutexGuard<'_, Report> {
    report.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Report {
    pub(crate) fn new(args: &Arc<RunArgs>, level: String, planned: usize) -> Arc<Mutex<Self>> {
        let voice = match args.common.format() {
            Format::Json => Voice::Json(Events::stdout(json::SCHEMA)),
            Format::Text => Voice::Text(args.glyphs()),
        };
        let now = Instant::now();
        Arc::new(Mutex::new(Self {
            phase: Phase::Playing,
            voice,
            look: args.look(),
            args: Arc::clone(args),
            level,
            planned,
            rows: Vec::new(),
            last_story: None,
            played: Vec::new(),
            begun: None,
            pages: Pages::new(args, planned),
            captures: Names::default(),
            not_written: Vec::new(),
            cast: args.cast.as_ref().map(|_| new_cast(args)),
            #[cfg(all(feature = "lab", target_os = "linux"))]
            start: now,
            row_start: now,
        }))
    }

    /// Says nothing from now on.
    pub(crate) fn hush(&mut self) {
        self.voice = Voice::Silent;
    }

    /// A demo begins.
    pub(crate) fn begin(&mut self, set_up: &SetUp, variant: Option<&str>) {
        self.rows.push(Row::new(&set_up.demo, variant.map(str::to_owned)));
        self.played.push(Played::default());
        self.row_start = Instant::now();
        self.last_story = None;
        let place = (self.rows.len(), self.planned);
        if let Some((cast, _)) = &self.cast {
            cast.borrow_mut().name(&set_up.command());
        }
        let shown = |look| {
            let gap = if place.0 > 1 { "\n" } else { "" };
            let with = variant.map(|variant| format!("with {variant}\n")).unwrap_or_default();
            format!("{gap}{}{with}", text::set_up(set_up, place, look))
        };
        self.show(shown, || {
            let (name, mut body) = json::set_up(set_up);
            if place.1 > 1 {
                body["number"] = place.0.into();
                body["of"] = place.1.into();
            }
            vec![(name, body)]
        });
        self.begun = Some((set_up.clone(), Vec::new()));
    }

    /// The theory of the demo that has begun, for its page.
    pub(crate) fn knows(&mut self, explain: &[impl ToString]) {
        if let Some((_, theory)) = &mut self.begun {
            *theory = explain.iter().map(ToString::to_string).collect();
        }
    }

    /// The theory of the demo that has begun: for a person who asked for it, and for every program, which may
    /// keep it for later.
    pub(crate) fn theory(&self, explain: &[impl AsRef<str>], is_asked_for: bool) {
        let explain: Vec<&str> = explain.iter().map(AsRef::as_ref).collect();
        let demo = self.rows.last().map(|row| row.demo.clone()).unwrap_or_default();
        let told = |look| if is_asked_for { text::theory(&explain, look) } else { String::new() };
        self.show(told, || json::theory(&demo, &explain));
    }

    /// A story is complete.
    pub(crate) fn story(&mut self, story: &Story) {
        let brief = self.is_brief();
        let row = self.rows.last_mut().expect("a demo has begun");
        row.add(story);
        let demo = row.demo.clone();
        let shown = |look| if brief { in_one_line(story) } else { text::story(story, look) };
        self.show(shown, || json::story(&demo, story));
        if brief || self.pages.is_some() {
            let played = self.played.last_mut().expect("a demo has begun");
            played.stories.push(Story { capture: None, ..story.clone() });
        }
        self.last_story = Some(story.name.clone());
        let written = self.write_capture(&demo, story);
        self.not_written.extend(written.err());
    }

    /// A demo is complete, and took so many seconds.
    pub(crate) fn claims_after(&mut self, claims: Vec<Claim>, seconds: f64) {
        let brief = self.is_brief();
        let row = self.rows.last_mut().expect("a demo has begun");
        row.judge(&claims);
        row.seconds = seconds;
        let (demo, tally) = (row.demo.clone(), row.tally);
        let shown = |look| if brief { String::new() } else { text::claims(&claims, look) };
        self.show(shown, || {
            let claims = claims.iter().map(|claim| json::claim(&demo, claim));
            claims.chain([json::played(&demo, tally, seconds)]).collect()
        });
        self.played.last_mut().expect("a demo has begun").claims = claims;
        let written = self.write_page();
        self.not_written.extend(written.err());
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
            command: &set_up.command(),
            theory: &theory.iter().map(String::as_str).collect::<Vec<_>>(),
            stories: &played.stories,
            claims: &played.claims,
            seconds: row.seconds,
        });
        if !self.is_brief() {
            // Nobody asks for it again.
            self.played.clear();
        }
        let path = written?;
        self.tell(&format!("\nreport: {}\n", path.display()));
        Ok(())
    }

    /// A demo that is to be compared could not be played to its end, and took so many seconds.
    pub(crate) fn not_played_after(&mut self, trouble: &Failure, seconds: f64) {
        trouble.print();
        let row = self.rows.last_mut().expect("a demo has begun");
        row.seconds = seconds;
        let body = json!({ "demo": row.demo, "error": trouble, "seconds": seconds });
        self.show(|_| String::new(), || vec![("not_played", body)]);
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
            |look| side_by_side::comparison(&a.demo, variants, &comparison, look.columns),
            || json::comparison(&a.demo, variants, &comparison),
        );
        self.played.clear();
    }

    /// The hosts that stay.
    pub(crate) fn kept(&mut self, hosts: &[KeptHost]) {
        let demo = self.rows.last().map(|row| row.demo.clone()).unwrap_or_default();
        self.show(
            |_| text::kept(hosts),
            || hosts.iter().map(|host| json::kept(&demo, host)).collect(),
        );
    }

    /// Sums up, and says what could not be written, of which it gives back the first. That decides how the
    /// run ends, and loses nothing of what is shown.
    pub(crate) fn over(&mut self, end: &End) -> Option<Failure> {
        if self.rows.len() > 1 {
            self.show(|look| side_by_side::table(&self.rows, look.columns), Vec::new);
        }
        if let Some((times, unlike)) = &end.repeated {
            let told = || vec![json::repeated(*times, unlike)];
            self.show(|look| side_by_side::repeated(*times, unlike, look.columns), told);
        }
        if end.excused > 0 {
            let why = "\nchecks that fail under a knob that overrules the demo are no failure\n";
            self.show(|_| why.to_owned(), Vec::new);
        }
        let last = |look| text::end(end.tally, end.seconds, look);
        if let Some((cast, look)) = &self.cast {
            cast.borrow_mut().say(&self.args.glyphs().translate(&last(*look)));
        }
        let mut not_written = self.not_written();
        let first = not_written.first();
        let exit = first.map_or(end.exit, |failure| failure.exit().code());
        let events = || {
            let (name, mut body) = self.end_event(&End { exit, ..end.clone() });
            if let Some(failure) = first {
                body["error"] = serde_json::to_value(failure).expect("a failure is plain data");
            }
            vec![(name, body)]
        };
        self.show(last, events);
        if let Some(unheard) = told::trouble() {
            let columns = self.look.columns;
            told::elsewhere(&(side_by_side::table(&self.rows, columns) + &last(self.look)));
            not_written.insert(0, unheard);
        }
        not_written.iter().for_each(Failure::print);
        self.phase = Phase::Over;
        not_written.into_iter().next()
    }

    /// All that could not be written, the recording of the terminal included, which is written now.
    fn not_written(&mut self) -> Vec<Failure> {
        let cast = self.write_cast();
        self.not_written.extend(cast.err());
        std::mem::take(&mut self.not_written)
    }

    /// Something ended the run too early: says what, and what could not be written until then.
    pub(crate) fn ended_early(&mut self, failure: &Failure) {
        failure.print();
        self.not_written().iter().for_each(Failure::print);
    }

    /// Writes the recording of the terminal as far as it has come, where one was asked for; once.
    fn write_cast(&mut self) -> Result<(), Failure> {
        let (Some((cast, _)), Some(path)) = (self.cast.take(), &self.args.cast) else {
            return Ok(());
        };
        let cast = cast.into_inner();
        let is_picture = path.extension().is_some_and(|ending| ending == "svg");
        let content = if is_picture { cast.to_svg() } else { cast.to_asciicast() };
        write_file(path, content.as_bytes())
    }

    /// The last event; it names the demo where only one was asked for.
    fn end_event(&self, end: &End) -> json::Event {
        let (name, mut body) = json::end(end.exit, end.tally, &self.level, end.seconds);
        if end.excused > 0 {
            body["excused"] = end.excused.into();
        }
        if let [first, others @ ..] = &self.rows[..]
            && others.iter().all(|row| row.demo == first.demo)
        {
            body["demo"] = first.demo.clone().into();
        }
        (name, body)
    }

    /// Whether only what differs is shown to a person: two whole reports hide it.
    fn is_brief(&self) -> bool {
        // The variants of a repeated run are times, and those of a comparison are knobs and values.
        let variant = self.rows.last().and_then(|row| row.variant.as_deref());
        variant.is_some_and(|variant| variant.contains('='))
    }

    fn show(&self, text: impl Fn(Look) -> String, json: impl FnOnce() -> Vec<json::Event>) {
        if let Some((cast, look)) = &self.cast {
            let said = text(*look);
            if !said.is_empty() {
                cast.borrow_mut().say(&self.args.glyphs().translate(&said));
            }
        }
        match &self.voice {
            Voice::Silent => {}
            Voice::Json(events) => {
                let row = self.rows.last();
                let variant = row.and_then(|row| row.variant.clone());
                for (name, mut body) in json() {
                    let of_one_row = !matches!(name, "end" | "compare" | "compared" | "repeated");
                    if let Some(variant) = variant.as_ref().filter(|_| of_one_row) {
                        body["variant"] = variant.clone().into();
                    }
                    told::keep(|| events.try_emit(name, &body));
                }
            }
            Voice::Text(glyphs) => crate::print(&glyphs.translate(&text(self.look))),
        }
    }

    /// Says where something is that this run has made: not a part of the report.
    fn tell(&self, text: &str) {
        if let Voice::Text(glyphs) = &self.voice {
            crate::print(&glyphs.translate(text));
        }
    }

    fn write_capture(&mut self, demo: &str, story: &Story) -> Result<(), Failure> {
        let (Some(folder), Some(capture)) = (&self.args.pcap, &story.capture) else {
            return Ok(());
        };
        let variant = self.rows.last().and_then(|row| row.variant.as_deref());
        let variant = variant.map(|variant| format!("-{}", side_by_side::short(variant)));
        let words = format!("{demo}-{}{}", story.name, variant.unwrap_or_default());
        write_file(&folder.join(self.captures.give(&words, "pcapng")), capture)
    }
}

/// A recording of a terminal that is as wide as the one at hand, or as most are.
fn new_cast(args: &RunArgs) -> (RefCell<Cast>, Look) {
    let look = args.look();
    let columns = look.columns.unwrap_or(cast::COLUMNS).clamp(60, 200);
    let diagram = match look.diagram {
        Diagram::Ladder | Diagram::List => Diagram::fitting(Some(columns)),
        Diagram::None => Diagram::None,
    };
    let look = Look { diagram, colour: true, columns: Some(columns) };
    (RefCell::new(Cast::new(columns)), look)
}

fn in_one_line(story: &Story) -> String {
    let mut tally = Tally::default();
    tally.add(story);
    let Tally { checks, failed, skipped } = tally;
    format!("  {}: {checks} checks, {failed} failed, {skipped} skipped\n", story.name)
}
