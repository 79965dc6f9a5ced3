//! Monotonic time and processor time, as integers of nanoseconds.

pub use crate::os::{ProcessorAccount, n_sleeps, processor_account, processor_account_of, run_delay_ns};

use crate::os;

/// Returns the monotonic time since an arbitrary origin.
///
/// On Linux this is the clock of Python's `time.perf_counter_ns`, so both can be compared.
#[inline]
#[must_use]
pub fn now_ns() -> u64 {
    os::monotonic_ns()
}

/// Returns the processor time of the calling thread.
#[must_use]
pub fn thread_cpu_ns() -> u64 {
    os::thread_cpu_ns()
}

/// Returns the processor time of the whole process.
#[must_use]
pub fn process_cpu_ns() -> u64 {
    os::process_cpu_ns()
}

/// A reading of the calling thread's run delay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DelayReading {
    /// The run delay at the moment for which it was asked.
    pub at_ns: u64,
    /// The run delay after the reading.
    pub after_ns: u64,
}

/// Returns the calling thread's run delay at `moment_ns`, which has just passed, and after the reading.
///
/// A reading is a few system calls, and a kernel that preempts lazily does so at the end of one. What `read` returns then
/// contains milliseconds that came after the moment. So it is read again, until one reading is quick. The time between the
/// moment and that reading was spent in readings that were preempted, and is left out. (Without that, calls that held the
/// GIL for half of their time came out as *held 0.999* and as *released 0.000* on a busy machine.)
pub fn run_delay_at(moment_ns: u64, mut read: impl FnMut() -> Option<u64>) -> Option<DelayReading> {
    const QUICK_NS: u64 = 100_000;
    const MOST_READINGS: usize = 5;
    let mut begun_ns = moment_ns;
    let mut after_ns = read()?;
    for _ in 1..MOST_READINGS {
        let now = now_ns();
        if now.saturating_sub(begun_ns) <= QUICK_NS {
            break;
        }
        begun_ns = now;
        after_ns = read()?;
    }
    Some(DelayReading { at_ns: after_ns.saturating_sub(begun_ns.saturating_sub(moment_ns)), after_ns })
}

/// Returns the kernel's account of the calling thread with its run delay at `moment_ns`, which has just passed, and the same
/// with the run delay after the reading. As [`run_delay_at`].
pub fn account_at(
    moment_ns: u64,
    mut read: impl FnMut() -> Option<ProcessorAccount>,
) -> Option<(ProcessorAccount, ProcessorAccount)> {
    let mut last = None;
    let delay = run_delay_at(moment_ns, || {
        last = read();
        last.map(|account| account.delay_ns)
    })?;
    last.map(|account| (ProcessorAccount { delay_ns: delay.at_ns, ..account }, account))
}

/// What a reading of the monotonic clock costs, and how finely the clock steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockQuality {
    /// The median time that one reading takes.
    pub price_ns: u64,
    /// The smallest difference between two unequal readings.
    pub resolution_ns: u64,
}

/// Measures the clock in 64 batches of 64 readings; a batch that was preempted does not move the median.
#[must_use]
pub fn quality() -> ClockQuality {
    const N_BATCHES: usize = 64;
    const N_READINGS: u64 = 64;
    let mut prices_ns = [0u64; N_BATCHES];
    let mut resolution_ns = u64::MAX;
    for price_ns in &mut prices_ns {
        let start_ns = now_ns();
        let mut last_ns = start_ns;
        for _ in 0..N_READINGS {
            let reading_ns = now_ns();
            if reading_ns > last_ns {
                resolution_ns = resolution_ns.min(reading_ns - last_ns);
            }
            last_ns = reading_ns;
        }
        *price_ns = (last_ns - start_ns) / N_READINGS;
    }
    prices_ns.sort_unstable();
    ClockQuality {
        price_ns: prices_ns[N_BATCHES / 2].max(1),
        resolution_ns: if resolution_ns == u64::MAX { 0 } else { resolution_ns },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_monotonic_clock_does_not_go_back() {
        let first_ns = now_ns();

        assert!(now_ns() >= first_ns);
    }

    #[test]
    fn a_reading_has_a_price() {
        let quality = quality();

        assert!(quality.price_ns > 0 && quality.price_ns < 100_000, "{quality:?}");
    }
}
