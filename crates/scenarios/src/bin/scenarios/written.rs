//! Under which name is a file of the report written, and what if that fails?

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process;

use cli::{Exit, Failure};

/// Names of files that are not given twice.
#[derive(Default)]
pub(crate) struct Names(BTreeSet<String>);

impl Names {
    /// Names, of which these are given already.
    pub(crate) fn without<const N: usize>(taken: [&str; N]) -> Self {
        Self(taken.map(str::to_owned).into())
    }

    /// A name for such words; with a number where somebody has it. It means the same in a folder and in a
    /// link, whatever the words are.
    pub(crate) fn give(&mut self, words: &str, ending: &str) -> String {
        let plain = |c: char| if c.is_alphanumeric() || "-_=.".contains(c) { c } else { '_' };
        let words: String = words.chars().map(plain).collect();
        let mut numbers = 2..;
        let mut name = format!("{words}.{ending}");
        while !self.0.insert(name.clone()) {
            name = format!("{words}-{}.{ending}", numbers.next().unwrap_or(u32::MAX));
        }
        name
    }
}

/// Writes a file, and makes the folder that it is in.
///
/// It is written beside its place first, so that what was there before stays where the disk is full: a part of a
/// report would be taken for all of it.
pub(crate) fn write_file(path: &Path, content: &[u8]) -> Result<(), Failure> {
    let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
    folder.and_then(|()| put(path, content)).map_err(|error| {
        Failure::from_io(Exit::Failed, &format!("cannot write {}", path.display()), &error)
    })
}

fn put(path: &Path, content: &[u8]) -> io::Result<()> {
    // What a link leads to is written, and the link stays.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if fs::metadata(&path).is_ok_and(|there| !there.is_file()) {
        // A pipe, or /dev/null.
        return fs::write(&path, content);
    }
    let beside = beside(&path);
    let written = match fs::write(&beside, content) {
        // A file that may be written in a folder that may not.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            return fs::write(&path, content);
        }
        written => written.and_then(|()| fs::rename(&beside, &path)),
    };
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written
}

/// A name that nobody else has, in the same folder.
fn beside(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.part", process::id()));
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_given_twice_or_leads_elsewhere() {
        let mut names = Names::without(["index.html"]);
        let given = ["silence", "silence", "silence", "index", "a#b?c d/e", "a=1", "../x"];
        let given = given.map(|words| names.give(words, "html"));
        let expected = [
            "silence.html",
            "silence-2.html",
            "silence-3.html",
            "index-2.html",
            "a_b_c_d_e.html",
            "a=1.html",
            ".._x.html",
        ];
        assert_eq!(given, expected);
    }
}
