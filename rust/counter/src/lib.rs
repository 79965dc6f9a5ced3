//! Counts how often a word occurs in a text: the reference that answers of other code are checked against.
//!
//! # Meaning
//!
//! A text is a string of bytes. `\n` ends a line, and a `\r` directly before that `\n` belongs to the line end. Single
//! spaces (0x20) separate the words of a line. Nothing else does: there is an empty word between two spaces, and tabs,
//! form feeds, U+0085, U+2028 and a `\r` without a following `\n` are parts of words.
//!
//! - [`Rule::Exact`] counts the words whose bytes equal the needle.
//! - [`Rule::Folded`] compares characters (UTF-8; a byte that is not part of a character stands for itself and is not a
//!   letter). It skips leading characters of the word that are not letters. The following characters, folded, must
//!   equal those of the needle. Then the word must end or continue with a character that is not a letter.
//!   [`letters::is_letter`] and [`letters::fold`] define *letter* and *folded*. The needle itself is not folded: a needle
//!   with a capital letter matches nothing.
//!
//! A needle has at least one byte and contains neither a space nor a `\n`, because no word does ([`NeedleError`]).
//!
//! [`naive`] is this definition as code and decides in case of doubt. All other routines compute the same number faster
//! and are tested against it.
//!
//! # How texts are divided
//!
//! Both rules look at one word at a time, so the counts of two pieces add up if the cut is directly after a space or a
//! `\n`. (A cut before it would be wrong: `a\r` alone is a word, and `a\r\n` contains the word `a`.) A range of a text
//! counts the words that *begin* in it. Only the last of them can continue past the end of the range;
//! `Needle::match_prefix` decides it with bounded look-ahead, however long the word is.

#![expect(
    clippy::inline_always,
    reason = "code that uses vector registers must be inlined: see the last paragraph of the kernel's documentation"
)]

mod affinity;
mod chunks;
pub mod controls;
mod exact;
mod file;
mod folded;
mod kernel;
mod lanes;
pub mod letters;
pub mod naive;
mod needle;
mod pool;
mod stream;
mod word;

#[cfg(test)]
mod laws;

pub use chunks::{PARALLEL_FROM, count, count_in_chunks, count_parallel, count_sequential};
pub use file::count_file;
pub use needle::{Needle, NeedleError};
pub use stream::count_stream;
pub use word::Rule;
