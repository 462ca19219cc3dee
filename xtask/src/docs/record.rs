//! What is kept of a run: of each demo its question, its number of checks, and its claims.

use serde_json::{Value, json};

use crate::error::Error;

/// Where it is kept.
pub(crate) const PATH: &str = "docs/verdicts.json";

/// The fields of the `claim` event that are kept.
const OF_CLAIM: [&str; 5] = ["id", "says", "verdict", "because", "instead"];

/// What is kept of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// The kernel, without what its builder has put behind the version.
    pub(super) kernel: String,
    /// The demos in their order, each an object: `demo`, `question`, `checks`, `claims`.
    demos: Vec<Value>,
}

/// A claim, and the demo that gave it its verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Claim<'a> {
    pub(super) id: &'a str,
    pub(super) says: &'a str,
    pub(super) verdict: &'a str,
    pub(super) demo: &'a str,
}

impl Record {
    /// What is kept of a run of `scenarios run --format json`, which must have been a good one.
    pub(crate) fn of_run(events: &str) -> Result<Self, Error> {
        let bad = |why: String| Error::Answer { command: "scenarios run".to_owned(), why };
        let events: Vec<Value> =
            events.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let end = events.last().filter(|event| event["event"] == "end");
        let end = end.ok_or_else(|| bad("it has no end event".to_owned()))?;
        let is_good = end["ok"] == true && end["failed"] == 0 && end["skipped"] == 0;
        if !is_good || end["level"] == "L2" {
            return Err(bad(format!(
                "only a run in which all is seen and good is recorded: {end}"
            )));
        }
        let (mut kernel, mut demos) = (String::new(), Vec::<Value>::new());
        for event in &events {
            match (event["event"].as_str(), demos.last_mut()) {
                (Some("start"), _) => {
                    let version = text(event, "kernel").split('-').next();
                    kernel = version.map(str::to_owned).unwrap_or_default();
                    let (demo, question) = (&event["demo"], &event["question"]);
                    demos.push(
                        json!({ "demo": demo, "question": question, "checks": 0, "claims": [] }),
                    );
                }
                (Some("check"), Some(demo)) => {
                    demo["checks"] = (demo["checks"].as_u64().unwrap_or_default() + 1).into();
                }
                (Some("claim"), Some(demo)) => {
                    let kept = OF_CLAIM.map(|field| (field.to_owned(), event[field].clone()));
                    let claims = demo["claims"].as_array_mut().expect("it was made as one");
                    claims.push(Value::Object(kept.into_iter().collect()));
                }
                _ => {}
            }
        }
        Ok(Self { kernel, demos })
    }

    /// Reads what [`Record::to_text`] wrote.
    pub(crate) fn read(text: &str) -> Result<Self, Error> {
        let bad = |why: String| Error::Content { file: PATH, why };
        let value: Value = serde_json::from_str(text).map_err(|error| bad(error.to_string()))?;
        let (kernel, demos) = (value["kernel"].as_str(), value["demos"].as_array());
        let (Some(kernel), Some(demos)) = (kernel, demos) else {
            return Err(bad("it has no kernel or no demos: cargo xtask docs --record".to_owned()));
        };
        Ok(Self { kernel: kernel.to_owned(), demos: demos.clone() })
    }

    pub(crate) fn to_text(&self) -> String {
        let value = json!({
            "written_by": "cargo xtask docs --record",
            "kernel": self.kernel,
            "demos": self.demos,
        });
        format!("{value:#}\n")
    }

    /// This one with the demos of a newer one in place of its own.
    pub(crate) fn with(mut self, newer: Self) -> Self {
        for demo in newer.demos {
            match self.demos.iter_mut().find(|old| old["demo"] == demo["demo"]) {
                Some(old) => *old = demo,
                None => self.demos.push(demo),
            }
        }
        Self { kernel: newer.kernel, ..self }
    }

    /// How many demos it is of.
    pub(crate) fn demos(&self) -> usize {
        self.demos.len()
    }

    /// How many claims it is of; one that two demos judge counts twice.
    pub(crate) fn claims(&self) -> usize {
        self.all_claims().count()
    }

    /// Whether the demo is in it.
    pub(crate) fn has(&self, demo: &str) -> bool {
        self.demos.iter().any(|recorded| recorded["demo"] == demo)
    }

