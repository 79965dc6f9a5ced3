//! The deadline that also works while the GIL is never given back.
//!
//! A native thread waits. Whoever armed it disarms it in time; if nobody can, because the call that overran its
//! deadline holds the GIL and no Python code runs any more, it has all stacks dumped, saves what it was given, and
//! ends the process.

use std::fs::File;
use std::io::Write;
use std::os::fd::FromRawFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// A part of what is saved.
#[derive(Clone, Debug)]
pub enum Piece {
    /// These bytes.
    Bytes(Vec<u8>),
    /// What this file holds by then: what grows without end is not copied for each deadline.
    File(PathBuf),
}

/// What is done when nobody disarms it.
#[derive(Clone, Debug)]
pub struct LastWill {
    /// Sent to this process first: a handler dumps all stacks (0: none).
    pub signal: i32,
    /// An open descriptor for the message (duplicated before anybody captured it).
    pub message_fd: i32,
    /// What is said.
    pub message: String,
    /// What was measured so far, piece by piece, and where it goes.
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
    /// By when somebody must have said that all is well; `None`: disarmed.
    deadline: Mutex<Option<Instant>>,
    changed: Condvar,
}

impl Shared {
    fn deadline(&self) -> MutexGuard<'_, Option<Instant>> {
        self.deadline.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watchdog {
    /// Arms a deadline `after` from now. `is_stuck` is asked once it has passed, and again every 50 ms: only while it
    /// says so twenty times in a row does the process end.
    ///
    /// # Errors
    /// Where no thread can be started.
    pub fn arm(after: Duration, is_stuck: impl Fn() -> bool + Send + 'static, will: LastWill) -> std::io::Result<Self> {
        const LOOKS: u32 = 20;
        const BETWEEN: Duration = Duration::from_millis(50);
        let shared = Arc::new(Shared { deadline: Mutex::new(Some(Instant::now() + after)), changed: Condvar::new() });
        let watched = Arc::clone(&shared);
        thread::Builder::new().name("gilcheck-watchdog".into()).spawn(move || {
            let mut n_stuck = 0;
            let mut guard = watched.deadline();
            while let Some(deadline) = *guard {
                let now = Instant::now();
                let pause = if now < deadline { deadline - now } else { BETWEEN };
                guard = watched.changed.wait_timeout(guard, pause).unwrap_or_else(PoisonError::into_inner).0;
                match *guard {
                    // Put off, or not yet over: look again when it is.
                    Some(deadline) if Instant::now() < deadline => n_stuck = 0,
                    Some(_) => n_stuck = if is_stuck() { n_stuck + 1 } else { 0 },
                    None => return,
                }
                if n_stuck >= LOOKS {
                    execute(&will);
                }
            }
        })?;
        Ok(Self { shared })
    }

    /// All is well so far: the deadline is `after` from now. Wakes nobody, so that it may be said often.
    pub fn put_off(&self, after: Duration) {
        let mut deadline = self.shared.deadline();
        if deadline.is_some() {
            *deadline = Some(Instant::now() + after);
        }
    }

    /// Nobody needs to be woken any more.
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

fn execute(will: &LastWill) -> ! {
    if let Some((path, pieces)) = &will.save {
        // Best effort, all of it: the process ends in any case, and says so below.
        if let Some(folder) = path.parent() {
            let _ = std::fs::create_dir_all(folder);
        }
        let _ = save(path, pieces);
    }
    if will.message_fd >= 0 {
        // SAFETY: the descriptor belongs to the caller, who is stuck for good; it is never closed here.
        let mut file = std::mem::ManuallyDrop::new(unsafe { File::from_raw_fd(will.message_fd) });
        let _ = file.write_all(will.message.as_bytes());
    }
    if will.signal > 0 {
        // SAFETY: sends a signal to this process; its handler was set by faulthandler and is async-signal-safe.
        unsafe { libc::kill(libc::getpid(), will.signal) };
        // The handler runs in some thread of this process: give it time to write the stacks.
        thread::sleep(Duration::from_millis(300));
    }
    // SAFETY: ends the process at once, without running exit handlers that would wait for the GIL.
    unsafe { libc::_exit(will.status) }
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
        let will = LastWill { signal: 0, message_fd: -1, message: String::new(), save: None, status: 99 };

        let watchdog = Watchdog::arm(Duration::from_secs(3600), || true, will).expect("a thread");

        watchdog.disarm();
    }

    #[test]
    fn a_deadline_that_is_put_off_has_not_passed() {
        let will = LastWill { signal: 0, message_fd: -1, message: String::new(), save: None, status: 99 };
        let (asked, was_asked) = std::sync::mpsc::channel();
        let is_stuck = move || {
            let _ = asked.send(());
            false
        };

        let watchdog = Watchdog::arm(Duration::from_millis(1), is_stuck, will).expect("a thread");

        was_asked.recv().expect("asked once the deadline has passed");
        watchdog.put_off(Duration::from_secs(3600));
        watchdog.disarm();
    }

    #[test]
    fn what_is_saved_are_the_pieces_in_their_order() {
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
