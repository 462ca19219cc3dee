//! Which paths of a sender a receiver uses.
//!
//! A path is a name that a stranger has chosen, for a place on our disk. Everything in it that could lead
//! out of the folder, mean something to a system, or deceive a reader is refused; nothing is changed
//! silently. What links are in the folder itself, only the file system knows: see the caller.

use std::fmt;

use proto::sanitize;
use thiserror::Error;

use crate::limits::{MAX_DEPTH, MAX_NAME, MAX_PATH};
use crate::naming;

/// A path below a folder that leads nowhere else: one or more names with `/` between them.
///
/// ```
/// use files::SafePath;
///
/// let path = SafePath::new("照片/2024/海.jpg")?;
/// assert_eq!(path.names().collect::<Vec<_>>(), ["照片", "2024", "海.jpg"]);
/// assert!(SafePath::new("../../etc/passwd").is_err());
/// # Ok::<(), files::PathError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SafePath(String);

/// Why a path is not used. The messages show what a terminal would obey as `\u{..}`.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PathError {
    /// It has no name in it.
    #[error("it is empty")]
    Empty,
    /// It begins at the root.
    #[error("it begins with /")]
    Absolute,
    /// It is longer than [`MAX_PATH`], or has more than [`MAX_DEPTH`] names.
    #[error("it is longer than {MAX_PATH} bytes, or deeper than {MAX_DEPTH} folders")]
    TooLong,
    /// A name is longer than [`MAX_NAME`].
    #[error("a name in it has {0} bytes, and {MAX_NAME} is the limit")]
    NameTooLong(usize),
    /// A name is empty, as between two slashes.
    #[error("it has an empty name in it")]
    EmptyName,
    /// A name is `.` or `..`.
    #[error("it has \"{0}\" in it")]
    Dots(&'static str),
    /// A name has a character that a terminal obeys, that nobody sees, or that separates names elsewhere.
    #[error("\"{0}\" has a character that no name here may have")]
    Character(String),
    /// A name is that of a device on Windows, where the folder may be read too.
    #[error("\"{0}\" is a device on Windows")]
    Device(String),
    /// A name is one that this program gives to what it has received in part.
    #[error("\"{0}\" looks like a part of a file that is still to come")]
    Part(String),
}

impl SafePath {
    /// Checks a path.
    pub fn new(path: &str) -> Result<Self, PathError> {
        if path.is_empty() {
            return Err(PathError::Empty);
        }
        if path.starts_with('/') {
            return Err(PathError::Absolute);
        }
        if path.len() > MAX_PATH || path.split('/').count() > MAX_DEPTH {
            return Err(PathError::TooLong);
        }
        path.split('/').try_for_each(check_name)?;
        Ok(Self(path.to_owned()))
    }

    /// The names, folders first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }

    /// The last name.
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// The names of the folders that lead to it.
    pub fn folders(&self) -> impl Iterator<Item = &str> {
        let folders = self.0.len() - self.name().len();
        self.0[..folders].split_terminator('/')
    }

    /// The same with another last name, which is not checked: it is made of one that was.
    pub fn with_name(&self, name: &str) -> Self {
        let folders = self.0.len() - self.name().len();
        Self(format!("{}{name}", &self.0[..folders]))
    }

    /// The path as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SafePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn check_name(name: &str) -> Result<(), PathError> {
    let shown = || sanitize::line(name).into_owned();
    match name {
        "" => return Err(PathError::EmptyName),
        "." => return Err(PathError::Dots(".")),
        ".." => return Err(PathError::Dots("..")),
        _ if name.len() > MAX_NAME => return Err(PathError::NameTooLong(name.len())),
        _ => {}
    }
    // A backslash is an ordinary character here, and leads into another folder on Windows.
    if name.contains('\\') || sanitize::line(name) != name {
        return Err(PathError::Character(shown()));
    }
    if is_device(name) {
        return Err(PathError::Device(shown()));
    }
    if naming::is_part(name) {
        return Err(PathError::Part(shown()));
    }
    Ok(())
}

