//! Records the native stacks of one thread's releases and takes, during a diagnosing pass.
//!
//! The hook walks the stack *after* it has unlocked the GIL's mutex. The unwinder may take a lock of its own (that of the
//! dynamic linker before glibc 2.35, that of registered JIT frames) and must not do so under a mutex that every thread
//! needs. One thread is watched at a time and only it writes, so no lock is needed here either.
//!
//! The walk ends at the frame that made the measured call.

use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

use crate::clock;
use crate::ledger::EventKind;
use crate::os::walk_stack;

/// The largest number of return addresses of one stack: binding layers are deep, and inlined frames take no room here.
const MAX_FRAMES: usize = 48;
/// The largest number of stacks in one pass. Pages that are not used take no memory.
const MAX_STACKS: usize = 4096;

/// No thread has this identifier.
const NO_THREAD: usize = 0;
/// No call is being measured.
const NO_CALL: usize = 0;

struct Slot {
    at_ns: AtomicU64,
    end_ns: AtomicU64,
    kind: AtomicU8,
    n_frames: AtomicUsize,
    frames: [AtomicUsize; MAX_FRAMES],
}

static WATCHED_THREAD: AtomicUsize = AtomicUsize::new(NO_THREAD);
/// Frames above this address belong to the caller of the measured function.
static BOUNDARY: AtomicUsize = AtomicUsize::new(NO_CALL);
static N_RECORDED: AtomicUsize = AtomicUsize::new(0);
static N_DROPPED: AtomicUsize = AtomicUsize::new(0);
static SLOTS: [Slot; MAX_STACKS] = [const {
    Slot {
        at_ns: AtomicU64::new(0),
        end_ns: AtomicU64::new(0),
        kind: AtomicU8::new(0),
        n_frames: AtomicUsize::new(0),
        frames: [const { AtomicUsize::new(0) }; MAX_FRAMES],
    }
}; MAX_STACKS];

/// The stack of one release or take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackRecord {
    /// When it happened, in monotonic nanoseconds.
    pub at_ns: u64,
    /// How long the recording of the stack took afterwards. This time belongs to no state of the GIL.
    pub instrument_ns: u64,
    /// What happened.
    pub kind: EventKind,
    /// The return addresses within the measured call, innermost first. The first ones are the hook's own.
    pub addresses: Vec<usize>,
}

/// Returns whether the stacks of this thread are recorded.
#[inline]
pub(super) fn watches(thread: usize) -> bool {
    WATCHED_THREAD.load(Relaxed) == thread
}

/// Records the stack of the calling thread. It is the watched one and does not hold the GIL's mutex.
#[cold]
pub(super) fn record(at_ns: u64, kind: EventKind) {
    let boundary = BOUNDARY.load(Relaxed);
    if boundary == NO_CALL {
        return;
    }
    let index = N_RECORDED.load(Relaxed);
    let Some(slot) = SLOTS.get(index) else {
        N_DROPPED.store(N_DROPPED.load(Relaxed) + 1, Relaxed);
        return;
    };
    let mut frames = [0; MAX_FRAMES];
    let n_frames = walk_stack(boundary, &mut frames);
    for (stored, address) in slot.frames.iter().zip(frames) {
        stored.store(address, Relaxed);
    }
    slot.n_frames.store(n_frames, Relaxed);
    slot.kind.store(kind as u8, Relaxed);
    slot.at_ns.store(at_ns, Relaxed);
    slot.end_ns.store(clock::now_ns(), Relaxed);
    N_RECORDED.store(index + 1, Release);
}

/// Begins a pass that records the stacks of `thread`; returns false if another pass is running.
pub fn begin_pass(thread: usize) -> bool {
    if WATCHED_THREAD.load(Relaxed) != NO_THREAD {
        return false;
    }
    // The first walk binds the unwinder's functions and fills its caches, which must not happen in the hook.
    let _ = walk_stack(0, &mut [0; MAX_FRAMES]);
    N_RECORDED.store(0, Relaxed);
    N_DROPPED.store(0, Relaxed);
    BOUNDARY.store(NO_CALL, Relaxed);
    WATCHED_THREAD.compare_exchange(NO_THREAD, thread, Acquire, Relaxed).is_ok()
}

/// Sets the address of a variable of the measured function's caller in `thread`; `None` if the call has ended.
///
/// It costs one comparison if the stacks of `thread` are not recorded.
#[inline]
pub fn set_boundary(thread: usize, caller_variable: Option<usize>) {
    if watches(thread) {
        BOUNDARY.store(caller_variable.unwrap_or(NO_CALL), Relaxed);
    }
}

/// Ends the pass; returns the recorded stacks and the number of those that did not fit.
pub fn end_pass() -> (Vec<StackRecord>, usize) {
    WATCHED_THREAD.store(NO_THREAD, Release);
    let n_recorded = N_RECORDED.swap(0, Acquire).min(MAX_STACKS);
    let records = SLOTS[..n_recorded]
        .iter()
        .map(|slot| {
            let at_ns = slot.at_ns.load(Relaxed);
            let n_frames = slot.n_frames.load(Relaxed).min(MAX_FRAMES);
            StackRecord {
                at_ns,
                instrument_ns: slot.end_ns.load(Relaxed).saturating_sub(at_ns),
                kind: EventKind::from_bits(slot.kind.load(Relaxed).into()),
                addresses: slot.frames[..n_frames].iter().map(|address| address.load(Relaxed)).collect(),
            }
        })
        .collect();
    (records, N_DROPPED.load(Relaxed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// Only one pass can run at a time.
    static PASS: Mutex<()> = Mutex::new(());

    #[inline(never)]
    fn release() {
        record(5, EventKind::Release);
        std::hint::black_box(());
    }

    #[cfg(not(gilcheck_unsupported_os))]
    #[test]
    fn the_stack_ends_at_the_caller() {
        let _pass = PASS.lock();
        let variable = 0u8;
        assert!(begin_pass(77));

        set_boundary(77, Some(&raw const variable as usize));
        release();
        set_boundary(77, None);
        release(); // outside of the call: not recorded
        let (records, n_dropped) = end_pass();

        assert_eq!((records.len(), n_dropped), (1, 0));
        assert_eq!((records[0].at_ns, records[0].kind), (5, EventKind::Release));
        assert!((1..=4).contains(&records[0].addresses.len()), "{records:?}");
    }

    #[test]
    fn only_one_pass_runs_at_a_time_and_other_threads_are_not_watched() {
        let _pass = PASS.lock();
        assert!(begin_pass(77));

        assert!(watches(77) && !watches(78));
        assert!(!begin_pass(78));

        end_pass();
        assert!(!watches(77));
    }

    #[test]
    fn stacks_that_do_not_fit_are_counted() {
        let _pass = PASS.lock();
        let variable = 0u8;
        assert!(begin_pass(77));
        set_boundary(77, Some(&raw const variable as usize));

        for _ in 0..MAX_STACKS + 2 {
            release();
        }

        let (records, n_dropped) = end_pass();
        assert_eq!((records.len(), n_dropped), (MAX_STACKS, 2));
    }
}
