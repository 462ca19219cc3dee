//! How is a recorded run read again?
//!
//! A recording is what `--format json` wrote. It may come from anybody, so it is read as a whole before
//! anything of it is shown, and what does not fit is refused with its line: a file that was cut, that
//! is no recording, or that was made to do harm. The order of the events is part of what must fit.
//!
//! | where | what may follow |
//! |---|---|
//! | before and between demos | `start`; what sums up (`compare`, `compared`, `kept`, `repeated`); `end` |
//! | in a demo | `theory`, `story`, `claim`, `played`, `not_played`; `end` where it was interrupted |
//! | in a story | its parts: `packet`, `queue`, `states`, `series`, `counter`, `table`, `explanation`, `check` |
//! | after `end` | nothing |

mod lines;
mod told;

use std::collections::BTreeSet;
use std::io::{self, BufRead};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use thiserror::Error;

use crate::findings::{Check, Claim, CounterLine, KeptHost, PacketLine, SetUp, Table, Tally};
use crate::json::SCHEMA;
use crate::summary::Unlike;
use lines::Lines;
pub use lines::{MAX_BYTES, MAX_LINE, MAX_TEXT};
pub use told::{End, Recording, Told, Trouble};

/// A file that is no recording of a run.
#[derive(Debug, Error)]
pub enum Refused {
    /// It cannot be read at all.
    #[error("{0}")]
    Unreadable(io::Error),
    /// A line does not fit.
    #[error("line {number}: {why}")]
    Line {
        /// Its number, from 1.
        number: usize,
        /// What was expected.
        why: String,
    },
}

/// Reads a recording, all of it.
pub fn read(input: impl BufRead) -> Result<Recording, Refused> {
    let mut lines = Lines::new(input);
    let mut reader = Reader::default();
    let mut events = Vec::new();
    while let Some((line, event)) = lines.next()? {
        reader.take(event).map_err(|why| lines.refused(&why))?;
        events.push(lines::escaped(&line));
    }
    if !matches!(reader.told.last(), Some(Told::End(_))) {
        lines.number += 1;
        let why = "the file ends here; expected more events, and \"end\" as the last";
        return Err(lines.refused(why));
    }
    Ok(Recording { told: reader.told, planned: reader.planned, events })
}

/// What was read so far.
#[derive(Default)]
struct Reader {
    told: Vec<Told>,
    planned: usize,
    demo: Option<Demo>,
    tally: Tally,
    repeated: Option<(u32, Vec<Unlike>)>,
}

/// The demo that is under way.
struct Demo {
    name: String,
    variant: Option<String>,
    claims: Vec<Claim>,
    tally: Tally,
    /// The checks that there were.
    checks: BTreeSet<String>,
}

impl Reader {
    /// Takes one event, or says what was expected in its place.
    fn take(&mut self, mut event: Map<String, Value>) -> Result<(), String> {
        let name = text(&event, "event")?.to_owned();
        if matches!(self.told.last(), Some(Told::End(_))) {
            return Err("expected nothing after \"end\"".to_owned());
        }
        let is_ours = event.get("schema").is_some_and(|schema| schema == SCHEMA);
        if self.told.is_empty() && !(is_ours && name == "start") {
            return Err(format!("expected the event \"start\" of the schema \"{SCHEMA}\""));
        }
        match name.as_str() {
            "start" => self.start(event),
            "end" => self.end(&event),
            "compare" | "compared" | "kept" | "repeated" => self.sum_up(&name, event),
            _ => {
                let demo = self.demo.as_mut().ok_or_else(|| {
                    format!("expected \"start\" or \"end\" between two demos, not \"{name}\"")
                })?;
                demo.is_of(&event)?;
                match name.as_str() {
                    "theory" => {
                        let says = text(&event, "says")?.to_owned();
                        match self.told.last_mut() {
                            Some(Told::Theory(all)) => all.push(says),
                            _ => self.told.push(Told::Theory(vec![says])),
                        }
                    }
                    "story" => {
                        // In events its own name stands under "story".
                        let name = text(&event, "story")?.to_owned();
                        event.insert("name".to_owned(), name.into());
                        self.told.push(Told::Story(parsed("story", event)?));
                    }
                    "claim" => {
                        let claim: Claim = parsed("claim", event)?;
                        if let Some(id) = claim.because.iter().find(|id| !demo.checks.contains(*id))
                        {
                            return Err(format!(
                                "expected a claim because of a check, not of \"{id}\""
                            ));
                        }
                        demo.claims.push(claim);
                    }
                    "played" => {
                        counts(&event, demo.tally, "a demo")?;
                        let claims = std::mem::take(&mut demo.claims);
                        self.told.push(Told::Played { claims, seconds: seconds(&event)? });
                        self.demo = None;
                    }
                    "not_played" => {
                        let trouble = trouble(&event)?.ok_or("expected the field \"error\"")?;
                        self.told.push(Told::NotPlayed { trouble, seconds: seconds(&event)? });
                        self.demo = None;
                    }
                    _ => self.part(&name, event)?,
                }
                Ok(())
            }
        }
    }

