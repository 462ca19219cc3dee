//! How a table gets into a document: between two markers, and nothing else is touched.

use std::fs;
use std::io;
use std::path::Path;

use cli::{Exit, Failure};

use crate::report::Report;

/// Replaces what stands between the markers of the report's bench in the document at `path`.
///
/// The markers are comments in Markdown: `<!-- bench:NAME -->` and `<!-- end of bench:NAME -->`.
pub fn update(path: &Path, report: &Report) -> Result<(), Failure> {
    let failed = |error: &io::Error| {
        Failure::from_io(Exit::Failed, &format!("cannot update {}", path.display()), error)
    };
    let document = fs::read_to_string(path).map_err(|error| failed(&error))?;
    let updated = replace(&document, report.bench, &report.markdown()).ok_or_else(|| {
        let (begin, end) = markers(report.bench);
        let message = format!("{} has no place for the table of {}", path.display(), report.bench);
        Failure::new(Exit::Usage, "no_markers", message)
            .hint(format!("put these two lines where it belongs: {begin} and {end}"))
    })?;
    fs::write(path, updated).map_err(|error| failed(&error))
}

fn markers(bench: &str) -> (String, String) {
    (format!("<!-- bench:{bench} -->"), format!("<!-- end of bench:{bench} -->"))
}

/// `document` with `table` between the markers of `bench`; `None` where they are not there in order.
fn replace(document: &str, bench: &str, table: &str) -> Option<String> {
    let (begin, end) = markers(bench);
    let (before, rest) = document.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}\n\n{table}\n{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_markers_changes() {
        let document = "# Title\n<!-- bench:a -->\nold\n<!-- end of bench:a -->\n\
                        <!-- bench:b -->\n<!-- end of bench:b -->\nend\n";
        let updated = replace(document, "a", "| new |\n").unwrap();
        assert_eq!(
            updated,
            "# Title\n<!-- bench:a -->\n\n| new |\n\n<!-- end of bench:a -->\n\
             <!-- bench:b -->\n<!-- end of bench:b -->\nend\n"
        );
        assert_eq!(replace(&updated, "a", "| new |\n"), Some(updated.clone()));
    }

    #[test]
    fn a_document_without_the_markers_is_left_alone() {
        for document in ["", "<!-- bench:a -->", "<!-- end of bench:a --><!-- bench:a -->"] {
            assert_eq!(replace(document, "a", "table"), None, "{document:?}");
        }
    }
}
