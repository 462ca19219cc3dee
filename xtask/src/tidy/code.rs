//! What is code in a Rust file.

/// The text with spaces in place of its comments, strings and characters, line by line the same.
///
/// It is no parser: it knows just enough of Rust's tokens to tell where those end.
pub(super) fn code_only(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let hidden = match hidden_length(rest, code.chars().next_back()) {
            0 => {
                code.push(first);
                rest = &rest[first.len_utf8()..];
                continue;
            }
            hidden => hidden,
        };
        code.extend(rest[..hidden].chars().map(|c| if c == '\n' { c } else { ' ' }));
        rest = &rest[hidden..];
    }
    code
}

/// The length in bytes of the comment, string or character that the text starts with; 0 if it starts
/// with code. `before` is the character of code before it.
fn hidden_length(text: &str, before: Option<char>) -> usize {
    match text.as_bytes() {
        [b'/', b'/', ..] => text.find('\n').unwrap_or(text.len()),
        [b'/', b'*', ..] => block_comment_length(text),
        [b'"', ..] => 1 + quoted_length(&text[1..], '"'),
        [b'\'', ..] => character_length(text),
        [b'r' | b'b' | b'c', ..] if !before.is_some_and(is_word) => raw_string_length(text),
        _ => 0,
    }
}

/// Block comments nest.
fn block_comment_length(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < text.len() {
        match &text.as_bytes()[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

/// The length up to and with the closing quote, behind the opening one.
fn quoted_length(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        if c == quote && !escaped {
            return at + 1;
        }
        escaped = c == '\\' && !escaped;
    }
    text.len()
}

/// 0 for a lifetime, which has no closing quote behind its first character.
fn character_length(text: &str) -> usize {
    let mut chars = text.chars().skip(1);
    let (first, second) = (chars.next(), chars.next());
    if first == Some('\\') || second == Some('\'') {
        1 + quoted_length(&text[1..], '\'')
    } else {
        0
    }
}

/// 0 for what only starts like one: a name, or a raw name such as `r#type`.
fn raw_string_length(text: &str) -> usize {
    let Some(start) = ["r", "br", "cr"]
        .iter()
        .find(|start| text.strip_prefix(**start).is_some_and(|rest| rest.starts_with(['#', '"'])))
    else {
        return 0;
    };
    let rest = &text[start.len()..];
    let hashes = rest.len() - rest.trim_start_matches('#').len();
    let Some(body) = rest[hashes..].strip_prefix('"') else { return 0 };
    let end = format!("\"{}", "#".repeat(hashes));
    let body_length = body.find(&end).map_or(body.len(), |at| at + end.len());
    start.len() + hashes + 1 + body_length
}

/// Whether a name or a number may hold the character.
pub(super) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_what_remains() {
        for (text, expected) in [
            ("a // b\nc", "a     \nc"),
            ("a /* b /* c */ d */ e", "a                   e"),
            (r#"f("a \" b") c"#, "f(        ) c"),
            (r##"f(r#"a " b"#) c"##, "f(          ) c"),
            (r#"f(br"a\") c"#, "f(      ) c"),
            ("let r#type = r;", "let r#type = r;"),
            ("bar(\"x\")", "bar(   )"),
            ("'a' b 'c", "    b 'c"),
            (r"'\'' b '\n' '\u{1F600}'", "     b               "),
            ("fn f<'a>(x: &'a str) {}", "fn f<'a>(x: &'a str) {}"),
            ("\"多\nb\" c", "  \n   c"),
        ] {
            assert_eq!(code_only(text).trim_end(), expected.trim_end(), "{text}");
        }
    }
}
