//! Which pages are written, and where?

use std::path::PathBuf;
use std::sync::Arc;

use cli::Failure;
use scenarios::findings::Tally;
use scenarios::html::{Entry, Language, Run, index, page};
use scenarios::side_by_side::short;

use crate::options::RunArgs;
use crate::written::{Names, write_file};

/// The list of the pages.
const INDEX: &str = "index.html";

/// The pages of a run.
pub(crate) struct Pages {
    place: Place,
    language: Language,
    /// Those that are written.
    entries: Vec<Entry>,
}

enum Place {
    File(PathBuf),
    /// With the names that are given in it.
    Folder(PathBuf, Names),
}

impl Pages {
    /// Where so many demos are played, each time counted; nothing where no page was asked for.
    pub(crate) fn new(args: &Arc<RunArgs>, planned: usize) -> Option<Self> {
        let path = args.html.clone()?;
        let place = if planned == 1 && !path.is_dir() {
            Place::File(path)
        } else {
            Place::Folder(path, Names::without([INDEX]))
        };
        Some(Self { place, language: args.language(), entries: Vec::new() })
    }

    /// Writes the page of a demo, and in a folder the list of all that are there; says where the page is.
    pub(crate) fn write(&mut self, run: &Run<'_>) -> Result<PathBuf, Failure> {
        let content = page(run, self.language);
        let (folder, names) = match &mut self.place {
            Place::File(path) => {
                write_file(path, content.as_bytes())?;
                return Ok(path.clone());
            }
            Place::Folder(folder, names) => (folder, names),
        };
        let variant = run.variant.map(|variant| format!("-{}", short(variant)));
        let words = format!("{}{}", run.set_up.demo, variant.unwrap_or_default());
        let file = names.give(&words, "html");
        let path = folder.join(&file);
        write_file(&path, content.as_bytes())?;
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
        let list = index(&self.entries, self.language);
        write_file(&folder.join(INDEX), list.as_bytes())?;
        Ok(path)
    }
}
