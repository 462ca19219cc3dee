//! Exit codes, the same for every program.

use std::process::ExitCode;

/// How a program ends, as a shell sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done. A server that was asked to stop and drained ends so too.
    Ok,
    /// A network or I/O error while it ran; a demo whose check failed.
    Failed,
    /// Bad usage, bad configuration, or nothing was started. clap uses the same code.
    Usage,
    /// The peer's key is not the one that is remembered of it, or not the one that was asked for.
    WrongKey,
    /// This machine cannot run it: the code that automake and meson read as "skipped".
    Skipped,
    /// A time limit that the user set ran out: the code of timeout(1).
    TimeLimit,
    /// Ended by SIGINT, as a shell reports it.
    Interrupted,
    /// Ended by SIGTERM, as a shell reports it.
    Terminated,
}

impl Exit {
    /// The number.
    pub const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::WrongKey => 3,
            Self::Skipped => 77,
            Self::TimeLimit => 124,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}
