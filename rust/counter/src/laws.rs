//! Laws of all routines, for any text: equal to the naive twin, additive, independent of how the text is cut.

use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::exact::ExactRule;
use crate::folded::FoldedAsciiRule;
use crate::kernel::{self, MatchRule};
use crate::lanes::{Lanes, Plain};
use crate::word::PrefixMatch;
use crate::{Needle, NeedleError, Rule, count, count_in_chunks, count_sequential, naive};

/// Words with common prefixes, letters of one to four bytes, characters that fold to ASCII, bytes that are not UTF-8, and
/// everything that other tools take for the end of a line or a word.
const PARTS: [&[u8]; 40] = [
    b"a",
    b"b",
    b"A",
    b"k",
    b"K",
    b"i",
    b"I",
    b"ab",
    b"aba",
    b"zen",
    b"Zen",
    b"kind",
    b"KIND",
    b"better",
    b"implementation",
    b"an-even-longer-word-than-one-register-has-bytes",
    b"don't",
    b"1",
    b"-",
    b"--",
    b"*",
    b"\r",
    b"\t",
    b"\x0c",
    b"\0",
    "\u{85}".as_bytes(),
    "\u{2028}".as_bytes(),
    "\u{A0}".as_bytes(),
    "\u{301}".as_bytes(),
    "é".as_bytes(),
    "É".as_bytes(),
    "ß".as_bytes(),
    "\u{212A}".as_bytes(),
    "\u{130}".as_bytes(),
    "漢".as_bytes(),
    "😀".as_bytes(),
    "𐐀".as_bytes(),
    b"\xFF",
    b"\xE2\x84",
    b"\xED\xA0\x80",
];

fn word() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(select(&PARTS[..]), 1..4).prop_map(|parts| parts.concat())
}

fn rule() -> impl Strategy<Value = Rule> {
    select(&[Rule::Exact, Rule::Folded][..])
}

/// Generates a text of words and a needle that is often one of them. Separators are often missing or doubled.
fn text_and_needle() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    let separators: &[&[u8]] = &[b" ", b" ", b" ", b"\n", b"\n", b"\r\n", b"  ", b"\n\n", b"\r\r\n", b""];
    let piece = (any::<Index>(), select(separators));
    (
        prop::collection::vec(word(), 1..6),
        prop::collection::vec(piece, 0..120),
        any::<Index>(),
        prop::option::of(word()),
    )
        .prop_map(|(words, pieces, which, other)| {
            let text = pieces
                .iter()
                .flat_map(|(index, separator)| [index.get(&words).as_slice(), separator].concat())
                .collect();
            (text, other.unwrap_or_else(|| which.get(&words).clone()))
        })
}

/// Generates texts of few distinct bytes: needles overlap themselves, and matches lie at any distance from any border.
fn dense() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    let byte = select(&b"aab \n\rA-"[..]);
    let inside = select(&b"aab\rA-"[..]);
    (prop::collection::vec(byte, 0..300), prop::collection::vec(inside, 1..8))
}

/// Generates texts of many groups of the kernel's blocks.
fn long_text() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    (any_text(), 1..60_usize).prop_map(|((text, needle), n_times)| (text.repeat(n_times), needle))
}

fn any_text() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    prop_oneof![text_and_needle(), dense()]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn every_routine_equals_the_naive_twin((text, needle) in any_text(), rule in rule()) {
        let expected = naive::count(&text, &needle, rule);
        let prepared = Needle::new(&needle, rule).unwrap();

        prop_assert_eq!(count_sequential(&text, &prepared), expected);
        prop_assert_eq!(count(&text, &prepared), expected);
    }

    #[test]
    fn counts_add_up_over_lines((text, needle) in any_text(), rule in rule()) {
        let prepared = Needle::new(&needle, rule).unwrap();
        let by_line: usize = naive::lines(&text).map(|line| count_sequential(line, &prepared)).sum();

        prop_assert_eq!(count_sequential(&text, &prepared), by_line);
    }

    #[test]
    fn counts_add_up_after_every_separator((text, needle) in any_text(), rule in rule(), at in any::<Index>()) {
        let cuts: Vec<usize> = (0..text.len()).filter(|&at| matches!(text[at], b' ' | b'\n')).map(|at| at + 1).collect();
        let cut = if cuts.is_empty() { 0 } else { *at.get(&cuts) };
        let prepared = Needle::new(&needle, rule).unwrap();
        let pieces = count_sequential(&text[..cut], &prepared) + count_sequential(&text[cut..], &prepared);

        prop_assert_eq!(count_sequential(&text, &prepared), pieces);
    }

    /// The result for the first bytes of a word is that for all of it, also without the bytes that are not needed.
    #[test]
    fn a_prefix_never_contradicts_the_whole((text, needle) in any_text(), rule in rule(), at in any::<Index>()) {
        let prepared = Needle::new(&needle, rule).unwrap();
        let cut = at.index(text.len() + 1);
        let whole = prepared.match_prefix(&text, true);

        prop_assert!(!matches!(whole, PrefixMatch::Incomplete(_)));
        match prepared.match_prefix(&text[..cut], false) {
            PrefixMatch::Incomplete(skip) => prop_assert_eq!(prepared.match_prefix(&text[skip..], true), whole),
            result => prop_assert_eq!(result, whole),
        }
    }

    #[test]
    fn every_type_of_lanes_agrees(a in prop::array::uniform32(any::<u8>()), b in prop::array::uniform32(any::<u8>())) {
        fn all<L: Lanes>(a: &[u8], b: &[u8]) -> Vec<u32> {
            let (a, b) = (L::load(a), L::load(b));
            let near = a.and(L::splat(3)).equal(b.and(L::splat(3)));
            [
                near, a.equal(b), a.is(b'a'), a.at_most(0x7F), a.or(b).at_most(0xEF), near.or(a.is(b' ')),
                near.without(b.at_most(0x7F)), a.minus(b).at_most(25), a.min(b).equal(a),
            ].map(Lanes::bits).to_vec()
        }
        let expected = all::<Plain<32>>(&a, &b);
        let low: Vec<u32> = expected.iter().map(|bits| bits & 0xFFFF).collect();
        prop_assert_eq!(all::<Plain<16>>(&a, &b), low.clone());
        #[cfg(target_arch = "x86_64")]
        {
            prop_assert_eq!(all::<crate::lanes::x86::Sse2>(&a, &b), low);
            if std::arch::is_x86_feature_detected!("avx2") {
                prop_assert_eq!(all::<crate::lanes::x86::Avx2>(&a, &b), expected);
            }
        }
    }
}

