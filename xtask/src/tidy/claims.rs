//! The rule about the claims: the README says of them what the recorded run says, of every demo.

use super::Finding;
use super::files::Tree;
use crate::docs::{README, RECORD, Record, placed};

const WHY: &str = "verdicts come from a run: `cargo xtask docs` writes the table, `--record` plays the demos first";

/// The findings about the record of a run, and about the table that is made of it.
pub(super) fn check(demos: &[String], tree: &Tree) -> Vec<Finding> {
    let about =
        |file: &str, what: String| Finding { file: file.to_owned(), line: 1, what, why: WHY };
    let text = |path: &str| tree.get(path).map_or("", |file| file.text.as_str());
    let record = match Record::read(text(RECORD)) {
        Ok(record) => record,
        Err(error) => return vec![about(RECORD, error.to_string())],
    };
    let missing = demos.iter().filter(|demo| !record.has(demo));
    let mut findings: Vec<Finding> =
        missing.map(|demo| about(RECORD, format!("no run of the demo {demo}"))).collect();
    let gone = record.names().filter(|name| !demos.iter().any(|demo| demo == name));
    findings.extend(gone.map(|name| about(RECORD, format!("there is no demo {name}"))));
    match placed(text(README), &record) {
        Ok(written) if written == text(README) => {}
        Ok(_) => findings.push(about(README, "the table of claims is not the record's".to_owned())),
        Err(error) => findings.push(about(README, error.to_string())),
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO_TABLE: &str = "<!-- The claims: written by `cargo xtask docs`, not by hand. -->\n\
                            <!-- The end of the claims. -->\n";

    #[track_caller]
    fn check(demos: &[&str], readme: &str, record: &str, expected: &[&str]) {
        let demos: Vec<String> = demos.iter().map(|&demo| demo.to_owned()).collect();
        let found = super::check(&demos, &Tree::of(&[(README, readme), (RECORD, record)]));
        let found: Vec<&str> = found.iter().map(|finding| finding.what.as_str()).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn the_readme_and_the_record_are_of_the_same_demos() {
        let record = r#"{"kernel":"Linux 6.18","demos":[{"demo":"one","checks":2,"claims":[]}]}"#;
        let readme = placed(NO_TABLE, &Record::read(record).unwrap()).unwrap();
        check(&["one"], &readme, record, &[]);
        check(&["one", "two"], &readme, record, &["no run of the demo two"]);
        check(&[], &readme, record, &["there is no demo one"]);
        check(&["one"], NO_TABLE, record, &["the table of claims is not the record's"]);
        let newer = record.replace("6.18", "6.19");
        check(&["one"], &readme, &newer, &["the table of claims is not the record's"]);
        let no_record =
            "cannot use docs/verdicts.json: EOF while parsing a value at line 1 column 0";
        check(&["one"], &readme, "", &[no_record]);
    }
}
