//! How often does a word stand in a text? The reference that answers of other code are checked against.
//!
//! # Meaning
//!
//! A text is a string of bytes. `\n` ends a line, and a `\r` directly before that `\n` belongs to the line
//! end. A line is cut at every single space (0x20), nothing else separates: two spaces have an empty word
//! between them; tabs, form feeds, U+0085 and U+2028 are parts of words like any letter, and so is a `\r` that no
//! `\n` follows. Then
//!
//! - [`Rule::Exact`] counts the words whose bytes are those of the needle;
//! - [`Rule::Folded`] reads words and needle as characters (UTF-8; a byte that is no part of a character stands
//!   for itself and is no letter). Of the word, leading characters that are no letters are skipped; then its
//!   characters, each folded, must be those of the needle; then the word is at its end or goes on with a
//!   character that is no letter. *Letter* and *folded* are [`letters::is_letter`] and [`letters::fold`].
//!   The needle is taken as it is: with a capital in it, nothing matches.
//!
//! A needle has at least one byte and neither a space nor a `\n`: it could never be a word ([`NeedleError`]).
//!
//! [`naive`] is this text as code, and the definition where the two seem to differ. Everything else here is a
//! faster way to the same number, and tested to be one.
//!
//! # How texts are divided
//!
//! Both rules look at one word at a time. So the counts of two pieces add up wherever the cut is directly behind
//! a space or a `\n` (before it would not do: `a\r` alone is a word, `a\r\n` holds the word `a`). A range of a
//! text is charged with the words that *begin* in it: the range's own separators cut out whole words, and only
//! the last word may run on past its end ([`Needle::begins_word`] decides it with bounded look-ahead, however long
//! the word is).

#![expect(
    clippy::inline_always,
    reason = "what touches a vector register has to be inlined: see the kernel's last note"
)]

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
mod steer;
mod stream;

#[cfg(test)]
mod laws;

pub use chunks::{PARALLEL_FROM, count, count_in_chunks, count_parallel, count_sequential};
pub use file::count_file;
pub use needle::{Needle, NeedleError, Rule};
pub use stream::count_stream;
