//! The threads that help to count: one pool for the process that made it.
//!
//! The calling thread counts too, and the pool has one thread fewer than there are cores. If the caller only waited, the
//! first worker would wake the second while the caller is still on its way to sleep, and the system would often put
//! both workers on one core.

use std::num::NonZero;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::{process, ptr, thread};

use rayon::{ThreadPool, ThreadPoolBuilder};

use super::steer::ThreadIds;

/// Counting keeps nothing on the stack. Small stacks let many cores fit under a limit of the address space.
const STACK_BYTES: usize = 256 << 10;

/// How many threads at most, the caller among them? More than these no memory bus feeds, and each has a block of its own.
const MOST: usize = 64;

struct OwnPool {
    process: u32,
    helpers: Helpers,
}

/// Threads that count beside their caller.
pub(super) struct Helpers {
    threads: ThreadPool,
    ids: Arc<ThreadIds>,
}

impl Helpers {
    pub(super) fn n(&self) -> usize {
        self.threads.current_num_threads()
    }
}

static POOL: AtomicPtr<OwnPool> = AtomicPtr::new(ptr::null_mut());

/// How many threads may this process use at once (affinity and control group respected)?
fn n_threads() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get).min(MOST)
}

/// Which threads help here? None where the system grants no threads, or one core only.
///
/// Threads do not survive a fork, and waiting for the parent's would never end (rayon's own global pool does): a
/// forked child makes itself a new pool.
pub(super) fn shared() -> Option<&'static Helpers> {
    let process = process::id();
    let known = POOL.load(Ordering::Acquire);
    // SAFETY: the pointer is null or came from `Box::into_raw` below, and what was once published is never freed.
    if let Some(pool) = unsafe { known.as_ref() }
        && pool.process == process
    {
        return Some(&pool.helpers);
    }
    let made = Box::into_raw(Box::new(OwnPool { process, helpers: beside_caller(n_threads())? }));
    // The parent's pool is left as it is: to drop it would be to wait for threads that this process never had.
    match POOL.compare_exchange(known, made, Ordering::AcqRel, Ordering::Acquire) {
        // SAFETY: just made from a box, now published and never freed.
        Ok(_) => Some(unsafe { &(*made).helpers }),
        Err(theirs) => {
            // SAFETY: just made from a box and seen by nobody else.
            drop(unsafe { Box::from_raw(made) });
            // SAFETY: published by another thread of this process (a fork leaves only one), and never freed.
            Some(unsafe { &(*theirs).helpers })
        }
    }
}

/// Makes a pool with which the caller is one of so many threads; None where that is one, or the system refuses.
pub(super) fn beside_caller(n_threads: usize) -> Option<Helpers> {
    // For rayon, no threads means as many as it likes.
    let n_helpers = n_threads.checked_sub(1).filter(|&n| n > 0)?;
    let ids = Arc::new(ThreadIds::default());
    let started = Arc::clone(&ids);
    let threads = ThreadPoolBuilder::new()
        .num_threads(n_helpers)
        .stack_size(STACK_BYTES)
        .thread_name(|n| format!("gilcheck-count-{n}"))
        .start_handler(move |_| started.add_own())
        .build()
        .ok()?;
    Some(Helpers { threads, ids })
}

/// What does the same work give, done once by the calling thread and once by every helper at the same time?
pub(super) fn together<T: Send>(helpers: Option<&Helpers>, work: impl Fn() -> T + Sync) -> Vec<T> {
    let Some(helpers) = helpers.filter(|helpers| helpers.ids.away_from_caller()) else {
        return vec![work()];
    };
    let results = Mutex::new(Vec::new());
    let one = || {
        let result = work();
        results.lock().unwrap_or_else(PoisonError::into_inner).push(result);
    };
    helpers.threads.in_place_scope(|scope| {
        for _ in 0..helpers.n() {
            scope.spawn(|_| one());
        }
        one();
    });
    results.into_inner().unwrap_or_else(PoisonError::into_inner)
}
