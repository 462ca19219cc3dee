//! Which knobs has the wire, beside those of the hosts?
//!
//! A wire is no host and has no sysctl, so its knobs have names of their own.
//!
//! | knob | value | what the wire does to every packet, whatever a story's own rules do to it then |
//! |---|---|---|
//! | `wire.delay` | a time: `200ms` | it arrives so much later |
//! | `wire.duplicate` | a chance: `5%` | a copy of it comes behind it |
//! | `wire.loss` | a chance: `5%` | it never arrives |

use std::time::Duration;

use cli::values;
use netlab::Rule;
use thiserror::Error;

use crate::knob::Knob;

/// Their names.
pub const NAMES: [&str; 3] = [DELAY, DUPLICATE, LOSS];

const DELAY: &str = "wire.delay";

const DUPLICATE: &str = "wire.duplicate";

const LOSS: &str = "wire.loss";

/// A story waits for no more than ten seconds for anything, and a question goes there and back.
pub const MAX_DELAY: Duration = Duration::from_secs(5);

/// A knob that the wire does not have, or a value that it does not take.
#[derive(Debug, PartialEq, Eq, Error)]
pub enum Refused {
    /// There is none of this name.
    #[error("the wire has no knob {0}")]
    Unknown(String),
    /// It has no such value.
    #[error("{name} does not take \"{value}\": {why}")]
    Value {
        /// The knob.
        name: &'static str,
        /// What it was to be.
        value: String,
        /// Why that is none.
        why: String,
    },
}

/// Whether a knob of this name would be the wire's.
pub fn is_its(name: &str) -> bool {
    name.starts_with("wire.")
}

/// The rule that a knob of the wire stands for; `None` where its value is that nothing happens.
pub fn rule(Knob { name, value }: &Knob) -> Result<Option<Rule>, Refused> {
    let Some(known) = NAMES.into_iter().find(|known| known == name) else {
        return Err(Refused::Unknown(name.clone()));
    };
    let refused = |why: String| Refused::Value { name: known, value: value.clone(), why };
    // What a ladder says of the packets that it takes.
    let says = format!("{name}={value}");
    if known == DELAY {
        let delay = values::duration(value).map_err(refused)?;
        if delay > MAX_DELAY {
            return Err(refused(format!("the longest is {} s", MAX_DELAY.as_secs())));
        }
        return Ok((!delay.is_zero()).then(|| Rule::delay(says, delay)));
    }
    let chance = chance(value).ok_or_else(|| refused("a chance is 0% to 100%".to_owned()))?;
    let rule = if known == LOSS { Rule::drop(says) } else { Rule::duplicate(says) };
    Ok((chance > 0.0).then(|| rule.chance(chance)))
}

/// `5%`, or `0.05`.
fn chance(text: &str) -> Option<f64> {
    let chance = match text.strip_suffix('%') {
        Some(percent) => percent.trim().parse::<f64>().ok()? / 100.0,
        None => text.parse().ok()?,
    };
    (0.0..=1.0).contains(&chance).then_some(chance)
}

#[cfg(test)]
mod tests {
    use netlab::Action;

    use super::*;

    fn of(name: &str, value: &str) -> Result<Option<(String, Action)>, String> {
        let knob = Knob::new(name, value);
        let rule = rule(&knob).map_err(|refused| refused.to_string())?;
        Ok(rule.map(|rule| (rule.name().to_owned(), rule.action())))
    }

    #[test]
    fn a_knob_of_the_wire_is_a_rule_of_its_name() {
        let delay = Action::Delay { by: Duration::from_millis(200), jitter: Duration::ZERO };
        assert_eq!(of("wire.delay", "200ms"), Ok(Some(("wire.delay=200ms".into(), delay))));
        assert_eq!(of("wire.loss", "5%"), Ok(Some(("wire.loss=5%".into(), Action::Drop))));
        let duplicate = Some(("wire.duplicate=0.5".into(), Action::Duplicate));
        assert_eq!(of("wire.duplicate", "0.5"), Ok(duplicate));
        for (name, value) in [("wire.delay", "0"), ("wire.loss", "0%"), ("wire.duplicate", "0.0")] {
            assert_eq!(of(name, value), Ok(None), "{name}={value}");
        }
    }

    #[test]
    fn what_the_wire_does_not_have_or_take_is_told() {
        for (name, value, says) in [
            ("wire.los", "5%", "the wire has no knob wire.los"),
            ("wire.loss", "101%", "wire.loss does not take \"101%\": a chance is 0% to 100%"),
            ("wire.loss", "-1%", "0% to 100%"),
            ("wire.loss", "NaN", "0% to 100%"),
            ("wire.loss", "much", "0% to 100%"),
            ("wire.delay", "6s", "wire.delay does not take \"6s\": the longest is 5 s"),
            ("wire.delay", "soon", "wire.delay does not take \"soon\""),
        ] {
            let refused = of(name, value).unwrap_err();
            assert!(refused.contains(says), "{refused}");
        }
    }
}
