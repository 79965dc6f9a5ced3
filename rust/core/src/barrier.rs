//! The barrier at which a round of competing threads begins.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::AcqRel, Ordering::Acquire, Ordering::Release};
use std::sync::{Condvar, Mutex, PoisonError};

use crate::{clock, os};

#[derive(Debug, Default)]
struct State {
    n_waiting: usize,
    generation: u64,
    opened_ns: u64,
    is_broken: bool,
}

/// Opens each time `n_threads` threads wait at it. Once aborted, it is broken for good.
#[derive(Debug)]
pub struct Barrier {
    n_threads: usize,
    state: Mutex<State>,
    changed: Condvar,
    n_started: AtomicUsize,
    started_ns: AtomicU64,
}

/// How long a round waits for its last thread. A thread that does not run by then is kept off the processor by others.
const PATIENCE_NS: u64 = 2_000_000;

/// Stands for a moment that has not come. The clock never returns it.
const NOT_YET: u64 = 0;

impl Barrier {
    /// Makes a barrier for `n_threads` threads.
    #[must_use]
    pub fn new(n_threads: usize) -> Self {
        Self {
            n_threads,
            state: Mutex::default(),
            changed: Condvar::new(),
            n_started: AtomicUsize::new(0),
            started_ns: AtomicU64::new(NOT_YET),
        }
    }

    /// Waits for the other threads; returns when the barrier opened, or `None` if it is broken.
    ///
    /// All threads get the same moment. The last one to arrive stamps it, so the time until a sleeping thread runs belongs
    /// to the round.
    pub fn wait(&self) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.is_broken {
            return None;
        }
        let generation = state.generation;
        state.n_waiting += 1;
        if state.n_waiting >= self.n_threads {
            state.n_waiting = 0;
            state.generation += 1;
            state.opened_ns = clock::now_ns();
            self.n_started.store(0, Release);
            self.started_ns.store(NOT_YET, Release);
            self.changed.notify_all();
            return Some(state.opened_ns);
        }
        while state.generation == generation && !state.is_broken {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        // An abort after the opening does not undo it: the thread notices at its next wait.
        (state.generation != generation).then_some(state.opened_ns)
    }

    /// Lets the `n_threads` threads of a round begin together, after `wait`; returns the common moment.
    ///
    /// Each thread is moved to a processor of its own, if there are enough, and may run everywhere again at once. A kernel
    /// may wake several threads on one processor and leave them there for milliseconds beside idle ones. (On Linux with
    /// two processors, short rounds of two threads then took exactly as long as one thread.) The thread's affinity is
    /// restored so that threads which the function starts inherit no restriction, and the scheduler stays free to move it.
    pub fn start(&self, index: usize, n_threads: usize) -> u64 {
        let n_processors = os::move_to_processor(index);
        let arrived_ns = clock::now_ns();
        if self.n_started.fetch_add(1, AcqRel) + 1 >= n_threads {
            return self.set_started(arrived_ns);
        }
        loop {
            let started_ns = self.started_ns.load(Acquire);
            if started_ns != NOT_YET {
                return started_ns;
            }
            if clock::now_ns() - arrived_ns > PATIENCE_NS {
                return self.set_started(clock::now_ns());
            }
            if n_threads > n_processors {
                std::thread::yield_now(); // the missing thread may need this processor
            } else {
                std::hint::spin_loop();
            }
        }
    }

    /// Sets the moment of the start, unless another thread has set it; returns the moment that counts.
    fn set_started(&self, now_ns: u64) -> u64 {
        match self.started_ns.compare_exchange(NOT_YET, now_ns, AcqRel, Acquire) {
            Ok(_) => now_ns,
            Err(earlier_ns) => earlier_ns,
        }
    }

    /// Breaks the barrier: every present and later `wait` returns `None`.
    pub fn abort(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).is_broken = true;
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_threads_get_the_same_moment_each_time() {
        let barrier = Barrier::new(3);

        let moments: Vec<[Option<u64>; 2]> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..3).map(|_| scope.spawn(|| [barrier.wait(), barrier.wait()])).collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
        });

        assert!(moments.iter().all(|moment| *moment == moments[0] && moment[0] <= moment[1] && moment[0].is_some()));
    }

    #[test]
    fn the_threads_of_a_round_start_at_the_same_moment_after_the_opening() {
        let barrier = Barrier::new(2);

        let moments: Vec<(Option<u64>, u64)> = std::thread::scope(|scope| {
            let barrier = &barrier;
            let threads: Vec<_> =
                (0..2).map(|index| scope.spawn(move || (barrier.wait(), barrier.start(index, 2)))).collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
        });

        assert!(moments[0].1 == moments[1].1 && moments[0].0 <= Some(moments[0].1), "{moments:?}");
    }

    #[test]
    fn an_aborted_barrier_holds_nobody() {
        let barrier = Barrier::new(2);

        let opened_ns = std::thread::scope(|scope| {
            let waiting = scope.spawn(|| barrier.wait());
            barrier.abort();
            waiting.join().expect("no panic")
        });

        assert_eq!((opened_ns, barrier.wait()), (None, None));
    }
}
