//! Datagrams may be lost and change places, and nothing else.
#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

use history::datagrams::{Talker, Violation, check};
use proptest::prelude::*;

/// Two who say these to each other, and hear all of it. Some things are said more than once.
fn good(said: &[u8]) -> [Talker; 2] {
    let payloads: Vec<Vec<u8>> = said.iter().map(|byte| vec![byte % 8]).collect();
    ["alice", "bob"].map(|name| Talker {
        name: name.into(),
        said: payloads.clone(),
        heard: payloads.iter().map(|payload| (other(name).into(), payload.clone())).collect(),
    })
}

fn other(name: &str) -> &str {
    if name == "alice" { "bob" } else { "alice" }
}

proptest! {
    #[test]
    fn what_is_lost_or_late_breaks_no_promise(
        said in proptest::collection::vec(any::<u8>(), 0..40),
        kept in proptest::collection::vec(any::<bool>(), 40),
        order in any::<prop::sample::Index>(),
    ) {
        let mut talkers = good(&said);
        let heard = &mut talkers[0].heard;
        if !heard.is_empty() {
            let late = order.index(heard.len());
            heard.rotate_left(late);
        }
        let mut kept = kept.into_iter();
        heard.retain(|_| kept.next().unwrap());
        prop_assert_eq!(check(&talkers), []);
    }

    #[test]
    fn what_nobody_said_and_what_comes_again_is_found(
        said in proptest::collection::vec(any::<u8>(), 1..40),
        at in any::<prop::sample::Index>(),
    ) {
        let mut talkers = good(&said);
        let again = talkers[1].heard[at.index(said.len())].clone();
        talkers[1].heard.push(again.clone());
        let repeat =
            Violation::Repeat { talker: "bob".into(), from: again.0.clone(), payload: again.1.clone() };
        prop_assert_eq!(check(&talkers), [repeat]);

        talkers[1].heard.pop();
        let changed = &mut talkers[1].heard[at.index(said.len())];
        changed.1.push(b'!');
        let (talker, (from, payload)) = ("bob".into(), changed.clone());
        prop_assert_eq!(check(&talkers), [Violation::NobodySaid { talker, from, payload }]);
    }
}

/// He said it himself, and nobody else did.
#[test]
fn what_was_said_by_another_than_it_came_from_was_said_by_nobody() {
    let [alice, mut bob] = good(&[1]);
    bob.heard[0].0 = "carol".into();
    let violations = check(&[alice, bob]);
    let told: Vec<String> = violations.iter().map(ToString::to_string).collect();
    assert_eq!(told, ["bob heard from carol what nobody said: \\x01"]);
}

/// The network doubled it: a copy is allowed for each time that it stands in what was said.
#[test]
fn a_copy_that_is_known_of_is_no_repeat() {
    let [mut alice, mut bob] = good(&[1]);
    bob.heard.push(bob.heard[0].clone());
    assert_eq!(check(&[alice.clone(), bob.clone()]).len(), 1);
    alice.said.push(alice.said[0].clone());
    assert_eq!(check(&[alice, bob]), []);
}
