//! Finds the word in a thread state that says whether its thread is attached to the interpreter, and samples it.
//!
//! Without a GIL nothing is released. A thread is *attached* while it may touch Python objects, and *detached* otherwise. It
//! attaches and detaches by one atomic operation on that word, so no function of the C library is called then, and the hooks of
//! the ledger see nothing.
//!
//! The word is found by what it does, not by a table of versions: it reads 1, then 0, then 1 while the calling thread
//! detaches and attaches again and again. No other word may do the same.

use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use super::attach_hooks::Recording;
use super::symbols::Symbols;
use crate::os::{self, Memory, ProcessMemory};
use crate::{Unavailable, clock};

/// How much of a thread state is searched. The word lies at offset 40 in 3.13. A second match must be noticed, so more is read.
const SEARCHED_BYTES: usize = 192;
/// The pointers to other thread states are the first fields.
const SEARCHED_LINKS: usize = 4;
const WORD: usize = size_of::<usize>();
/// Further thread states are not followed; a reading says so.
const MOST_STATES: usize = 256;

/// The values of the word. A thread that was detached when the world was stopped is *suspended* until it goes on.
pub(super) const DETACHED: i32 = 0;
pub(super) const ATTACHED: i32 = 1;
pub(super) const SUSPENDED: i32 = 2;

type ThreadHead = unsafe extern "C" fn(*mut c_void) -> *mut c_void;
type NextThread = unsafe extern "C" fn(*mut c_void) -> *mut c_void;

/// Where the words lie in a thread state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Offsets {
    attached: usize,
    /// The pointer to the next thread state.
    next: usize,
}

/// A thread whose attachment can be read from any thread, while it lives.
#[derive(Debug)]
pub struct WatchedThread {
    memory: ProcessMemory,
    state: usize,
    left_out: Vec<usize>,
    interpreter: usize,
    thread_head: ThreadHead,
    offsets: Offsets,
    /// The kernel's number of the thread, if the kernel keeps an account of it.
    kernel_thread: Option<u32>,
}

/// What one reading showed, between two moments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// When the reading began.
    pub start_ns: u64,
    /// When it ended.
    pub end_ns: u64,
    /// Whether the watched thread was attached.
    pub is_attached: bool,
    /// How many other thread states of the interpreter were attached, without those that are left out.
    pub n_others: u32,
    /// How long the watched thread has been ready to run and not running since it began; `None` if the kernel keeps no
    /// account. It grows when the thread is let in again, whose state has not changed meanwhile.
    pub delay_ns: Option<u64>,
}

fn int_at(bytes: &[u8], offset: usize) -> Option<i32> {
    Some(i32::from_ne_bytes(bytes.get(offset..offset + 4)?.try_into().ok()?))
}

fn word_at(bytes: &[u8], offset: usize) -> Option<usize> {
    Some(usize::from_ne_bytes(bytes.get(offset..offset + WORD)?.try_into().ok()?))
}

/// Returns the address of the calling thread's state, to leave it out elsewhere. The thread is attached.
///
/// # Errors
///
/// [`Unavailable`]: the interpreter does not export the function.
pub fn current_state() -> Result<usize, Unavailable> {
    Symbols::resolve().map(|symbols| symbols.thread_state())
}

/// Returns the only offset at which an integer reads attached, detached and attached in every round.
///
/// Each round is the content of the thread state before, during and after a time in which the thread was detached. Another
/// thread may have stopped the world meanwhile. The integer must have been 0 at least once.
fn offset_of_attachment(rounds: &[[Vec<u8>; 3]]) -> Result<usize, Unavailable> {
    let behaves = |offset: &usize| {
        let mut was_detached = false;
        let in_every_round = rounds.iter().all(|round| {
            let [before, during, after] = [0, 1, 2].map(|moment| int_at(&round[moment], *offset));
            was_detached |= during == Some(DETACHED);
            before == Some(ATTACHED) && after == Some(ATTACHED) && matches!(during, Some(DETACHED | SUSPENDED))
        });
        in_every_round && was_detached
    };
    let matching: Vec<usize> = (0..SEARCHED_BYTES).step_by(4).filter(behaves).collect();
    match matching.as_slice() {
        [offset] => Ok(*offset),
        several => Err(Unavailable::AttachmentNotFound(several.len())),
    }
}

