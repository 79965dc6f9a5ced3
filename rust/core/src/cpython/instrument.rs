//! Installs the hooks when the first user opens the ledger, and removes them when the last one closes it.

use std::ffi::CStr;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use super::hooks::{HOOKS, Mutexes, N_HOOKS};
use super::locate::{is_held_by, locate, verify};
use super::symbols::Symbols;
use super::{drop_request, hook, hooks};
use crate::ledger::Recorder;
use crate::os::{self, ProcessMemory, current_thread, got, object_at};
use crate::{Unavailable, clock};

const TRY_LOCK: &CStr = c"pthread_mutex_trylock";

/// Where the GIL is, for reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The address of the GIL's structure.
    pub gil: usize,
    /// The offset of its mutex in the structure.
    pub mutex_offset: usize,
    /// Whether releases by the interpreter are distinguished from releases by the function.
    pub knows_drop_request: bool,
}

/// The GIL as it was found.
#[derive(Clone, Copy, Debug)]
struct Gil {
    address: usize,
    mutexes: Mutexes,
}

#[derive(Debug)]
struct Inner {
    n_users: usize,
    gil: Option<Gil>,
    /// The GOT entries that lead to each of [`HOOKS`].
    ///
    /// An entry stays here without users if somebody else has put a hook over ours: ours then only passes calls on, and
    /// must not be installed a second time.
    installed: [Option<got::Redirected>; N_HOOKS],
}

/// The ledger of this process, with its users and its hooks.
#[derive(Debug)]
pub struct Instrument {
    inner: Mutex<Inner>,
}

static INSTRUMENT: Instrument =
    Instrument { inner: Mutex::new(Inner { n_users: 0, gil: None, installed: [const { None }; N_HOOKS] }) };

/// Returns the instrument of this process.
#[must_use]
pub fn instrument() -> &'static Instrument {
    &INSTRUMENT
}

impl Instrument {
    /// Returns the recorder, whether it is recording or not.
    #[must_use]
    pub fn recorder(&self) -> &'static Recorder {
        hooks::recorder()
    }

    /// Takes our lock without the GIL, because the thread that holds the lock may need the GIL.
    fn lock(&self, symbols: &Symbols) -> MutexGuard<'_, Inner> {
        symbols.without_gil(|| self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Opens the ledger, or adds a user to an open one. The calling thread holds the GIL.
    ///
    /// `interval_us` is the interpreter's switch interval in microseconds.
    ///
    /// # Errors
    ///
    /// [`Unavailable`]; nothing is changed then.
    pub fn open(&self, interval_us: usize) -> Result<Layout, Unavailable> {
        os::check_supported()?;
        if hooks::is_forked_child() {
            return Err(Unavailable::ForkedChild);
        }
        let symbols = Symbols::resolve()?;
        // Before our lock is taken for the first time: a child forked while the GIL was still being searched for waited for ever
        // for a thread that it did not have.
        stop_in_forked_children();
        hooks::add_user();
        let layout = self.add_user(&symbols, interval_us);
        if layout.is_err() {
            hooks::remove_user();
        }
        layout
    }

    fn add_user(&self, symbols: &Symbols, interval_us: usize) -> Result<Layout, Unavailable> {
        let mut inner = self.lock(symbols);
        let gil = match inner.gil {
            Some(gil) if inner.n_users > 0 => {
                let memory = ProcessMemory::open()?;
                if !is_held_by(&memory, gil.address, symbols.thread_state()) {
                    return Err(Unavailable::OtherInterpreter);
                }
                gil
            }
            _ => inner.start(symbols, interval_us)?,
        };
        inner.n_users += 1;
        Ok(Layout {
            gil: gil.address,
            mutex_offset: gil.mutexes.gil - gil.address,
            knows_drop_request: drop_request::is_learned(),
        })
    }

    /// Returns whether the interpreter still calls our hooks: if another tool has changed that, releases and takes are
    /// missing from the record. It costs a few reads of memory.
    #[must_use]
    pub fn is_intact(&self) -> bool {
        HOOKS.iter().all(hook::Hook::is_installed)
    }

    /// Removes a user; the last one removes the hooks. The calling thread holds the GIL.
    ///
    /// Returns false if a hook could not be removed.
    pub fn close(&self) -> bool {
        let Ok(symbols) = Symbols::resolve() else { return true };
        if hooks::is_forked_child() {
            return true; // our lock may be in the hands of a thread that this process does not have
        }
        let mut inner = self.lock(&symbols);
        inner.n_users = inner.n_users.saturating_sub(1);
        let is_removed = if inner.n_users == 0 { inner.stop() } else { true };
        drop(inner);
        hooks::remove_user();
        is_removed
    }

    /// Learns to distinguish releases by the interpreter, once in a process; returns whether it can.
    ///
    /// The ledger is open. Both functions run in the calling thread, beside a thread that waits for the GIL, long enough
    /// for a few releases: `run_python` executes pure Python code, `release_directly` calls `PyEval_SaveThread`.
    pub fn learn_drop_request(&self, run_python: impl FnOnce(), release_directly: impl FnOnce()) -> bool {
        if drop_request::is_learned() {
            return true;
        }
        let Ok(symbols) = Symbols::resolve() else { return false };
        let Some(object) = object_at(symbols.gil_code()) else { return false };
        let by_interpreter = drop_request::sample_during(run_python);
        let by_function = drop_request::sample_during(release_directly);
        drop_request::learn(&object, &by_interpreter, &by_function)
    }
}

