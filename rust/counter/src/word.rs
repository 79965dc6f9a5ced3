//! Words: what separates them, when they match, and how a word is compared that is only partly in memory.

use memchr::{memchr2, memrchr2};

/// When a word matches the needle. The documentation of the crate has the exact meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The bytes of the word equal the needle.
    Exact,
    /// Case does not count, nor do non-letters around the word: the rule of the first word counter in `PyO3`'s guide.
    Folded,
}

/// The result of comparing the first bytes of a word with the needle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PrefixMatch {
    /// The word matches.
    Matches,
    /// The word does not match.
    Differs,
    /// More bytes are needed. This many leading bytes are not: the result is the same without them.
    Incomplete(usize),
}

/// Returns whether this byte ends a word.
#[inline]
pub(crate) fn is_separator(byte: u8) -> bool {
    byte == b' ' || byte == b'\n'
}

/// Returns the length of the text up to and including its first separator, if it has one.
#[inline]
pub(crate) fn after_first_separator(text: &[u8]) -> Option<usize> {
    memchr2(b' ', b'\n', text).map(|at| at + 1)
}

/// Returns the length of the text up to and including its last separator; 0 if it has none.
#[inline]
pub(crate) fn after_last_separator(text: &[u8]) -> usize {
    memrchr2(b' ', b'\n', text).map_or(0, |at| at + 1)
}
