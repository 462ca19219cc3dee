//! The table of claims, and its place in the README.

use std::fmt::Write as _;

use super::record::{PATH, Record};
use crate::error::Error;

/// The file that has the table.
pub(crate) const README: &str = "README.md";

const BEGIN: &str = "<!-- The claims: written by `cargo xtask docs`, not by hand. -->\n";
const END: &str = "<!-- The end of the claims. -->\n";

/// The text with the table of this record in place of the one that it has.
pub(crate) fn placed(text: &str, record: &Record) -> Result<String, Error> {
    let (before, after) = around(text).ok_or_else(|| Error::Content {
        file: README,
        why: format!("it has no place for the table: {} and {}", BEGIN.trim(), END.trim()),
    })?;
    Ok(format!("{before}{BEGIN}{}{END}{after}", table(record)))
}

/// The text without the table.
pub(crate) fn without(text: &str) -> String {
    around(text).map_or_else(|| text.to_owned(), |(before, after)| format!("{before}{after}"))
}

fn around(text: &str) -> Option<(&str, &str)> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some((before, after))
}

/// By the letters of the claims; of one that two demos judge, in the order of the demos.
fn table(record: &Record) -> String {
    let mut claims: Vec<_> = record.all_claims().collect();
    claims.sort_by_key(|claim| claim.id);
    let mut out =
        format!("\n| | people say | on {} | shown by |\n|---|---|---|---|\n", record.kernel);
    for claim in claims {
        let says = claim.says.replace('|', "\\|");
        let page = format!("[`{0}`](docs/scenarios/{0}.md)", claim.demo);
        let _ = writeln!(out, "| {} | {says} | {} | {page} |", claim.id, claim.verdict);
    }
    let _ = writeln!(
        out,
        "\nWhat is so instead of each claim, and which checks measured it, is in [{PATH}]({PATH}).\n"
    );
    out
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::RUN;
    use super::*;

    #[test]
    fn the_table_stands_between_its_marks_and_is_sorted_by_claim() {
        let record = Record::of_run(RUN).unwrap();
        let text = format!("# A\n{BEGIN}| old |\n{END}# B\n");
        let written = placed(&text, &record).unwrap();
        let expected = format!(
            "# A
{BEGIN}
| | people say | on Linux 6.18.44 | shown by |
|---|---|---|---|
| a | five wait | refuted | [`backlog`](docs/scenarios/backlog.md) |
| f | the pool \\| defends | partly | [`backlog`](docs/scenarios/backlog.md) |
| h | two processes | refuted | [`chat`](docs/scenarios/chat.md) |

What is so instead of each claim, and which checks measured it, is in [{PATH}]({PATH}).

{END}# B
"
        );
        assert_eq!(written, expected);
        assert_eq!(placed(&written, &record).unwrap(), written);
        assert_eq!(without(&written), "# A\n# B\n");
        assert!(placed("# A\n", &record).is_err());
        assert_eq!(without("# A\n"), "# A\n");
    }
}
