//! The events of a run are what `docs/schema/demo-1.schema.json` says that they are.

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use jsonschema::Validator;
use serde_json::{Value, json};

fn docs() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

fn schema() -> Value {
    let text = fs::read_to_string(docs().join("schema/demo-1.schema.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn validator() -> &'static Validator {
    static VALIDATOR: OnceLock<Validator> = OnceLock::new();
    VALIDATOR.get_or_init(|| jsonschema::draft202012::new(&schema()).unwrap())
}

/// Whether every event of a run of demos is as the schema says; other events are not its business.
#[track_caller]
pub(crate) fn conforms(events: &[Value]) {
    if events.first().is_none_or(|first| first["schema"] != "demo/1") {
        return;
    }
    for event in events {
        if let Err(error) = validator().validate(event) {
            panic!("{error} at {}: {event}", error.instance_path());
        }
    }
}

#[test]
fn the_schema_is_one_and_every_field_says_what_it_is() {
    assert!(jsonschema::draft202012::meta::is_valid(&schema()));
    let schema = schema();
    for (name, event) in schema["$defs"].as_object().unwrap() {
        assert!(event["description"].is_string(), "{name}");
        for (field, says) in event["properties"].as_object().unwrap() {
            let is_told = says["description"].is_string() || says["$ref"].is_string();
            assert!(field == "event" || is_told, "{name}.{field}");
        }
    }
}

#[test]
fn recorded_runs_are_as_the_schema_says() {
    for entry in fs::read_dir(docs().join("recorded")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "jsonl") {
            let text = fs::read_to_string(&path).unwrap();
            let events: Vec<Value> =
                text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            assert_eq!(events[0]["schema"], "demo/1", "{}", path.display());
            conforms(&events);
        }
    }
}

#[test]
fn what_is_no_event_is_told_from_one() {
    let check = json!({
        "event": "check", "demo": "d", "story": "s", "id": "i", "says": "x",
        "expected": "6", "measured": "6", "ok": true,
    });
    assert!(validator().is_valid(&check));
    let changed = |field: &str, value: Value| {
        let mut event = check.clone();
        event[field] = value;
        event
    };
    let mut without = check.clone();
    without.as_object_mut().unwrap().remove("measured");
    for wrong in [
        changed("ok", "yes".into()),
        changed("skipped", "no wire".into()),
        changed("event", "checked".into()),
        changed("event", "packet".into()),
        changed("ts", "today".into()),
        without,
        json!([]),
    ] {
        assert!(!validator().is_valid(&wrong), "{wrong}");
    }
}
