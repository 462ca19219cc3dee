//! How wide may a report be, and may it have colours?

/// What a report for a person looks like. The default suits every reader: a ladder, no colours, and
/// lines as long as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// How packets are shown.
    pub diagram: Diagram,
    /// Whether what is good or bad has a colour, beside the word that says so.
    pub colour: bool,
    /// How many columns there are, where somebody knows.
    pub columns: Option<usize>,
}

/// How packets are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Diagram {
    /// As arrows between two lines.
    #[default]
    Ladder,
    /// One line of words for each: for narrow terminals, for readers that speak, and for grep.
    List,
    /// Not at all.
    None,
}

/// The columns that a ladder takes at least.
const LADDER: usize = 72;

impl Diagram {
    /// What fits into so many columns; where nobody knows how many there are, the ladder.
    pub fn fitting(columns: Option<usize>) -> Self {
        if columns.is_some_and(|columns| columns < LADDER) { Self::List } else { Self::Ladder }
    }
}

/// The colours of words, as a terminal is told (ECMA-48, 8.3.117).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Colour {
    /// What is as expected.
    Green,
    /// A check that failed, and nothing else: a refuted claim is no failure.
    Red,
    /// What is not as people say.
    Yellow,
    /// What was not seen.
    Faint,
}

impl Look {
    /// Words in one of several colours that mean nothing but which is which, where there are colours.
    pub(crate) fn paint_one_of(self, place: usize, words: &str) -> String {
        if !self.colour {
            return words.to_owned();
        }
        // Those that say what is good or bad are not among them: cyan, magenta, blue, and the bright ones.
        let code = [36, 35, 34, 96, 95, 94][place % 6];
        format!("\u{1b}[{code}m{words}\u{1b}[0m")
    }

    /// A word in a colour, where there are colours.
    pub(crate) fn paint(self, colour: Colour, word: &str) -> String {
        let code = match colour {
            _ if !self.colour => return word.to_owned(),
            Colour::Green => 32,
            Colour::Red => 31,
            Colour::Yellow => 33,
            Colour::Faint => 2,
        };
        format!("\u{1b}[{code}m{word}\u{1b}[0m")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_narrow_terminal_gets_a_list() {
        for (columns, diagram) in
            [(None, Diagram::Ladder), (Some(71), Diagram::List), (Some(72), Diagram::Ladder)]
        {
            assert_eq!(Diagram::fitting(columns), diagram, "{columns:?}");
        }
    }
}
