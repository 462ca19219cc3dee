//! The files that the rules are about.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::error::Error;

/// All text files of the project, by their path from the root.
#[derive(Debug, Default)]
pub(super) struct Tree(BTreeMap<String, File>);

/// A file and what is in it.
#[derive(Debug)]
pub(super) struct File {
    /// The path from the root, with `/` between its parts.
    pub(super) path: String,
    pub(super) text: String,
}

impl Tree {
    /// Reads the tree, whether or not git knows the files: a rule holds before a commit, too.
    pub(super) fn read(root: &Path) -> Result<Self, Error> {
        let mut tree = Self::default();
        tree.enter(root, "")?;
        Ok(tree)
    }

    fn enter(&mut self, directory: &Path, prefix: &str) -> Result<(), Error> {
        // cargo marks each target directory so, wherever it is and whatever it is called.
        if directory.join("CACHEDIR.TAG").exists() {
            return Ok(());
        }
        let failed =
            |source| Error::File { doing: format!("read {}", directory.display()), source };
        for entry in fs::read_dir(directory).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = format!("{prefix}{name}");
            let kind = entry.file_type().map_err(failed)?;
            if kind.is_dir() && name != ".git" {
                self.enter(&entry.path(), &format!("{path}/"))?;
            } else if kind.is_file() {
                // A file that is no text, such as a picture, is still one that a link may name.
                let text = fs::read_to_string(entry.path()).unwrap_or_default();
                self.0.insert(path.clone(), File { path, text });
            }
        }
        Ok(())
    }

    /// A tree of these files, for tests.
    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let file = |(path, text): &(&str, &str)| {
            ((*path).to_owned(), File { path: (*path).to_owned(), text: (*text).to_owned() })
        };
        Self(files.iter().map(file).collect())
    }

    pub(super) fn get(&self, path: &str) -> Option<&File> {
        self.0.get(path)
    }

    /// Whether there is a file or a directory of this path.
    pub(super) fn has(&self, path: &str) -> bool {
        let inside = format!("{path}/");
        self.0.contains_key(path)
            || self
                .0
                .range(inside.clone()..)
                .next()
                .is_some_and(|(next, _)| next.starts_with(&inside))
    }

    pub(super) fn ending_with(&self, end: &str) -> impl Iterator<Item = &File> {
        self.0.values().filter(move |file| file.path.ends_with(end))
    }
}
