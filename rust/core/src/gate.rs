//! A barrier for threads that may fail: it tells when it opened, and one that will never come breaks it for all.

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
}

impl Gate {
    /// A gate for so many threads.
    #[must_use]
    pub fn new(n_threads: usize) -> Self {
        Self { n_threads, state: Mutex::default(), changed: Condvar::new() }
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
            self.changed.notify_all();
            return Some(state.opened_ns);
        }
        while state.generation == generation && !state.broken {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        // One that broke after the opening does not undo it: the thread sees it at the next.
        (state.generation != generation).then_some(state.opened_ns)
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
