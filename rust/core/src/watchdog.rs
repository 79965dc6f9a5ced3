//! A deadline that also works while the GIL is never released.
//!
//! A native thread waits for the deadline. Python code disarms it in time. If no Python code can run, because the call
//! that overran its deadline holds the GIL, the thread saves the data so far, dumps all stacks and ends the process.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::{clock, os};

/// A part of the saved data.
#[derive(Clone, Debug)]
pub enum Piece {
    /// These bytes.
    Bytes(Vec<u8>),
    /// The content of this file at the deadline: data that keeps growing is not copied for each deadline.
    File(PathBuf),
}

/// How the process ends if nobody disarms the deadline.
#[derive(Clone, Debug)]
pub struct Ending {
    /// A signal whose handler dumps all stacks; 0 for none.
    pub signal: i32,
    /// An open file descriptor for the message, duplicated before the output was captured; negative for none.
    pub message_fd: i32,
    /// The message.
    pub message: String,
    /// The file to save to, and the data so far.
    pub save: Option<(PathBuf, Vec<Piece>)>,
    /// The exit status of the process.
    pub status: i32,
}

/// An armed deadline; dropping it disarms it.
#[derive(Debug)]
pub struct Watchdog {
    shared: Arc<Shared>,
    /// The thread that waits, until somebody has waited for its end.
    thread: Mutex<Option<JoinHandle<()>>>,
    /// The process that has this thread; a forked child has a copy of this value, and no such thread.
    process: u32,
}

#[derive(Debug)]
struct Shared {
    is_armed: Mutex<bool>,
    changed: Condvar,
}

impl Shared {
    fn is_armed(&self) -> MutexGuard<'_, bool> {
        self.is_armed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When the present call of each thread began. A deadline is one call's: what runs between calls does not count.
#[derive(Debug)]
pub struct CallClock {
    /// [`NO_CALL`] for a thread that makes no call now.
    began_ns: Box<[AtomicU64]>,
}

const NO_CALL: u64 = 0;

impl CallClock {
    /// Makes a clock for `n_threads` threads, which are numbered from 0 on.
    #[must_use]
    pub fn new(n_threads: usize) -> Self {
        Self { began_ns: std::iter::repeat_with(|| AtomicU64::new(NO_CALL)).take(n_threads).collect() }
    }

    /// A call of thread `index` begins at `now_ns`. A thread beyond the last one has no clock.
    #[inline]
    pub fn begin_at(&self, index: usize, now_ns: u64) {
        if let Some(began_ns) = self.began_ns.get(index) {
            began_ns.store(now_ns, Relaxed);
        }
    }

    /// The call of thread `index` has ended.
    #[inline]
    pub fn end(&self, index: usize) {
        self.begin_at(index, NO_CALL);
    }

    /// Returns the thread whose present call has run longest at `now_ns`, and for how long; `None` without any call.
    #[must_use]
    pub fn longest_at(&self, now_ns: u64) -> Option<(usize, u64)> {
        let running = self.began_ns.iter().map(|began_ns| began_ns.load(Relaxed)).enumerate();
        running
            .filter(|(_, began_ns)| *began_ns != NO_CALL)
            .map(|(index, began_ns)| (index, now_ns.saturating_sub(began_ns)))
            .max_by_key(|(_, running_ns)| *running_ns)
    }
}

impl Watchdog {
    /// Arms a deadline of `after` for each call on the clock `calls`.
    ///
    /// Once a call has run for longer, `is_stuck` is called every 50 ms. The process ends when it returns true 20 times in
    /// a row.
    ///
    /// # Errors
    ///
    /// The system's error if no thread can be started.
    pub fn arm(
        after: Duration,
        calls: Arc<CallClock>,
        is_stuck: impl Fn() -> bool + Send + 'static,
        ending: Ending,
    ) -> std::io::Result<Self> {
        const N_CHECKS: u32 = 20;
        const CHECK_INTERVAL: Duration = Duration::from_millis(50);
        let shared = Arc::new(Shared { is_armed: Mutex::new(true), changed: Condvar::new() });
        let watched = Arc::clone(&shared);
        let thread = thread::Builder::new().name("gilcheck-watchdog".into()).spawn(move || {
            let mut n_stuck = 0;
            let mut guard = watched.is_armed();
            while *guard {
                let running =
                    calls.longest_at(clock::now_ns()).map_or(Duration::ZERO, |(_, ns)| Duration::from_nanos(ns));
                n_stuck = if running >= after && is_stuck() { n_stuck + 1 } else { 0 };
                if n_stuck >= N_CHECKS {
                    end_process(&ending);
                }
                let pause = after.saturating_sub(running).max(CHECK_INTERVAL);
                guard = watched.changed.wait_timeout(guard, pause).unwrap_or_else(PoisonError::into_inner).0;
            }
        })?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)), process: std::process::id() })
    }

    /// Removes the deadline, and waits until its thread has ended. `is_stuck` must not wait for the calling thread.
    ///
    /// Python warns of a fork in a process with several threads, and users fork right after a check.
    pub fn disarm(&self) {
        *self.shared.is_armed() = false;
        self.shared.changed.notify_all();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        match thread {
            Some(thread) if self.process == std::process::id() => drop(thread.join()),
            // Neither waited for nor detached: it is a thread of the parent.
            thread => std::mem::forget(thread),
        }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.disarm();
    }
}

