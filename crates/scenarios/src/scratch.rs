//! Where are the files of a story, and who removes them?

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::{env, process};

use crate::stage::Trouble;

/// The folders that there are. A signal ends the process without a word to any story, so what is to be
/// removed then must be known to all.
static FOLDERS: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// A folder of a story's own. Dropping it removes it, with what is in it.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// Makes a folder that there was not, with a short name: that of a Unix socket has 107 bytes.
    pub fn new() -> Result<Self, Trouble> {
        // Every lab has a process of the same number: in its PID namespace it is the first.
        for number in 0_u32.. {
            let name = format!("sockeye-{}-{number}", process::id());
            let path = env::temp_dir().join(name);
            match fs::create_dir(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                made => {
                    let what = format!("make the folder {}", path.display());
                    made.map_err(Trouble::io(what))?;
                    folders().push(path.clone());
                    return Ok(Self(path));
                }
            }
        }
        unreachable!("there are not as many folders as numbers")
    }

    /// The path of a file in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        folders().retain(|folder| *folder != self.0);
        remove(&self.0);
    }
}

/// Removes every folder that there still is, at the end of the process.
pub fn remove_all() {
    for folder in folders().drain(..) {
        remove(&folder);
    }
}

fn remove(folder: &Path) {
    // Where it cannot be removed there is nobody to tell, and nothing of value in it.
    let _ = fs::remove_dir_all(folder);
}

fn folders() -> MutexGuard<'static, Vec<PathBuf>> {
    FOLDERS.lock().unwrap_or_else(PoisonError::into_inner)
}
