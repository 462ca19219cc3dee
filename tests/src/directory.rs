//! Where does a test put its files?

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, process};

/// A folder of the test's own, which is removed with what is in it when this is dropped.
///
/// Its path is short: that of a Unix socket has 107 bytes.
#[derive(Debug)]
pub struct Directory(PathBuf);

impl Directory {
    /// A new one, which is empty.
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("sockeye-test-{}-{number}", process::id()));
        // One of an earlier run whose process had the same number.
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The same as an argument of a program.
    pub fn text(&self) -> &str {
        self.0.to_str().unwrap()
    }

    /// The path of something in it.
    pub fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join(name)
    }
}

impl Default for Directory {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
