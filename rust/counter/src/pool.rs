//! The threads that count beside their caller: one pool for each process.
//!
//! The calling thread counts too, so the pool has one thread fewer than there are cores. If the caller only waited, the
//! first helper would wake the second before the caller sleeps, and the system would often put both on one core.

use std::num::NonZero;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::{process, ptr, thread};

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::affinity::ThreadIds;

/// Counting needs little stack. Small stacks allow many threads under a limit of the address space.
const STACK_BYTES: usize = 256 << 10;

/// The largest number of threads, including the caller. No memory bus keeps more of them busy, and each needs a buffer.
const MAX_THREADS: usize = 64;

struct ProcessPool {
    process: u32,
    helpers: Helpers,
}

/// Threads that count beside their caller.
pub(crate) struct Helpers {
    threads: ThreadPool,
    ids: Arc<ThreadIds>,
}

impl Helpers {
    /// Returns the number of threads.
    pub(crate) fn n_threads(&self) -> usize {
        self.threads.current_num_threads()
    }
}

static POOL: AtomicPtr<ProcessPool> = AtomicPtr::new(ptr::null_mut());

/// Returns how many threads this process may run at once, by its affinity and control group.
fn n_usable_threads() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get).min(MAX_THREADS)
}

/// Returns the pool of this process; None if the system grants no threads or only one core.
///
/// A forked child makes its own pool: threads do not survive a fork, and waiting for the parent's would never end (as it
/// does with rayon's global pool).
pub(crate) fn shared() -> Option<&'static Helpers> {
    let process = process::id();
    let current = POOL.load(Ordering::Acquire);
    // SAFETY: the pointer is null or was published below after `Box::into_raw`, and a published pool is never freed.
    if let Some(pool) = unsafe { current.as_ref() }
        && pool.process == process
    {
        return Some(&pool.helpers);
    }
    let new = Box::into_raw(Box::new(ProcessPool { process, helpers: beside_caller(n_usable_threads())? }));
    // A parent's pool is leaked: dropping it would wait for threads that this process does not have.
    match POOL.compare_exchange(current, new, Ordering::AcqRel, Ordering::Acquire) {
        // SAFETY: `new` came from a box and is now published, and a published pool is never freed.
        Ok(_) => Some(unsafe { &(*new).helpers }),
        Err(other) => {
            // SAFETY: `new` came from a box and was not published, so this is the only pointer to it.
            drop(unsafe { Box::from_raw(new) });
            // SAFETY: `other` is not null, because `POOL` never goes back to null. Another thread of this process
            // published it (a fork leaves only one thread), and a published pool is never freed.
            Some(unsafe { &(*other).helpers })
        }
    }
}

/// Makes a pool of `n_threads - 1` helpers; None if that is zero or the system refuses.
pub(crate) fn beside_caller(n_threads: usize) -> Option<Helpers> {
    // To rayon, zero threads means its default number.
    let n_helpers = n_threads.checked_sub(1).filter(|&n| n > 0)?;
    let ids = Arc::new(ThreadIds::default());
    let started_ids = Arc::clone(&ids);
    let threads = ThreadPoolBuilder::new()
        .num_threads(n_helpers)
        .stack_size(STACK_BYTES)
        .thread_name(|n| format!("gilcheck-count-{n}"))
        .start_handler(move |_| started_ids.add_current())
        .build()
        .ok()?;
    Some(Helpers { threads, ids })
}

/// Runs `work` once in the calling thread and once in every helper at the same time; returns all results, in any order.
pub(crate) fn run_in_all<T: Send>(helpers: Option<&Helpers>, work: impl Fn() -> T + Sync) -> Vec<T> {
    let Some(helpers) = helpers.filter(|helpers| helpers.ids.move_away_from_caller()) else {
        return vec![work()];
    };
    let results = Mutex::new(Vec::new());
    let run_one = || {
        let result = work();
        results.lock().unwrap_or_else(PoisonError::into_inner).push(result);
    };
    helpers.threads.in_place_scope(|scope| {
        for _ in 0..helpers.n_threads() {
            scope.spawn(|_| run_one());
        }
        run_one();
    });
    results.into_inner().unwrap_or_else(PoisonError::into_inner)
}
