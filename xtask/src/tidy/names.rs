//! The rules about names: crates, demos, and the pages that tell of them.

use serde_json::Value;

use super::Finding;
use super::code::is_word;
use super::files::Tree;
use crate::demo::DEMOS;

const README: &str = "README.md";
const ARCHITECTURE: &str = "ARCHITECTURE.md";

/// The findings about all crates (as `cargo metadata` describes them) and all demos.
pub(super) fn check(packages: &[Value], demos: &[String], tree: &Tree) -> Vec<Finding> {
    let names: Vec<&str> = packages.iter().filter_map(|package| package["name"].as_str()).collect();
    let mut findings = crates_are_told_of(&names, tree);
    findings.extend(xtask_stands_alone(packages, &names));
    findings.extend(demos.iter().flat_map(|demo| demo_is_told_of(demo, tree)));
    let listed = |name: &&str| demos.iter().any(|demo| demo == name);
    let unknown = DEMOS.table.iter().map(|(name, _)| *name).filter(|name| !listed(name));
    let why = "`scenarios list` does not know it";
    findings
        .extend(unknown.map(|name| about("xtask/src/demo.rs", format!("DEMOS names {name}"), why)));
    findings
}

fn crates_are_told_of(names: &[&str], tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let text = tree.get(ARCHITECTURE).map_or("", |file| &file.text);
    for name in names.iter().filter(|name| !text.contains(&format!("`{name}`"))) {
        let why =
            "whoever looks for a thing starts there: say in a paragraph what the crate is for";
        findings.push(about(ARCHITECTURE, format!("no crate `{name}`"), why));
    }
    for file in [README, ARCHITECTURE].iter().filter_map(|path| tree.get(path)) {
        for (index, line) in file.text.lines().enumerate() {
            for rest in line.split("crates/").skip(1) {
                let end = rest.find(|c| !is_word(c) && c != '-').unwrap_or(rest.len());
                let path = format!("crates/{}", &rest[..end]);
                if end > 0 && !tree.has(&path) {
                    let why = "a text that names what is gone misleads";
                    let what = format!("there is no {path}");
                    findings.push(Finding { file: file.path.clone(), line: index + 1, what, why });
                }
            }
        }
    }
    findings
}

fn xtask_stands_alone(packages: &[Value], names: &[&str]) -> Vec<Finding> {
    let xtask = packages.iter().find(|package| package["name"] == "xtask");
    let dependencies = xtask.and_then(|package| package["dependencies"].as_array());
    let of_ours = dependencies
        .into_iter()
        .flatten()
        .filter_map(|dependency| dependency["name"].as_str())
        .filter(|name| names.contains(name));
    let why = "everyone waits for xtask, so it builds none of our crates";
    of_ours.map(|name| about("xtask/Cargo.toml", format!("depends on {name}"), why)).collect()
}

fn demo_is_told_of(demo: &str, tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let page = format!("docs/{demo}.md");
    if tree.get(&page).is_none() {
        findings.push(about(&page, "missing".to_owned(), "every demo has a page of its own"));
    }
    let text = tree.get(README).map_or("", |file| &file.text);
    let names_it = |row: &str| row.split(|c| !is_word(c) && c != '-').any(|word| word == demo);
    if !text.lines().any(|line| line.starts_with('|') && names_it(line)) {
        let why = "the table there is where a reader finds the demos";
        findings.push(about(README, format!("no table row for the demo {demo}"), why));
    }
    if !DEMOS.table.iter().any(|(name, _)| *name == demo) {
        let why = "without a row `cargo xtask demo` builds every program for it";
        findings.push(about("xtask/src/demo.rs", format!("DEMOS has no {demo}"), why));
    }
    findings
}

fn about(file: &str, what: String, why: &'static str) -> Finding {
    Finding { file: file.to_owned(), line: 1, what, why }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const GOOD: &[(&str, &str)] = &[
        (
            README,
            "| demo | shows |\n|---|---|\n| [`backlog`](docs/backlog.md) | a |\n| `disconnect` | b |\n",
        ),
        (ARCHITECTURE, "`crates/proto` is `proto`, and `xtask` runs it.\n"),
        ("crates/proto/Cargo.toml", ""),
        ("docs/backlog.md", ""),
        ("docs/disconnect.md", ""),
    ];

    /// The findings in a tree that is good but for one file.
    #[track_caller]
    fn check(changed: (&str, Option<&str>), dependency: &str, expected: &[&str]) {
        let kept = GOOD.iter().copied().filter(|(path, _)| *path != changed.0);
        let files: Vec<_> = kept.chain(changed.1.map(|text| (changed.0, text))).collect();
        let packages = [
            json!({"name": "proto", "dependencies": [{"name": "serde"}]}),
            json!({"name": "xtask", "dependencies": [{"name": dependency}]}),
        ];
        let demos = ["backlog".to_owned(), "disconnect".to_owned()];
        let findings = super::check(&packages, &demos, &Tree::of(&files));
        let found: Vec<_> = findings.iter().map(|f| f.what.as_str()).collect();
        assert_eq!(found, expected, "{changed:?} {dependency}");
    }

    #[test]
    fn crates_and_demos_are_told_of() {
        let none = ("none", None);
        check(none, "clap", &[]);
        check(none, "proto", &["depends on proto"]);
        check(("docs/backlog.md", None), "clap", &["missing"]);
        check((ARCHITECTURE, Some("`xtask`")), "clap", &["no crate `proto`"]);
        check(
            (ARCHITECTURE, Some("`xtask` `proto` crates/gone")),
            "clap",
            &["there is no crates/gone"],
        );
        let no_rows: &[_] =
            &["no table row for the demo backlog", "no table row for the demo disconnect"];
        check((README, Some("`backlog` and `disconnect`, but no table")), "clap", no_rows);
    }
}