    fn start(&mut self, event: Map<String, Value>) -> Result<(), String> {
        if let Some(Demo { name, .. }) = &self.demo {
            return Err(format!("expected the end of {name} before another demo starts"));
        }
        let place = |field| event.get(field).map_or(Ok(1), |_| number(&event, field));
        let (place, of) = (place("number")?, place("of")?);
        let starts = self.told.iter().filter(|told| matches!(told, Told::Start { .. })).count();
        let planned = if starts == 0 { of } else { self.planned };
        if of != planned || place != starts + 1 || place > of {
            return Err(format!("expected demo {} of {planned}, not {place} of {of}", starts + 1));
        }
        self.planned = planned;
        let variant = variant(&event)?;
        let set_up: SetUp = parsed("start", event)?;
        // A reader may copy the command that plays it again.
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if !set_up.demo.chars().all(is_name) {
            return Err(format!("expected the name of a demo, not \"{}\"", set_up.demo));
        }
        if !set_up.options.are_plain() {
            return Err("expected knobs that a shell takes as they are".to_owned());
        }
        self.demo = Some(Demo {
            name: set_up.demo.clone(),
            variant: variant.clone(),
            claims: Vec::new(),
            tally: Tally::default(),
            checks: BTreeSet::new(),
        });
        self.told.push(Told::Start { set_up, variant });
        Ok(())
    }

    /// Takes a part of the story that was told last.
    fn part(&mut self, name: &str, event: Map<String, Value>) -> Result<(), String> {
        let Some(Told::Story(story)) = self.told.last_mut() else {
            return Err(format!("expected a story before \"{name}\""));
        };
        if text(&event, "story")? != story.name {
            return Err(format!("expected a part of the story \"{}\"", story.name));
        }
        match name {
            "packet" => {
                let packet: PacketLine = parsed(name, event)?;
                if packet.from >= story.lifelines.len() {
                    return Err(format!("expected one of {} lifelines", story.lifelines.len()));
                }
                story.packets.push(packet);
            }
            "queue" => story.queue.push(parsed(name, event)?),
            "states" => story.lanes.push(parsed(name, event)?),
            "series" => story.series.push(parsed(name, event)?),
            "counter" => {
                let counter: CounterLine = parsed(name, event)?;
                if counter.after.checked_sub(counter.before).is_none() {
                    return Err("expected a counter that moved less far".to_owned());
                }
                story.counters.push(counter);
            }
            "table" => {
                let table: Table = parsed(name, event)?;
                if table.rows.iter().any(|row| row.len() != table.columns.len()) {
                    return Err(format!("expected rows of {} cells", table.columns.len()));
                }
                story.tables.push(table);
            }
            "explanation" => story.explanation.push(text(&event, "says")?.to_owned()),
            "check" => {
                let check = check(&event)?;
                self.tally.count(&check);
                if let Some(demo) = &mut self.demo {
                    demo.tally.count(&check);
                    demo.checks.insert(check.id.clone());
                }
                story.checks.push(check);
            }
            _ => {
                return Err(format!(
                    "expected an event of the schema \"{SCHEMA}\", not \"{name}\""
                ));
            }
        }
        Ok(())
    }

