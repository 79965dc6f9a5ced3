//! What time is it, how much processor time was used, and how long did this thread wait for a processor?
//!
//! Every figure is an integer of nanoseconds. The monotonic clock is the one of Python's
//! `time.perf_counter_ns` on Linux, so that both can be compared.

use std::fs::File;
use std::os::fd::AsRawFd;

fn read(clock: libc::clockid_t) -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is a valid, writable timespec; an unknown clock only makes the call fail and leaves zeroes.
    unsafe { libc::clock_gettime(clock, &raw mut now) };
    #[allow(clippy::cast_sign_loss)] // these clocks count from boot or from the start of a thread
    {
        now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
    }
}

/// Monotonic nanoseconds since an arbitrary origin.
#[inline]
#[must_use]
pub fn now_ns() -> u64 {
    read(libc::CLOCK_MONOTONIC)
}

/// Processor time of the calling thread.
#[must_use]
pub fn thread_cpu_ns() -> u64 {
    read(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// Processor time of the whole process.
#[must_use]
pub fn process_cpu_ns() -> u64 {
    read(libc::CLOCK_PROCESS_CPUTIME_ID)
}

/// What the clock itself costs and how finely it steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockQuality {
    /// The median price of one reading.
    pub price_ns: u64,
    /// The smallest step seen between two different readings.
    pub resolution_ns: u64,
}

/// Measures the clock: 64 batches of 64 readings, so that a preempted batch does not move the median.
#[must_use]
pub fn quality() -> ClockQuality {
    const BATCHES: usize = 64;
    const READINGS: u64 = 64;
    let mut batches = [0u64; BATCHES];
    let mut resolution_ns = u64::MAX;
    for batch in &mut batches {
        let start = now_ns();
        let mut last = start;
        for _ in 0..READINGS {
            let now = now_ns();
            if now > last {
                resolution_ns = resolution_ns.min(now - last);
            }
            last = now;
        }
        *batch = (last - start) / READINGS;
    }
    batches.sort_unstable();
    ClockQuality {
        price_ns: batches[BATCHES / 2].max(1),
        resolution_ns: if resolution_ns == u64::MAX { 0 } else { resolution_ns },
    }
}

/// The scheduler's account of one thread: for how long it was ready to run and was not running.
///
/// Read through a file that is opened once: the hook of the ledger may read it without opening anything.
#[derive(Debug)]
pub struct RunDelay {
    file: File,
}

impl RunDelay {
    /// The account of the calling thread; `None` where the kernel keeps none.
    #[must_use]
    pub fn of_this_thread() -> Option<Self> {
        let account = Self { file: File::open("/proc/thread-self/schedstat").ok()? };
        account.read_ns()?;
        Some(account)
    }

    /// Nanoseconds waited for a processor since the thread began.
    #[must_use]
    pub fn read_ns(&self) -> Option<u64> {
        run_delay_of(self.file.as_raw_fd())
    }

    /// The open file, for [`run_delay_of`]; valid as long as `self` lives.
    #[must_use]
    pub fn fd(&self) -> i32 {
        self.file.as_raw_fd()
    }
}

/// Reads a scheduler account that is already open. Allocates nothing and takes no lock: the hook calls it.
#[must_use]
pub fn run_delay_of(fd: i32) -> Option<u64> {
    let mut text = [0u8; 96];
    // SAFETY: the buffer is valid for its length; a descriptor that is not open makes the call fail.
    let length = unsafe { libc::pread(fd, text.as_mut_ptr().cast(), text.len(), 0) };
    parse_run_delay(text.get(..usize::try_from(length).ok()?)?)
}

/// The second number of a `schedstat` line: `cpu_ns delay_ns slices`.
fn parse_run_delay(text: &[u8]) -> Option<u64> {
    let field = text.split(|byte| *byte == b' ').nth(1)?;
    if field.is_empty() {
        return None;
    }
    field.iter().try_fold(0u64, |sum, digit| {
        digit.is_ascii_digit().then(|| sum.wrapping_mul(10).wrapping_add(u64::from(digit - b'0')))
    })
}

/// Works on the processor, without asking for anything, until the calling thread has used about `cpu_ns` of it.
///
/// Processor time and not wall time: a thread that is descheduled in the middle then works as long as one that is not,
/// as real work does, and the share of a call that it stands for stays exact under load. It is read from the wall clock,
/// which costs a tenth of the thread's own; only where two readings in a row lie further apart than [`WORK_GAP_NS`], so
/// that the thread may have been away, is the thread's own clock asked how much is left.
pub fn work(cpu_ns: u64) {
    let start_cpu_ns = if cpu_ns > WORK_GAP_NS { thread_cpu_ns() } else { 0 };
    let mut last_ns = now_ns();
    let mut end_ns = last_ns + cpu_ns;
    while last_ns < end_ns {
        std::hint::spin_loop();
        let now = now_ns();
        if now - last_ns > WORK_GAP_NS && start_cpu_ns > 0 {
            let left_ns = cpu_ns.saturating_sub(thread_cpu_ns() - start_cpu_ns);
            last_ns = now_ns();
            end_ns = last_ns + left_ns;
        } else {
            last_ns = now;
        }
    }
}

/// A reading takes tens of nanoseconds, being descheduled takes microseconds at least.
const WORK_GAP_NS: u64 = 5_000;

/// Puts the calling thread on one of the processors it may use, chosen by `index`, and allows it all of them again. How many are
/// there? 1 where the system does not tell.
///
/// Where the system refuses, it stays where it is.
#[cfg(target_os = "linux")]
#[allow(clippy::must_use_candidate)] // called for what it does; the number is a gift
pub fn settle(index: usize) -> usize {
    // SAFETY: all bits zero is an empty set of processors.
    let mut allowed: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: the set is writable and of the size given.
    if unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut allowed) } != 0 {
        return 1;
    }
    // SAFETY: the indices are below the set's size.
    let is_allowed = |cpu: &usize| unsafe { libc::CPU_ISSET(*cpu, &allowed) };
    let cpus: Vec<usize> = (0..libc::CPU_SETSIZE as usize).filter(is_allowed).collect();
    if cpus.len() < 2 {
        return 1;
    }
    // SAFETY: as above.
    let mut one: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: the index came out of a set of the same size.
    unsafe { libc::CPU_SET(cpus[index % cpus.len()], &mut one) };
    for set in [&one, &allowed] {
        // SAFETY: the set is readable and of the size given; 0 is the calling thread.
        unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), std::ptr::from_ref(set)) };
    }
    cpus.len()
}

/// Elsewhere threads stay where the system puts them.
#[cfg(not(target_os = "linux"))]
pub fn settle(_index: usize) -> usize {
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_monotonic_clock_does_not_go_back() {
        let first = now_ns();

        assert!(now_ns() >= first);
    }

    #[test]
    fn a_reading_has_a_price() {
        let quality = quality();

        assert!(quality.price_ns > 0 && quality.price_ns < 100_000, "{quality:?}");
    }

    #[test]
    fn the_second_field_is_the_delay() {
        assert_eq!(parse_run_delay(b"35175915 657586 24\n"), Some(657_586));
        assert_eq!(parse_run_delay(b"35175915"), None);
        assert_eq!(parse_run_delay(b"1 x 2"), None);
        assert_eq!(parse_run_delay(b"1  2"), None);
    }

    #[test]
    fn work_uses_the_processor_time_it_was_told() {
        let before = thread_cpu_ns();

        work(1_000_000);

        assert!(thread_cpu_ns() - before >= 900_000);
    }
}
