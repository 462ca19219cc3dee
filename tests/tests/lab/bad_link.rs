//! A chat and a file over UDP, on a link that loses a tenth, mixes up and is cut for five seconds: as if
//! nothing were wrong.

use std::thread;

use crate::{events, has_namespaces, scenarios};

/// Each line once and in order, the file with its hash, and every program with exit code 0, whatever the dice
/// take. What else the demo measures is looked at elsewhere.
#[test]
fn a_bad_link_takes_nothing_from_a_chat_and_a_file() {
    if !has_namespaces() {
        return;
    }
    let play = |seed: &str| {
        let finished = scenarios(&["run", "feedback", "--json", "--seed", seed]);
        let told = events(&finished);
        let checks = told.iter().filter(|event| event["event"] == "check");
        let ours = checks.filter(|check| check["id"].as_str().unwrap().starts_with("bad-link-"));
        let ours: Vec<_> = ours.collect();
        for check in &ours {
            assert_eq!(check["ok"], true, "seed {seed}: {check}");
        }
        let has = |id: &str| ours.iter().any(|check| check["id"] == id);
        for id in ["lines", "order", "known", "file", "exits", "one", "lost", "middle", "back"] {
            assert!(has(&format!("bad-link-{id}")), "seed {seed}: {id} is not among {ours:?}");
        }
    };
    // Side by side: most of it is a cable that is cut.
    thread::scope(|scope| {
        let playing = ["2", "3"].map(|seed| scope.spawn(move || play(seed)));
        for playing in playing {
            playing.join().unwrap();
        }
    });
}
