//! Puts the ledger in when the first check starts and takes it out when the last one ends.

use std::ffi::CStr;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use super::locate::{locate, verify};
use super::memory::Reader;
use super::objects::object_at;
use super::slots::{self, Slots};
use super::symbols::Symbols;
use super::{Unavailable, giveway, hooks};
use crate::clock;
use crate::ledger::Recorder;

const UNLOCK: &CStr = c"pthread_mutex_unlock";
const TIMED_WAIT: &CStr = c"pthread_cond_timedwait";

/// Where things were found, for reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Address of the GIL's structure.
    pub gil: usize,
    /// Distance of its mutex.
    pub mutex_offset: usize,
    /// Is a hand-over on request told from a voluntary one by its way?
    pub knows_giveway: bool,
}

#[derive(Debug, Default)]
struct Inner {
    n_open: usize,
    found: Option<(usize, usize)>,
    /// Slots that are pointed to our functions. Also while nothing is open, where somebody hooked on top of us: our
    /// functions then stayed in as silent pass-throughs and must not be pointed to a second time.
    unlock: Option<Slots>,
    wait: Option<Slots>,
}

/// The instrument of this process.
#[derive(Debug)]
pub struct Instrument {
    inner: Mutex<Inner>,
}

static INSTRUMENT: Instrument =
    Instrument { inner: Mutex::new(Inner { n_open: 0, found: None, unlock: None, wait: None }) };

/// The instrument of this process.
#[must_use]
pub fn instrument() -> &'static Instrument {
    &INSTRUMENT
}

/// `pthread_self` of the calling thread, as a number.
#[must_use]
pub fn current_thread() -> usize {
    hooks::current_thread()
}

impl Instrument {
    /// The recorder, recording or not.
    #[must_use]
    pub fn recorder(&self) -> &'static Recorder {
        hooks::recorder()
    }

    /// Takes our lock with the GIL dropped: whoever holds the lock may need the GIL.
    fn lock(&self, symbols: &Symbols) -> MutexGuard<'_, Inner> {
        symbols.without_gil(|| self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Opens the ledger, or counts one more user of it. The calling thread holds the GIL.
    ///
    /// `interval_us` is the interpreter's switch interval in microseconds.
    ///
    /// # Errors
    /// [`Unavailable`], with nothing left changed.
    pub fn open(&self, interval_us: usize) -> Result<Layout, Unavailable> {
        if cfg!(not(all(
            target_os = "linux",
            any(target_arch = "x86_64", target_arch = "aarch64"),
            target_pointer_width = "64"
        ))) {
            return Err(Unavailable::Platform(std::env::consts::OS));
        }
        if hooks::in_forked_child() {
            return Err(Unavailable::ForkedChild);
        }
        let symbols = Symbols::resolve()?;
        let mut inner = self.lock(&symbols);
        let (gil, mutex) = match inner.found {
            Some(found) if inner.n_open > 0 => found,
            _ => inner.put_in(&symbols, interval_us)?,
        };
        inner.n_open += 1;
        Ok(Layout { gil, mutex_offset: mutex - gil, knows_giveway: giveway::is_learned() })
    }

    /// One user less; the last one takes the hooks out. The calling thread holds the GIL.
    ///
    /// Returns whether every slot was put back (nothing to put back: true).
    pub fn close(&self) -> bool {
        let Ok(symbols) = Symbols::resolve() else { return true };
        let mut inner = self.lock(&symbols);
        inner.n_open = inner.n_open.saturating_sub(1);
        if inner.n_open == 0 { inner.take_out() } else { true }
    }

    /// Learns to tell hand-overs on request apart, if it is not known yet; returns whether it is known now.
    ///
    /// `run_python` must run pure Python code, in the calling thread, beside a thread that waits for the GIL, long
    /// enough for a few hand-overs; `contend` does the same with direct drops of the GIL. The ledger is open.
    pub fn learn_giveway(&self, run_python: impl FnOnce(), contend: impl FnOnce()) -> bool {
        if giveway::is_learned() {
            return true;
        }
        let Ok(symbols) = Symbols::resolve() else { return false };
        let Some(object) = object_at(symbols.gil_code()) else { return false };
        let on_request = giveway::sampled_during(run_python);
        let voluntary = giveway::sampled_during(contend);
        giveway::learn(&object, &on_request, &voluntary)
    }
}

impl Inner {
    fn put_in(&mut self, symbols: &Symbols, interval_us: usize) -> Result<(usize, usize), Unavailable> {
        let reader = Reader::find()?;
        let known = self.found.map(|(gil, _)| gil);
        let gil = match known.filter(|gil| verify(&reader, symbols, *gil, symbols.thread_state()).is_ok()) {
            Some(gil) => gil,
            None => locate(&reader, symbols, interval_us)?,
        };
        if let Err(reason) = self.point(gil, symbols) {
            self.take_out();
            return Err(reason);
        }
        forget_after_fork();
        match learn_mutex(symbols) {
            Ok(mutex) => {
                self.found = Some((gil, mutex));
                hooks::watch(Some(mutex));
                hooks::recorder().start(clock::now_ns(), hooks::current_thread());
                Ok((gil, mutex))
            }
            Err(reason) => {
                self.take_out();
                Err(reason)
            }
        }
    }

    /// Points the slots that do not lead to our functions yet.
    fn point(&mut self, gil: usize, symbols: &Symbols) -> Result<(), Unavailable> {
        let object = object_at(symbols.gil_code()).ok_or(Unavailable::NoSlot("anything"))?;
        hooks::watch_structure(gil);
        if self.unlock.is_none() {
            let (slots, real) = slots::find(&object, UNLOCK)?;
            hooks::chain_unlock(real);
            self.unlock = Some(Slots::point(slots, hooks::unlock as *const () as usize)?);
        }
        if self.wait.is_none() {
            let (slots, real) = slots::find(&object, TIMED_WAIT)?;
            hooks::chain_wait(real);
            self.wait = Some(Slots::point(slots, hooks::timed_wait as *const () as usize)?);
        }
        Ok(())
    }

    fn take_out(&mut self) -> bool {
        hooks::recorder().stop();
        hooks::watch(None);
        for pointed in [&mut self.unlock, &mut self.wait] {
            if pointed.as_mut().is_some_and(Slots::restore) {
                *pointed = None;
            }
        }
        self.unlock.is_none() && self.wait.is_none()
    }
}

/// Finds the GIL's own mutex: the first one inside the structure that a drop unlocks and the last one that a take
/// unlocks, the same in every round. (A second mutex in it serves forced switching, and is unlocked in between.)
fn learn_mutex(symbols: &Symbols) -> Result<usize, Unavailable> {
    const ROUNDS: usize = 20;
    let mut known = None;
    for _ in 0..ROUNDS {
        let seen = hooks::unlocked_during(|| symbols.without_gil(|| ()));
        let (Some((dropped, false)), Some((taken, true))) = (seen.first(), seen.last()) else {
            return Err(Unavailable::MutexNotSeen);
        };
        if dropped != taken || known.is_some_and(|known| known != *dropped) {
            return Err(Unavailable::MutexNotSeen);
        }
        known = Some(*dropped);
    }
    known.ok_or(Unavailable::MutexNotSeen)
}

fn forget_after_fork() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the handler only writes atomics; this library is never unloaded.
        unsafe { libc::pthread_atfork(None, None, Some(hooks::after_fork_in_child)) };
    });
}