/// Counts the sure matches with one type of lanes.
fn kernel<R: MatchRule, L: Lanes>(text: &[u8], needle: &[u8]) -> usize {
    kernel::by_length::<R, L>(text, needle, |_| false)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    /// Covers the code for processors without AVX2 and for other architectures.
    #[test]
    fn the_kernel_counts_the_same_with_every_type_of_lanes((text, needle) in any_text()) {
        let (exact, folded) = (kernel::<ExactRule, Plain<1>>, kernel::<FoldedAsciiRule, Plain<1>>);
        let expected = (exact(&text, &needle), folded(&text, &needle));

        prop_assert_eq!((kernel::<ExactRule, Plain<16>>(&text, &needle), kernel::<FoldedAsciiRule, Plain<16>>(&text, &needle)), expected);
        #[cfg(target_arch = "x86_64")]
        {
            use crate::lanes::x86::{Avx2, Sse2};
            prop_assert_eq!((kernel::<ExactRule, Sse2>(&text, &needle), kernel::<FoldedAsciiRule, Sse2>(&text, &needle)), expected);
            if std::arch::is_x86_feature_detected!("avx2") {
                prop_assert_eq!((kernel::<ExactRule, Avx2>(&text, &needle), kernel::<FoldedAsciiRule, Avx2>(&text, &needle)), expected);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn long_texts_equal_the_naive_twin((text, needle) in long_text(), rule in rule()) {
        let prepared = Needle::new(&needle, rule).unwrap();

        prop_assert_eq!(count_sequential(&text, &prepared), naive::count(&text, &needle, rule));
    }
}

proptest! {
    // Each case starts its own threads.
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn chunks_and_threads_change_nothing((text, needle) in any_text(), rule in rule(), chunk in 1..80_usize, n_threads in 1..5_usize) {
        let prepared = Needle::new(&needle, rule).unwrap();

        prop_assert_eq!(count_in_chunks(&text, &prepared, chunk, n_threads), Some(naive::count(&text, &needle, rule)));
    }
}

/// Words lie across the borders of chunks.
#[test]
fn a_long_text_counted_by_the_pool_equals_the_naive_twin() {
    let line = "better than Better, implementation\r\nbetter\n  \u{212A}ind *kind* über";
    let text = line.repeat(3 * crate::PARALLEL_FROM / line.len());
    for rule in [Rule::Exact, Rule::Folded] {
        for needle in ["better", "implementation", "kind", "über", "überbetter", "x"] {
            let prepared = Needle::new(needle.as_bytes(), rule).unwrap();
            assert_eq!(
                count(text.as_bytes(), &prepared),
                naive::count(text.as_bytes(), needle.as_bytes(), rule),
                "{needle}"
            );
        }
    }
}

/// Covers each byte of needles of each length, in each position around the border of two groups of blocks.
#[test]
fn a_word_is_found_in_each_position_and_not_if_one_byte_differs() {
    let border = 64 * 32;
    for length in (1..=20).chain([31, 32, 33, 70]) {
        let word: Vec<u8> = (0..length).map(|n| b'a' + u8::try_from(n % 26).unwrap()).collect();
        for rule in [Rule::Exact, Rule::Folded] {
            let needle = Needle::new(&word, rule).unwrap();
            for at in border - 80..border + 80 {
                let mut text = vec![b' '; 3 * border];
                text[at..at + length].copy_from_slice(&word);
                assert_eq!(count_sequential(&text, &needle), 1, "{length} bytes at {at}");
                text[at + at % length] ^= 0x1F;
                assert_eq!(count_sequential(&text, &needle), 0, "{length} bytes at {at}");
            }
        }
    }
}

/// A word of a megabyte has no separator to cut at, and must not be read again for every chunk.
#[test]
fn a_word_longer_than_many_chunks_is_counted_once() {
    let text = [b"x ", "-".repeat(1 << 20).as_bytes(), b"zen"].concat();
    let folded = Needle::new(b"zen", Rule::Folded).unwrap();
    assert_eq!(count_in_chunks(&text, &folded, 1000, 2), Some(1));

    let exact = Needle::new(&text[2..], Rule::Exact).unwrap();
    assert_eq!(count_in_chunks(&text, &exact, 1000, 2), Some(1));
}

#[test]
fn needles_that_no_word_could_be_are_refused() {
    for rule in [Rule::Exact, Rule::Folded] {
        assert_eq!(Needle::new(b"", rule).unwrap_err(), NeedleError::Empty);
        assert_eq!(Needle::new(b"a b", rule).unwrap_err(), NeedleError::Space(1));
        assert_eq!(Needle::new(b"ab\n", rule).unwrap_err(), NeedleError::LineEnd(2));
        assert_eq!(Needle::new(b"ab\n ", rule).unwrap_err().to_string(), "has a line end at byte 2");
        assert!(Needle::new(b"a\rb\t\0", rule).is_ok());
    }
}
