//! What a program's `--help` says of its flags.

/// The flags that take a value and do not say what holds without it. `help` is the output of `--help`.
///
/// What is asked of a program in place of all else has no default, and is left out.
#[track_caller]
pub fn flags_without_default(help: &str) -> Vec<String> {
    let options = help.split("Options:\n").nth(1).expect("it has options");
    let is_flag = |line: &str| line.trim_start().starts_with('-') && !line.starts_with("        ");
    let mut flags: Vec<String> = Vec::new();
    for line in options.lines() {
        match flags.last_mut() {
            Some(flag) if !is_flag(line) => flag.extend([" ", line.trim()]),
            _ => flags.push(line.to_owned()),
        }
    }
    let with_values = flags.into_iter().filter(|flag| {
        let names = flag.split("  ").find(|part| part.contains("--")).unwrap_or(flag);
        names.contains('<') && !names.contains("--completions")
    });
    let with_values: Vec<String> = with_values.collect();
    assert!(with_values.len() >= 5, "{with_values:?}");
    // clap writes `[default: x]`, and where there is none people say so.
    let says = |flag: &String| flag.contains("default: ") || flag.contains("[no default]");
    with_values.into_iter().filter(|flag| !says(flag)).collect()
}

/// The places, in a help that was asked for in so many columns, where a line ends though the first word of
/// the next one had room: a break that somebody has typed, and that clap has broken again.
pub fn breaks_in_paragraphs(help: &str, from: &str, columns: usize) -> Vec<String> {
    let (_, text) = help.split_once(from).expect("the help has this text");
    let text = format!("{from}{text}");
    let indent = |line: &str| line.len() - line.trim_start().len();
    let lines: Vec<&str> = text.lines().collect();
    let broken = lines.windows(2).filter(|pair| {
        let word = pair[1].split_whitespace().next().unwrap_or_default();
        let is_one = !pair[0].is_empty() && !word.is_empty() && indent(pair[0]) == indent(pair[1]);
        is_one && pair[0].len() + 1 + word.len() < columns
    });
    broken.map(|pair| pair.join("\n")).collect()
}
