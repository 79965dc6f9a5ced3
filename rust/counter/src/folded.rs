//! Words that match by the folding rule.

use memchr::memchr2;
use memchr::memmem::Finder;

use crate::kernel::{self, MatchRule};
use crate::lanes::Lanes;
use crate::letters::{LONGEST_CHAR, Symbol, first_symbol};
use crate::word::{PrefixMatch, after_first_separator, after_last_separator, is_separator};

/// A needle that is compared symbol by symbol.
#[derive(Debug)]
pub(crate) struct Folded<'n> {
    needle: &'n [u8],
    symbols: Vec<Symbol>,
    /// Nothing matches: the needle does not begin with a letter, or it has a character that folding never yields.
    never_matches: bool,
    /// Present if the kernel can count this needle: it finds all matches that are plain ASCII.
    ascii: Option<NonAsciiFinders>,
}

/// Finders for the characters beyond ASCII that fold to a letter of an ASCII needle (a test of `letters` shows that
/// there are two). The kernel misses matches that contain one.
#[derive(Debug)]
struct NonAsciiFinders(Vec<Finder<'static>>);

impl<'n> Folded<'n> {
    pub(crate) fn new(needle: &'n [u8]) -> Self {
        let mut symbols = Vec::new();
        let mut rest = needle;
        while let Some((symbol, width)) = first_symbol(rest) {
            symbols.push(symbol);
            rest = &rest[width..];
        }
        let is_plain = |byte: &u8| byte.is_ascii() && !byte.is_ascii_uppercase() && *byte != b'\r';
        let is_ascii = needle[0].is_ascii_lowercase() && needle.iter().all(is_plain);
        let finder = |letter: u8, other: &'static str| needle.contains(&letter).then(|| Finder::new(other));
        let finders =
            || NonAsciiFinders([finder(b'k', "\u{212A}"), finder(b'i', "\u{130}")].into_iter().flatten().collect());
        let never_matches = !symbols[0].is_letter() || symbols.iter().any(|&symbol| symbol.fold() != symbol);
        Self { needle, symbols, never_matches, ascii: is_ascii.then(finders) }
    }

    pub(crate) fn count_words(&self, piece: &[u8]) -> usize {
        if self.never_matches {
            return 0;
        }
        let Some(NonAsciiFinders(finders)) = &self.ascii else {
            return self.count_word_by_word(piece);
        };
        kernel::count::<FoldedAsciiRule>(piece, self.needle, |at| {
            is_first_letter(piece, at) && self.matches(&piece[at..])
        }) + self.count_with_non_ascii(piece, finders)
    }

    fn count_word_by_word(&self, piece: &[u8]) -> usize {
        let mut total = 0;
        let mut rest = piece;
        loop {
            total += usize::from(self.matches(rest));
            let Some(next) = after_first_separator(rest) else {
                return total;
            };
            rest = &rest[next..];
        }
    }

    fn matches(&self, bytes: &[u8]) -> bool {
        self.match_prefix(bytes, true) == PrefixMatch::Matches
    }

    /// Counts the words whose match contains one of the characters that the kernel misses. Looks at each word once.
    fn count_with_non_ascii(&self, piece: &[u8], finders: &[Finder<'_>]) -> usize {
        let mut total = 0;
        for finder in finders {
            let mut from = 0;
            while let Some(offset) = finder.find(&piece[from..]) {
                let at = from + offset;
                let begin = from + after_last_separator(&piece[from..at]);
                let end = memchr2(b' ', b'\n', &piece[at..]).map_or(piece.len(), |length| at + length + 1);
                let first = self.first_non_ascii(&piece[begin..end]);
                total += usize::from(first.is_some_and(|first| first == finder.needle()));
                from = end;
            }
        }
        total
    }

    /// Returns the first character beyond ASCII within the match of this word, if it matches.
    fn first_non_ascii<'w>(&self, word: &'w [u8]) -> Option<&'w [u8]> {
        if !self.matches(word) {
            return None;
        }
        let mut rest = word;
        let mut n_left = self.symbols.len();
        while let Some((symbol, width)) = first_symbol(rest).filter(|_| n_left > 0) {
            let is_inside = n_left < self.symbols.len() || symbol.is_letter();
            if is_inside && width > 1 {
                return Some(&rest[..width]);
            }
            n_left -= usize::from(is_inside);
            rest = &rest[width..];
        }
        None
    }

    pub(crate) fn match_prefix(&self, bytes: &[u8], at_end: bool) -> PrefixMatch {
        let mut at = 0;
        // Leading non-letters do not change the result, so they can be dropped where more bytes are needed.
        loop {
            match next_in_word(&bytes[at..], at_end) {
                Next::Symbol(symbol, _) if symbol.is_letter() => break,
                Next::Symbol(_, width) => at += width,
                Next::End => return PrefixMatch::Differs,
                Next::Unknown => return PrefixMatch::Incomplete(at),
            }
        }
        let skipped = at;
        for &expected in &self.symbols {
            match next_in_word(&bytes[at..], at_end) {
                Next::Symbol(symbol, width) if symbol.fold() == expected => at += width,
                Next::Symbol(..) | Next::End => return PrefixMatch::Differs,
                Next::Unknown => return PrefixMatch::Incomplete(skipped),
            }
        }
        match next_in_word(&bytes[at..], at_end) {
            Next::Symbol(symbol, _) if symbol.is_letter() => PrefixMatch::Differs,
            Next::Symbol(..) | Next::End => PrefixMatch::Matches,
            Next::Unknown => PrefixMatch::Incomplete(skipped),
        }
    }
}

