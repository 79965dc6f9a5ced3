//! The threads that count: one pool for the process that made it.

use std::num::NonZero;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::{process, ptr, thread};

use rayon::{ThreadPool, ThreadPoolBuilder};

/// Counting keeps nothing on the stack. Small stacks let many cores fit under a limit of the address space.
const STACK_BYTES: usize = 256 << 10;

/// How many workers at most? More than these no memory bus feeds, and each has a block of its own.
const MOST: usize = 64;

struct OwnPool {
    process: u32,
    threads: ThreadPool,
}

static POOL: AtomicPtr<OwnPool> = AtomicPtr::new(ptr::null_mut());

/// How many threads may this process use at once (affinity and control group respected)?
pub(super) fn n_threads() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get).min(MOST)
}

/// Which threads count here? None where the system grants no threads, or one core only: count alone.
///
/// Threads do not survive a fork, and waiting for the parent's would never end (rayon's own global pool does): a
/// forked child makes itself a new pool.
pub(super) fn shared() -> Option<&'static ThreadPool> {
    let process = process::id();
    let known = POOL.load(Ordering::Acquire);
    // SAFETY: the pointer is null or came from `Box::into_raw` below, and what was once published is never freed.
    if let Some(pool) = unsafe { known.as_ref() }
        && pool.process == process
    {
        return Some(&pool.threads);
    }
    let n_threads = n_threads();
    if n_threads == 1 {
        return None;
    }
    let made = Box::into_raw(Box::new(OwnPool { process, threads: build(n_threads)? }));
    // The parent's pool is left as it is: to drop it would be to wait for threads that this process never had.
    match POOL.compare_exchange(known, made, Ordering::AcqRel, Ordering::Acquire) {
        // SAFETY: just made from a box, now published and never freed.
        Ok(_) => Some(unsafe { &(*made).threads }),
        Err(theirs) => {
            // SAFETY: just made from a box and seen by nobody else.
            drop(unsafe { Box::from_raw(made) });
            // SAFETY: published by another thread of this process (a fork leaves only one), and never freed.
            Some(unsafe { &(*theirs).threads })
        }
    }
}

/// Makes a pool of so many threads; None where the system refuses.
pub(super) fn build(n_threads: usize) -> Option<ThreadPool> {
    ThreadPoolBuilder::new()
        .num_threads(n_threads)
        .stack_size(STACK_BYTES)
        .thread_name(|n| format!("gilcheck-count-{n}"))
        .build()
        .ok()
}
