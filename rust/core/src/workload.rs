//! Computations of a fixed length, for specimens and controls.
//!
//! [`work`] uses a fixed amount of processor *time*, so the share of a call that it stands for is exact. It cannot show
//! that its core is slower, because another hyper-thread runs there or the clock rate is low: two threads of it always
//! seem twice as fast as one. [`compute`] does a fixed number of *steps* and takes longer on a slower core, as real code
//! does. Without it as a control, real code would be blamed for what the machine lacks.

use std::hint::black_box;
use std::sync::OnceLock;

use crate::clock::{now_ns, thread_cpu_ns};

/// A reading of the clock takes tens of nanoseconds; being descheduled takes microseconds at least.
const DESCHEDULED_NS: u64 = 5_000;

/// Works without system calls until the calling thread has used about `cpu_ns` of processor time.
///
/// It is processor time, not wall time: a thread that is descheduled meanwhile works on afterwards, as real code does. The
/// function reads the wall clock, which costs a tenth of the thread's own clock. It reads the thread's clock only after
/// two readings that lie further apart than [`DESCHEDULED_NS`].
pub fn work(cpu_ns: u64) {
    let start_cpu_ns = if cpu_ns > DESCHEDULED_NS { thread_cpu_ns() } else { 0 };
    let mut last_ns = now_ns();
    let mut end_ns = last_ns + cpu_ns;
    while last_ns < end_ns {
        std::hint::spin_loop();
        let reading_ns = now_ns();
        if reading_ns - last_ns > DESCHEDULED_NS && start_cpu_ns > 0 {
            let left_ns = cpu_ns.saturating_sub(thread_cpu_ns() - start_cpu_ns);
            last_ns = now_ns();
            end_ns = last_ns + left_ns;
        } else {
            last_ns = reading_ns;
        }
    }
}

/// The number of independent chains: enough to occupy every arithmetic unit of a core in each cycle. Two hyper-threads of
/// one core share these units.
const N_CHAINS: usize = 8;

/// The number of steps that are timed: about 0.1 ms.
const N_TIMED_STEPS: u64 = 32_768;

/// Computes `n_steps` steps without memory accesses and system calls. Returns a meaningless number.
#[must_use]
pub fn compute(n_steps: u64) -> u32 {
    let mut chains: [u32; N_CHAINS] = black_box([1, 2, 3, 4, 5, 6, 7, 8]);
    for step in 0..n_steps {
        #[allow(clippy::cast_possible_truncation, reason = "any bits will do")]
        let mixed = step as u32;
        for chain in &mut chains {
            *chain = (chain.rotate_left(7) ^ mixed).wrapping_add(chain.rotate_right(11));
        }
    }
    black_box(chains).iter().fold(0, |all, chain| all ^ chain)
}

/// Returns how many steps one thread computes in `ns`, at least one. Timed once in a process, as the fastest of 7 runs.
#[must_use]
pub fn steps_in(ns: u64) -> u64 {
    static TIMED_STEPS_NS: OnceLock<u64> = OnceLock::new();
    let timed_ns = *TIMED_STEPS_NS.get_or_init(|| {
        let time_once = |_| {
            let (start_ns, start_cpu_ns) = (now_ns(), thread_cpu_ns());
            black_box(compute(N_TIMED_STEPS));
            match thread_cpu_ns() - start_cpu_ns {
                0 => now_ns() - start_ns, // the thread's clock is too coarse here
                cpu_ns => cpu_ns,
            }
        };
        (0..7).map(time_once).min().unwrap_or(1).max(1)
    });
    (u128::from(ns) * u128::from(N_TIMED_STEPS) / u128::from(timed_ns)).try_into().unwrap_or(u64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_uses_the_processor_time_that_it_is_given() {
        let before_ns = thread_cpu_ns();

        work(1_000_000);

        assert!(thread_cpu_ns() - before_ns >= 900_000);
    }

    #[test]
    fn steps_are_proportional_to_the_time() {
        let (one, many) = (steps_in(1_000_000), steps_in(50_000_000));

        assert!(one > 1);
        assert!(many.abs_diff(50 * one) <= 50);
        assert_eq!(steps_in(0), 1);
        assert_eq!(steps_in(u64::MAX).min(many), many);
    }

    #[test]
    fn more_steps_need_more_processor_time() {
        let time = |n_steps: u64| {
            let start_ns = thread_cpu_ns();
            black_box(compute(n_steps));
            thread_cpu_ns() - start_ns
        };

        assert!((0..5).map(|_| time(400_000)).min() > (0..5).map(|_| time(40_000)).min());
    }

    #[test]
    fn every_step_changes_the_result() {
        assert_ne!(compute(1000), compute(1001));
    }
}
