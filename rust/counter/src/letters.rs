//! Letters and their folding, by the Unicode tables of Rust's standard library.

/// The version of Unicode that [`is_letter`] and [`fold`] follow.
pub const UNICODE_VERSION: (u8, u8, u8) = char::UNICODE_VERSION;

/// Returns whether it is a letter (Unicode's *Alphabetic*: letters, letter-like numbers, vowel signs; not accents).
#[must_use]
#[inline]
pub fn is_letter(c: char) -> bool {
    c.is_alphabetic()
}

/// Returns the character that is compared in its place: the first one of its lower case, whatever its neighbours are.
#[must_use]
#[inline]
pub fn fold(c: char) -> char {
    if c.is_ascii() { c.to_ascii_lowercase() } else { c.to_lowercase().next().unwrap_or(c) }
}

/// A decoded character of a word, or a byte that is not part of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Symbol {
    Char(char),
    Stray(u8),
}

impl Symbol {
    pub(crate) fn is_letter(self) -> bool {
        matches!(self, Self::Char(c) if is_letter(c))
    }

    pub(crate) fn fold(self) -> Self {
        match self {
            Self::Char(c) => Self::Char(fold(c)),
            stray @ Self::Stray(_) => stray,
        }
    }
}

/// The length of the longest encoding of one character.
pub(crate) const LONGEST_CHAR: usize = 4;

/// Returns the symbol that these bytes begin with and its length; None if there are no bytes.
#[inline]
pub(crate) fn first_symbol(bytes: &[u8]) -> Option<(Symbol, usize)> {
    let lead = *bytes.first()?;
    if lead < 0x80 {
        return Some((Symbol::Char(char::from(lead)), 1));
    }
    let width = match lead {
        0xC2..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF4 => 4,
        _ => 1,
    };
    let decoded = bytes.get(..width).and_then(|b| std::str::from_utf8(b).ok()).and_then(|s| s.chars().next());
    Some(decoded.map_or((Symbol::Stray(lead), 1), |c| (Symbol::Char(c), width)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `NonAsciiFinders` relies on it.
    #[test]
    fn exactly_two_characters_fold_into_ascii_from_beyond_it() {
        let folding_into_ascii: Vec<(char, char)> =
            ('\u{80}'..=char::MAX).map(|c| (c, fold(c))).filter(|(_, folded)| folded.is_ascii()).collect();

        assert_eq!(folding_into_ascii, [('\u{130}', 'i'), ('\u{212A}', 'k')]);
    }

    /// `Folded::never_matches` relies on it.
    #[test]
    fn folding_gives_letters_that_fold_to_themselves() {
        for letter in ('\0'..=char::MAX).filter(|&c| is_letter(c)) {
            assert!(is_letter(fold(letter)), "{letter:?}");
        }
        for c in '\0'..=char::MAX {
            assert_eq!(fold(fold(c)), fold(c), "{c:?}");
        }
    }

    #[test]
    fn ascii_folds_as_the_tables_say() {
        for c in '\0'..='\u{7F}' {
            assert_eq!(Some(fold(c)), c.to_lowercase().next());
            assert_eq!(is_letter(c), c.is_ascii_alphabetic());
        }
    }

    #[test]
    fn symbols_are_those_of_the_standard_decoder() {
        for bytes in [&b"a\xF0\x9F\x98\x80b"[..], b"\xED\xA0\x80", b"\xF0\x9F\x98", b"\xC0\x80\xE2\x84", b"\xFFz"] {
            let mut rest = bytes;
            let mut symbols = Vec::new();
            while let Some((symbol, width)) = first_symbol(rest) {
                symbols.push(symbol);
                rest = &rest[width..];
            }
            let expected: Vec<Symbol> = bytes
                .utf8_chunks()
                .flat_map(|c| c.valid().chars().map(Symbol::Char).chain(c.invalid().iter().copied().map(Symbol::Stray)))
                .collect();
            assert_eq!(symbols, expected);
        }
    }
}
