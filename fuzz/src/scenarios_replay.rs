//! A recording of a run that somebody has sent.

use scenarios::html::{self, Language, Run};
use scenarios::look::Look;
use scenarios::replay::{Told, read};
use scenarios::text;

/// What is read can be shown, in every form, and holds nothing that a terminal would obey.
pub fn run(data: &[u8]) {
    let Ok(recording) = read(data) else { return };
    let narrow = Look { columns: Some(60), ..Look::default() };
    let mut set_up = None;
    for told in &recording.told {
        for look in [Look::default(), narrow] {
            check(&match told {
                Told::Story(story) => text::story(story, look),
                Told::Played { claims, .. } => text::claims(claims, look),
                Told::Start { set_up, .. } => text::set_up(set_up, (1, 1), look),
                Told::Kept(hosts) => text::kept(hosts),
                _ => String::new(),
            });
        }
        match told {
            Told::Start { set_up: start, .. } => set_up = Some(start),
            Told::Story(story) => {
                let set_up = set_up.expect("a story is in a demo");
                let stories = std::slice::from_ref(&**story);
                let (variant, command, seconds) = (None, "cargo xtask demo", 1.0);
                let (theory, claims) = (&[], &[]);
                let run = Run { set_up, variant, command, theory, stories, claims, seconds };
                assert!(html::page(&run, Language::English).ends_with("</html>\n"));
            }
            _ => {}
        }
    }
    for event in &recording.events {
        check(event);
    }
}

fn check(shown: &str) {
    assert!(!shown.contains(|c: char| c != '\n' && c.is_control()), "{shown:?}");
}
