//! Distinguishes a release by the interpreter (it gives in to a drop request between two bytecodes) from a release by
//! the function, without a table of versions.
//!
//! Both run through the same few functions before they unlock the GIL's mutex. These have frames of fixed size, so the
//! return address into the function that decided to release lies at a fixed distance above the hook's frame. The distance
//! and the address inside the evaluation loop are learned once. While pure Python code runs beside a waiting thread, the
//! interpreter makes every release; while `PyEval_SaveThread` is called directly, the function makes every release.
//! Without a pending drop request, a release is always by the function.

use std::sync::atomic::{AtomicUsize, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

use crate::os::{LoadedObject, current_thread};

/// The distance within which the deciding frame lies, in words. Four short functions at most are in between.
pub const N_WORDS: usize = 96;
const NOT_LEARNED: usize = usize::MAX;
const MAX_SAMPLES: usize = 4;

static DISTANCE: AtomicUsize = AtomicUsize::new(NOT_LEARNED);
static RETURN_ADDRESS: AtomicUsize = AtomicUsize::new(0);
/// The thread whose stack is sampled at its releases; 0 if none is.
static SAMPLED_THREAD: AtomicUsize = AtomicUsize::new(0);
static N_SAMPLES: AtomicUsize = AtomicUsize::new(0);
static SAMPLES: [[AtomicUsize; N_WORDS]; MAX_SAMPLES] =
    [const { [const { AtomicUsize::new(0) }; N_WORDS] }; MAX_SAMPLES];

/// The words of the stack above the hook's caller.
pub type Sample = [usize; N_WORDS];

/// Returns whether the interpreter decided on this release; called at a release under a pending drop request.
///
/// Until the distance is learned, the answer is true. `stack` is null where the hook does not know its caller's stack.
///
/// # Safety
///
/// `stack` is null or the stack pointer of the hook at its entry, in the calling thread.
#[inline]
pub unsafe fn is_by_interpreter(stack: *const usize) -> bool {
    if stack.is_null() {
        return true;
    }
    if SAMPLED_THREAD.load(Relaxed) != 0 {
        // SAFETY: the caller guarantees `stack`.
        unsafe { sample(stack) };
    }
    match DISTANCE.load(Acquire) {
        NOT_LEARNED => true,
        // SAFETY: the distance is below N_WORDS, and that many words above the hook's caller are mapped: see `sample`.
        distance => unsafe { stack.add(distance).read_volatile() == RETURN_ADDRESS.load(Relaxed) },
    }
}

/// Copies the stack above the hook's caller if the calling thread is the sampled one.
///
/// # Safety
///
/// `stack` is the stack pointer of the hook at its entry, in the calling thread.
#[cold]
unsafe fn sample(stack: *const usize) {
    if SAMPLED_THREAD.load(Relaxed) != current_thread() {
        return;
    }
    let index = N_SAMPLES.load(Relaxed);
    let Some(words) = SAMPLES.get(index) else { return };
    for (offset, word) in words.iter().enumerate() {
        // SAFETY: the interpreter's frames and those of the thread's start lie above the hook's caller. Together they are
        // much larger than N_WORDS words, and a stack is mapped up to its beginning.
        word.store(unsafe { stack.add(offset).read_volatile() }, Relaxed);
    }
    N_SAMPLES.store(index + 1, Release);
}

/// Runs `work` and returns samples of the calling thread's releases under a pending drop request.
pub fn sample_during(work: impl FnOnce()) -> Vec<Sample> {
    N_SAMPLES.store(0, Relaxed);
    SAMPLED_THREAD.store(current_thread(), Release);
    work();
    SAMPLED_THREAD.store(0, Release);
    let n_samples = N_SAMPLES.load(Acquire).min(MAX_SAMPLES);
    SAMPLES[..n_samples].iter().map(|words| std::array::from_fn(|index| words[index].load(Relaxed))).collect()
}

/// Learns the distance and the address from samples of both kinds of release; returns whether that succeeded.
pub fn learn(object: &LoadedObject, by_interpreter: &[Sample], by_function: &[Sample]) -> bool {
    let is_code = |word| object.contains(word);
    let Some((distance, address)) = distinguishing_word(is_code, by_interpreter, by_function) else {
        return false;
    };
    RETURN_ADDRESS.store(address, Relaxed);
    DISTANCE.store(distance, Release);
    true
}

/// Returns whether the two kinds of release can be distinguished.
pub fn is_learned() -> bool {
    DISTANCE.load(Relaxed) != NOT_LEARNED
}

/// Returns the shortest distance at which all samples by the interpreter have the same code address and no sample by the
/// function has it, with that address.
fn distinguishing_word(
    is_code: impl Fn(usize) -> bool,
    by_interpreter: &[Sample],
    by_function: &[Sample],
) -> Option<(usize, usize)> {
    let (first, others) = by_interpreter.split_first()?;
    if others.is_empty() || by_function.is_empty() {
        return None;
    }
    (0..N_WORDS).find_map(|distance| {
        let address = first[distance];
        let distinguishes = is_code(address)
            && others.iter().all(|sample| sample[distance] == address)
            && by_function.iter().all(|sample| sample[distance] != address && is_code(sample[distance]));
        distinguishes.then_some((distance, address))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack(words: &[(usize, usize)]) -> Sample {
        let mut stack = [0; N_WORDS];
        for (distance, word) in words {
            stack[*distance] = *word;
        }
        stack
    }

    #[test]
    fn the_nearest_code_address_that_differs_is_found() {
        let is_code = |word| (1000..2000).contains(&word);
        let by_interpreter = [stack(&[(3, 1100), (7, 1500), (9, 7)]), stack(&[(3, 1100), (7, 1500), (9, 8)])];
        let by_function = [stack(&[(3, 1100), (7, 1600)])];

        assert_eq!(distinguishing_word(is_code, &by_interpreter, &by_function), Some((7, 1500)));
    }

    #[test]
    fn nothing_is_learned_from_one_sample_or_from_samples_that_disagree() {
        let is_code = |word| (1000..2000).contains(&word);
        let one = [stack(&[(7, 1500)])];
        let two = [stack(&[(7, 1500)]), stack(&[(7, 1501)])];
        let by_function = [stack(&[(7, 1600)])];

        assert_eq!(distinguishing_word(is_code, &one, &by_function), None);
        assert_eq!(distinguishing_word(is_code, &two, &by_function), None);
        assert_eq!(distinguishing_word(is_code, &two, &[]), None);
    }
}
