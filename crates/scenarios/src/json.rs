//! The report for a program: one event for each thing that was found.

use serde::Serialize;
use serde_json::{Value, json};

use crate::findings::{Check, Claim, Outcome, SetUp, Story, Tally};

/// The name and version of these events.
pub const SCHEMA: &str = "demo/1";

/// An event: its name, and what it says besides.
pub type Event = (&'static str, Value);

/// The event before the first story.
pub fn set_up(set_up: &SetUp) -> Event {
    ("start", value(set_up))
}

/// The events of a story: what it is, packets, queue, series, counters, tables, checks.
pub fn story(demo: &str, story: &Story) -> Vec<Event> {
    let named = |body: Value| {
        let mut named = json!({ "demo": demo, "story": story.name });
        extend(&mut named, body);
        named
    };
    let mut head = value(story);
    // Its own name stands under "story", as in every event that belongs to it.
    head.as_object_mut().map(|fields| fields.remove("name"));
    let mut events = vec![("story", named(head))];
    let mut add = |name, body| events.push((name, named(body)));
    for packet in &story.packets {
        add("packet", value(packet));
    }
    for sample in &story.queue {
        add("queue", value(sample));
    }
    for series in &story.series {
        add("series", value(series));
    }
    for counter in &story.counters {
        add("counter", value(counter));
    }
    for table in &story.tables {
        add("table", value(table));
    }
    for line in &story.explanation {
        add("explanation", json!({ "says": line }));
    }
    for check in &story.checks {
        add("check", self::check(check));
    }
    events
}

fn check(check: &Check) -> Value {
    let (id, says) = (&check.id, &check.says);
    let mut event = match &check.outcome {
        Outcome::Skipped(why) => return json!({ "id": id, "says": says, "skipped": why }),
        outcome => json!({
            "id": id,
            "says": says,
            "expected": check.expected,
            "measured": check.measured,
            "ok": *outcome == Outcome::Ok,
        }),
    };
    if check.computed {
        event["computed"] = true.into();
    }
    event
}

/// The event of a claim.
pub fn claim(demo: &str, claim: &Claim) -> Event {
    let mut body = json!({ "demo": demo });
    extend(&mut body, value(claim));
    ("claim", body)
}

/// The last event.
pub fn end(tally: Tally, level: &str) -> Event {
    let Tally { checks, failed, skipped } = tally;
    let ok = failed == 0;
    (
        "end",
        json!({ "ok": ok, "checks": checks, "failed": failed, "skipped": skipped, "level": level }),
    )
}

/// Puts the fields of one object behind those of another.
fn extend(object: &mut Value, more: Value) {
    if let (Value::Object(fields), Value::Object(more)) = (object, more) {
        fields.extend(more);
    }
}

fn value(found: &impl Serialize) -> Value {
    serde_json::to_value(found).expect("findings are plain data")
}
