//! What does a recording tell?

use serde::Deserialize;

use crate::findings::{Claim, KeptHost, SetUp, Story, Tally};
use crate::summary::Unlike;

/// A run as it was recorded.
#[derive(Clone, Debug)]
pub struct Recording {
    /// What it told, in order; the last is [`Told::End`].
    pub told: Vec<Told>,
    /// How many demos were to be played, each time counted.
    pub planned: usize,
    /// Its events, one a line, without anything that a terminal would obey.
    pub events: Vec<String>,
}

/// Something that a run told.
#[derive(Clone, Debug)]
pub enum Told {
    /// A demo began.
    Start {
        /// What it is.
        set_up: SetUp,
        /// Which of several times, or with which knob.
        variant: Option<String>,
    },
    /// The theory.
    Theory(Vec<String>),
    /// A story was complete.
    Story(Box<Story>),
    /// A demo was complete.
    Played {
        /// Its claims.
        claims: Vec<Claim>,
        /// How long it took.
        seconds: f64,
    },
    /// A demo could not be played to its end.
    NotPlayed {
        /// Why.
        trouble: Trouble,
        /// How long it took.
        seconds: f64,
    },
    /// The last two demos were compared; what differs follows from them.
    Compared,
    /// Hosts stayed.
    Kept(Vec<KeptHost>),
    /// All was over.
    End(End),
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct End {
    /// The code that a shell saw.
    pub exit: u8,
    /// Its checks, as they were counted while reading.
    pub tally: Tally,
    /// How many failed only because a knob was turned.
    pub excused: usize,
    /// How long it took.
    pub seconds: f64,
    /// How many times it was played, and what was not the same each time.
    pub repeated: Option<(u32, Vec<Unlike>)>,
    /// What ended it too early.
    pub trouble: Option<Trouble>,
}

/// What went wrong in a run.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Trouble {
    /// What, in words.
    pub message: String,
    /// What to do about it.
    #[serde(default)]
    pub hints: Vec<String>,
}