/// Returns whether only non-letters stand between the letter at `at` and the separator before it.
///
/// Reads back to the nearest ASCII letter at most. A candidate of the kernel consists of such letters, so reading back
/// from the next candidate stops at this one: all candidates together read a text at most twice.
fn is_first_letter(piece: &[u8], at: usize) -> bool {
    let stop = piece[..at].iter().rposition(|&b| is_separator(b) || b.is_ascii_alphabetic());
    let begin = match stop {
        Some(stop) if !is_separator(piece[stop]) => return false,
        Some(separator) => separator + 1,
        None => 0,
    };
    let mut rest = &piece[begin..at];
    while let Some((symbol, width)) = first_symbol(rest) {
        if symbol.is_letter() {
            return false;
        }
        rest = &rest[width..];
    }
    true
}

/// What comes next in a word.
enum Next {
    /// A symbol of this many bytes.
    Symbol(Symbol, usize),
    /// The end of the word.
    End,
    /// More bytes are needed to tell.
    Unknown,
}

#[inline]
fn next_in_word(bytes: &[u8], at_end: bool) -> Next {
    match bytes {
        [] | [b'\r'] if !at_end => Next::Unknown,
        [] | [b' ' | b'\n', ..] | [b'\r', b'\n', ..] => Next::End,
        _ => match first_symbol(bytes) {
            Some((Symbol::Stray(_), _)) if !at_end && bytes.len() < LONGEST_CHAR => Next::Unknown,
            Some((symbol, width)) => Next::Symbol(symbol, width),
            None => Next::End,
        },
    }
}

/// Sure between a separator and an ASCII non-letter. Beside other bytes it depends on characters that the kernel cannot
/// decode.
#[derive(Clone, Copy)]
pub(crate) struct FoldedAsciiRule;

impl FoldedAsciiRule {
    #[inline(always)]
    fn is_letter<L: Lanes>(bytes: L) -> L {
        bytes.or(L::splat(0x20)).minus(L::splat(b'a')).at_most(b'z' - b'a')
    }
}

impl MatchRule for FoldedAsciiRule {
    /// Ignores the bit that distinguishes small letters from capitals where the needle has a letter.
    #[inline(always)]
    fn equal<L: Lanes>(text: L, needle: u8) -> L {
        let case = u8::from(needle.is_ascii_lowercase()) << 5;
        text.or(L::splat(case)).is(needle)
    }

    #[inline(always)]
    fn sure_and_doubtful<L: Lanes>(before: L, after: L) -> (L, L) {
        let separator = before.is(b' ').or(before.is(b'\n'));
        let joined = Self::is_letter(before).or(Self::is_letter(after));
        let sure = separator.and(after.at_most(0x7F)).without(joined);
        (sure, L::splat(0xFF).without(joined).without(sure))
    }
}
