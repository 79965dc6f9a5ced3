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

/// The largest stack of a thread: what lies further from the boundary is another stack.
const MAX_STACK_BYTES: usize = 8 << 20;

/// Returns how many words from `stack` on, [`N_WORDS`] at most, lie below `boundary` on the same stack.
///
/// A function that runs on a stack of its own (a coroutine, a greenlet) has none: that stack may end right above it.
fn n_readable_words(stack: *const usize, boundary: usize) -> usize {
    let bytes = boundary.saturating_sub(stack as usize);
    if bytes > MAX_STACK_BYTES { 0 } else { (bytes / size_of::<usize>()).min(N_WORDS) }
}

/// Returns whether the interpreter decided on this release; called at a release under a pending drop request.
///
/// Until the distance is learned the answer is true. Where the stack cannot be read it is false.
///
/// # Safety
///
/// `stack` is null or the stack pointer of the hook at its entry, in the calling thread. `boundary` is 0 or the address of a
/// variable that is alive on the stack of that thread.
#[inline]
pub unsafe fn is_by_interpreter(stack: *const usize, boundary: usize) -> bool {
    if SAMPLED_THREAD.load(Relaxed) != 0 {
        // SAFETY: the caller guarantees `stack` and `boundary`.
        unsafe { sample(stack, boundary) };
    }
    match DISTANCE.load(Acquire) {
        NOT_LEARNED => true,
        distance if distance < n_readable_words(stack, boundary) => {
            // SAFETY: the word lies between the calling thread's stack pointer and a living variable of the same stack, so
            // it is mapped.
            unsafe { without_signature(stack.add(distance).read_volatile()) == RETURN_ADDRESS.load(Relaxed) }
        }
        _ => false,
    }
}

/// Returns a return address as it was before its function signed it; any other word of user space in the same way.
///
/// Distributions build for aarch64 with pointer authentication: a function signs its return address before it saves it, with a
/// key of the process and the stack pointer. The same address then differs from call to call, and none lies in the interpreter.
#[cfg(target_arch = "aarch64")]
#[inline]
fn without_signature(word: usize) -> usize {
    let address;
    // SAFETY: XPACLRI changes the link register alone, which is the operand. Processors without signatures take it for a NOP.
    unsafe {
        core::arch::asm!("hint #7", inout("x30") word => address, options(pure, nomem, nostack, preserves_flags))
    };
    address
}

/// Returns the word: no return address is signed here.
#[cfg(not(target_arch = "aarch64"))]
#[inline]
fn without_signature(word: usize) -> usize {
    word
}

/// Copies the stack above the hook's caller if the calling thread is the sampled one.
///
/// # Safety
///
/// As for [`is_by_interpreter`].
#[cold]
unsafe fn sample(stack: *const usize, boundary: usize) {
    if SAMPLED_THREAD.load(Relaxed) != current_thread() {
        return;
    }
    let index = N_SAMPLES.load(Relaxed);
    let Some(words) = SAMPLES.get(index) else { return };
    let n_readable = n_readable_words(stack, boundary);
    for (offset, word) in words.iter().enumerate() {
        // SAFETY: as in `is_by_interpreter`.
        let read = if offset < n_readable { unsafe { stack.add(offset).read_volatile() } } else { 0 };
        word.store(without_signature(read), Relaxed);
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
    #[cfg(all(target_arch = "aarch64", target_os = "linux"))]
    fn a_signed_return_address_is_that_of_the_code_again() {
        let address = the_address_of_code();
        let mut signed = address;
        // SAFETY: PACIASP signs the link register, which is the operand, and changes nothing else.
        unsafe { core::arch::asm!("hint #25", inout("x30") signed, options(nomem, nostack, preserves_flags)) };

        assert_eq!(without_signature(signed), address);
        assert_eq!(without_signature(address), address);
        // SAFETY: it reads a number that the kernel gave this process.
        let signs = unsafe { libc::getauxval(libc::AT_HWCAP) } & libc::HWCAP_PACA != 0;
        assert_eq!(signed != address, signs);
    }

    #[cfg(all(target_arch = "aarch64", target_os = "linux"))]
    fn the_address_of_code() -> usize {
        let function: fn(usize) -> usize = without_signature;
        function as usize
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
