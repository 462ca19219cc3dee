//! What a ladder shows, and what is said of the rest.

use serde_json::Value;

use crate::{events, has_namespaces, scenarios};

/// Each port that a datagram goes to is named beside the ladder, and each datagram that the sender's kernel has
/// counted is drawn or told of.
#[test]
fn a_ladder_names_the_ports_and_what_it_leaves_out() {
    if !has_namespaces() {
        return;
    }
    let finished = scenarios(&["run", "datagram", "--json"]);
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    let events = events(&finished);
    let of = |event: &str, story: &str| -> Vec<&Value> {
        let is_it = |told: &&Value| told["event"] == event && told["story"] == story;
        events.iter().filter(is_it).collect()
    };
    let stories: Vec<&Value> = events.iter().filter(|told| told["event"] == "story").collect();
    assert!(stories.len() > 5, "{stories:?}");
    for story in &stories {
        let name = story["story"].as_str().expect("a story has a name");
        let said = format!("{} {}", story["lifelines"], story["set_up"]);
        for packet in of("packet", name).into_iter().filter(|packet| packet["from"] == 0) {
            let port = packet["ports"][1].to_string();
            assert!(said.contains(&port), "{name} names no port {port}: {said}");
        }
    }
    let overflow = stories.iter().find(|story| story["story"] == "overflow").expect("it is told");
    let not_drawn = overflow["not_drawn"].as_str().expect("some are not drawn");
    let more = not_drawn.split(' ').next().and_then(|count| count.parse::<usize>().ok());
    let drawn = of("packet", "overflow").len();
    let sent =
        of("counter", "overflow").into_iter().find(|counter| counter["name"] == "UdpOutDatagrams");
    let sent = sent.expect("the client has sent");
    assert!(not_drawn.contains("and \"last\" to port "), "{not_drawn}");
    // "last" is one of them.
    let told = more.map(|more| drawn + more + 1);
    assert_eq!(told, Some(100 + 2));
    assert_eq!((&sent["host"], &sent["after"]), (&"client".into(), &102.into()));
}
