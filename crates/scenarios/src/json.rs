//! The report for a program: one event for each thing that was found.

use serde::Serialize;
use serde_json::{Value, json};

use crate::compare::Comparison;
use crate::findings::{Check, Claim, KeptHost, Outcome, SetUp, Story, Tally};
use crate::summary::Unlike;

/// The name and version of these events.
pub const SCHEMA: &str = "demo/1";

/// An event: its name, and what it says besides.
pub type Event = (&'static str, Value);

/// The event before the first story.
pub fn set_up(set_up: &SetUp) -> Event {
    ("start", value(set_up))
}

/// The events of the theory.
pub fn theory(demo: &str, explain: &[&str]) -> Vec<Event> {
    explain.iter().map(|says| ("theory", json!({ "demo": demo, "says": says }))).collect()
}

/// What differed between two runs of a demo: an event for each, and one that counts them.
pub fn comparison(demo: &str, variants: [&str; 2], comparison: &Comparison) -> Vec<Event> {
    let parts = || comparison.stories.iter().chain([&comparison.claims]);
    let mut events = Vec::new();
    for part in parts() {
        for difference in &part.differences {
            let mut body = json!({ "demo": demo, "variants": variants });
            if !part.name.is_empty() {
                body["story"] = part.name.clone().into();
            }
            extend(&mut body, value(difference));
            events.push(("compare", body));
        }
    }
    let same: usize = parts().map(|part| part.same).sum();
    let counts = json!({ "variants": variants, "differ": events.len(), "same": same });
    let mut body = json!({ "demo": demo });
    extend(&mut body, counts);
    events.push(("compared", body));
    events
}

/// A host that stays.
pub fn kept(demo: &str, host: &KeptHost) -> Event {
    let mut body = json!({ "demo": demo });
    extend(&mut body, value(host));
    ("kept", body)
}

/// Whether many times gave the same.
pub fn repeated(times: u32, unlike: &[Unlike]) -> Event {
    let same = unlike.is_empty();
    ("repeated", json!({ "times": times, "same": same, "unlike": unlike }))
}

/// The events of a story: what it is, packets, queue, states, series, counters, tables, checks.
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
    for lane in &story.lanes {
        add("states", value(lane));
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

/// A demo has come to its end: how its checks came out, and how long it took.
pub fn played(demo: &str, tally: Tally, seconds: f64) -> Event {
    let mut body = json!({ "demo": demo });
    extend(&mut body, value(&tally));
    body["seconds"] = seconds.into();
    ("played", body)
}

/// The last event. `exit` is the code that a shell sees.
pub fn end(exit: u8, tally: Tally, level: &str, seconds: f64) -> Event {
    let Tally { checks, failed, skipped } = tally;
    // A run of which nothing could be seen has not failed.
    let ok = matches!(exit, 0 | 77);
    (
        "end",
        json!({
            "ok": ok,
            "exit": exit,
            "checks": checks,
            "failed": failed,
            "skipped": skipped,
            "level": level,
            "seconds": seconds,
        }),
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
