//! The rules about Rust files.

use super::Finding;
use super::code::{code_only, is_word};
use super::files::{File, Tree};

/// How many lines a file may have without its tests.
const LONG: usize = 400;

/// Files that may be longer, each with the reason that a reader would accept.
const MAY_BE_LONG: &[(&str, &str)] = &[];

/// Where the kernel is spoken to, and so the one place for `unsafe`.
const UNSAFE_ALLOWED: &str = "crates/netlab/";

/// Where tests run programs of which nothing but the clock tells.
const SLEEP_ALLOWED: &[&str] = &["crates/netlab/", "crates/scenarios/"];

/// The findings in one file.
pub(super) fn check(file: &File) -> Vec<Finding> {
    let code = code_only(&file.text);
    // Files of tests are none of their own.
    let is_test_file = file.path.split('/').any(|part| part == "tests" || part == "benches");
    let own_lines = if is_test_file { 0 } else { lines_before_tests(&code) };
    let is_long = own_lines > LONG && !MAY_BE_LONG.iter().any(|(path, _)| *path == file.path);
    let long = is_long.then(|| Finding {
        file: file.path.clone(),
        line: LONG + 1,
        what: format!("{own_lines} lines without tests, more than {LONG}"),
        why: "split it by the questions it answers, or list it with a reason in xtask/src/tidy/rust.rs",
    });
    let mut findings: Vec<Finding> = long.into_iter().collect();
    for (index, line) in code.lines().enumerate() {
        let mut find = |what: &str, why| {
            let (file, what) = (file.path.clone(), what.to_owned());
            findings.push(Finding { file, line: index + 1, what, why });
        };
        if has_word(line, "unsafe") && !file.path.starts_with(UNSAFE_ALLOWED) {
            find("unsafe", "only netlab speaks to the kernel where no safe wrapper exists");
        }
        if line.replace(' ', "").contains("#[ignore") {
            find("#[ignore]", "a test that does not run proves nothing: mend it or remove it");
        }
        if has_word(line, "should_panic") {
            find("should_panic", "it passes on any panic: check the error or the message");
        }
        if index >= own_lines && has_call(line, "sleep") && !may_sleep(file, &code, index) {
            let why = "wait for what is to happen; where the time itself plays a part, say which in a \
                       comment on the line";
            find("sleep in a test", why);
        }
    }
    findings
}

/// Whether a test may sleep in this line: where only the clock tells, where the clock is virtual, or
/// where a comment on the line or above it says what the time simulates.
fn may_sleep(file: &File, code: &str, index: usize) -> bool {
    let line = |index: usize| file.text.lines().nth(index).unwrap_or_default();
    let is_virtual = code.contains("start_paused") && line(index).contains(".await");
    SLEEP_ALLOWED.iter().any(|start| file.path.starts_with(start))
        || is_virtual
        || line(index).contains("//")
        || index > 0 && line(index - 1).trim_start().starts_with("//")
}

/// The entries of [`MAY_BE_LONG`] that are not needed any more.
pub(super) fn check_long_table(tree: &Tree) -> Vec<Finding> {
    let is_long = |path: &str| {
        tree.get(path).is_some_and(|file| lines_before_tests(&code_only(&file.text)) > LONG)
    };
    let stale = MAY_BE_LONG.iter().filter(|(path, _)| !is_long(path));
    stale
        .map(|(path, _)| Finding {
            file: "xtask/src/tidy/rust.rs".to_owned(),
            line: 1,
            what: format!("MAY_BE_LONG lists {path}"),
            why: "that file is gone or is no longer long",
        })
        .collect()
}

/// The number of lines before the module of tests, which is the last thing in a file.
fn lines_before_tests(code: &str) -> usize {
    let lines: Vec<&str> = code.lines().collect();
    let starts_tests = |pair: &[&str]| pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod ");
    lines.windows(2).position(starts_tests).unwrap_or(lines.len())
}

fn has_call(line: &str, function: &str) -> bool {
    line.match_indices(&format!("{function}(")).any(|(at, _)| !ends_in_word(&line[..at]))
}

fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let behind = line[at + word.len()..].chars().next();
        !ends_in_word(&line[..at]) && !behind.is_some_and(is_word)
    })
}

fn ends_in_word(text: &str) -> bool {
    text.chars().next_back().is_some_and(is_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, text: &str, expected: &[(usize, &str)]) {
        let tree = Tree::of(&[(path, text)]);
        let findings = super::check(tree.get(path).unwrap());
        let found: Vec<_> = findings.iter().map(|f| (f.line, f.what.as_str())).collect();
        assert_eq!(found, expected, "{path}:\n{text}");
    }

    #[test]
    fn each_rule_finds_what_breaks_it() {
        check("crates/a/src/b.rs", "fn f() {}\nunsafe { g() }\n", &[(2, "unsafe")]);
        check("crates/netlab/src/b.rs", "unsafe { g() }\n", &[]);
        check("crates/a/src/b.rs", "// unsafe\n#![deny(unsafe_code)]\nlet a = \"unsafe\";\n", &[]);
        check("crates/a/tests/b.rs", "#[test]\n#[ignore = \"slow\"]\n", &[(2, "#[ignore]")]);
        check("crates/a/src/b.rs", "#[should_panic]\n", &[(1, "should_panic")]);
    }

    #[test]
    fn a_sleep_in_a_test_needs_a_reason() {
        let found: &[_] = &[(1, "sleep in a test")];
        check("crates/a/tests/b.rs", "thread::sleep(second);\n", found);
        check("tests/tests/b.rs", "sleep(second).await;\n", found);
        check("crates/a/tests/b.rs", "sleep(second); // A peer that thinks.\n", &[]);
        check("crates/a/tests/b.rs", "// A peer that thinks.\nsleep(second);\n", &[]);
        check("crates/netlab/tests/b.rs", "sleep(second);\n", &[]);
        check("crates/a/src/b.rs", "sleep(second);\n", &[]);
        let paused = "#[tokio::test(start_paused = true)]\nsleep(second).await;\nsleep(second);\n";
        check("crates/a/tests/b.rs", paused, &[(3, "sleep in a test")]);
        check("crates/a/tests/b.rs", "no_sleep(second);\n", &[]);
        let unit = "fn f() {}\n#[cfg(test)]\nmod tests {\n    sleep(second);\n}\n";
        check("crates/a/src/b.rs", unit, &[(4, "sleep in a test")]);
    }

    #[test]
    fn a_file_is_long_by_its_own_lines() {
        let code = "fn f() {}\n".repeat(LONG);
        let tests = "#[cfg(test)]\nmod tests {\n}\n";
        check("crates/a/src/b.rs", &format!("{code}{tests}"), &[]);
        let long = format!("{code}fn f() {{}}\n");
        check(
            "crates/a/src/b.rs",
            &format!("{long}{tests}"),
            &[(401, "401 lines without tests, more than 400")],
        );
        check("crates/a/tests/b.rs", &long, &[]);
    }
}
