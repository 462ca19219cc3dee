//! What if a story cannot be played to its end?
//!
//! A knob may make the very thing that a story waits for never happen: a datagram is lost, a kernel gives
//! up. What was seen until then is shown, a check says in words what did not happen, and the demo goes on. A
//! kernel that lacks what a story turns is no fault: that check is skipped, with the reason.

use netlab::{Lab, Level};

use crate::findings::{Check, Story};
use crate::observe::{Observer, Seen, lifelines};
use crate::stage::{Stage, Trouble};

/// What playing a story gives: the story, and what the demo makes of it.
pub trait Tells {
    /// What its claims want to know of it.
    type Seen;

    /// The two apart.
    fn told(self) -> (Story, Self::Seen);
}

impl Tells for Story {
    type Seen = ();

    fn told(self) -> (Story, ()) {
        (self, ())
    }
}

impl<T> Tells for (Story, T) {
    type Seen = T;

    fn told(self) -> Self {
        self
    }
}

impl Stage {
    /// Plays the story of this name, on the calling thread. Where it comes to no end, gives what there is
    /// of it, with a check that has failed, and nothing for its claims.
    ///
    /// What no story can do without is trouble all the same: a lab, and a recording.
    pub fn tell<T: Tells>(
        &self,
        name: &str,
        play: impl FnOnce(&Self) -> Result<T, Trouble>,
    ) -> Result<(Story, Option<T::Seen>), Trouble> {
        let stage = self.for_one_story();
        let (story, seen) = match play(&stage) {
            Ok(told) => {
                let (story, seen) = told.told();
                debug_assert_eq!(story.name, name);
                (story, Some(seen))
            }
            Err(trouble @ (Trouble::Lab(_) | Trouble::Recording(_))) => return Err(trouble),
            Err(trouble) => (as_far_as_it_came(name, &trouble, stage.last_lab().as_ref())?, None),
        };
        self.hosts_made_here_are_of(name);
        Ok((story, seen))
    }
}

/// What there is of a story that this has ended.
fn as_far_as_it_came(name: &str, trouble: &Trouble, lab: Option<&Lab>) -> Result<Story, Trouble> {
    let mut story = Story {
        name: name.into(),
        says: "this story was not played to its end".into(),
        explanation: vec![format!(
            "It could not go on, because {trouble}. What it shows, and what was counted, is what happened \
             until then."
        )],
        ..Story::default()
    };
    let (id, says) = (format!("{name}-played"), "the story is played to its end");
    story.checks = vec![if matches!(trouble, Trouble::NoKnob { .. }) {
        Check::skipped(&id, says, &trouble.to_string())
    } else {
        let measured = format!("not to its end: {trouble}");
        Check::new(&id, says, "to its end".into(), measured, false)
    }];
    if let Some(lab) = lab.filter(|lab| lab.level() != Level::L2) {
        show_what_was_recorded(lab, &mut story)?;
    }
    Ok(story)
}

/// Draws what the first two hosts of a lab said to each other.
fn show_what_was_recorded(lab: &Lab, story: &mut Story) -> Result<(), Trouble> {
    let mut seen = Seen::so_far(lab)?;
    let names = lab.host_names();
    let [left, right, others @ ..] = &names[..] else { return Ok(()) };
    let hidden: Vec<String> = others
        .iter()
        .filter_map(|other| seen.hide(lab.host(other), &format!("the host \"{other}\"")))
        .collect();
    story.not_drawn = (!hidden.is_empty()).then(|| hidden.join(", "));
    // Who is spoken to first is the server.
    let ports = seen.records.iter().find_map(|record| record.packet.as_ref()?.ports());
    let server_port = ports.map_or(0, |(_, to)| to);
    story.lifelines = lifelines(lab, left, right, server_port);
    let observer = Observer::new(&seen.records);
    seen.with_server_port(server_port).put_into(story, &observer);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::findings::Outcome;

    use super::*;

    fn stage() -> Stage {
        Stage {
            level: Level::L2,
            programs: std::path::PathBuf::new(),
            seed: 1,
            full: false,
            knobs: Vec::new(),
            overruled: std::sync::Arc::default(),
            kept: None,
            made: std::sync::Arc::default(),
        }
    }

    #[test]
    fn a_story_that_ends_too_early_is_told_with_a_check_that_failed() {
        let waited = || Trouble::program("receiver", "did not say \"datagram\"");
        let (story, seen) = stage().tell::<(Story, bool)>("lines", |_| Err(waited())).unwrap();
        assert_eq!((&*story.name, seen), ("lines", None));
        let [check] = &story.checks[..] else { panic!("{:?}", story.checks) };
        assert_eq!((&*check.id, &check.outcome), ("lines-played", &Outcome::Failed));
        assert!(check.measured.ends_with("receiver did not say \"datagram\""), "{check:?}");
        assert!(story.explanation[0].contains("because receiver did not say"), "{story:?}");
    }

    #[test]
    fn a_story_that_turns_what_a_kernel_lacks_is_skipped_with_the_reason() {
        let lacks = || Trouble::NoKnob { knob: "net.ipv4.tcp_rfc1337".into() };
        let (story, seen) = stage().tell::<(Story, bool)>("late-copy", |_| Err(lacks())).unwrap();
        assert_eq!((&*story.name, seen), ("late-copy", None));
        let [check] = &story.checks[..] else { panic!("{:?}", story.checks) };
        let why = "this kernel has no net.ipv4.tcp_rfc1337 for each host";
        assert_eq!(
            (&*check.id, &check.outcome),
            ("late-copy-played", &Outcome::Skipped(why.into()))
        );
    }

    #[test]
    fn a_story_that_is_played_is_told_as_it_is() {
        let played = |_: &Stage| Ok((Story { name: "lines".into(), ..Story::default() }, true));
        let (story, seen) = stage().tell("lines", played).unwrap();
        assert_eq!((story.checks.len(), seen), (0, Some(true)));
    }

    #[test]
    fn without_a_recording_there_is_nothing_to_tell() {
        let missed = |_: &Stage| Err::<Story, _>(Trouble::Recording("1 packet was missed".into()));
        assert!(matches!(stage().tell("lines", missed), Err(Trouble::Recording(_))));
    }
}
