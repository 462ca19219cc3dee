//! Markup is ours, text is the run's: this is the only place where one becomes the other.

use std::fmt::{self, Display, Write as _};

/// A page as it grows. Markup goes in only from literals; everything else is escaped.
#[derive(Debug, Default)]
pub(super) struct Markup(String);

impl Markup {
    /// Adds markup of ours.
    pub(super) fn raw(&mut self, ours: &'static str) -> &mut Self {
        self.0.push_str(ours);
        self
    }

    /// Adds text, which stays text whatever is in it, also within the quotes of an attribute.
    pub(super) fn text(&mut self, text: impl Display) -> &mut Self {
        let _ = write!(Escaping(&mut self.0), "{text}");
        self
    }

    /// Adds markup of ours, in which each `{}` stands for the next of `texts`.
    pub(super) fn fill(&mut self, form: &'static str, texts: &[&dyn Display]) -> &mut Self {
        let mut texts = texts.iter();
        for (at, part) in form.split("{}").enumerate() {
            if at > 0 {
                let text = texts.next().expect("as many texts as places for them");
                self.text(text);
            }
            self.raw(part);
        }
        debug_assert!(texts.next().is_none(), "a text has no place in {form}");
        self
    }

    /// Adds what is markup already.
    pub(super) fn add(&mut self, more: &Self) -> &mut Self {
        self.0.push_str(&more.0);
        self
    }

    pub(super) fn finish(self) -> String {
        self.0
    }
}

/// Writes text so that no reader takes it for markup, and no terminal or browser for a command.
struct Escaping<'a>(&'a mut String);

impl fmt::Write for Escaping<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                '\n' | '\t' => self.0.push(c),
                c if c.is_control() || turns_text(c) => {
                    write!(self.0, "\\u{{{:x}}}", u32::from(c))?;
                }
                c => self.0.push(c),
            }
        }
        Ok(())
    }
}

/// Whether it changes the direction in which what follows is read.
fn turns_text(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A number of a drawing. What cannot be drawn is drawn at zero.
pub(super) struct Num(pub(super) f64);

impl Display for Num {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Beyond this no browser draws anything.
        let value = if self.0.abs() < 1e6 { self.0 } else { 0.0 };
        let tenths = (value * 10.0).round() / 10.0;
        // Zero has no sign here.
        write!(f, "{}", if tenths == 0.0 { 0.0 } else { tenths })
    }
}

/// A name as a place in the page.
pub(super) struct Id<'a>(pub(super) &'a str);

impl Display for Id<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            let kept = c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
            f.write_char(if kept { c } else { '_' })?;
        }
        Ok(())
    }
}

/// A text of at most so many characters; what is left out is shown as an ellipsis.
pub(super) fn clip(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text() {
        let mut page = Markup::default();
        page.fill("<p title=\"{}\">{}</p>", &[&"\" onload='x", &"</p><script>&\u{1b}[31m\u{202e}"]);
        let expected = "<p title=\"&quot; onload=&#39;x\">&lt;/p&gt;&lt;script&gt;&amp;\\u{1b}[31m\\u{202e}</p>";
        assert_eq!(page.finish(), expected);
    }

    #[test]
    fn a_number_can_always_be_drawn() {
        let drawn = |value| Num(value).to_string();
        assert_eq!(drawn(12.34), "12.3");
        assert_eq!(drawn(-0.01), "0");
        for beyond in [f64::NAN, f64::INFINITY, 1e300] {
            assert_eq!(drawn(beyond), "0");
        }
        assert_eq!(Id("a b\"<c").to_string(), "a_b__c");
    }
}
