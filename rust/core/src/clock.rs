//! Monotonic time and processor time, as integers of nanoseconds.

pub use crate::os::RunDelay;

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