/// Returns the only offset of a pointer from the first of these thread states to the second.
fn link_of_first(memory: &impl Memory, states: &[usize; 2]) -> Result<usize, Unavailable> {
    let matching: Vec<usize> = (0..SEARCHED_LINKS)
        .map(|index| index * WORD)
        .filter(|offset| states[1] != 0 && memory.word(states[0] + offset) == Some(states[1]))
        .collect();
    match matching.as_slice() {
        [offset] => Ok(*offset),
        _ => Err(Unavailable::ThreadListNotFound),
    }
}

/// Returns whether this state is attached and how many others are, of the list that begins at `head`.
///
/// States of `left_out` are not counted. `None` if the list, which changes meanwhile, cannot be read to its end, or does not
/// contain the state.
fn read_list(
    memory: &impl Memory,
    head: usize,
    own: usize,
    left_out: &[usize],
    offsets: Offsets,
) -> Option<(bool, u32)> {
    let mut bytes = [0u8; SEARCHED_BYTES];
    let length = (offsets.attached + 4).max(offsets.next + WORD);
    let (mut state, mut is_attached, mut n_others) = (head, None, 0);
    for _ in 0..MOST_STATES {
        if state == 0 {
            return is_attached.map(|is_attached| (is_attached, n_others));
        }
        memory.read(state, &mut bytes[..length]).then_some(())?;
        let now = int_at(&bytes, offsets.attached)? == ATTACHED;
        if state == own {
            is_attached = Some(now);
        } else if !left_out.contains(&state) {
            n_others += u32::from(now);
        }
        state = word_at(&bytes, offsets.next)?;
    }
    None
}

