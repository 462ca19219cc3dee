//! What a receiver has asked for, and what the sender has said of it.

/// Paths of files and folders; none is everything.
#[derive(Debug, Default)]
pub(crate) struct AskedFor(Vec<Asked>);

#[derive(Debug)]
struct Asked {
    path: String,
    /// Whether the sender has said anything of it.
    is_answered: bool,
}

impl AskedFor {
    pub(crate) fn new(paths: &[String]) -> Self {
        let asked = |path: &String| Asked { path: path.clone(), is_answered: false };
        Self(paths.iter().map(asked).collect())
    }

    /// The sender has said something of this path. Gives whether it was asked for.
    pub(crate) fn answer(&mut self, path: &str) -> bool {
        let mut was_asked = self.0.is_empty();
        for asked in self.0.iter_mut().filter(|asked| asked.covers(path)) {
            asked.is_answered = true;
            was_asked = true;
        }
        was_asked
    }

    pub(crate) fn unanswered(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter(|asked| !asked.is_answered).map(|asked| asked.path.as_str())
    }
}

impl Asked {
    /// Whether `path` is what was asked for, or is in it.
    fn covers(&self, path: &str) -> bool {
        path.strip_prefix(self.path.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}
