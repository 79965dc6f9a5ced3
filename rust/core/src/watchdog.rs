//! A deadline that also works while the GIL is never released.
//!
//! A native thread waits for the deadline. Python code disarms it in time. If no Python code can run, because the call
//! that overran its deadline holds the GIL, the thread saves the data so far, dumps all stacks and ends the process.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::os;

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
}

#[derive(Debug)]
struct Shared {
    /// `None` after it was disarmed.
    deadline: Mutex<Option<Instant>>,
    changed: Condvar,
}

impl Shared {
    fn deadline(&self) -> MutexGuard<'_, Option<Instant>> {
        self.deadline.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watchdog {
    /// Arms a deadline `after` from now.
    ///
    /// Once it has passed, `is_stuck` is called every 50 ms. The process ends when it returns true 20 times in a row.
    ///
    /// # Errors
    ///
    /// The system's error if no thread can be started.
    pub fn arm(after: Duration, is_stuck: impl Fn() -> bool + Send + 'static, ending: Ending) -> std::io::Result<Self> {
        const N_CHECKS: u32 = 20;
        const CHECK_INTERVAL: Duration = Duration::from_millis(50);
        let shared = Arc::new(Shared { deadline: Mutex::new(Some(Instant::now() + after)), changed: Condvar::new() });
        let watched = Arc::clone(&shared);
        thread::Builder::new().name("gilcheck-watchdog".into()).spawn(move || {
            let mut n_stuck = 0;
            let mut guard = watched.deadline();
            while let Some(deadline) = *guard {
                let now = Instant::now();
                let pause = if now < deadline { deadline - now } else { CHECK_INTERVAL };
                guard = watched.changed.wait_timeout(guard, pause).unwrap_or_else(PoisonError::into_inner).0;
                match *guard {
                    // The deadline was put off or has not passed yet.
                    Some(deadline) if Instant::now() < deadline => n_stuck = 0,
                    Some(_) => n_stuck = if is_stuck() { n_stuck + 1 } else { 0 },
                    None => return,
                }
                if n_stuck >= N_CHECKS {
                    end_process(&ending);
                }
            }
        })?;
        Ok(Self { shared })
    }

    /// Moves the deadline to `after` from now. It wakes no thread, so it may be called often.
    pub fn put_off(&self, after: Duration) {
        let mut deadline = self.shared.deadline();
        if deadline.is_some() {
            *deadline = Some(Instant::now() + after);
        }
    }

    /// Removes the deadline.
    pub fn disarm(&self) {
        *self.shared.deadline() = None;
        self.shared.changed.notify_all();
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

    #[test]
    fn a_disarmed_deadline_does_nothing() {
        let ending = Ending { signal: 0, message_fd: -1, message: String::new(), save: None, status: 99 };

        let watchdog = Watchdog::arm(Duration::from_secs(3600), || true, ending).expect("a thread");

        watchdog.disarm();
    }

    #[test]
    fn a_deadline_that_is_put_off_has_not_passed() {
        let ending = Ending { signal: 0, message_fd: -1, message: String::new(), save: None, status: 99 };
        let (calls, received) = std::sync::mpsc::channel();
        let is_stuck = move || {
            let _ = calls.send(());
            false
        };

        let watchdog = Watchdog::arm(Duration::from_millis(1), is_stuck, ending).expect("a thread");

        received.recv().expect("called once the deadline has passed");
        watchdog.put_off(Duration::from_secs(3600));
        watchdog.disarm();
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
