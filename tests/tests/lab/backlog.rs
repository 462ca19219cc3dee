//! The demo `backlog`: what its ladder says of each packet, also with its knobs turned.

use serde_json::Value;

use crate::{events, has_namespaces, scenarios};

/// The events of `backlog`, with this knob turned; none where there is no lab.
fn play(knob: Option<&str>) -> Option<Vec<Value>> {
    if !has_namespaces() {
        return None;
    }
    let mut args = vec!["run", "backlog", "--json"];
    args.extend(knob.into_iter().flat_map(|knob| ["--set", knob]));
    Some(events(&scenarios(&args)))
}

fn measured<'a>(events: &'a [Value], check: &str) -> &'a str {
    let is_it = |event: &&Value| event["event"] == "check" && event["id"] == check;
    events.iter().find(is_it).unwrap()["measured"].as_str().unwrap()
}

/// How many packets of a story the kernel is said to have dropped.
fn dropped(events: &[Value], story: &str) -> usize {
    let of_it = events.iter().filter(|e| e["event"] == "packet" && e["story"] == story);
    of_it.filter(|packet| packet["fate"]["dropped_by_kernel"].is_string()).count()
}

/// Of twenty SYNs the ladder marks as many as the kernel has counted, and with cookies, which answer
/// each of them, none.
#[test]
fn what_the_kernel_drops_is_drawn_as_dropped() {
    for (knob, at_least) in [(None, 14), (Some("tcp_syncookies=1"), 0)] {
        let Some(events) = play(knob) else { return };
        let counted: usize = measured(&events, "half-open-dropped").parse().unwrap();
        assert_eq!(dropped(&events, "half-open"), counted, "{knob:?}");
        assert!(counted >= at_least, "{knob:?}");
        assert!(dropped(&events, "overflow") >= 2, "{knob:?}");
        assert!(dropped(&events, "race") >= 1, "{knob:?}");
    }
}