impl Inner {
    fn start(&mut self, symbols: &Symbols, interval_us: usize) -> Result<Gil, Unavailable> {
        let memory = ProcessMemory::open()?;
        let known = self.gil.map(|gil| gil.address);
        let address = match known.filter(|gil| verify(&memory, symbols, *gil, symbols.thread_state()).is_ok()) {
            Some(address) => address,
            None => locate(&memory, symbols, interval_us)?,
        };
        let mutexes = self.install(address, symbols).and_then(|()| find_mutexes(symbols));
        match mutexes {
            Ok(mutexes) => {
                let gil = Gil { address, mutexes };
                self.gil = Some(gil);
                hooks::set_mutexes(Some(mutexes));
                hooks::recorder().start(clock::now_ns(), current_thread());
                Ok(gil)
            }
            Err(reason) => {
                self.stop();
                Err(reason)
            }
        }
    }

    /// Installs the hooks that are not installed yet.
    fn install(&mut self, gil: usize, symbols: &Symbols) -> Result<(), Unavailable> {
        let object = object_at(symbols.gil_code()).ok_or(Unavailable::NoGotEntry("any function"))?;
        hooks::set_gil(gil);
        hooks::set_try_lock(
            os::real_function(TRY_LOCK, None).ok_or(Unavailable::MissingSymbol("pthread_mutex_trylock"))?,
        );
        for (hook, installed) in HOOKS.iter().zip(&mut self.installed) {
            if installed.is_none() {
                let entries = got::find(&object, hook.name)?;
                hook.set_real(entries.real());
                let entries = entries.redirect((hook.replacement)())?;
                hook.set_entries(entries.addresses());
                *installed = Some(entries);
            }
            hook.keep_entries();
        }
        Ok(())
    }

    /// Stops the recording and removes the hooks; returns whether all could be removed.
    fn stop(&mut self) -> bool {
        hooks::recorder().stop();
        hooks::set_mutexes(None);
        for installed in &mut self.installed {
            if installed.as_mut().is_some_and(got::Redirected::restore) {
                *installed = None;
            }
        }
        self.installed.iter().all(Option::is_none)
    }
}

/// Finds the GIL's mutex: the first one in the structure that a release unlocks and the last one that a take unlocks, the
/// same in every round. Another mutex that a take unlocks right before it is that of forced switching.
fn find_mutexes(symbols: &Symbols) -> Result<Mutexes, Unavailable> {
    const N_ROUNDS: usize = 20;
    let mut mutexes: Option<Mutexes> = None;
    for _ in 0..N_ROUNDS {
        let unlocked = hooks::list_unlocked_during(|| symbols.without_gil(|| ()));
        let (Some((first, false)), Some((last, true))) = (unlocked.first(), unlocked.last()) else {
            return Err(Unavailable::MutexNotFound);
        };
        let before_last = unlocked.get(unlocked.len() - 2).map(|(mutex, _)| *mutex);
        let round = Mutexes { gil: *first, switch: before_last.filter(|mutex| mutex != first) };
        if first != last || mutexes.is_some_and(|mutexes| mutexes != round) {
            return Err(Unavailable::MutexNotFound);
        }
        mutexes = Some(round);
    }
    mutexes.ok_or(Unavailable::MutexNotFound)
}

fn stop_in_forked_children() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| os::call_in_forked_child(hooks::after_fork_in_child));
}

#[cfg(test)]
#[cfg(gilcheck_unsupported_os)]
mod tests {
    use super::*;

    #[test]
    fn a_system_without_a_ledger_has_the_platform_as_the_reason() {
        assert_eq!(instrument().open(5000), Err(Unavailable::Platform(std::env::consts::OS)));
        assert!(!instrument().recorder().is_recording());
    }
}
