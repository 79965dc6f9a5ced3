//! Files counted in blocks have the same counts as the naive twin gives for their contents.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::AtomicUsize;

use proptest::prelude::*;

use super::*;
use crate::{Rule, naive};

/// A temporary file.
struct TempFile(PathBuf);

impl TempFile {
    fn new(content: &[u8]) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("gilcheck-counter-{}-{n}", std::process::id()));
        fs::write(&path, content).unwrap();
        Self(path)
    }

    fn open(&self) -> File {
        File::open(&self.0).unwrap()
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.0));
    }
}

fn count_all(file: &File, needle: &[u8], rule: Rule) -> usize {
    count_file(file, &Needle::new(needle, rule).unwrap(), &mut || true).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Blocks of a few bytes put borders everywhere.
    #[test]
    fn blocks_of_any_size_equal_the_naive_twin(
        text in prop::collection::vec(prop::sample::select(&b"aab \n\rA-\xC3\xA9"[..]), 1..200),
        needle in prop::collection::vec(prop::sample::select(&b"aab\r-"[..]), 1..5),
        block_bytes in 1..40_usize,
        folded in any::<bool>(),
    ) {
        let rule = if folded { Rule::Folded } else { Rule::Exact };
        let temp_file = TempFile::new(&text);
        let prepared = Needle::new(&needle, rule).unwrap();
        let length = text.len() as u64;
        let slab = Slab {
            file: &temp_file.open(), needle: &prepared, length, end: length, block_bytes, next: AtomicU64::new(0),
        };

        prop_assert_eq!(slab.count_blocks().unwrap(), naive::count(&text, &needle, rule));
    }

    #[test]
    fn pipes_equal_the_naive_twin(
        text in prop::collection::vec(prop::sample::select(&b"aab \n\rA-\xC3\xA9"[..]), 0..200),
        needle in prop::collection::vec(prop::sample::select(&b"aab\r-"[..]), 1..5),
        write_bytes in 1..40_usize,
        folded in any::<bool>(),
    ) {
        let rule = if folded { Rule::Folded } else { Rule::Exact };
        let (reader, mut writer) = std::io::pipe().unwrap();
        let reader = File::from(std::os::fd::OwnedFd::from(reader));
        let total = std::thread::scope(|scope| {
            scope.spawn(|| {
                text.chunks(write_bytes).for_each(|part| writer.write_all(part).unwrap());
                drop(writer);
            });
            count_all(&reader, &needle, rule)
        });

        prop_assert_eq!(total, naive::count(&text, &needle, rule));
    }
}

/// Covers the pool, a needle longer than a block, and a word of a megabyte of dashes.
#[test]
fn a_file_of_many_blocks_equals_the_naive_twin() {
    let line = "better than Better, implementation\r\nbetter\n  \u{212A}ind *kind* über\n";
    let long = "y".repeat(2 * BLOCK_BYTES + 7);
    let text = [&line.repeat(30_000), " ", &long, " ", &"-".repeat(1 << 20), "zen"].concat();
    let temp_file = TempFile::new(text.as_bytes());
    for rule in [Rule::Exact, Rule::Folded] {
        for needle in ["better", "implementation", "kind", "zen", "absent", &long] {
            assert_eq!(
                count_all(&temp_file.open(), needle.as_bytes(), rule),
                naive::count(text.as_bytes(), needle.as_bytes(), rule)
            );
        }
    }
}

/// The word is longer than the buffer.
#[test]
fn a_long_word_in_a_pipe_is_not_kept() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let reader = File::from(std::os::fd::OwnedFd::from(reader));
    let writing = std::thread::spawn(move || {
        for _ in 0..40 {
            writer.write_all("-".repeat(BLOCK_BYTES).as_bytes()).unwrap();
        }
        writer.write_all(b"zen").unwrap();
    });
    assert_eq!(count_all(&reader, b"zen", Rule::Folded), 1);
    writing.join().unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn files_without_a_length_are_read_to_their_end() {
    assert_eq!(count_all(&TempFile::new(b"").open(), b"a", Rule::Exact), 0);
    let status = fs::read("/proc/self/limits").unwrap();
    let expected = naive::count(&status, b"Max", Rule::Exact);
    assert!(expected > 0);
    assert_eq!(count_all(&File::open("/proc/self/limits").unwrap(), b"Max", Rule::Exact), expected);
}

#[test]
fn errors_and_refusals_end_the_call() {
    let needle = Needle::new(b"a", Rule::Exact).unwrap();
    let directory = File::open(std::env::temp_dir()).unwrap();
    assert_eq!(count_file(&directory, &needle, &mut || true).unwrap_err().kind(), ErrorKind::IsADirectory);
    let temp_file = TempFile::new(b"a a");
    assert_eq!(count_file(&temp_file.open(), &needle, &mut || false).unwrap_err().kind(), ErrorKind::Interrupted);
}