    /// Takes what is told of demos that are over.
    fn sum_up(&mut self, name: &str, event: Map<String, Value>) -> Result<(), String> {
        if let Some(Demo { name: demo, .. }) = &self.demo {
            return Err(format!("expected the end of {demo} before \"{name}\""));
        }
        match name {
            "compared" => self.told.push(Told::Compared),
            "kept" => {
                let host: KeptHost = parsed(name, event)?;
                match self.told.last_mut() {
                    Some(Told::Kept(hosts)) => hosts.push(host),
                    _ => self.told.push(Told::Kept(vec![host])),
                }
            }
            "repeated" => {
                #[derive(Deserialize)]
                struct Repeated {
                    times: u32,
                    unlike: Vec<Unlike>,
                }
                let Repeated { times, unlike } = parsed(name, event)?;
                self.repeated = Some((times, unlike));
            }
            // What differs follows from the two demos.
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, event: &Map<String, Value>) -> Result<(), String> {
        let trouble = trouble(event)?;
        if let (Some(Demo { name, .. }), None) = (&self.demo, &trouble) {
            return Err(format!("expected the end of {name} before \"end\""));
        }
        let said = self.tally;
        counts(event, said, "an end")?;
        let excused = event.get("excused").map_or(Ok(0), |_| number(event, "excused"))?;
        let exit = u8::try_from(number(event, "exit")?).unwrap_or(u8::MAX);
        let fits = match exit {
            0 => said.failed == excused && trouble.is_none(),
            77 => said.checks == said.skipped,
            1 | 2 | 130 | 143 => true,
            _ => false,
        } && event.get("ok").is_some_and(|ok| *ok == matches!(exit, 0 | 77));
        if !fits || excused > said.failed {
            return Err(format!("expected another exit code than {exit} for such a run"));
        }
        let (seconds, repeated) = (seconds(event)?, self.repeated.take());
        let end = End { exit, tally: said, excused, seconds, repeated, trouble };
        self.told.push(Told::End(end));
        Ok(())
    }
}

impl Demo {
    /// Whether an event is of this demo.
    fn is_of(&self, event: &Map<String, Value>) -> Result<(), String> {
        if text(event, "demo")? == self.name && variant(event)? == self.variant {
            return Ok(());
        }
        let with = self.variant.as_ref().map(|variant| format!(" with {variant}"));
        let (name, with) = (&self.name, with.unwrap_or_default());
        Err(format!("expected an event of the demo \"{name}\"{with}"))
    }
}

/// Whether an event counts what there was.
fn counts(event: &Map<String, Value>, tally: Tally, what: &str) -> Result<(), String> {
    let Tally { checks, failed, skipped } = tally;
    for (field, there_were) in [("checks", checks), ("failed", failed), ("skipped", skipped)] {
        if number(event, field)? != there_were {
            return Err(format!(
                "expected {what} that counts {checks} checks, {failed} failed, {skipped} skipped"
            ));
        }
    }
    Ok(())
}

fn check(event: &Map<String, Value>) -> Result<Check, String> {
    let (id, says) = (text(event, "id")?, text(event, "says")?);
    if event.contains_key("skipped") {
        return Ok(Check::skipped(id, says, text(event, "skipped")?));
    }
    let ok = event.get("ok").and_then(Value::as_bool).ok_or("expected \"ok\": true or false")?;
    let (expected, measured) = (text(event, "expected")?, text(event, "measured")?);
    let computed = event.get("computed").is_some_and(|computed| *computed == true);
    let check = Check::new(id, says, expected.to_owned(), measured.to_owned(), ok);
    Ok(Check { computed, ..check })
}

fn variant(event: &Map<String, Value>) -> Result<Option<String>, String> {
    event.get("variant").map(|_| text(event, "variant").map(str::to_owned)).transpose()
}

fn trouble(event: &Map<String, Value>) -> Result<Option<Trouble>, String> {
    let trouble = event.get("error").cloned().map(serde_json::from_value).transpose();
    trouble.map_err(|error| format!("expected an error with a message: {error}"))
}

fn seconds(event: &Map<String, Value>) -> Result<f64, String> {
    let seconds = event.get("seconds").and_then(Value::as_f64);
    seconds.ok_or_else(|| "expected a number as \"seconds\"".to_owned())
}

fn number(event: &Map<String, Value>, field: &str) -> Result<usize, String> {
    let number = event.get(field).and_then(Value::as_u64);
    let number = number.and_then(|number| usize::try_from(number).ok());
    number.ok_or_else(|| format!("expected a count as \"{field}\""))
}

fn text<'a>(event: &'a Map<String, Value>, field: &str) -> Result<&'a str, String> {
    let text = event.get(field).and_then(Value::as_str);
    text.ok_or_else(|| format!("expected a text as \"{field}\""))
}

fn parsed<T: DeserializeOwned>(name: &str, event: Map<String, Value>) -> Result<T, String> {
    serde_json::from_value(Value::Object(event))
        .map_err(|error| format!("expected the fields of \"{name}\": {error}"))
}
