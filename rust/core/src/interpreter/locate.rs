//! Finds the GIL without a table of versions: by its shape, then by its behaviour.
//!
//! In every GIL build it is a structure that begins `{ unsigned long interval; uintptr_t last_holder; int locked; .. }`.
//! While this thread holds it, `interval` is the switch interval in microseconds, `last_holder` this thread's state and
//! `locked` 1. From 3.12 a pointer to it lies in the interpreter state; before, it lies inside `_PyRuntime`.

use super::Unavailable;
use super::memory::Reader;
use super::symbols::Symbols;

pub const HOLDER_OFFSET: usize = 8;
pub const LOCKED_OFFSET: usize = 16;
const WORD: usize = size_of::<usize>();

/// Interpreter states have had the pointer within their first kilobyte so far (offset 384 in 3.12, 16 in 3.13 to
/// 3.15); sixteen are searched, so that a second match would be noticed.
const INTERPRETER_WORDS: usize = 2048;
/// `_PyRuntime` where its symbol does not tell its size.
const RUNTIME_WORDS: usize = 8192;

/// Does the memory at `address` have the shape of a GIL held by `thread_state`?
fn has_shape(reader: &Reader, address: usize, interval_us: usize, thread_state: usize) -> bool {
    let mut head = [0u8; 3 * WORD];
    if !address.is_multiple_of(WORD) || address < 4096 || !reader.read(address, &mut head) {
        return false;
    }
    let word = |index: usize| {
        let mut bytes = [0u8; WORD];
        bytes.copy_from_slice(&head[index * WORD..(index + 1) * WORD]);
        bytes
    };
    let locked = word(2);
    usize::from_ne_bytes(word(0)) == interval_us
        && usize::from_ne_bytes(word(1)) == thread_state
        && i32::from_ne_bytes([locked[0], locked[1], locked[2], locked[3]]) == 1
}

/// All structures of that shape: (address, offset of the pointer in the interpreter state, if it was found by one).
fn candidates(
    reader: &Reader,
    interpreter: usize,
    runtime: Option<(usize, usize)>,
    interval_us: usize,
    thread_state: usize,
) -> Vec<(usize, Option<usize>)> {
    let mut found: Vec<(usize, Option<usize>)> = Vec::new();
    let mut note = |address: usize, offset: Option<usize>| {
        if has_shape(reader, address, interval_us, thread_state) && !found.iter().any(|(known, _)| *known == address) {
            found.push((address, offset));
        }
    };
    for (index, pointer) in reader.words(interpreter, INTERPRETER_WORDS).into_iter().enumerate() {
        note(pointer, Some(index * WORD));
    }
    if let Some((start, size)) = runtime {
        let n_words = if size == 0 { RUNTIME_WORDS } else { size / WORD };
        for (index, window) in reader.words(start, n_words).windows(2).enumerate() {
            // Most words are not the interval: only where two fit is the third one read.
            if window[0] == interval_us && window[1] == thread_state {
                note(start + index * WORD, None);
            }
        }
    }
    found
}

/// The address of the GIL. The calling thread holds it; `interval_us` is its switch interval.
pub fn locate(reader: &Reader, symbols: &Symbols, interval_us: usize) -> Result<usize, Unavailable> {
    let thread_state = symbols.thread_state();
    let found = candidates(reader, symbols.interpreter_state(), symbols.runtime, interval_us, thread_state);
    let verified: Vec<_> =
        found.into_iter().filter(|(gil, _)| verify(reader, symbols, *gil, thread_state).is_ok()).collect();
    match verified.as_slice() {
        [] => Err(Unavailable::ShapeNotFound),
        [(gil, offset)] => {
            offsets_agree(reader, symbols.runtime, *offset)?;
            Ok(*gil)
        }
        several => Err(Unavailable::ShapeAmbiguous(several.len())),
    }
}

