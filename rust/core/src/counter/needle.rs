//! The word that is looked for, checked and prepared once.

use std::fmt;

use super::exact::Exact;
use super::folded::Folded;

/// When does a word match? See the module's text for the meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The word's bytes are the needle's.
    Exact,
    /// The rule of the `PyO3` guide's first word counter: non-letters around the word do not count, nor does case.
    Folded,
}

/// Why can nothing match this needle?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NeedleError {
    /// It has no bytes.
    Empty,
    /// It has a space at this byte.
    Space(usize),
    /// It has a line end at this byte.
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

/// What is known of the word that these bytes begin?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beginning {
    Matches,
    Differs,
    /// More bytes are needed, and the first so many of these are not: without them the answer is the same.
    Open(usize),
}

/// A needle that can match, and how its words are found.
#[derive(Debug)]
pub struct Needle<'n> {
    how: How<'n>,
}

#[derive(Debug)]
enum How<'n> {
    Exact(Exact<'n>),
    Folded(Folded<'n>),
}

impl<'n> Needle<'n> {
    /// Can these bytes be a word, and if so, how are they found?
    ///
    /// # Errors
    ///
    /// The needle is empty, or has a space or a `\n` in it: no word is or has.
    pub fn new(bytes: &'n [u8], rule: Rule) -> Result<Self, NeedleError> {
        if bytes.is_empty() {
            return Err(NeedleError::Empty);
        }
        if let Some(at) = bytes.iter().position(|&b| is_separator(b)) {
            return Err(if bytes[at] == b' ' { NeedleError::Space(at) } else { NeedleError::LineEnd(at) });
        }
        let how = match rule {
            Rule::Exact => How::Exact(Exact::new(bytes)),
            Rule::Folded => How::Folded(Folded::new(bytes)),
        };
        Ok(Self { how })
    }

    /// How many words of these bytes match? They begin where a word begins, and end behind a separator or
    /// where the text ends.
    #[inline]
    pub(super) fn count_words(&self, piece: &[u8]) -> usize {
        match &self.how {
            How::Exact(exact) => exact.count_words(piece),
            How::Folded(folded) => folded.count_words(piece),
        }
    }

    /// Does the word that begins here match? `whole`: the text ends with these bytes.
    pub(super) fn begins_word(&self, rest: &[u8], whole: bool) -> Beginning {
        match &self.how {
            How::Exact(exact) => exact.begins_word(rest, whole),
            How::Folded(folded) => folded.begins_word(rest, whole),
        }
    }
}

/// Is it a byte that ends words?
#[inline]
pub(super) fn is_separator(byte: u8) -> bool {
    byte == b' ' || byte == b'\n'
}
