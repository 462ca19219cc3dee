//! The rule about Markdown files: a link inside the project leads somewhere.

use std::path::Path;

use super::Finding;
use super::files::{File, Tree};

/// The findings in one file.
pub(super) fn check(file: &File, tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (line, text) in prose(&file.text) {
        for target in targets(&without_code(text)) {
            if let Some(what) = broken(target, file, tree) {
                let why = "a reader who follows it finds nothing";
                findings.push(Finding { file: file.path.clone(), line, what, why });
            }
        }
    }
    findings
}

/// The numbered lines that are not in a fenced block.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let is_fence = line.trim_start().starts_with("```");
        fenced ^= is_fence;
        (!fenced && !is_fence).then_some((index + 1, line))
    })
}

/// The line without what stands between backticks.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join("`")
}

/// Where the links of a line lead: `[text](target "title")`, and `[name]: target` on a line of its own.
fn targets(line: &str) -> Vec<&str> {
    let inline = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let defined = line.starts_with('[').then(|| line.split_once("]: ")).flatten();
    inline
        .chain(defined.map(|(_, target)| target))
        .filter_map(|target| target.split_whitespace().next())
        .collect()
}

/// What is wrong with a target, if it is one inside the project.
fn broken(target: &str, file: &File, tree: &Tree) -> Option<String> {
    let target = target.trim_start_matches('<').trim_end_matches('>');
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (path, heading) = target.split_once('#').unwrap_or((target, ""));
    let path = if path.is_empty() { file.path.clone() } else { resolve(&file.path, path)? };
    if !tree.has(&path) && !path.is_empty() {
        return Some(format!("link to {target}: there is no {path}"));
    }
    let linked = tree.get(&path).filter(|_| !heading.is_empty() && is_markdown(&path))?;
    let has_heading = slugs(&linked.text).any(|slug| slug == heading);
    (!has_heading).then(|| format!("link to {target}: {path} has no such heading"))
}

fn is_markdown(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|extension| extension == "md")
}

/// The path from the root of what `from` links to; none if it lies outside the project.
fn resolve(from: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> =
        if target.starts_with('/') { vec![] } else { from.split('/').collect() };
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The names by which the headings of a text can be linked to, in the way of code hosts.
fn slugs(text: &str) -> impl Iterator<Item = String> {
    let headings = prose(text).filter(|(_, line)| line.starts_with('#'));
    headings.map(|(_, line)| {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_somewhere() {
        for (text, expected) in [
            ("[a](docs/a.md)", None),
            ("[a](docs)", None),
            ("![a](docs/a.md \"title\")", None),
            ("[a](https://example.com/none.md)", None),
            ("[a](#the-top-of-it)", None),
            ("[a](docs/a.md#what-it-is)", None),
            ("[a](../outside.md)", None),
            ("`[a](none.md)`", None),
            ("```\n[a](none.md)\n```", None),
            ("[a](none.md)", Some("link to none.md: there is no none.md")),
            ("[a]: docs/none.md", Some("link to docs/none.md: there is no docs/none.md")),
            ("[a](#none)", Some("link to #none: README.md has no such heading")),
            ("[a](docs/a.md#none)", Some("link to docs/a.md#none: docs/a.md has no such heading")),
        ] {
            let readme = format!("# The `top`, of it\n{text}\n");
            let tree = Tree::of(&[
                ("README.md", &readme),
                ("docs/a.md", "## What it is\n[b](../README.md)\n"),
            ]);
            let findings: Vec<_> = tree
                .ending_with(".md")
                .flat_map(|file| check(file, &tree))
                .map(|f| f.what)
                .collect();
            assert_eq!(findings.first().map(String::as_str), expected, "{text}");
        }
    }
}
