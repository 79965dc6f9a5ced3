//! The word that is counted, checked and prepared once.

use std::fmt;

use crate::exact::Exact;
use crate::folded::Folded;
use crate::word::{PrefixMatch, Rule, is_separator};

/// Why no word can match a needle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NeedleError {
    /// The needle is empty.
    Empty,
    /// The needle has a space at this byte.
    Space(usize),
    /// The needle has a line end at this byte.
    LineEnd(usize),
}

impl fmt::Display for NeedleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("is empty"),
            Self::Space(at) => write!(f, "has a space at byte {at}"),
            Self::LineEnd(at) => write!(f, "has a line end at byte {at}"),
        }
    }
}

impl std::error::Error for NeedleError {}

/// A needle that can match, prepared for its rule.
#[derive(Debug)]
pub struct Needle<'n> {
    matcher: Matcher<'n>,
}

#[derive(Debug)]
enum Matcher<'n> {
    Exact(Exact<'n>),
    Folded(Folded<'n>),
}

impl<'n> Needle<'n> {
    /// Prepares these bytes as a needle.
    ///
    /// # Errors
    ///
    /// The needle is empty or contains a space or a `\n`.
    pub fn new(bytes: &'n [u8], rule: Rule) -> Result<Self, NeedleError> {
        if bytes.is_empty() {
            return Err(NeedleError::Empty);
        }
        if let Some(at) = bytes.iter().position(|&b| is_separator(b)) {
            return Err(if bytes[at] == b' ' { NeedleError::Space(at) } else { NeedleError::LineEnd(at) });
        }
        let matcher = match rule {
            Rule::Exact => Matcher::Exact(Exact::new(bytes)),
            Rule::Folded => Matcher::Folded(Folded::new(bytes)),
        };
        Ok(Self { matcher })
    }

    /// Counts the matching words of a piece that begins with a word and ends after a separator or at the end of the text.
    #[inline]
    pub(crate) fn count_words(&self, piece: &[u8]) -> usize {
        match &self.matcher {
            Matcher::Exact(exact) => exact.count_words(piece),
            Matcher::Folded(folded) => folded.count_words(piece),
        }
    }

    /// Compares the word that begins with these bytes. `at_end`: the text ends with them.
    pub(crate) fn match_prefix(&self, bytes: &[u8], at_end: bool) -> PrefixMatch {
        match &self.matcher {
            Matcher::Exact(exact) => exact.match_prefix(bytes, at_end),
            Matcher::Folded(folded) => folded.match_prefix(bytes, at_end),
        }
    }
}