impl WatchedThread {
    /// Finds the words in the state of the calling thread, which is attached. The GIL is switched off, and the interpreter
    /// has another thread. `left_out` are states whose attachment means nothing: those of threads that wait for the calls.
    ///
    /// # Errors
    ///
    /// [`Unavailable`]: anything that is not exactly as expected.
    pub fn current(left_out: Vec<usize>) -> Result<Self, Unavailable> {
        const N_ROUNDS: usize = 32;
        os::check_supported()?;
        let symbols = Symbols::resolve()?;
        let function = |name: &'static std::ffi::CStr| {
            os::symbol(name).ok_or(Unavailable::MissingSymbol(name.to_str().unwrap_or("a function")))
        };
        // SAFETY: these two functions of CPython's C API have exactly these types in every version.
        let (thread_head, next_thread) = unsafe {
            (
                std::mem::transmute::<usize, ThreadHead>(function(c"PyInterpreterState_ThreadHead")?),
                std::mem::transmute::<usize, NextThread>(function(c"PyThreadState_Next")?),
            )
        };
        let memory = ProcessMemory::open()?;
        let (state, interpreter) = (symbols.thread_state(), symbols.interpreter_state());
        let read = || {
            let mut bytes = vec![0u8; SEARCHED_BYTES];
            if memory.read(state, &mut bytes) { bytes } else { Vec::new() }
        };
        let rounds: Vec<_> = (0..N_ROUNDS).map(|_| [read(), symbols.without_gil(read), read()]).collect();
        let attached = offset_of_attachment(&rounds)?;
        // Threads come and go while the list is read, so a second look may be needed.
        let next = (0..N_ROUNDS)
            .find_map(|_| {
                // SAFETY: the calling thread is attached, as this function requires, so that its interpreter lives. The second
                // function reads one pointer of the newest thread's state. As for every caller of this API, that thread may
                // end in between; here the newest one is a thread of ours, which waits.
                let states = unsafe {
                    let head = thread_head(interpreter as *mut c_void);
                    [head as usize, next_thread(head) as usize]
                };
                link_of_first(&memory, &states).ok()
            })
            .ok_or(Unavailable::ThreadListNotFound)?;
        let kernel_thread = clock::processor_account().map(|account| account.thread_id);
        let watched = Self {
            memory,
            state,
            left_out,
            interpreter,
            thread_head,
            offsets: Offsets { attached, next },
            kernel_thread,
        };
        // The whole of it, on what is known: this thread is attached now, and was not a moment ago.
        for _ in 0..N_ROUNDS {
            let detached = symbols.without_gil(|| watched.sample());
            match (detached, watched.sample()) {
                (Some(during), Some(after)) if !during.is_attached && after.is_attached => return Ok(watched),
                (Some(_), Some(_)) => {
                    return Err(Unavailable::NotVerified("a thread that attaches is not seen to do so"));
                }
                _ => {} // the list has changed meanwhile
            }
        }
        Err(Unavailable::ThreadListNotFound)
    }

    /// Begins to record where this thread, which is the calling one and attached, attaches and detaches.
    ///
    /// # Errors
    ///
    /// [`Unavailable`]: loaded modules cannot be watched. The thread can still be sampled.
    pub fn record(&self) -> Result<Recording, Unavailable> {
        Recording::start(&Symbols::resolve()?, self.state, self.state + self.offsets.attached)
    }

    /// Reads the list of thread states once; `None` if it changed meanwhile. Any thread may call it, attached or not.
    #[must_use]
    pub fn sample(&self) -> Option<Sample> {
        let start_ns = clock::now_ns();
        // SAFETY: the interpreter lives as long as the watched thread, which is within a call or attached. The function reads one
        // pointer of it.
        let head = unsafe { (self.thread_head)(self.interpreter as *mut c_void) } as usize;
        let (is_attached, n_others) = read_list(&self.memory, head, self.state, &self.left_out, self.offsets)?;
        let end_ns = clock::now_ns();
        let delay_ns = self.kernel_thread.and_then(clock::processor_account_of).map(|account| account.delay_ns);
        Some(Sample { start_ns, end_ns, is_attached, n_others, delay_ns })
    }

    /// Samples about every `gap_ns`, at irregular moments, until `stop` is set or there are `n_most` samples.
    ///
    /// The calling thread is not attached. A reading during which this thread was descheduled has no moment, and is left out.
    #[must_use]
    pub fn sample_until(&self, stop: &AtomicBool, gap_ns: u64, n_most: usize) -> Vec<Sample> {
        /// A reading takes less than a microsecond for each thread.
        const LONGEST_READING_NS: u64 = 50_000;
        os::sharpen_timer();
        let mut samples = Vec::with_capacity(n_most.min(4096));
        let mut random = clock::now_ns() | 1;
        while !stop.load(Relaxed) && samples.len() < n_most {
            if let Some(sample) = self.sample()
                && sample.end_ns - sample.start_ns <= LONGEST_READING_NS
            {
                samples.push(sample);
            }
            // From half of the gap to one and a half: a callee that alternates evenly would meet each sample in the same state.
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let pause_ns = gap_ns / 2 + random % gap_ns.max(1);
            std::thread::sleep(Duration::from_nanos(pause_ns));
        }
        samples
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::os::FakeMemory;

    const BASE: usize = 0x10_000;
    const OFFSETS: Offsets = Offsets { attached: 40, next: 8 };
    const N_WORDS: usize = SEARCHED_BYTES / WORD;

    fn bytes_of(ints: &[(usize, i32)]) -> Vec<u8> {
        let mut bytes = vec![7u8; SEARCHED_BYTES];
        for (offset, value) in ints {
            bytes[*offset..*offset + 4].copy_from_slice(&value.to_ne_bytes());
        }
        bytes
    }

    fn rounds(offset: usize, values: &[[i32; 3]]) -> Vec<[Vec<u8>; 3]> {
        values.iter().map(|round| round.map(|value| bytes_of(&[(offset, value)]))).collect()
    }

    /// Memory with thread states that follow each other; each is attached, detached or suspended.
    fn states(values: &[i32]) -> FakeMemory {
        let mut words = vec![0usize; values.len() * N_WORDS];
        for (index, value) in values.iter().enumerate() {
            let is_last = index + 1 == values.len();
            words[index * N_WORDS + OFFSETS.next / WORD] = if is_last { 0 } else { address(index + 1) };
            words[index * N_WORDS + OFFSETS.attached / WORD] = usize::try_from(*value).expect("no negative value");
        }
        FakeMemory::new(BASE, &words)
    }

    fn address(index: usize) -> usize {
        BASE + index * SEARCHED_BYTES
    }

    proptest! {
        #[test]
        fn the_word_is_found_wherever_it_is(index in 0..SEARCHED_BYTES / 4, stopped in prop::collection::vec(any::<bool>(), 1..20)) {
            let mut values: Vec<_> = stopped.iter().map(|stopped| [1, if *stopped { 2 } else { 0 }, 1]).collect();
            values.push([1, 0, 1]);

            prop_assert_eq!(offset_of_attachment(&rounds(4 * index, &values)), Ok(4 * index));
        }

        #[test]
        fn others_are_counted_wherever_the_watched_thread_is(
            values in prop::collection::vec(0..3i32, 1..20), own in any::<prop::sample::Index>()
        ) {
            let own = own.index(values.len());
            let n_others = values.iter().enumerate().filter(|(index, value)| *index != own && **value == 1).count();

            let read = read_list(&states(&values), BASE, address(own), &[], OFFSETS);

            prop_assert_eq!(read, Some((values[own] == 1, u32::try_from(n_others).unwrap_or(0))));
        }
    }

    #[test]
    fn a_thread_that_is_left_out_is_not_counted() {
        let left_out = [address(1), address(7)];

        assert_eq!(read_list(&states(&[1, 1, 1]), BASE, BASE, &left_out, OFFSETS), Some((true, 1)));
    }

    #[test]
    fn a_word_that_behaves_otherwise_once_is_not_believed() {
        for odd in [[1, 1, 1], [0, 0, 1], [1, 0, 0], [1, 3, 1], [2, 0, 1]] {
            let found = offset_of_attachment(&rounds(40, &[[1, 0, 1], odd, [1, 0, 1]]));

            assert_eq!(found, Err(Unavailable::AttachmentNotFound(0)), "{odd:?}");
        }
    }

    #[test]
    fn a_word_that_is_never_zero_is_not_believed() {
        assert_eq!(offset_of_attachment(&rounds(40, &[[1, 2, 1]])), Err(Unavailable::AttachmentNotFound(0)));
    }

    #[test]
    fn two_words_that_behave_alike_are_one_too_many() {
        let rounds: Vec<_> = (0..4).map(|_| [1, 0, 1].map(|value| bytes_of(&[(40, value), (64, value)]))).collect();

        assert_eq!(offset_of_attachment(&rounds), Err(Unavailable::AttachmentNotFound(2)));
    }

    #[test]
    fn a_state_that_cannot_be_read_has_no_word() {
        assert_eq!(
            offset_of_attachment(&[[Vec::new(), Vec::new(), Vec::new()]]),
            Err(Unavailable::AttachmentNotFound(0))
        );
    }

    #[test]
    fn a_list_without_the_watched_thread_or_without_an_end_is_no_reading() {
        assert_eq!(read_list(&states(&[1, 0]), BASE, address(2), &[], OFFSETS), None);

        let mut words = vec![0usize; N_WORDS];
        words[OFFSETS.next / WORD] = BASE; // it leads to itself
        assert_eq!(read_list(&FakeMemory::new(BASE, &words), BASE, BASE, &[], OFFSETS), None);
        words[OFFSETS.next / WORD] = 8; // it leads to nowhere
        assert_eq!(read_list(&FakeMemory::new(BASE, &words), BASE, BASE, &[], OFFSETS), None);
    }

    #[test]
    fn the_link_is_the_only_pointer_to_the_next_state() {
        assert_eq!(link_of_first(&states(&[1, 0]), &[BASE, address(1)]), Ok(OFFSETS.next));
        assert_eq!(link_of_first(&states(&[1]), &[BASE, 0]), Err(Unavailable::ThreadListNotFound));

        let mut words = vec![0usize; N_WORDS];
        words[0] = 0x2000;
        words[1] = 0x2000;
        let memory = FakeMemory::new(BASE, &words);
        assert_eq!(link_of_first(&memory, &[BASE, 0x2000]), Err(Unavailable::ThreadListNotFound));
    }
}
