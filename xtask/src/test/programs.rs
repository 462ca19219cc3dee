//! The programs under test: built by this run, and lying where everybody can reach them.

use std::cell::OnceCell;
use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process;
use std::time::Duration;

use super::Miss;
use crate::cargo;
use crate::demo::DEMOS;
use crate::error::Error;

/// The build that makes the programs and the tests. The tests' own dependencies ask for more features of
/// what both are made of; in one build all is compiled once, and `cargo test` finds it fresh.
const WITH_TESTS: &[&str] = &["--workspace", "--all-targets"];

/// How the directories of copies are called, in the system's directory for temporary files.
const PREFIX: &str = "sockeye-programs-";

/// When a directory that was left behind by a killed run goes: no test run takes that long.
const LEFT_BEHIND: Duration = Duration::from_secs(24 * 60 * 60);

/// The programs under test, made when they are first asked for.
#[derive(Debug)]
pub(super) struct Programs {
    with_tests: bool,
    copies: OnceCell<Result<Copies, String>>,
}

impl Programs {
    /// `with_tests` says whether this run needs the tests as well as the programs.
    pub(super) fn new(with_tests: bool) -> Self {
        Self { with_tests, copies: OnceCell::new() }
    }

    /// The directory that holds them.
    pub(super) fn directory(&self) -> Result<&Path, Miss> {
        match self.copies.get_or_init(|| self.make().map_err(|error| error.to_string())) {
            Ok(copies) => Ok(&copies.0),
            Err(why) => Err(Miss::Failed(why.clone())),
        }
    }

    fn make(&self) -> Result<Copies, Error> {
        let alone = DEMOS.all_packages();
        let packages = if self.with_tests { WITH_TESTS } else { &alone };
        Copies::of(&cargo::build(&[packages, &["--locked"]].concat())?)
    }
}

/// A directory of copies, removed with the value.
///
/// The target directory will not do: it may lie in a home that only its owner may enter, and the demos
/// run as a user who owns nothing.
#[derive(Debug)]
struct Copies(PathBuf);

impl Copies {
    fn of(built: &cargo::Built) -> Result<Self, Error> {
        let directory = env::temp_dir().join(format!("{PREFIX}{}", process::id()));
        let failed = |source| Error::File {
            doing: format!("copy the programs to {}", directory.display()),
            source,
        };
        remove_left_behind();
        // Fails if anything of that name is there, a link of somebody else's among it.
        fs::create_dir(&directory).map_err(failed)?;
        let copies = Self(directory.clone());
        open_to_everybody(&directory).map_err(failed)?;
        for (_, program) in built.iter() {
            let copy = directory.join(program.file_name().expect("a program has a name"));
            fs::copy(program, &copy).map_err(failed)?;
            open_to_everybody(&copy).map_err(failed)?;
        }
        Ok(copies)
    }
}

impl Drop for Copies {
    fn drop(&mut self) {
        // A leftover is removed by a later run.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn remove_left_behind() {
    let Ok(entries) = fs::read_dir(env::temp_dir()) else { return };
    for entry in entries.flatten() {
        let ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
        let age = || entry.metadata().ok()?.modified().ok()?.elapsed().ok();
        if ours && age().is_some_and(|age| age > LEFT_BEHIND) {
            // Another user's stays: that user's next run removes it.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(unix)]
fn open_to_everybody(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;

    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn open_to_everybody(_path: &Path) -> io::Result<()> {
    Ok(())
}