fn end_process(ending: &Ending) -> ! {
    if let Some((path, pieces)) = &ending.save {
        // Errors are ignored: the process ends in any case.
        if let Some(folder) = path.parent() {
            let _ = std::fs::create_dir_all(folder);
        }
        let _ = save(path, pieces);
    }
    if ending.message_fd >= 0 {
        os::write_message(ending.message_fd, ending.message.as_bytes());
    }
    if ending.signal > 0 {
        os::send_signal(ending.signal);
        // faulthandler's handler runs in any thread of this process and needs time to write the stacks.
        thread::sleep(Duration::from_millis(300));
    }
    // Exit handlers would wait for the GIL.
    os::exit_now(ending.status)
}

fn save(path: &Path, pieces: &[Piece]) -> std::io::Result<()> {
    let mut file = File::create(path)?;
    for piece in pieces {
        match piece {
            Piece::Bytes(bytes) => file.write_all(bytes)?,
            Piece::File(from) => {
                std::io::copy(&mut File::open(from)?, &mut file)?;
            }
        }
    }
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nothing() -> Ending {
        Ending { signal: 0, message_fd: -1, message: String::new(), save: None, status: 99 }
    }

    #[test]
    fn a_disarmed_deadline_does_nothing() {
        let calls = Arc::new(CallClock::new(1));
        calls.begin_at(0, 1); // since the system was started

        let watchdog =
            Watchdog::arm(Duration::from_secs(3600 * 24 * 365), calls, || true, nothing()).expect("a thread");

        watchdog.disarm();
    }

    #[test]
    fn only_a_call_that_runs_too_long_is_looked_at() {
        let calls = Arc::new(CallClock::new(2));
        let (asked, was_asked) = std::sync::mpsc::channel();
        let is_stuck = move || {
            let _ = asked.send(());
            false
        };

        let watchdog =
            Watchdog::arm(Duration::from_millis(1), Arc::clone(&calls), is_stuck, nothing()).expect("a thread");

        assert!(was_asked.recv_timeout(Duration::from_millis(200)).is_err());
        calls.begin_at(1, clock::now_ns());
        was_asked.recv().expect("asked once the call has run for too long");
        watchdog.disarm();
    }

    #[test]
    fn the_longest_call_is_that_of_the_thread_that_began_first() {
        let calls = CallClock::new(3);
        assert_eq!(calls.longest_at(100), None);

        calls.begin_at(1, 40);
        calls.begin_at(2, 30);
        calls.begin_at(7, 1); // no such thread

        assert_eq!(calls.longest_at(100), Some((2, 70)));
        calls.end(2);
        assert_eq!(calls.longest_at(100), Some((1, 60)));
    }

    #[test]
    fn the_pieces_are_saved_in_their_order() {
        let folder = std::env::temp_dir().join(format!("gilcheck-watchdog-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join("one"), "one,").expect("a file");
        std::fs::write(folder.join("three"), "three").expect("a file");
        let pieces =
            [Piece::File(folder.join("one")), Piece::Bytes(b"two,".to_vec()), Piece::File(folder.join("three"))];

        save(&folder.join("whole"), &pieces).expect("saved");

        assert_eq!(std::fs::read_to_string(folder.join("whole")).expect("a file"), "one,two,three");
        std::fs::remove_dir_all(&folder).expect("removed");
    }
}
