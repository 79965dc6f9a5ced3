//! Words whose bytes are the needle's.

use memchr::memmem;

use super::kernel::{self, Judge};
use super::lanes::Lanes;
use super::needle::{Beginning, is_separator};

/// A needle without separators, compared byte by byte.
#[derive(Debug)]
pub(super) struct Exact<'n> {
    needle: &'n [u8],
}

impl<'n> Exact<'n> {
    pub(super) const fn new(needle: &'n [u8]) -> Self {
        Self { needle }
    }

    #[inline]
    pub(super) fn count_words(&self, piece: &[u8]) -> usize {
        if self.needle.last() == Some(&b'\r') {
            return self.count_before_line_feed(piece);
        }
        kernel::count::<Separated>(piece, self.needle, |at| self.begins_word(&piece[at..], true) == Beginning::Matches)
    }

    /// The kernel takes `\n` for the end of any word. Behind a needle's own last `\r` it is not: there it makes that
    /// `\r` a part of the line end.
    fn count_before_line_feed(&self, piece: &[u8]) -> usize {
        memmem::find_iter(piece, self.needle)
            .filter(|&at| at == 0 || is_separator(piece[at - 1]))
            .filter(|&at| self.begins_word(&piece[at..], true) == Beginning::Matches)
            .count()
    }

    pub(super) fn begins_word(&self, rest: &[u8], whole: bool) -> Beginning {
        let Some((word, behind)) = rest.split_at_checked(self.needle.len()) else {
            return if !whole && self.needle.starts_with(rest) { Beginning::Open(0) } else { Beginning::Differs };
        };
        if word != self.needle {
            return Beginning::Differs;
        }
        match behind {
            [] | [b'\r'] if !whole => Beginning::Open(0),
            [b'\n', ..] if word.ends_with(b"\r") => Beginning::Differs,
            [] | [b' ' | b'\n', ..] | [b'\r', b'\n', ..] => Beginning::Matches,
            _ => Beginning::Differs,
        }
    }
}

/// Between separators is a match. Before a `\r` it depends on the byte behind that.
#[derive(Clone, Copy)]
pub(super) struct Separated;

impl Judge for Separated {
    #[inline(always)]
    fn same<L: Lanes>(text: L, needle: u8) -> L {
        text.is(needle)
    }

    #[inline(always)]
    fn around<L: Lanes>(before: L, behind: L) -> (L, L) {
        let begins = before.is(b' ').or(before.is(b'\n'));
        let ends = behind.is(b' ').or(behind.is(b'\n'));
        (begins.and(ends), begins.and(behind.is(b'\r')))
    }
}
