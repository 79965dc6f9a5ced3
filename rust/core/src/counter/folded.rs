//! Words that match by the folding rule.

use memchr::memmem::Finder;
use memchr::{memchr2, memrchr2};

use super::kernel::{self, Judge};
use super::lanes::Lanes;
use super::letters::{LONGEST, Symbol, first_symbol};
use super::needle::{Beginning, is_separator};

/// A needle without separators, compared symbol by symbol.
#[derive(Debug)]
pub(super) struct Folded<'n> {
    needle: &'n [u8],
    symbols: Vec<Symbol>,
    /// Nothing matches: the needle begins with no letter, or has a character that others fold to something else.
    hopeless: bool,
    /// Set where the kernel can count: whatever ASCII text matches, it sees.
    ascii: Option<Strangers>,
}

/// The characters beyond ASCII that fold to a letter of an ASCII needle (`letters` has the proof that there are
/// two). The kernel does not see a match with one of them in it.
#[derive(Debug)]
struct Strangers(Vec<Finder<'static>>);

impl<'n> Folded<'n> {
    pub(super) fn new(needle: &'n [u8]) -> Self {
        let mut symbols = Vec::new();
        let mut rest = needle;
        while let Some((symbol, width)) = first_symbol(rest) {
            symbols.push(symbol);
            rest = &rest[width..];
        }
        let plain = |byte: &u8| byte.is_ascii() && !byte.is_ascii_uppercase() && *byte != b'\r';
        let ascii = needle[0].is_ascii_lowercase() && needle.iter().all(plain);
        let stranger = |letter: u8, strange: &'static str| needle.contains(&letter).then(|| Finder::new(strange));
        let strangers =
            || Strangers([stranger(b'k', "\u{212A}"), stranger(b'i', "\u{130}")].into_iter().flatten().collect());
        let hopeless = !symbols[0].is_letter() || symbols.iter().any(|&symbol| symbol.fold() != symbol);
        Self { needle, symbols, hopeless, ascii: ascii.then(strangers) }
    }

    pub(super) fn count_words(&self, piece: &[u8]) -> usize {
        if self.hopeless {
            return 0;
        }
        let Some(Strangers(strangers)) = &self.ascii else {
            return self.count_one_by_one(piece);
        };
        kernel::count::<FoldedAscii>(piece, self.needle, |at| {
            self.is_first_letter(piece, at) && self.matches(&piece[at..])
        }) + self.count_with_strangers(piece, strangers)
    }

    /// Does every word of the piece, in turn, match?
    fn count_one_by_one(&self, piece: &[u8]) -> usize {
        let mut total = 0;
        let mut rest = piece;
        loop {
            total += usize::from(self.matches(rest));
            let Some(end) = memchr2(b' ', b'\n', rest) else {
                return total;
            };
            rest = &rest[end + 1..];
        }
    }

    fn matches(&self, rest: &[u8]) -> bool {
        self.begins_word(rest, true) == Beginning::Matches
    }

    /// Does nothing but non-letters stand between this letter and the separator before it?
    ///
    /// Reads back no further than to the nearest ASCII letter. A candidate of the kernel consists of such letters, so
    /// the next one does not read beyond this one, and all of them together read a text at most twice.
    #[allow(clippy::unused_self, reason = "reads beside `matches`, whose other half it is")]
    fn is_first_letter(&self, piece: &[u8], at: usize) -> bool {
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

    /// How many words match with a stranger in their match? Each word is looked at once.
    fn count_with_strangers(&self, piece: &[u8], strangers: &[Finder<'_>]) -> usize {
        let mut total = 0;
        for stranger in strangers {
            let mut from = 0;
            while let Some(found) = stranger.find(&piece[from..]) {
                let begin =
                    from + memrchr2(b' ', b'\n', &piece[from..from + found]).map_or(0, |separator| separator + 1);
                let end = memchr2(b' ', b'\n', &piece[from + found..])
                    .map_or(piece.len(), |length| from + found + length + 1);
                let first = self.first_stranger(&piece[begin..end]);
                total += usize::from(first.is_some_and(|first| first == stranger.needle()));
                from = end;
            }
        }
        total
    }

    /// Which stranger stands first in this word's match, if it matches?
    fn first_stranger<'w>(&self, word: &'w [u8]) -> Option<&'w [u8]> {
        if !self.matches(word) {
            return None;
        }
        let mut rest = word;
        let mut left = self.symbols.len();
        while let Some((symbol, width)) = first_symbol(rest).filter(|_| left > 0) {
            let inside = left < self.symbols.len() || symbol.is_letter();
            if inside && width > 1 {
                return Some(&rest[..width]);
            }
            left -= usize::from(inside);
            rest = &rest[width..];
        }
        None
    }

    pub(super) fn begins_word(&self, rest: &[u8], whole: bool) -> Beginning {
        let mut at = 0;
        // Leading non-letters leave no trace: where they were cut off, the answer is the same.
        loop {
            match next_of_word(&rest[at..], whole) {
                Next::Symbol(symbol, _) if symbol.is_letter() => break,
                Next::Symbol(_, width) => at += width,
                Next::End => return Beginning::Differs,
                Next::Open => return Beginning::Open(at),
            }
        }
        let skipped = at;
        for &expected in &self.symbols {
            match next_of_word(&rest[at..], whole) {
                Next::Symbol(symbol, width) if symbol.fold() == expected => at += width,
                Next::Symbol(..) | Next::End => return Beginning::Differs,
                Next::Open => return Beginning::Open(skipped),
            }
        }
        match next_of_word(&rest[at..], whole) {
            Next::Symbol(symbol, _) if symbol.is_letter() => Beginning::Differs,
            Next::Symbol(..) | Next::End => Beginning::Matches,
            Next::Open => Beginning::Open(skipped),
        }
    }
}

/// How does a word go on?
enum Next {
    Symbol(Symbol, usize),
    End,
    /// The bytes at hand do not tell.
    Open,
}

#[inline]
fn next_of_word(rest: &[u8], whole: bool) -> Next {
    match rest {
        [] | [b'\r'] if !whole => Next::Open,
        [] | [b' ' | b'\n', ..] | [b'\r', b'\n', ..] => Next::End,
        _ => match first_symbol(rest) {
            Some((Symbol::Stray(_), _)) if !whole && rest.len() < LONGEST => Next::Open,
            Some((symbol, width)) => Next::Symbol(symbol, width),
            None => Next::End,
        },
    }
}

/// A match behind a separator and before an ASCII character is sure. Beside other bytes it depends on characters
/// that the kernel cannot read.
#[derive(Clone, Copy)]
pub(super) struct FoldedAscii;

impl FoldedAscii {
    #[inline(always)]
    fn letter<L: Lanes>(bytes: L) -> L {
        bytes.or(L::splat(0x20)).minus(L::splat(b'a')).at_most(b'z' - b'a')
    }
}

impl Judge for FoldedAscii {
    /// The bit that tells a small letter from a capital is set only where the needle has a letter.
    #[inline(always)]
    fn same<L: Lanes>(text: L, needle: u8) -> L {
        let case = u8::from(needle.is_ascii_lowercase()) << 5;
        text.or(L::splat(case)).is(needle)
    }

    #[inline(always)]
    fn around<L: Lanes>(before: L, behind: L) -> (L, L) {
        let separator = before.is(b' ').or(before.is(b'\n'));
        let joined = Self::letter(before).or(Self::letter(behind));
        let sure = separator.and(behind.at_most(0x7F)).without(joined);
        (sure, L::splat(0xFF).without(joined).without(sure))
    }
}