/// Whether Windows takes it for a device: also with an extension, and with spaces and dots behind it
/// ("Naming Files, Paths, and Namespaces" in the documentation of Win32).
fn is_device(name: &str) -> bool {
    const DEVICES: [&str; 6] = ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"];
    let stem = name.split(['.', ':']).next().unwrap_or(name).trim_end_matches(' ');
    let stem = stem.to_ascii_uppercase();
    if DEVICES.contains(&stem.as_str()) {
        return true;
    }
    let Some(number) = stem.strip_prefix("COM").or_else(|| stem.strip_prefix("LPT")) else {
        return false;
    };
    // The superscripts are digits to it, too.
    matches!(number, "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" | "¹" | "²" | "³")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_people_are_kept() {
        for path in [
            "a",
            "报告.tar",
            "照片/2024 年/海 (1).jpg",
            "my file.txt",
            ".profile",
            "...",
            "a..b",
            "console",
            "com10",
            "COM0.txt",
            "2024-01-01T10:00:00.log",
            "x.part",
            "👨‍👩‍👧.png",
            &"y".repeat(MAX_NAME),
        ] {
            assert_eq!(SafePath::new(path).map(|path| path.to_string()), Ok(path.to_owned()));
        }
    }

    #[track_caller]
    fn refused(path: &str) -> String {
        SafePath::new(path).expect_err(path).to_string()
    }

    #[test]
    fn names_that_attack_are_refused() {
        assert_eq!(refused(""), "it is empty");
        assert_eq!(refused("/etc/passwd"), "it begins with /");
        assert_eq!(refused("../../x"), "it has \"..\" in it");
        assert_eq!(refused("a/../../x"), "it has \"..\" in it");
        assert_eq!(refused("a/./b"), "it has \".\" in it");
        assert_eq!(refused("a//b"), "it has an empty name in it");
        assert_eq!(refused("a/"), "it has an empty name in it");
        assert_eq!(refused("a\0b"), "\"a\\u{0}b\" has a character that no name here may have");
        for path in ["\u{1b}]0;x\u{7}", "a\nb", "..\\..\\x", "\u{202e}gpj.exe", "a\u{200b}b"] {
            assert!(refused(path).ends_with("has a character that no name here may have"));
        }
        for name in [
            "CON",
            "con",
            "Nul.txt",
            "aux .c",
            "com1",
            "LPT9.tar.gz",
            "com¹",
            "LPT²",
            "COM³",
            "CON:x",
            "conin$",
            "CONOUT$.txt",
        ] {
            assert!(refused(&format!("a/{name}")).ends_with("is a device on Windows"), "{name}");
        }
        assert_eq!(refused(&"x".repeat(256)), "a name in it has 256 bytes, and 255 is the limit");
        assert!(refused(&"海".repeat(86)).starts_with("a name in it has 258 bytes"));
        assert!(refused(&"a/".repeat(3000)).starts_with("it is longer than"));
        assert!(refused(&format!("{}a", "a/".repeat(MAX_DEPTH))).starts_with("it is longer than"));
        let part = naming::part("a.tar", 5, None, 1);
        assert!(refused(&part).contains("looks like a part"));
    }

    #[test]
    fn max_path_and_max_depth_are_the_last_that_are_taken() {
        // 15 names of 255 bytes, one of one and one of 254.
        let longest =
            format!("{}b/{}", format!("{}/", "a".repeat(255)).repeat(15), "c".repeat(254));
        assert_eq!(longest.len(), MAX_PATH);
        let deepest = vec!["a"; MAX_DEPTH].join("/");
        for path in [&longest, &deepest] {
            assert!(SafePath::new(path).is_ok(), "{path}");
        }
        for path in [format!("{longest}c"), format!("{deepest}/a")] {
            assert_eq!(SafePath::new(&path), Err(PathError::TooLong), "{path}");
        }
    }

    #[test]
    fn a_path_comes_apart_into_folders_and_a_name() {
        let path = SafePath::new("a/b/c.txt").unwrap();
        assert_eq!(path.name(), "c.txt");
        assert_eq!(path.folders().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(path.with_name("d").as_str(), "a/b/d");
        let path = SafePath::new("c.txt").unwrap();
        assert_eq!(path.folders().count(), 0);
        assert_eq!(path.with_name("d").as_str(), "d");
    }
}