/// Drops and takes the GIL, and sees the structure follow: taken by us, not ours, taken by us.
///
/// In between another thread may take it, so that "not ours" is either unlocked or another holder; it must have been
/// seen unlocked at least once.
pub fn verify(reader: &Reader, symbols: &Symbols, gil: usize, thread_state: usize) -> Result<(), Unavailable> {
    const ROUNDS: usize = 16;
    let holder = || reader.word(gil + HOLDER_OFFSET);
    let locked = || {
        let mut bytes = [0u8; 4];
        reader.read(gil + LOCKED_OFFSET, &mut bytes).then(|| i32::from_ne_bytes(bytes))
    };
    let mut seen_unlocked = false;
    for _ in 0..ROUNDS {
        if locked() != Some(1) || holder() != Some(thread_state) {
            return Err(Unavailable::NotVerified("it is held here and does not say so"));
        }
        // `locked` is read twice around `holder`: a thread that takes it in between must not look like a contradiction.
        match symbols.without_gil(|| (locked(), holder(), locked())) {
            (Some(0), _, _) => seen_unlocked = true,
            (Some(1), Some(other), Some(1)) if other == thread_state => {
                return Err(Unavailable::NotVerified("it was dropped and says that it is held here"));
            }
            _ => {}
        }
    }
    if seen_unlocked { Ok(()) } else { Err(Unavailable::NotVerified("it was never seen unlocked")) }
}

/// From 3.13 the runtime begins with a table of offsets for debuggers: those found by shape must stand in it.
fn offsets_agree(
    reader: &Reader,
    runtime: Option<(usize, usize)>,
    pointer_offset: Option<usize>,
) -> Result<(), Unavailable> {
    const COOKIE: &[u8; 8] = b"xdebugpy";
    /// Runtime and interpreter parts of the table; what follows describes frames and objects.
    const TABLE_WORDS: usize = 32;
    let (Some((start, _)), Some(offset)) = (runtime, pointer_offset) else { return Ok(()) };
    let words = reader.words(start, TABLE_WORDS);
    if words.first().map(|word| word.to_ne_bytes()) != Some(*COOKIE) {
        return Ok(());
    }
    let agree = [offset, HOLDER_OFFSET, LOCKED_OFFSET].iter().all(|wanted| words[1..].contains(wanted));
    if agree { Ok(()) } else { Err(Unavailable::OffsetsDisagree) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: usize = 0x10_000;
    const STATE: usize = 0xdead_0000;

    /// A picture of memory: an interpreter state with a pointer to a structure behind it.
    fn picture(interval: usize, holder: usize, locked: usize, pointer_at: usize) -> Reader {
        let mut words = vec![0usize; INTERPRETER_WORDS + 8];
        let gil = INTERPRETER_WORDS + 2;
        words[pointer_at] = BASE + gil * WORD;
        words[gil..gil + 3].copy_from_slice(&[interval, holder, locked]);
        Reader::Picture(BASE, words.iter().flat_map(|word| word.to_ne_bytes()).collect())
    }

    fn find(reader: &Reader) -> Vec<(usize, Option<usize>)> {
        candidates(reader, BASE, None, 5000, STATE)
    }

    #[test]
    fn the_shape_is_found_through_a_pointer_anywhere() {
        for at in [2, 48, 2000] {
            let found = find(&picture(5000, STATE, 1, at));

            assert_eq!(found, [(BASE + (INTERPRETER_WORDS + 2) * WORD, Some(at * WORD))]);
        }
    }

    #[test]
    fn each_part_of_the_shape_is_needed() {
        assert!(find(&picture(5001, STATE, 1, 2)).is_empty());
        assert!(find(&picture(5000, STATE + 64, 1, 2)).is_empty());
        assert!(find(&picture(5000, STATE, 0, 2)).is_empty());
    }

    #[test]
    fn the_shape_is_found_inside_the_runtime() {
        let mut words = vec![0usize; 64];
        words[20..23].copy_from_slice(&[5000, STATE, 1]);
        let reader = Reader::Picture(BASE, words.iter().flat_map(|word| word.to_ne_bytes()).collect());

        let found = candidates(&reader, 8, Some((BASE, 64 * WORD)), 5000, STATE);

        assert_eq!(found, [(BASE + 20 * WORD, None)]);
    }

    #[test]
    fn a_table_of_offsets_that_disagrees_is_believed() {
        let mut words = vec![usize::from_ne_bytes(*b"xdebugpy")];
        words.extend([16, 8, 384]);
        words.resize(32, 0);
        let reader = Reader::Picture(BASE, words.iter().flat_map(|word| word.to_ne_bytes()).collect());

        assert_eq!(offsets_agree(&reader, Some((BASE, 0)), Some(384)), Ok(()));
        assert_eq!(offsets_agree(&reader, Some((BASE, 0)), Some(400)), Err(Unavailable::OffsetsDisagree));
    }
}