    /// The names of its demos.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.demos.iter().map(|demo| text(demo, "demo"))
    }

    /// Whether a run of a demo says of each claim what is recorded; where it does not, in which point.
    pub(crate) fn agrees(&self, demo: &str, events: &[Value]) -> Result<(), String> {
        let recorded: Vec<(&str, &str)> = self
            .all_claims()
            .filter(|claim| claim.demo == demo)
            .map(|claim| (claim.id, claim.verdict))
            .collect();
        let seen = events.iter().filter(|event| event["event"] == "claim");
        let seen: Vec<(&str, &str)> =
            seen.map(|claim| (text(claim, "id"), text(claim, "verdict"))).collect();
        if !self.has(demo) || seen == recorded {
            return Ok(());
        }
        let told = |verdicts: &[(&str, &str)]| {
            let told = verdicts.iter().map(|(id, verdict)| format!("{id} {verdict}"));
            told.collect::<Vec<_>>().join(", ")
        };
        let (seen, recorded) = (told(&seen), told(&recorded));
        Err(format!("it says {seen}, and {PATH} says {recorded}: cargo xtask docs --record {demo}"))
    }

    pub(super) fn all_claims(&self) -> impl Iterator<Item = Claim<'_>> {
        self.demos.iter().flat_map(|demo| {
            let claims = demo["claims"].as_array().into_iter().flatten();
            claims.map(|claim| Claim {
                id: text(claim, "id"),
                says: text(claim, "says"),
                verdict: text(claim, "verdict"),
                demo: text(demo, "demo"),
            })
        })
    }
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The events of a run of two demos.
    pub(in crate::docs) const RUN: &str = r#"
{"event":"start","demo":"backlog","question":"who waits?","kernel":"Linux 6.18.44-some","seed":1}
{"event":"check","id":"x","ok":true}
{"event":"check","id":"y","ok":true}
{"event":"claim","demo":"backlog","id":"f","says":"the pool | defends","verdict":"partly","because":["x"],"instead":"no"}
{"event":"claim","demo":"backlog","id":"a","says":"five wait","verdict":"refuted","because":["x"],"instead":"six"}
{"event":"start","demo":"chat","question":"who talks?","kernel":"Linux 6.18.44-some","seed":1}
{"event":"claim","demo":"chat","id":"h","says":"two processes","verdict":"refuted","because":["z"],"instead":"one"}
{"event":"end","ok":true,"checks":2,"failed":0,"skipped":0,"level":"L0"}
"#;

    fn parsed(events: &str) -> Vec<Value> {
        events.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    #[test]
    fn what_is_written_is_read_again() {
        let record = Record::of_run(RUN).unwrap();
        assert_eq!(record.kernel, "Linux 6.18.44");
        assert_eq!((record.demos(), record.claims()), (2, 3));
        assert_eq!(record.names().collect::<Vec<_>>(), ["backlog", "chat"]);
        assert_eq!(Record::read(&record.to_text()).unwrap(), record);
        assert!(!record.to_text().contains("seed"), "only what is told is kept");
        for text in ["", "{}", r#"{"kernel":"x"}"#] {
            assert!(Record::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn only_a_good_run_with_namespaces_is_recorded() {
        for (was, is) in [
            (r#""ok":true,"checks""#, r#""ok":false,"checks""#),
            (r#""failed":0"#, r#""failed":1"#),
            ("L0", "L2"),
            (r#""event":"end""#, r#""event":"eno""#),
        ] {
            assert!(Record::of_run(&RUN.replace(was, is)).is_err(), "{is}");
        }
    }

    #[test]
    fn a_later_run_must_say_what_is_recorded() {
        let record = Record::of_run(RUN).unwrap();
        let of = |demo: &str, events: &str| {
            let mine: Vec<Value> =
                parsed(events).into_iter().filter(|event| event["demo"] == demo).collect();
            record.agrees(demo, &mine)
        };
        assert_eq!(of("backlog", RUN), Ok(()));
        assert_eq!(of("chat", RUN), Ok(()));
        // Nothing is known of it; that it is missing is told elsewhere.
        assert_eq!(of("flood", ""), Ok(()));
        let why = "it says f confirmed, a refuted, and docs/verdicts.json says f partly, a refuted: \
                   cargo xtask docs --record backlog";
        assert_eq!(of("backlog", &RUN.replace("partly", "confirmed")), Err(why.to_owned()));
        assert!(of("chat", "").is_err());
    }

    #[test]
    fn some_demos_may_be_recorded_anew() {
        let record = Record::of_run(RUN).unwrap();
        let newer = RUN.replace("partly", "refuted").replace("chat", "flood").replace("44", "45");
        let both = record.with(Record::of_run(&newer).unwrap());
        assert_eq!(both.names().collect::<Vec<_>>(), ["backlog", "chat", "flood"]);
        assert_eq!(both.kernel, "Linux 6.18.45");
        let verdicts: Vec<_> = both.all_claims().map(|claim| claim.verdict).collect();
        assert_eq!(verdicts, ["refuted", "refuted", "refuted", "refuted"]);
    }
}
