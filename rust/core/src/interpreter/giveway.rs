//! Tells a hand-over on request (the interpreter gave way between two bytecodes) from a voluntary one (the callee let
//! go), without a table of versions.
//!
//! Both run through the same few functions before they unlock the mutex, with frames of fixed size, so that the
//! return address of the function that *decided* lies at a fixed distance above the hook's frame. The distance and
//! the address of the deciding call in the evaluation loop are learned once: while pure Python code runs beside a
//! waiting thread every hand-over is on request, while `PyEval_SaveThread` is called directly every one is voluntary.
//! A drop when nobody has run out of patience is voluntary without looking.

use std::sync::atomic::{AtomicUsize, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

use super::objects::Object;

/// The deciding frame lies within this many words: four short functions at most are in between.
pub const DEPTH: usize = 96;
const NOT_LEARNED: usize = usize::MAX;

static DISTANCE: AtomicUsize = AtomicUsize::new(NOT_LEARNED);
static ADDRESS: AtomicUsize = AtomicUsize::new(0);
/// Thread whose stack is to be copied at its next drop while a request is pending (or at any: voluntary samples).
static SAMPLED: AtomicUsize = AtomicUsize::new(0);
static N_SAMPLES: AtomicUsize = AtomicUsize::new(0);
static SAMPLES: [[AtomicUsize; DEPTH]; 4] = [const { [const { AtomicUsize::new(0) }; DEPTH] }; 4];

/// Words of the stack above the hook's caller, one list a sample.
pub type Samples = Vec<[usize; DEPTH]>;

/// Did the interpreter give way? Asked at a drop while a request is pending.
///
/// Where the way was not learned, every such drop counts as on request.
#[inline]
pub fn is_on_request(stack: *const usize) -> bool {
    if SAMPLED.load(Relaxed) != 0 {
        sample(stack);
    }
    match DISTANCE.load(Acquire) {
        NOT_LEARNED => true,
        // SAFETY: `distance` is below DEPTH, see `sample`.
        distance => unsafe { stack.add(distance).read_volatile() == ADDRESS.load(Relaxed) },
    }
}

/// Copies the stack above the hook's caller, if this thread is the one sampled.
#[cold]
fn sample(stack: *const usize) {
    if SAMPLED.load(Relaxed) != super::current_thread() {
        return;
    }
    let index = N_SAMPLES.load(Relaxed);
    let Some(words) = SAMPLES.get(index) else { return };
    for (offset, word) in words.iter().enumerate() {
        // SAFETY: the interpreter's own frames, and those of the thread's start, lie above the hook's caller: far more
        // than DEPTH words of mapped stack.
        word.store(unsafe { stack.add(offset).read_volatile() }, Relaxed);
    }
    N_SAMPLES.store(index + 1, Release);
}

/// Samples the calling thread's drops under a pending request while `work` runs.
pub fn sampled_during(work: impl FnOnce()) -> Samples {
    N_SAMPLES.store(0, Relaxed);
    SAMPLED.store(super::current_thread(), Release);
    work();
    SAMPLED.store(0, Release);
    let n_samples = N_SAMPLES.load(Acquire).min(SAMPLES.len());
    SAMPLES[..n_samples].iter().map(|words| std::array::from_fn(|index| words[index].load(Relaxed))).collect()
}

/// Learns the way from samples of both kinds; returns whether it is known now.
pub fn learn(object: &Object, on_request: &Samples, voluntary: &Samples) -> bool {
    let Some((distance, address)) = distinguishing(|word| object.contains(word), on_request, voluntary) else {
        return false;
    };
    ADDRESS.store(address, Relaxed);
    DISTANCE.store(distance, Release);
    true
}

/// Is the way known?
pub fn is_learned() -> bool {
    DISTANCE.load(Relaxed) != NOT_LEARNED
}

/// The nearest distance at which all samples on request have the same address of code, and no voluntary one has it.
fn distinguishing(
    is_code: impl Fn(usize) -> bool,
    on_request: &Samples,
    voluntary: &Samples,
) -> Option<(usize, usize)> {
    let (first, others) = on_request.split_first()?;
    if others.is_empty() || voluntary.is_empty() {
        return None;
    }
    (0..DEPTH).find_map(|distance| {
        let address = first[distance];
        let agree = is_code(address)
            && others.iter().all(|sample| sample[distance] == address)
            && voluntary.iter().all(|sample| sample[distance] != address && is_code(sample[distance]));
        agree.then_some((distance, address))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack(words: &[(usize, usize)]) -> [usize; DEPTH] {
        let mut stack = [0; DEPTH];
        for (distance, word) in words {
            stack[*distance] = *word;
        }
        stack
    }

    #[test]
    fn the_nearest_address_that_differs_is_the_deciding_one() {
        let code = |word| (1000..2000).contains(&word);
        let on_request = vec![stack(&[(3, 1100), (7, 1500), (9, 7)]), stack(&[(3, 1100), (7, 1500), (9, 8)])];
        let voluntary = vec![stack(&[(3, 1100), (7, 1600)])];

        assert_eq!(distinguishing(code, &on_request, &voluntary), Some((7, 1500)));
    }

    #[test]
    fn nothing_is_learned_from_one_sample_or_from_samples_that_disagree() {
        let code = |word| (1000..2000).contains(&word);
        let one = vec![stack(&[(7, 1500)])];
        let two = vec![stack(&[(7, 1500)]), stack(&[(7, 1501)])];
        let voluntary = vec![stack(&[(7, 1600)])];

        assert_eq!(distinguishing(code, &one, &voluntary), None);
        assert_eq!(distinguishing(code, &two, &voluntary), None);
        assert_eq!(distinguishing(code, &two, &Vec::new()), None);
    }
}
