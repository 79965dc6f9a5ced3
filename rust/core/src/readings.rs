//! Readings of the kernel's accounts of some threads, by another thread, while they work.
//!
//! A thread reads its own account between two calls. A call that is longer than a time slice is interrupted in each of its
//! runs, and such readings do not tell when. Readings from outside do, without a signal or a hook in the call.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::clock::{self, ProcessorAccount};

/// The accounts of all threads at one moment, in the order in which the threads were given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// When, in `clock::now_ns`.
    pub at_ns: u64,
    /// What the kernel knows of each thread.
    pub accounts: Vec<ProcessorAccount>,
}

/// What a reader has read, and what it took itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Readings {
    /// The readings, oldest first; none if the system keeps no accounts.
    pub taken: Vec<Reading>,
    /// The reader's own processor time.
    pub cpu_ns: u64,
}

/// A reading of two threads takes 20 to 40 µs. One in which the reader was kept off the processor is of no moment.
const LONGEST_READING_NS: u64 = 200_000;

/// A thread that reads the accounts of others until it is stopped.
#[derive(Debug)]
pub struct AccountReader {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Readings>,
}

impl AccountReader {
    /// Starts to read the accounts of these threads of this process, about every `gap_ns`, at most `most` times.
    ///
    /// # Errors
    ///
    /// The system's, if it gives no thread.
    pub fn start(thread_ids: Vec<u32>, gap_ns: u64, most: usize) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let stop_of_thread = Arc::clone(&stop);
        let thread = thread::Builder::new().name("gilcheck-reader".into()).spawn(move || {
            let taken = read_repeatedly(&thread_ids, Duration::from_nanos(gap_ns), most, &stop_of_thread);
            Readings { taken, cpu_ns: clock::thread_cpu_ns() }
        })?;
        Ok(Self { stop, thread })
    }

    /// Lets the thread end soon. Its last reading follows.
    pub fn stop(&self) {
        self.stop.store(true, Relaxed);
    }

    /// Waits for the thread's end and returns what it has read.
    #[must_use]
    pub fn finish(self) -> Readings {
        self.stop();
        self.thread.join().unwrap_or_default()
    }
}

fn read_repeatedly(thread_ids: &[u32], gap: Duration, most: usize, stop: &AtomicBool) -> Vec<Reading> {
    let mut readings = Vec::with_capacity(most);
    while readings.len() < most {
        let is_last = stop.load(Relaxed);
        let at_ns = clock::now_ns();
        let accounts: Option<Vec<_>> = thread_ids.iter().map(|id| clock::processor_account_of(*id)).collect();
        let Some(accounts) = accounts else { return readings };
        if clock::now_ns() - at_ns <= LONGEST_READING_NS {
            readings.push(Reading { at_ns, accounts });
        }
        if is_last {
            break;
        }
        thread::sleep(gap);
    }
    readings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload;

    #[test]
    fn the_accounts_of_a_thread_that_works_grow_from_reading_to_reading() {
        let own = clock::processor_account().map(|account| account.thread_id);
        let Some(own) = own else { return }; // a kernel without accounts

        let reader = AccountReader::start(vec![own], 1_000_000, 1_000).expect("a thread");
        workload::work(20_000_000);
        let readings = reader.finish().taken;

        assert!(readings.len() > 1, "{readings:?}");
        assert!(readings.windows(2).all(|pair| {
            let ([before], [after]) = (pair[0].accounts.as_slice(), pair[1].accounts.as_slice()) else { return false };
            pair[0].at_ns < pair[1].at_ns && before.cpu_ns <= after.cpu_ns && before.delay_ns <= after.delay_ns
        }));
        let used_ns = readings[readings.len() - 1].accounts[0].cpu_ns - readings[0].accounts[0].cpu_ns;
        assert!(used_ns > 0);
    }

    #[test]
    fn a_reader_of_a_thread_that_does_not_exist_reads_nothing() {
        let reader = AccountReader::start(vec![u32::MAX >> 4], 1_000, 10).expect("a thread");

        assert!(reader.finish().taken.is_empty());
    }

    #[test]
    fn a_reader_ends_by_itself_after_its_last_reading() {
        let Some(own) = clock::processor_account().map(|account| account.thread_id) else { return };

        let reader = AccountReader::start(vec![own], 1_000, 3).expect("a thread");
        while !reader.thread.is_finished() {
            thread::yield_now();
        }

        assert!(reader.finish().taken.len() <= 3);
    }
}
