//! Why a task could not be done.

use std::fmt;
use std::io;

/// Why a task could not be done. A test step that fails is no such error: it is a result.
#[derive(Debug)]
pub(crate) enum Error {
    /// A program could not be started at all.
    Start { program: String, source: io::Error },
    /// `cargo build` failed, and said why on standard error.
    Build { command: String },
    /// cargo gave an answer that makes no sense here.
    Answer { command: String, why: String },
    /// A build was good, but made no program of this name.
    NoProgram { name: String },
    /// A file or a directory could not be read or written.
    File { doing: String, source: io::Error },
    /// A file holds what makes no sense here.
    Content { file: &'static str, why: String },
    /// There is no target for fuzzing of this name.
    NoTarget { name: String, known: String },
    /// An input is for one target, and so many were named.
    OneTarget { count: usize },
    /// An environment variable holds what it cannot hold.
    Environment { name: &'static str, why: String },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start { program, source } => write!(f, "cannot start {program}: {source}"),
            Self::Build { command } => write!(f, "{command} failed"),
            Self::Answer { command, why } => write!(f, "cannot use the answer of {command}: {why}"),
            Self::NoProgram { name } => write!(f, "the build made no program called {name}"),
            Self::File { doing, source } => write!(f, "cannot {doing}: {source}"),
            Self::Content { file, why } => write!(f, "cannot use {file}: {why}"),
            Self::NoTarget { name, known } => write!(f, "there is no target {name}, but {known}"),
            Self::OneTarget { count } => {
                write!(f, "--input is for one target, not for {count}: name the one that failed")
            }
            Self::Environment { name, why } => write!(f, "bad {name} in the environment: {why}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Start { source, .. } | Self::File { source, .. } => Some(source),
            _ => None,
        }
    }
}
