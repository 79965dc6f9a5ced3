//! A barrier for threads that may fail: it tells when it opened, and one that will never come breaks it for all.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::AcqRel, Ordering::Acquire, Ordering::Release};
use std::sync::{Condvar, Mutex, PoisonError};

use crate::clock;

#[derive(Debug, Default)]
struct State {
    n_waiting: usize,
    generation: u64,
    opened_ns: u64,
    broken: bool,
}

/// Opens once `n_threads` wait at it, again and again.
#[derive(Debug)]
pub struct Gate {
    n_threads: usize,
    state: Mutex<State>,
    changed: Condvar,
    n_started: AtomicUsize,
    started_ns: AtomicU64,
}

/// Whoever is not running by then is kept off the processor: the round begins without it.
const PATIENCE_NS: u64 = 2_000_000;

/// No moment: the clock has long passed it.
const NOT_YET: u64 = 0;

impl Gate {
    /// A gate for so many threads.
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

    /// Waits for the others; when did it open? `None`: it was broken.
    ///
    /// All threads of one opening get the same moment, stamped by the last to come: the time until a sleeping one runs
    /// belongs to the round.
    pub fn wait(&self) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.broken {
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
        while state.generation == generation && !state.broken {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        // One that broke after the opening does not undo it: the thread sees it at the next.
        (state.generation != generation).then_some(state.opened_ns)
    }

    /// After `wait`: the `n_threads` that have work begin together, each on a processor of its own if there are enough;
    /// when was that? Threads are given by their `index`.
    ///
    /// A kernel may wake several threads on the processor of the one that wakes them, and leave them there for
    /// milliseconds beside idle ones (seen on Linux with two processors: short rounds of two threads then took exactly
    /// as long as one thread). So each is put on its own and at once allowed everywhere again: what the callee
    /// starts inherits no restriction, and the scheduler may move it when it has a reason.
    pub fn start(&self, index: usize, n_threads: usize) -> u64 {
        let n_processors = clock::settle(index);
        let now_ns = clock::now_ns();
        if self.n_started.fetch_add(1, AcqRel) + 1 >= n_threads {
            return self.started(now_ns);
        }
        loop {
            let started_ns = self.started_ns.load(Acquire);
            if started_ns != NOT_YET {
                return started_ns;
            }
            if clock::now_ns() - now_ns > PATIENCE_NS {
                return self.started(clock::now_ns());
            }
            if n_threads > n_processors {
                std::thread::yield_now(); // the one waited for may need this processor
            } else {
                std::hint::spin_loop();
            }
        }
    }

    /// The first to say so is right.
    fn started(&self, now_ns: u64) -> u64 {
        match self.started_ns.compare_exchange(NOT_YET, now_ns, AcqRel, Acquire) {
            Ok(_) => now_ns,
            Err(earlier_ns) => earlier_ns,
        }
    }

    /// Nobody waits here any more, now or later.
    pub fn break_down(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).broken = true;
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_threads_learn_the_same_moment_each_time() {
        let gate = Gate::new(3);

        let moments: Vec<[Option<u64>; 2]> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..3).map(|_| scope.spawn(|| [gate.wait(), gate.wait()])).collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
        });

        assert!(moments.iter().all(|moment| *moment == moments[0] && moment[0] <= moment[1] && moment[0].is_some()));
    }

    #[test]
    fn those_with_work_start_at_the_same_moment_after_the_opening() {
        let gate = Gate::new(2);

        let moments: Vec<(Option<u64>, u64)> = std::thread::scope(|scope| {
            let gate = &gate;
            let threads: Vec<_> =
                (0..2).map(|index| scope.spawn(move || (gate.wait(), gate.start(index, 2)))).collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
        });

        assert!(moments[0].1 == moments[1].1 && moments[0].0 <= Some(moments[0].1), "{moments:?}");
    }

    #[test]
    fn a_broken_gate_lets_everybody_go() {
        let gate = Gate::new(2);

        let seen = std::thread::scope(|scope| {
            let waiting = scope.spawn(|| gate.wait());
            gate.break_down();
            waiting.join().expect("no panic")
        });

        assert_eq!((seen, gate.wait()), (None, None));
    }
}
