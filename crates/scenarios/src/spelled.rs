//! How does a number stand in a sentence?

const WORDS: [&str; 13] = [
    "none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve",
];

/// A count as one writes it: in words up to twelve, in digits above.
pub fn spelled(count: usize) -> String {
    WORDS.get(count).map_or_else(|| count.to_string(), |&word| word.to_owned())
}

/// The same at the beginning of a sentence.
pub fn spelled_first(count: usize) -> String {
    let word = spelled(count);
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_numbers_are_words() {
        assert_eq!([0, 6, 12, 13].map(spelled), ["none", "six", "twelve", "13"]);
        assert_eq!([1, 20].map(spelled_first), ["One", "20"]);
    }
}
