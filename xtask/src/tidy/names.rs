//! The rules about names: crates, demos, and the pages that tell of them.

use serde_json::Value;

use super::Finding;
use super::code::is_word;
use super::files::Tree;
use crate::docs;
use crate::needs::Needs;

const README: &str = "README.md";
const INDEX: &str = "docs/scenarios/README.md";
const ARCHITECTURE: &str = "ARCHITECTURE.md";

/// The findings about all crates (as `cargo metadata` describes them) and all demos (as `scenarios`
/// lists them, and what `cargo xtask demo` builds for them).
pub(super) fn check(
    packages: &[Value],
    demos: &[String],
    needs: &Needs,
    tree: &Tree,
) -> Vec<Finding> {
    let names: Vec<&str> = packages.iter().filter_map(|package| package["name"].as_str()).collect();
    let mut findings = crates_are_told_of(&names, tree);
    findings.extend(xtask_stands_alone(packages, &names));
    findings.extend(demos.iter().flat_map(|demo| demo_is_told_of(demo, needs, tree)));
    let listed = |name: &&str| demos.iter().any(|demo| demo == name);
    let unknown = needs.table.iter().map(|(name, _)| *name).filter(|name| !listed(name));
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

fn demo_is_told_of(demo: &str, needs: &Needs, tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let page = format!("docs/scenarios/{demo}.md");
    if tree.get(&page).is_none() {
        findings.push(about(&page, "missing".to_owned(), "every demo has a page of its own"));
    }
    let index = tree.get(INDEX).map_or("", |file| file.text.as_str());
    if !index.contains(&format!("({demo}.md)")) {
        let why = "it has the pages in the order of learning";
        findings.push(about(INDEX, format!("no link to {demo}.md"), why));
    }
    // The claims name the demos too, and are no list of them.
    let text = docs::without(tree.get(README).map_or("", |file| &file.text));
    let names_it = |row: &str| row.split(|c| !is_word(c) && c != '-').any(|word| word == demo);
    if !text.lines().any(|line| line.starts_with('|') && names_it(line)) {
        let why = "the table there is where a reader finds the demos";
        findings.push(about(README, format!("no table row for the demo {demo}"), why));
    }
    if !needs.table.iter().any(|(name, _)| *name == demo) {
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
            "| demo | shows |\n|---|---|\n| [`backlog`](docs/scenarios/backlog.md) | a |\n| `disconnect` | b |\n",
        ),
        (ARCHITECTURE, "`crates/proto` is `proto`, and `xtask` runs it.\n"),
        ("crates/proto/Cargo.toml", ""),
        (INDEX, "[a](backlog.md) [b](disconnect.md)\n"),
        ("docs/scenarios/backlog.md", ""),
        ("docs/scenarios/disconnect.md", ""),
    ];

    const NEEDS: Needs =
        Needs { runner: "scenarios", table: &[("backlog", &[]), ("disconnect", &[])] };

    /// What can be wrong with the good tree.
    #[derive(Clone, Copy, Debug)]
    enum But {
        Nothing,
        /// The file holds this instead, or is not there.
        File(&'static str, Option<&'static str>),
        XtaskDependsOn(&'static str),
        DemosAre(&'static [&'static str]),
    }

    #[track_caller]
    fn check(but: But, expected: &[&str]) {
        let mut files = GOOD.to_vec();
        let (mut dependency, mut demos) = ("clap", &["backlog", "disconnect"] as &[_]);
        match but {
            But::Nothing => {}
            But::File(path, text) => {
                files.retain(|(kept, _)| *kept != path);
                files.extend(text.map(|text| (path, text)));
            }
            But::XtaskDependsOn(name) => dependency = name,
            But::DemosAre(names) => demos = names,
        }
        let packages = [
            json!({"name": "proto", "dependencies": [{"name": "serde"}]}),
            json!({"name": "xtask", "dependencies": [{"name": dependency}]}),
        ];
        let demos: Vec<String> = demos.iter().map(|&name| name.to_owned()).collect();
        let findings = super::check(&packages, &demos, &NEEDS, &Tree::of(&files));
        let found: Vec<_> = findings.iter().map(|finding| finding.what.as_str()).collect();
        assert_eq!(found, expected, "{but:?}");
    }

    #[test]
    fn crates_are_told_of() {
        check(But::Nothing, &[]);
        check(But::File(ARCHITECTURE, Some("`xtask`")), &["no crate `proto`"]);
        let gone = But::File(ARCHITECTURE, Some("`xtask` `proto` crates/gone"));
        check(gone, &["there is no crates/gone"]);
        check(But::XtaskDependsOn("proto"), &["depends on proto"]);
    }

    #[test]
    fn demos_are_told_of() {
        check(But::File("docs/scenarios/backlog.md", None), &["missing"]);
        let no_table = But::File(README, Some("`backlog` and `disconnect`, but no table"));
        let no_rows = ["no table row for the demo backlog", "no table row for the demo disconnect"];
        check(no_table, &no_rows);
        check(But::DemosAre(&["backlog"]), &["DEMOS names disconnect"]);
        check(But::File(INDEX, Some("[a](backlog.md)")), &["no link to disconnect.md"]);
        let new =
            ["missing", "no link to new.md", "no table row for the demo new", "DEMOS has no new"];
        check(But::DemosAre(&["backlog", "disconnect", "new"]), &new);
    }
}
