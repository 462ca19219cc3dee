//! Which pages are written, and where?

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cli::{Exit, Failure};
use scenarios::findings::Tally;
use scenarios::html::{Entry, Language, Run, index, page};
use scenarios::side_by_side::short;

use crate::options::RunArgs;

/// The pages of a run.
pub(crate) struct Pages {
    place: Place,
    language: Language,
    /// Those that are written.
    entries: Vec<Entry>,
}

enum Place {
    File(PathBuf),
    Folder(PathBuf),
}

impl Pages {
    /// Where so many demos are played, each time counted; nothing where no page was asked for.
    pub(crate) fn new(args: &Arc<RunArgs>, planned: usize) -> Option<Self> {
        let path = args.html.clone()?;
        let place =
            if planned == 1 && !path.is_dir() { Place::File(path) } else { Place::Folder(path) };
        Some(Self { place, language: args.language(), entries: Vec::new() })
    }

    /// Writes the page of a demo, and in a folder the list of all that are there; says where the page is.
    pub(crate) fn write(&mut self, run: &Run<'_>) -> Result<PathBuf, Failure> {
        let content = page(run, self.language);
        let folder = match &self.place {
            Place::File(path) => {
                if let Some(folder) = path.parent() {
                    make(folder)?;
                }
                write(path, &content)?;
                return Ok(path.clone());
            }
            Place::Folder(folder) => folder,
        };
        let variant = run.variant.map(|variant| format!("-{}", short(variant)));
        let file = format!("{}{}.html", run.set_up.demo, variant.unwrap_or_default());
        let file = file.replace([' ', '/'], "_");
        make(folder)?;
        let path = folder.join(&file);
        write(&path, &content)?;
        let mut tally = Tally::default();
        run.stories.iter().for_each(|story| tally.add(story));
        self.entries.push(Entry {
            file,
            demo: run.set_up.demo.clone(),
            variant: run.variant.map(str::to_owned),
            question: run.set_up.question.clone(),
            tally,
            claims: run.claims.iter().map(|claim| (claim.says.clone(), claim.verdict)).collect(),
        });
        // After each demo: a run that is ended early has a list of what there is.
        write(&folder.join("index.html"), &index(&self.entries, self.language))?;
        Ok(path)
    }
}

fn make(folder: &Path) -> Result<(), Failure> {
    fs::create_dir_all(folder).map_err(|error| not_written(folder, &error))
}

fn write(path: &Path, content: &str) -> Result<(), Failure> {
    fs::write(path, content).map_err(|error| not_written(path, &error))
}

fn not_written(path: &Path, error: &io::Error) -> Failure {
    Failure::from_io(Exit::Failed, &format!("cannot write {}", path.display()), error)
}
