//! Finds the GIL without a table of versions: by its shape, then by its behaviour.
//!
//! In every GIL build it is a structure that begins `{ unsigned long interval; uintptr_t last_holder; int locked; .. }`.
//! While the calling thread holds the GIL, `interval` is the switch interval in microseconds, `last_holder` is the
//! thread's state and `locked` is 1. From 3.12 on a pointer to the structure lies in the interpreter state; before, the
//! structure lies inside `_PyRuntime`.
//!
//! In a free-threaded build whose GIL is switched on one more word comes first, `enabled`, which is positive then.

use super::symbols::Symbols;
use crate::Unavailable;
use crate::os::Memory;

/// The offset of `last_holder`.
const HOLDER_OFFSET: usize = 8;
/// The offset of `locked`.
pub const LOCKED_OFFSET: usize = 16;
const WORD: usize = size_of::<usize>();

/// How many words of the interpreter state are searched: 16 KiB. The pointer has always been in the first one (offset 384
/// in 3.12, 16 in 3.13 to 3.15); the rest is searched so that a second match is noticed.
const N_INTERPRETER_WORDS: usize = 2048;
/// How many words of `_PyRuntime` are searched where its symbol has no size.
const N_RUNTIME_WORDS: usize = 8192;

/// Returns whether the memory at `address` has the shape of a GIL that `thread_state` holds.
fn has_shape(memory: &impl Memory, address: usize, interval_us: usize, thread_state: usize) -> bool {
    let mut head = [0u8; 3 * WORD];
    if !address.is_multiple_of(WORD) || address < 4096 || !memory.read(address, &mut head) {
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

/// A structure that has the shape of the GIL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Candidate {
    address: usize,
    /// Where in the interpreter state the pointer to it is, if it was found by one.
    pointer_offset: Option<usize>,
    /// How many bytes of the structure come before what has the shape.
    n_before: usize,
}

/// Returns whether the word at `address` says that the GIL of a free-threaded build is switched on.
fn is_enabled(memory: &impl Memory, address: usize) -> bool {
    let mut bytes = [0u8; 4];
    address.is_multiple_of(WORD) && memory.read(address, &mut bytes) && i32::from_ne_bytes(bytes) > 0
}

/// Returns all structures with the shape of the GIL. `runtime` is the address of `_PyRuntime` and its size.
fn candidates(
    memory: &impl Memory,
    interpreter: usize,
    runtime: Option<(usize, usize)>,
    interval_us: usize,
    thread_state: usize,
) -> Vec<Candidate> {
    let mut candidates: Vec<Candidate> = Vec::new();
    let mut add = |address: usize, pointer_offset: Option<usize>, n_before: usize| {
        let is_known = candidates.iter().any(|known| known.address == address);
        if !is_known && has_shape(memory, address, interval_us, thread_state) {
            candidates.push(Candidate { address, pointer_offset, n_before });
        }
    };
    for (index, pointer) in memory.words(interpreter, N_INTERPRETER_WORDS).into_iter().enumerate() {
        add(pointer, Some(index * WORD), 0);
        if (4096..usize::MAX - WORD).contains(&pointer) && is_enabled(memory, pointer) {
            add(pointer + WORD, Some(index * WORD), WORD);
        }
    }
    if let Some((start, size)) = runtime {
        let n_words = if size == 0 { N_RUNTIME_WORDS } else { size / WORD };
        for (index, window) in memory.words(start, n_words).windows(2).enumerate() {
            // Few words equal the interval, so the complete shape is read only where two words fit.
            if window[0] == interval_us && window[1] == thread_state {
                add(start + index * WORD, None, 0);
            }
        }
    }
    candidates
}

/// Returns the address of the GIL, which the calling thread holds. `interval_us` is its switch interval.
pub fn locate(memory: &impl Memory, symbols: &Symbols, interval_us: usize) -> Result<usize, Unavailable> {
    let thread_state = symbols.thread_state();
    let candidates = candidates(memory, symbols.interpreter_state(), symbols.runtime, interval_us, thread_state);
    let verified: Vec<_> = candidates
        .into_iter()
        .filter(|candidate| verify(memory, symbols, candidate.address, thread_state).is_ok())
        .collect();
    match verified.as_slice() {
        [] => Err(Unavailable::ShapeNotFound),
        [gil] => {
            check_debug_offsets(memory, symbols.runtime, gil)?;
            Ok(gil.address)
        }
        several => Err(Unavailable::ShapeAmbiguous(several.len())),
    }
}

/// Returns whether the GIL at `gil` says that `thread_state` holds it.
pub fn is_held_by(memory: &impl Memory, gil: usize, thread_state: usize) -> bool {
    let mut taken = [0u8; 4];
    memory.read(gil + LOCKED_OFFSET, &mut taken)
        && i32::from_ne_bytes(taken) == 1
        && memory.word(gil + HOLDER_OFFSET) == Some(thread_state)
}

/// Releases and takes the GIL and checks that the structure changes with it: held by us, not by us, held by us.
///
/// Meanwhile another thread may take the GIL, so "not by us" is either unlocked or another holder. The structure must have
/// been unlocked at least once.
pub fn verify(memory: &impl Memory, symbols: &Symbols, gil: usize, thread_state: usize) -> Result<(), Unavailable> {
    const N_ROUNDS: usize = 16;
    let holder = || memory.word(gil + HOLDER_OFFSET);
    let locked = || {
        let mut bytes = [0u8; 4];
        memory.read(gil + LOCKED_OFFSET, &mut bytes).then(|| i32::from_ne_bytes(bytes))
    };
    let mut was_unlocked = false;
    for _ in 0..N_ROUNDS {
        if locked() != Some(1) || holder() != Some(thread_state) {
            return Err(Unavailable::NotVerified("this thread holds it and it does not show that"));
        }
        // `locked` is read before and after `holder`, because another thread may take the GIL in between.
        match symbols.without_gil(|| (locked(), holder(), locked())) {
            (Some(0), _, _) => was_unlocked = true,
            (Some(1), Some(other), Some(1)) if other == thread_state => {
                return Err(Unavailable::NotVerified("this thread released it and it shows this thread as the holder"));
            }
            _ => {}
        }
    }
    if was_unlocked { Ok(()) } else { Err(Unavailable::NotVerified("it was never unlocked")) }
}

/// Checks that the runtime's table of offsets for debuggers, which exists from 3.13 on, contains the offsets found here.
fn check_debug_offsets(
    memory: &impl Memory,
    runtime: Option<(usize, usize)>,
    gil: &Candidate,
) -> Result<(), Unavailable> {
    const COOKIE: &[u8; 8] = b"xdebugpy";
    /// The runtime's and the interpreter's part of the table; the rest describes frames and objects.
    const N_TABLE_WORDS: usize = 32;
    let (Some((start, _)), Some(offset)) = (runtime, gil.pointer_offset) else { return Ok(()) };
    let words = memory.words(start, N_TABLE_WORDS);
    let Some((cookie, offsets)) = words.split_first() else { return Ok(()) };
    if cookie.to_ne_bytes()[..] != COOKIE[..] {
        return Ok(());
    }
    // The offsets of the fields count from the structure in some versions, and from the interpreter state, which contains it, in
    // 3.13: then that of the structure is in the table, too.
    let has = |offset: usize| offsets.contains(&offset);
    let has_fields = |base: &usize| {
        let first = base.wrapping_add(gil.n_before);
        has(first.wrapping_add(HOLDER_OFFSET)) && has(first.wrapping_add(LOCKED_OFFSET))
    };
    let agrees = has(offset) && (has_fields(&0) || offsets.iter().any(has_fields));
    if agrees { Ok(()) } else { Err(Unavailable::OffsetsDisagree) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::FakeMemory;

    const BASE: usize = 0x10_000;
    const STATE: usize = 0xdead_0000;

    /// Returns memory with an interpreter state at `BASE` that points to a structure after it.
    fn interpreter(interval: usize, holder: usize, locked: usize, pointer_index: usize) -> FakeMemory {
        let mut words = vec![0usize; N_INTERPRETER_WORDS + 8];
        let gil = N_INTERPRETER_WORDS + 2;
        words[pointer_index] = BASE + gil * WORD;
        words[gil..gil + 3].copy_from_slice(&[interval, holder, locked]);
        FakeMemory::new(BASE, &words)
    }

    fn find(memory: &FakeMemory) -> Vec<Candidate> {
        candidates(memory, BASE, None, 5000, STATE)
    }

    #[test]
    fn the_shape_is_found_through_a_pointer_anywhere() {
        for index in [2, 48, 2000] {
            let expected = Candidate {
                address: BASE + (N_INTERPRETER_WORDS + 2) * WORD,
                pointer_offset: Some(index * WORD),
                n_before: 0,
            };

            assert_eq!(find(&interpreter(5000, STATE, 1, index)), [expected]);
        }
    }

    #[test]
    fn each_part_of_the_shape_is_needed() {
        assert!(find(&interpreter(5001, STATE, 1, 2)).is_empty());
        assert!(find(&interpreter(5000, STATE + 64, 1, 2)).is_empty());
        assert!(find(&interpreter(5000, STATE, 0, 2)).is_empty());
    }

    #[test]
    fn a_free_threaded_build_with_its_gil_on_has_one_more_word() {
        for (enabled, is_found) in [(1, true), (i32::MAX as usize, true), (0, false), (0xffff_ffff, false)] {
            let mut words = vec![0usize; N_INTERPRETER_WORDS + 8];
            let gil = N_INTERPRETER_WORDS + 2;
            words[2] = BASE + gil * WORD;
            words[gil..gil + 4].copy_from_slice(&[enabled, 5000, STATE, 1]);
            let expected = Candidate { address: BASE + (gil + 1) * WORD, pointer_offset: Some(16), n_before: WORD };

            assert_eq!(
                find(&FakeMemory::new(BASE, &words)),
                if is_found { vec![expected] } else { vec![] },
                "{enabled}"
            );
        }
    }

    #[test]
    fn the_shape_is_found_inside_the_runtime() {
        let mut words = vec![0usize; 64];
        words[20..23].copy_from_slice(&[5000, STATE, 1]);
        let memory = FakeMemory::new(BASE, &words);

        let candidates = candidates(&memory, 8, Some((BASE, 64 * WORD)), 5000, STATE);

        assert_eq!(candidates, [Candidate { address: BASE + 20 * WORD, pointer_offset: None, n_before: 0 }]);
    }

    /// An interpreter in this process: its state points to a structure that its own functions take and release.
    #[cfg(not(gilcheck_unsupported_os))]
    mod built {
        use std::ffi::c_void;
        use std::sync::Mutex;
        use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

        use super::super::{Memory, N_INTERPRETER_WORDS, Symbols, Unavailable, locate};
        use crate::os::ProcessMemory;

        const INTERVAL_US: usize = 5000;
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        static STATE: [AtomicUsize; N_INTERPRETER_WORDS] = [const { AtomicUsize::new(0) }; N_INTERPRETER_WORDS];
        static GIL: [AtomicUsize; 8] = [const { AtomicUsize::new(0) }; 8];
        static THREAD: AtomicUsize = AtomicUsize::new(0);
        /// Which word of the structure says that it is locked.
        static LOCKED_AT: AtomicUsize = AtomicUsize::new(2);

        extern "C" fn thread_state() -> *mut c_void {
            THREAD.as_ptr().cast()
        }
        extern "C" fn interpreter_state() -> *mut c_void {
            STATE[0].as_ptr().cast()
        }
        extern "C" fn save() -> *mut c_void {
            GIL[LOCKED_AT.load(Relaxed)].store(0, Relaxed);
            thread_state()
        }
        extern "C" fn restore(_: *mut c_void) {
            GIL[LOCKED_AT.load(Relaxed)].store(1, Relaxed);
        }

        const SYMBOLS: Symbols = Symbols::of_a_test(thread_state, interpreter_state, save, restore);

        /// Locates the GIL of an interpreter in which the interval, the holder and the lock are these words of it.
        fn located(
            interval_at: usize,
            holder_at: usize,
            locked_at: usize,
            is_released: bool,
        ) -> Result<usize, Unavailable> {
            let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            for word in &GIL {
                word.store(0, Relaxed);
            }
            STATE[2].store(GIL[0].as_ptr() as usize, Relaxed);
            GIL[interval_at].store(INTERVAL_US, Relaxed);
            GIL[holder_at].store(thread_state() as usize, Relaxed);
            GIL[locked_at].store(1, Relaxed);
            LOCKED_AT.store(if is_released { locked_at } else { 7 }, Relaxed);
            let memory = ProcessMemory::open()?;
            assert!(memory.word(GIL[0].as_ptr() as usize).is_some());
            locate(&memory, &SYMBOLS, INTERVAL_US)
        }

        #[test]
        fn the_gil_of_every_known_version_is_located() {
            assert_eq!(located(0, 1, 2, true), Ok(GIL[0].as_ptr() as usize));
        }

        #[test]
        fn a_newer_interpreter_with_other_words_has_no_gil_that_is_known() {
            for (interval_at, holder_at, locked_at) in [(0, 2, 1), (1, 2, 3), (0, 1, 3), (2, 1, 0), (0, 2, 3)] {
                assert_eq!(located(interval_at, holder_at, locked_at, true), Err(Unavailable::ShapeNotFound));
            }
        }

        #[test]
        fn the_shape_alone_is_no_gil() {
            assert_eq!(located(0, 1, 2, false), Err(Unavailable::ShapeNotFound));
        }
    }

    #[test]
    fn a_table_of_offsets_that_disagrees_is_believed() {
        let mut words = vec![usize::from_ne_bytes(*b"xdebugpy")];
        words.extend([16, 8, 384]);
        words.resize(32, 0);
        let memory = FakeMemory::new(BASE, &words);

        let found = |pointer_offset, n_before| Candidate { address: 0, pointer_offset: Some(pointer_offset), n_before };
        assert_eq!(check_debug_offsets(&memory, Some((BASE, 0)), &found(384, 0)), Ok(()));
        let free_threaded = [usize::from_ne_bytes(*b"xdebugpy"), 0x030d_0ff0, 1, 16, 7760, 0, 7784, 7776];
        let table = FakeMemory::new(BASE, &[&free_threaded[..], &[3; 24]].concat());
        assert_eq!(check_debug_offsets(&table, Some((BASE, 0)), &found(16, WORD)), Ok(()));
        for disagreeing in [found(400, 0), found(384, WORD)] {
            let checked = check_debug_offsets(&memory, Some((BASE, 0)), &disagreeing);
            assert_eq!(checked, Err(Unavailable::OffsetsDisagree));
        }
    }
}
