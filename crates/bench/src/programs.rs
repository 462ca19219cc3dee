//! Which programs that are not ours are on this machine, and how a missing one is installed.

use std::env;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::session::Peer;

/// A program beside which ours is measured, if it is there.
#[derive(Debug)]
pub struct Program {
    /// As the rows name it, and as it is called.
    pub name: &'static str,
    install: &'static str,
    /// Where it is, and its version.
    found: Option<(PathBuf, String)>,
}

impl Program {
    /// Looks for `name`, which `install` would bring. Its version is the word behind `before` in what it
    /// says when it is called with `ask`.
    pub fn look(name: &'static str, install: &'static str, ask: &str, before: &str) -> Self {
        let found = find(name).map(|path| {
            let version = version_of(&path, ask, before);
            (path, version)
        });
        Self { name, install, found }
    }

    /// Where it is.
    pub fn path(&self) -> Option<&Path> {
        self.found.as_ref().map(|(path, _)| path.as_path())
    }

    /// How a run names it.
    pub fn peer(&self) -> Peer {
        Peer {
            name: self.name,
            version: self.found.as_ref().map_or(String::new(), |(_, version)| version.clone()),
            install: self.found.is_none().then(|| self.install.to_owned()),
        }
    }

    /// Why a row beside it is not measured.
    pub fn why_not(&self) -> String {
        format!("not found: {} ({})", self.name, self.install)
    }
}

/// A port of the loopback address that nobody had a moment ago, for programs that take none for "any".
pub fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// A program in the usual folders, also in those that only the superuser's path has.
fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let more = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    env::split_paths(&path).chain(more).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// Some programs tell their version as a result, others as an error.
fn version_of(program: &Path, ask: &str, before: &str) -> String {
    let word = Command::new(program).arg(ask).output().ok().and_then(|output| {
        let told = [output.stdout, output.stderr].concat();
        let told = String::from_utf8_lossy(&told);
        let (_, version) = told.split_once(before)?;
        version.split_whitespace().next().map(str::to_owned)
    });
    word.unwrap_or_else(|| "of unknown version".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_missing_is_named_with_the_way_to_install_it() {
        let program = Program::look("no-such-program", "get it", "-v", "v");
        assert_eq!(program.path(), None);
        assert_eq!(program.why_not(), "not found: no-such-program (get it)");
        assert_eq!(program.peer().install.as_deref(), Some("get it"));
    }

    #[test]
    fn a_program_that_is_there_tells_its_version() {
        let program = Program::look("env", "coreutils", "--version", "env ");
        assert!(program.path().is_some_and(|path| path.ends_with("env")));
        assert!(program.peer().version.starts_with('('), "{:?}", program.peer());
    }
}
