//! Checks what people heard who talk over plain datagrams.
//!
//! Datagrams promise less than a relay: they may be lost, and may overtake each other. What is left:
//!
//! | promise | [`Violation`] |
//! |---|---|
//! | what is heard was said, and is unchanged | [`Violation::NobodySaid`] |
//! | each thing is heard once | [`Violation::Repeat`] |
//!
//! ```
//! use history::datagrams::{Talker, check};
//!
//! let alice = Talker { name: "alice".into(), said: vec![b"hello".to_vec(), b"?".to_vec()], ..Talker::default() };
//! let heard = vec![("alice".into(), b"?".to_vec())];
//! let bob = Talker { name: "bob".into(), heard, ..Talker::default() };
//! assert_eq!(check(&[alice, bob]), []);
//! ```

use std::collections::HashMap;

use thiserror::Error;

/// What one of them said and heard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Talker {
    /// What a report calls him, and the others name in what they heard.
    pub name: String,
    /// What he said, a datagram each. One that the network is known to have doubled stands here twice.
    pub said: Vec<Vec<u8>>,
    /// What he heard, and from whom.
    pub heard: Vec<(String, Vec<u8>)>,
}

/// Something that even datagrams must not do.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Violation {
    /// What was heard is nothing that its sender said.
    #[error("{talker} heard from {from} what nobody said: {}", .payload.escape_ascii())]
    NobodySaid {
        /// Who heard it.
        talker: String,
        /// Who is said to have said it.
        from: String,
        /// What was heard.
        payload: Vec<u8>,
    },
    /// It was heard more often than it was said.
    #[error("{talker} heard from {from} again: {}", .payload.escape_ascii())]
    Repeat {
        /// Who heard it.
        talker: String,
        /// Who said it.
        from: String,
        /// What was heard.
        payload: Vec<u8>,
    },
}

/// Looks at everything that was heard, and gives what is not as it must be, in no special order. What is
/// lost is not.
pub fn check(talkers: &[Talker]) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut times_said: HashMap<(&str, &[u8]), usize> = HashMap::new();
    for talker in talkers {
        for payload in &talker.said {
            *times_said.entry((&talker.name, payload)).or_default() += 1;
        }
    }
    for talker in talkers {
        // Each of the others may hear everything once.
        let mut left = times_said.clone();
        for (from, payload) in &talker.heard {
            let name = || (talker.name.clone(), from.clone(), payload.clone());
            match left.get_mut(&(from.as_str(), payload.as_slice())) {
                Some(0) => {
                    let (talker, from, payload) = name();
                    violations.push(Violation::Repeat { talker, from, payload });
                }
                Some(left) => *left -= 1,
                None => {
                    let (talker, from, payload) = name();
                    violations.push(Violation::NobodySaid { talker, from, payload });
                }
            }
        }
    }
    violations
}
