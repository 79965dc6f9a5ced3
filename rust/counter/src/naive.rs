//! The definition as code: slow, short, and right by reading. All other routines are tested against it.

use crate::letters::{fold, is_letter};
use crate::word::Rule;

/// Counts the words of the text that match the needle, for any bytes and any needle.
#[must_use]
pub fn count(text: &[u8], needle: &[u8], rule: Rule) -> usize {
    let needle_characters = characters(needle);
    let matches = |word: &&[u8]| match rule {
        Rule::Exact => *word == needle,
        Rule::Folded => matches_folded(&characters(word), &needle_characters),
    };
    lines(text).map(|line| line.split(|&byte| byte == b' ').filter(matches).count()).sum()
}

/// Returns the lines of the text without their ends. The last one may be empty; it then has no words.
pub fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split_inclusive(|&byte| byte == b'\n').map(|line| match line {
        [content @ .., b'\r', b'\n'] | [content @ .., b'\n'] | content => content,
    })
}

/// Returns the characters of a word: `Ok` for a character, `Err` for a byte that is not part of one.
fn characters(word: &[u8]) -> Vec<Result<char, u8>> {
    word.utf8_chunks()
        .flat_map(|chunk| chunk.valid().chars().map(Ok).chain(chunk.invalid().iter().copied().map(Err)))
        .collect()
}

fn matches_folded(word: &[Result<char, u8>], needle: &[Result<char, u8>]) -> bool {
    let letter = |symbol: &Result<char, u8>| symbol.is_ok_and(is_letter);
    let Some(begin) = word.iter().position(letter) else {
        return needle.is_empty();
    };
    let folded: Vec<Result<char, u8>> = word[begin..].iter().map(|symbol| symbol.map(fold)).collect();
    folded.starts_with(needle) && word.get(begin + needle.len()).is_none_or(|next| !letter(next))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exact(text: &str, needle: &str) -> usize {
        count(text.as_bytes(), needle.as_bytes(), Rule::Exact)
    }

    fn folded(text: &str, needle: &str) -> usize {
        count(text.as_bytes(), needle.as_bytes(), Rule::Folded)
    }

    #[test]
    fn exact_rule_by_hand() {
        assert_eq!(exact("a\n", "a"), 1);
        assert_eq!(exact("a\r\na\r", "a"), 1);
        assert_eq!(exact("a\r\na\r", "a\r"), 1);
        assert_eq!(exact("a\r\r\n", "a\r"), 1);
        assert_eq!(exact("a  a a,", "a"), 2);
        assert_eq!(exact("a\u{85}a\u{2028}a\ta\u{C}a", "a"), 0);
        assert_eq!(exact("", "a"), 0);
    }

    #[test]
    fn folding_rule_by_hand() {
        assert_eq!(folded("Zen *zen* ZEN? zen1 1zen zen-zen", "zen"), 6);
        assert_eq!(folded("zens azen ze", "zen"), 0);
        assert_eq!(folded("Zen", "Zen"), 0);
        assert_eq!(folded("e\u{301}A e\u{301}", "e"), 2);
        assert_eq!(folded("\u{212A}elvin \u{130}s", "kelvin"), 1);
        assert_eq!(folded("Straße ΟΔΟΣ", "οδοσ"), 1);
        assert_eq!(folded("don't", "don't"), 1);
        assert_eq!(folded("1a", "1a"), 0);
    }
}
