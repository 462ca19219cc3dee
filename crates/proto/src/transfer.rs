//! What the control frames of a file transfer say.
//!
//! The files themselves go as data frames, in which `room` is the number of the file and `id` the place
//! of the payload's first byte in it. Who may say what when, the crate `files` knows.

use serde::{Deserialize, Serialize};

/// A client says which way files go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begin {
    /// Which way.
    pub way: Way,
    /// What it wishes to have, where the server sends: paths of files and folders; none is everything.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// A number of chance, the same in each connection of one run of the client: a connection of the same
    /// run that the server still has is one that broke.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<u64>,
}

/// Which way files go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// The client sends.
    ToServer,
    /// The server sends.
    ToClient,
}

/// The sender says how much it is going to offer. It is for showing progress, and binds to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// How many files and folders.
    pub files: u64,
    /// How many bytes the files have.
    pub bytes: u64,
}

/// The sender offers a file or a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// Its number: 1 for the first one of a connection, then one more each time.
    pub file: u32,
    /// Its path, with `/` between the names.
    pub path: String,
    /// How many bytes it has; 0 for a folder.
    #[serde(default)]
    pub size: u64,
    /// When it was changed last, in microseconds since 1970 in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified: Option<i64>,
    /// Whether it is a folder. What is in it is offered on its own.
    #[serde(default, skip_serializing_if = "is_false")]
    pub folder: bool,
}

/// The receiver asks for a file that was offered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Take {
    /// Its number.
    pub file: u32,
    /// From which byte on: how many bytes the receiver has.
    pub from: u64,
    /// The BLAKE3 hash of those bytes, as 64 hexadecimal digits, where there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
}

/// The sender has sent all of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// Its number.
    pub file: u32,
    /// The BLAKE3 hash of the whole file, as 64 hexadecimal digits.
    pub hash: String,
}

/// The receiver has a whole file, checked, or a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Its number.
    pub file: u32,
    /// Under which path.
    pub path: String,
    /// Whether it was there before: nothing was written.
    #[serde(default, skip_serializing_if = "is_false")]
    pub already: bool,
}

/// The sender does not go on with a file, or the receiver does not take it. The others go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    /// Its number.
    pub file: u32,
    /// Why, as a word that a program can compare.
    pub why: DropWhy,
    /// The same for a person.
    pub reason: String,
}

/// The sender does not offer something that was asked for, or that is in a folder that was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// Its path as it was asked for, or as it would be offered; empty where it stands for several.
    pub path: String,
    /// Why, as a word that a program can compare.
    pub why: DropWhy,
    /// The same for a person.
    pub reason: String,
}

/// Why a file does not come over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DropWhy {
    /// The receiver takes no such name.
    NameBad,
    /// The sender may not read it, or the receiver may not write it.
    NotAllowed,
    /// The receiver has no room for it, or takes no file so large.
    NoRoom,
    /// What is in the way at the receiver is no folder, or is one.
    InTheWay,
    /// The file changed while it was read.
    Changed,
    /// What came is not what was sent: the hash differs.
    Damaged,
    /// The system failed to read or to write it in another way.
    Failed,
    /// The sender has no such file.
    NoSuchFile,
    /// Something that this version of the program does not know.
    #[serde(other)]
    Other,
}

impl DropWhy {
    /// The word on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NameBad => "name_bad",
            Self::NotAllowed => "not_allowed",
            Self::NoRoom => "no_room",
            Self::InTheWay => "in_the_way",
            Self::Changed => "changed",
            Self::Damaged => "damaged",
            Self::Failed => "failed",
            Self::NoSuchFile => "no_such_file",
            Self::Other => "other",
        }
    }
}

/// One side reads for long what it has, and is not gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Busy {
    /// The number of the file.
    pub file: u32,
    /// How many bytes of it are read.
    pub done: u64,
}

/// The sender offers nothing more; the receiver's answer, when every file has come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Over {
    /// How many were offered.
    pub files: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_false(is: &bool) -> bool {
    !is
}
