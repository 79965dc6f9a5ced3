//! Which characters are letters, and what do they fold to? Both by the Unicode tables of the Rust library.

/// Which version of Unicode the two answers below are of.
pub const UNICODE_VERSION: (u8, u8, u8) = char::UNICODE_VERSION;

/// Is it a letter (Unicode's *Alphabetic*: letters, letter-like numbers, vowel signs; not accents)?
#[must_use]
#[inline]
pub fn is_letter(c: char) -> bool {
    c.is_alphabetic()
}

/// What is compared in its place? The first character of its lower case, without regard to its neighbours.
#[must_use]
#[inline]
pub fn fold(c: char) -> char {
    if c.is_ascii() { c.to_ascii_lowercase() } else { c.to_lowercase().next().unwrap_or(c) }
}

/// A character of a word: a decoded one, or a byte that belongs to none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Symbol {
    Char(char),
    Stray(u8),
}

impl Symbol {
    pub(super) fn is_letter(self) -> bool {
        matches!(self, Self::Char(c) if is_letter(c))
    }

    pub(super) fn fold(self) -> Self {
        match self {
            Self::Char(c) => Self::Char(fold(c)),
            stray @ Self::Stray(_) => stray,
        }
    }
}

/// The longest encoding of one character.
pub(super) const LONGEST: usize = 4;

/// Which symbol do these bytes begin with, and how many of them is it? None for no bytes.
#[inline]
pub(super) fn first_symbol(bytes: &[u8]) -> Option<(Symbol, usize)> {
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

    /// The kernel for ASCII needles relies on it: two characters beyond ASCII fold into ASCII, and no more.
    #[test]
    fn exactly_two_characters_fold_into_ascii_from_beyond_it() {
        let found: Vec<(char, char)> =
            ('\u{80}'..=char::MAX).map(|c| (c, fold(c))).filter(|(_, folded)| folded.is_ascii()).collect();

        assert_eq!(found, [('\u{130}', 'i'), ('\u{212A}', 'k')]);
    }

    /// What lets a needle be told for hopeless: what a letter folds to is a letter, and folds to itself.
    #[test]
    fn folding_gives_letters_that_stay_as_they_are() {
        for letter in ('\0'..=char::MAX).filter(|&c| is_letter(c)) {
            assert!(is_letter(fold(letter)), "{letter:?}");
        }
        for c in '\0'..=char::MAX {
            assert_eq!(fold(fold(c)), fold(c), "{c:?}");
        }
    }

    /// The short cut for ASCII in `fold` gives what the Unicode tables give.
    #[test]
    fn ascii_folds_as_the_tables_say() {
        for c in '\0'..='\u{7F}' {
            assert_eq!(Some(fold(c)), c.to_lowercase().next());
            assert_eq!(is_letter(c), c.is_ascii_alphabetic());
        }
    }

    /// Decoding one symbol after the other gives what the standard library's lossy decoding sees.
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
