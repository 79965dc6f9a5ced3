//! Words whose bytes equal the needle.

use memchr::memmem;

use crate::kernel::{self, MatchRule};
use crate::lanes::Lanes;
use crate::word::{PrefixMatch, is_separator};

/// A needle that is compared byte by byte.
#[derive(Debug)]
pub(crate) struct Exact<'n> {
    needle: &'n [u8],
}

impl<'n> Exact<'n> {
    pub(crate) const fn new(needle: &'n [u8]) -> Self {
        Self { needle }
    }

    #[inline]
    pub(crate) fn count_words(&self, piece: &[u8]) -> usize {
        if self.needle.last() == Some(&b'\r') {
            return self.count_needle_with_final_cr(piece);
        }
        kernel::count::<ExactRule>(piece, self.needle, |at| self.matches(&piece[at..]))
    }

    /// Counts without the kernel, which lets `\n` end every word: after a needle that ends with `\r` it does not, because
    /// that `\r` is then part of the line end.
    fn count_needle_with_final_cr(&self, piece: &[u8]) -> usize {
        memmem::find_iter(piece, self.needle)
            .filter(|&at| at == 0 || is_separator(piece[at - 1]))
            .filter(|&at| self.matches(&piece[at..]))
            .count()
    }

    fn matches(&self, bytes: &[u8]) -> bool {
        self.match_prefix(bytes, true) == PrefixMatch::Matches
    }

    pub(crate) fn match_prefix(&self, bytes: &[u8], at_end: bool) -> PrefixMatch {
        let Some((word, after)) = bytes.split_at_checked(self.needle.len()) else {
            return if !at_end && self.needle.starts_with(bytes) {
                PrefixMatch::Incomplete(0)
            } else {
                PrefixMatch::Differs
            };
        };
        if word != self.needle {
            return PrefixMatch::Differs;
        }
        match after {
            [] | [b'\r'] if !at_end => PrefixMatch::Incomplete(0),
            [b'\n', ..] if word.ends_with(b"\r") => PrefixMatch::Differs,
            [] | [b' ' | b'\n', ..] | [b'\r', b'\n', ..] => PrefixMatch::Matches,
            _ => PrefixMatch::Differs,
        }
    }
}

/// Sure between two separators; doubtful before a `\r`, where the byte after the `\r` decides.
#[derive(Clone, Copy)]
pub(crate) struct ExactRule;

impl MatchRule for ExactRule {
    #[inline(always)]
    fn equal<L: Lanes>(text: L, needle: u8) -> L {
        text.is(needle)
    }

    #[inline(always)]
    fn sure_and_doubtful<L: Lanes>(before: L, after: L) -> (L, L) {
        let begins = before.is(b' ').or(before.is(b'\n'));
        let ends = after.is(b' ').or(after.is(b'\n'));
        (begins.and(ends), begins.and(after.is(b'\r')))
    }
}
