//! A report as a recording of a terminal: for a player, or as a picture that moves.
//!
//! What appears is the report; its pace is one for readers and not that of the run, so the same findings give
//! the same bytes.

use std::fmt::Write as _;

use serde_json::json;
use unicode_width::UnicodeWidthStr as _;

/// How many columns the terminal has where nobody says.
pub const COLUMNS: usize = 100;

/// How many rows it has.
pub const ROWS: usize = 30;

/// Seconds between two lines, before each part of a report, and after the last one.
const LINE: f64 = 0.08;
const PART: f64 = 1.6;
const END: f64 = 6.0;

/// The size of a character in a picture, and the space around all of them.
const CHARACTER: f64 = 8.0;
const ROW: f64 = 17.0;
const MARGIN: f64 = 12.0;

/// A recording as it grows.
#[derive(Clone, Debug)]
pub struct Cast {
    title: String,
    columns: usize,
    now: f64,
    /// Each line, and the second at which it appears.
    lines: Vec<(f64, String)>,
}

impl Cast {
    /// A recording in which nothing was said yet.
    pub fn new(columns: usize) -> Self {
        Self { title: String::new(), columns, now: 0.0, lines: Vec::new() }
    }

    /// Names the recording, if it has no name yet.
    pub fn name(&mut self, title: &str) {
        if self.title.is_empty() {
            title.clone_into(&mut self.title);
        }
    }

    /// A part of the report appears, line by line.
    pub fn say(&mut self, part: &str) {
        if part.is_empty() {
            return;
        }
        if !self.lines.is_empty() {
            self.now += PART;
        }
        for line in part.lines() {
            self.now += LINE;
            self.lines.push((self.now, line.to_owned()));
        }
    }

    /// For players of recordings: asciicast, version 2 (docs.asciinema.org/manual/asciicast/v2).
    pub fn to_asciicast(&self) -> String {
        let mut out = json!({
            "version": 2,
            "width": self.columns,
            "height": ROWS,
            "title": self.title,
        })
        .to_string();
        for (at, line) in &self.lines {
            // To the millisecond: sums of floats have longer tails.
            let at = (at * 1e3).round() / 1e3;
            let _ = write!(out, "\n{}", json!([at, "o", format!("{line}\r\n")]));
        }
        out.push('\n');
        out
    }

    /// As a picture that needs no script: the lines come up from below.
    pub fn to_svg(&self) -> String {
        let width = self.columns as f64 * CHARACTER + 2.0 * MARGIN;
        let height = ROWS as f64 * ROW + 2.0 * MARGIN;
        let title = escaped(&self.title);
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
             aria-labelledby=\"t\"><title id=\"t\">{title}</title>\n<style>\
             text{{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,\"DejaVu Sans Mono\",monospace;\
             fill:#e6edf3;white-space:pre}}.g{{fill:#3fb950}}.r{{fill:#ff7b72}}.y{{fill:#e3b341}}\
             .f{{fill:#9aa3ad}}.a{{fill:#56d4dd}}.b{{fill:#d2a8ff}}.c{{fill:#79c0ff}}.d{{fill:#a5f3f9}}\
             .e{{fill:#f0c6ff}}.h{{fill:#b8dcff}}"
        );
        let _ = writeln!(out, "{}</style>", self.scrolling());
        let _ = writeln!(
            out,
            "<rect width=\"{width}\" height=\"{height}\" rx=\"8\" fill=\"#0d1117\"/>"
        );
        let inner = height - 2.0 * MARGIN;
        let _ = writeln!(
            out,
            "<clipPath id=\"c\"><rect y=\"{MARGIN}\" width=\"{width}\" height=\"{inner}\"/></clipPath>\
             <g clip-path=\"url(#c)\"><g class=\"s\">"
        );
        for (at, (_, line)) in self.lines.iter().enumerate() {
            let plain: String = pieces(line).map(|(_, text)| text).collect();
            if plain.trim().is_empty() {
                continue;
            }
            let y = MARGIN + (at + 1) as f64 * ROW - 4.0;
            // Whatever fonts there are, columns stand below each other.
            let long = plain.width() as f64 * CHARACTER;
            let _ = write!(
                out,
                "<text x=\"{MARGIN}\" y=\"{y}\" textLength=\"{long}\" xml:space=\"preserve\">"
            );
            for (class, text) in pieces(line) {
                let _ = match class {
                    Some(class) => {
                        write!(out, "<tspan class=\"{class}\">{}</tspan>", escaped(text))
                    }
                    None => write!(out, "{}", escaped(text)),
                };
            }
            out.push_str("</text>\n");
        }
        out.push_str("</g></g></svg>\n");
        out
    }

    /// The rules that move the lines: after each there is one more at the bottom.
    fn scrolling(&self) -> String {
        let whole = self.now + END;
        let up = |lines: usize| (ROWS as f64 - lines as f64) * ROW;
        let last = up(self.lines.len());
        let mut out = format!("@keyframes s{{0%{{transform:translateY({}px)}}", up(0));
        for (at, (when, _)) in self.lines.iter().enumerate() {
            let percent = when / whole * 100.0;
            let _ = write!(out, "{percent:.3}%{{transform:translateY({}px)}}", up(at + 1));
        }
        let _ = write!(
            out,
            "100%{{transform:translateY({last}px)}}}}.s{{transform:translateY({last}px);\
             animation:s {whole:.2}s step-end infinite}}\
             @media (prefers-reduced-motion:reduce){{.s{{animation:none}}}}"
        );
        out
    }
}

