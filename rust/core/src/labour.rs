//! Work of a fixed amount, for controls: it takes longer where the processor gives less.
//!
//! Work for so much *time* does not notice that its core is shared with another hyper-thread, or clocked down: two
//! threads of it always seem twice as fast as one. On such a machine real code is not, and would be blamed for it.

use std::hint::black_box;
use std::sync::OnceLock;

use crate::clock::thread_cpu_ns;

/// Independent chains, so that every unit of the core that computes has something to do in each cycle: what two
/// hyper-threads of one core share is then what this work needs most.
const N_CHAINS: usize = 8;

/// Steps that are timed at once: about 0.1 ms.
const TIMED_STEPS: u64 = 32_768;

/// Computes `n_steps` steps, without memory, system calls or anything of the interpreter's. The result means nothing.
#[must_use]
pub fn compute(n_steps: u64) -> u32 {
    let mut chains: [u32; N_CHAINS] = black_box([1, 2, 3, 4, 5, 6, 7, 8]);
    for step in 0..n_steps {
        #[allow(clippy::cast_possible_truncation)] // any bits will do
        let mixed = step as u32;
        for chain in &mut chains {
            *chain = (chain.rotate_left(7) ^ mixed).wrapping_add(chain.rotate_right(11));
        }
    }
    black_box(chains).iter().fold(0, |all, chain| all ^ chain)
}

/// How many steps does one thread compute in `ns`? At least one. Timed once in a process, the fastest of several times.
#[must_use]
pub fn steps_in(ns: u64) -> u64 {
    static NS_FOR_TIMED_STEPS: OnceLock<u64> = OnceLock::new();
    let timed_ns = *NS_FOR_TIMED_STEPS.get_or_init(|| {
        let once = |_| {
            let begun_ns = thread_cpu_ns();
            black_box(compute(TIMED_STEPS));
            thread_cpu_ns() - begun_ns
        };
        (0..7).map(once).min().unwrap_or(1).max(1)
    });
    (u128::from(ns) * u128::from(TIMED_STEPS) / u128::from(timed_ns)).try_into().unwrap_or(u64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_follow_the_time_that_is_asked_for() {
        let (one, many) = (steps_in(1_000_000), steps_in(50_000_000));

        assert!(one > 1);
        assert!(many.abs_diff(50 * one) <= 50);
        assert_eq!(steps_in(0), 1);
        assert_eq!(steps_in(u64::MAX).min(many), many);
    }

    #[test]
    fn more_steps_need_more_processor_time() {
        let needed = |n_steps: u64| {
            let begun_ns = thread_cpu_ns();
            black_box(compute(n_steps));
            thread_cpu_ns() - begun_ns
        };

        assert!((0..5).map(|_| needed(400_000)).min() > (0..5).map(|_| needed(40_000)).min());
    }

    #[test]
    fn every_step_counts_for_the_result() {
        assert_ne!(compute(1000), compute(1001));
    }
}
