//! What is done where a busy machine, and not the kernel under it, decided what came of a story.
//!
//! It is played again. Whether it was spoiled follows from what the lab saw of the machine, never from
//! whether the checks came out as expected.

use crate::findings::Story;
use crate::stage::Trouble;

/// A story that was played once.
#[derive(Debug)]
pub struct Played<T> {
    /// What is shown of it.
    pub story: Story,
    /// What its claims want to know of it.
    pub seen: T,
    /// In words what the machine did to it, if it spoiled it.
    pub spoiled: Option<String>,
}

/// Plays a story until the machine has not spoiled it, at most so many times; the last one counts in any
/// case. The story says that it was played again, and why.
pub fn unspoiled<T>(
    at_most: usize,
    play: impl Fn() -> Result<Played<T>, Trouble>,
) -> Result<(Story, T), Trouble> {
    let (mut times, mut before) = (0, None);
    loop {
        times += 1;
        let Played { mut story, seen, spoiled } = play()?;
        if spoiled.is_none() || times >= at_most {
            story.set_up.extend(before.map(|why| format!("played again: before, {why}")));
            return Ok((story, seen));
        }
        before = spoiled;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Plays a story that is spoiled `spoiled` times; gives how often it was played, and what it says.
    fn play(spoiled: usize) -> (usize, Vec<String>) {
        let times = Cell::new(0);
        let (story, seen) = unspoiled(3, || {
            times.set(times.get() + 1);
            let why = (times.get() <= spoiled).then(|| format!("spoiled {}", times.get()));
            Ok(Played { story: Story::default(), seen: times.get(), spoiled: why })
        })
        .unwrap();
        assert_eq!(seen, times.get(), "the last one is shown");
        (seen, story.set_up)
    }

    #[test]
    fn a_spoiled_story_is_played_again_and_says_so() {
        let again = |why: &str| vec![format!("played again: before, {why}")];
        assert_eq!(play(0), (1, vec![]));
        assert_eq!(play(1), (2, again("spoiled 1")));
        assert_eq!(play(2), (3, again("spoiled 2")));
        assert_eq!(play(9), (3, again("spoiled 2")));
    }
}