/// A line in pieces, each with the class of its colour, if it has one.
fn pieces(line: &str) -> impl Iterator<Item = (Option<&'static str>, &str)> {
    line.split("\u{1b}[").enumerate().filter_map(|(at, part)| {
        if at == 0 {
            return Some((None, part));
        }
        let (code, text) = part.split_once('m')?;
        let class = match code {
            "32" => Some("g"),
            "31" => Some("r"),
            "33" => Some("y"),
            "2" => Some("f"),
            "36" => Some("a"),
            "35" => Some("b"),
            "34" => Some("c"),
            "96" => Some("d"),
            "95" => Some("e"),
            "94" => Some("h"),
            _ => None,
        };
        Some((class, text))
    })
}

/// Text that cannot become markup.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn cast() -> Cast {
        let mut cast = Cast::new(80);
        cast.name("a \"title\" <b>");
        cast.name("another");
        cast.say("one\n\u{1b}[32m✓ ok\u{1b}[0m  two & three\n");
        cast.say("");
        cast.say("four\n");
        cast
    }

    #[test]
    fn lines_appear_one_after_the_other() {
        let shown = cast().to_asciicast();
        let lines: Vec<Value> =
            shown.lines().map(|line| serde_json::from_str(line).expect("it is JSON")).collect();
        assert_eq!((&lines[0]["version"], &lines[0]["width"]), (&2.into(), &80.into()));
        assert_eq!(lines[1], json!([0.08, "o", "one\r\n"]));
        assert_eq!(lines[2], json!([0.16, "o", "\u{1b}[32m✓ ok\u{1b}[0m  two & three\r\n"]));
        assert_eq!(lines[3], json!([1.84, "o", "four\r\n"]));
        assert_eq!(lines.len(), 4);
    }

    #[test]
    fn a_picture_has_the_text_as_text() {
        let svg = cast().to_svg();
        assert!(svg.contains("<title id=\"t\">a &quot;title&quot; &lt;b&gt;</title>"), "{svg}");
        assert!(svg.contains("<tspan class=\"g\">✓ ok</tspan>  two &amp; three</text>"), "{svg}");
        assert!(!svg.contains('\u{1b}') && !svg.contains("<script") && !svg.contains("href"));
        // Three lines at the bottom, and the rest of the terminal above them.
        let up = (ROWS as f64 - 3.0) * ROW;
        assert!(svg.contains(&format!("100%{{transform:translateY({up}px)}}")), "{svg}");
        assert_eq!(svg.matches("<text ").count(), 3);
    }

    #[test]
    fn nothing_said_is_a_picture_too() {
        let cast = Cast::new(80);
        assert_eq!(cast.to_asciicast().lines().count(), 1);
        assert!(cast.to_svg().ends_with("</svg>\n"));
    }
}
