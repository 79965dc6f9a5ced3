//! Hooks of the functions by which native modules attach and detach their thread, where there is no GIL.
//!
//! A module calls them through its own GOT entries, which lead to the hooks while a thread is watched. Every loaded object has
//! them but the one of the interpreter: what the interpreter does there by itself is not seen, nor is what calls a function
//! by an address that it got elsewhere. (The callee's own object would not be enough: it may call any other one.) The samples
//! of the thread's word have to confirm what was recorded.
//!
//! The hooks allocate nothing, take no lock and cannot panic. They have nothing to drop, as threads are ended by unwinding
//! through them. In a thread that is not watched they cost one comparison.

use std::ffi::{CString, c_int, c_void};
use std::sync::atomic::{
    AtomicBool, AtomicI32, AtomicPtr, AtomicUsize, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use super::attach_log::{AttachLog, Change, Function, History};
use super::attachment::ATTACHED;
use super::hook::NO_ADDRESS;
use super::symbols::Symbols;
use crate::clock::{self, DelayReading};
use crate::os::got::{self, RedirectedSlots};
use crate::os::{self, KeptObject, LoadedObject, current_thread, preserve_errno};
use crate::{NotRecorded, Unavailable};

const N_HOOKS: usize = Function::ALL.len();

/// The interpreter's own functions, in the order of `Function::ALL`.
static REAL: [AtomicUsize; N_HOOKS] = [const { AtomicUsize::new(NO_ADDRESS) }; N_HOOKS];
/// The watched thread, and its log.
static WATCHED: AtomicUsize = AtomicUsize::new(NO_ADDRESS);
static LOG: AtomicPtr<AttachLog> = AtomicPtr::new(std::ptr::null_mut());
/// How many recordings have begun and not ended.
static N_USERS: AtomicUsize = AtomicUsize::new(0);
static IS_FORKED_CHILD: AtomicBool = AtomicBool::new(false);

type WithoutArgument = unsafe extern "C-unwind" fn() -> *mut c_void;
type OfState = unsafe extern "C-unwind" fn(*mut c_void);
type Ensure = unsafe extern "C-unwind" fn() -> c_int;
type ReleaseEnsured = unsafe extern "C-unwind" fn(c_int);
type Swap = unsafe extern "C-unwind" fn(*mut c_void) -> *mut c_void;

fn hooks() -> [usize; N_HOOKS] {
    [
        save_thread as *const () as usize,
        restore_thread as *const () as usize,
        release_thread as *const () as usize,
        acquire_thread as *const () as usize,
        ensure as *const () as usize,
        release as *const () as usize,
        swap as *const () as usize,
    ]
}

/// A call of a hooked function by the watched thread, which has begun.
#[derive(Clone, Copy)]
struct Begun {
    log: &'static AttachLog,
    function: Function,
    start_ns: u64,
    before_ns: u64,
    word: i32,
    is_foreign: bool,
    delay: Option<DelayReading>,
}

/// Returns the word that says whether the thread of the log is attached.
fn word_of(log: &AttachLog) -> i32 {
    // SAFETY: the log is of the calling thread. Frames of Python code of this thread lie below the hook, which return to its
    // state, so that the state lives. The interpreter changes the word atomically only.
    unsafe { (*(log.word() as *const AtomicI32)).load(Relaxed) }
}

/// Reads the run delay in a thread that is detached, unless that was done too often.
fn read_delay(log: &AttachLog, now_ns: u64) -> Option<DelayReading> {
    if log.may_read_delay(now_ns) { preserve_errno(|| clock::run_delay_at(now_ns, clock::run_delay_ns)) } else { None }
}

/// Begins a call of `function` about the thread state `state`; `None` in a thread that is not watched. `NO_ADDRESS`: of the
/// current one.
#[inline]
fn begin(function: Function, state: usize) -> Option<Begun> {
    if current_thread() != WATCHED.load(Relaxed) {
        return None;
    }
    begin_watched(function, state)
}

#[cold]
fn begin_watched(function: Function, state: usize) -> Option<Begun> {
    // SAFETY: it is null or points to a log, which is never freed (`take_log`).
    let log = unsafe { LOG.load(Acquire).as_ref() }?;
    if !log.is_of(current_thread()) {
        return None; // another thread began to be watched between the two readings
    }
    let start_ns = clock::now_ns();
    let word = word_of(log);
    let delay = if word == ATTACHED { None } else { read_delay(log, start_ns) };
    let before_ns = if delay.is_some() { clock::now_ns() } else { start_ns };
    let is_foreign = state != NO_ADDRESS && state != log.state();
    Some(Begun { log, function, start_ns, before_ns, word, is_foreign, delay })
}

#[inline]
fn end(begun: Option<Begun>) {
    if let Some(begun) = begun {
        end_watched(&begun);
    }
}

#[cold]
fn end_watched(begun: &Begun) {
    let after_ns = clock::now_ns();
    let word = word_of(begun.log);
    let delay = if word == ATTACHED { begun.delay } else { read_delay(begun.log, after_ns) };
    let end_ns = if word != ATTACHED && delay.is_some() { clock::now_ns() } else { after_ns };
    begun.log.push(&Change {
        function: begun.function,
        start_ns: begun.start_ns,
        before_ns: begun.before_ns,
        after_ns,
        end_ns,
        words: [begun.word, word],
        is_foreign: begun.is_foreign,
        delay,
    });
}

/// Returns the address of the function that a hook replaces.
#[inline]
fn real(function: Function) -> usize {
    REAL[function as usize].load(Relaxed)
}

/// Replaces `PyEval_SaveThread`.
///
/// # Safety
///
/// As for `PyEval_SaveThread`. The hooks are installed, so that their real functions are set; the same for all others.
unsafe extern "C-unwind" fn save_thread() -> *mut c_void {
    let begun = begin(Function::SaveThread, NO_ADDRESS);
    // SAFETY: `install` sets the address of the interpreter's function of this name before a hook is called; the same for all
    // others. The caller guarantees what the function asks for.
    let state = unsafe { std::mem::transmute::<usize, WithoutArgument>(real(Function::SaveThread))() };
    end(begun);
    state
}

/// Replaces `PyEval_RestoreThread`.
///
/// # Safety
///
/// As for `PyEval_RestoreThread`.
unsafe extern "C-unwind" fn restore_thread(state: *mut c_void) {
    let begun = begin(Function::RestoreThread, state as usize);
    // SAFETY: as in `save_thread`.
    unsafe { std::mem::transmute::<usize, OfState>(real(Function::RestoreThread))(state) };
    end(begun);
}

/// Replaces `PyEval_ReleaseThread`.
///
/// # Safety
///
/// As for `PyEval_ReleaseThread`.
unsafe extern "C-unwind" fn release_thread(state: *mut c_void) {
    let begun = begin(Function::ReleaseThread, state as usize);
    // SAFETY: as in `save_thread`.
    unsafe { std::mem::transmute::<usize, OfState>(real(Function::ReleaseThread))(state) };
    end(begun);
}

/// Replaces `PyEval_AcquireThread`.
///
/// # Safety
///
/// As for `PyEval_AcquireThread`.
unsafe extern "C-unwind" fn acquire_thread(state: *mut c_void) {
    let begun = begin(Function::AcquireThread, state as usize);
    // SAFETY: as in `save_thread`.
    unsafe { std::mem::transmute::<usize, OfState>(real(Function::AcquireThread))(state) };
    end(begun);
}

/// Replaces `PyGILState_Ensure`.
///
/// # Safety
///
/// As for `PyGILState_Ensure`.
unsafe extern "C-unwind" fn ensure() -> c_int {
    let begun = begin(Function::Ensure, NO_ADDRESS);
    // SAFETY: as in `save_thread`.
    let before = unsafe { std::mem::transmute::<usize, Ensure>(real(Function::Ensure))() };
    end(begun);
    before
}

/// Replaces `PyGILState_Release`.
///
/// # Safety
///
/// As for `PyGILState_Release`.
unsafe extern "C-unwind" fn release(before: c_int) {
    let begun = begin(Function::Release, NO_ADDRESS);
    // SAFETY: as in `save_thread`.
    unsafe { std::mem::transmute::<usize, ReleaseEnsured>(real(Function::Release))(before) };
    end(begun);
}

/// Replaces `PyThreadState_Swap`.
///
/// # Safety
///
/// As for `PyThreadState_Swap`.
unsafe extern "C-unwind" fn swap(state: *mut c_void) -> *mut c_void {
    let begun = begin(Function::Swap, state as usize);
    // SAFETY: as in `save_thread`.
    let former = unsafe { std::mem::transmute::<usize, Swap>(real(Function::Swap))(state) };
    end(begun);
    former
}

#[derive(Debug)]
struct Inner {
    n_users: usize,
    /// What was redirected at a time, with the first addresses of the objects.
    installed: Vec<(Vec<usize>, RedirectedSlots)>,
    /// How many objects had been loaded and unloaded when those that import one of the functions were looked for.
    n_changes: Option<u64>,
    importing: Vec<(CString, LoadedObject)>,
    /// Logs of recordings that have ended.
    logs: Vec<&'static AttachLog>,
}

static INNER: Mutex<Inner> =
    Mutex::new(Inner { n_users: 0, installed: Vec::new(), n_changes: None, importing: Vec::new(), logs: Vec::new() });

/// Ends all recordings in a forked child: the lock may be in the hands of a thread that the child does not have. The hooks
/// then pass calls on.
extern "C" fn after_fork_in_child() {
    if N_USERS.load(Relaxed) != 0 {
        IS_FORKED_CHILD.store(true, Relaxed);
        WATCHED.store(NO_ADDRESS, Relaxed);
        LOG.store(std::ptr::null_mut(), Relaxed);
    }
}

/// Takes the lock without being attached, because the thread that has it may be stopped with the world.
fn locked(symbols: &Symbols) -> MutexGuard<'static, Inner> {
    symbols.without_gil(|| INNER.lock().unwrap_or_else(PoisonError::into_inner))
}

/// What the watched thread does through the slots of loaded modules, from now until `end`.
#[derive(Debug)]
pub struct Recording {
    log: &'static AttachLog,
    /// Loaded and unloaded objects when it began.
    n_changes: Option<u64>,
    is_open: bool,
}

impl Recording {
    /// Watches the calling thread, which is attached. `state` is its thread state, `word` what says that it is attached.
    ///
    /// A thread that was watched before is not watched any more: its recording finds that out.
    ///
    /// # Errors
    ///
    /// [`Unavailable`]; no slot is changed then.
    pub(super) fn start(symbols: &Symbols, state: usize, word: usize) -> Result<Self, Unavailable> {
        static ONCE: Once = Once::new();
        os::check_supported()?;
        if IS_FORKED_CHILD.load(Relaxed) {
            return Err(Unavailable::ForkedChild);
        }
        ONCE.call_once(|| os::call_in_forked_child(after_fork_in_child));
        N_USERS.fetch_add(1, Relaxed);
        let mut inner = locked(symbols);
        match inner.install(symbols) {
            Ok(()) => {
                inner.n_users += 1;
                let log = inner.take_log();
                let n_changes = inner.n_changes;
                drop(inner);
                log.begin(current_thread(), state, word, clock::now_ns());
                LOG.store(std::ptr::from_ref(log).cast_mut(), Release);
                WATCHED.store(current_thread(), Release);
                Ok(Self { log, n_changes, is_open: true })
            }
            Err(reason) => {
                if inner.n_users == 0 {
                    inner.restore();
                }
                drop(inner);
                N_USERS.fetch_sub(1, Relaxed);
                Err(reason)
            }
        }
    }

    /// Ends the recording in the watched thread, which is attached; the last one removes the hooks.
    ///
    /// # Errors
    ///
    /// [`NotRecorded`]: changes may be missing.
    pub fn end(mut self) -> Result<History, NotRecorded> {
        let is_own = self.log.is_of(current_thread());
        let is_watched =
            WATCHED.load(Relaxed) == current_thread() && std::ptr::eq(LOG.load(Relaxed), self.log) && is_own;
        let is_intact = self.close(is_watched);
        if IS_FORKED_CHILD.load(Relaxed) {
            return Err(NotRecorded::ForkedChild);
        }
        if !is_own {
            return Err(NotRecorded::OtherThread);
        }
        let n_changes = os::loaded_objects().n_changes;
        let history = self.log.history();
        if let Ok(symbols) = Symbols::resolve() {
            locked(&symbols).logs.push(self.log);
        }
        if !is_watched {
            return Err(NotRecorded::TakenOver);
        }
        if Some(n_changes) != self.n_changes {
            return Err(NotRecorded::ModulesLoaded);
        }
        if !is_intact {
            return Err(NotRecorded::SlotsChanged);
        }
        history.map_err(NotRecorded::Broken)
    }

    /// Stops watching and gives the slots back; returns whether all of them still led to the hooks.
    fn close(&mut self, is_watched: bool) -> bool {
        if !std::mem::take(&mut self.is_open) {
            return false;
        }
        if is_watched {
            WATCHED.store(NO_ADDRESS, Relaxed);
            LOG.store(std::ptr::null_mut(), Relaxed);
        }
        let Ok(symbols) = Symbols::resolve() else { return false };
        if IS_FORKED_CHILD.load(Relaxed) {
            return false;
        }
        let mut inner = locked(&symbols);
        let is_intact = inner.is_intact();
        inner.n_users = inner.n_users.saturating_sub(1);
        if inner.n_users == 0 {
            inner.restore();
        }
        drop(inner);
        let _ = N_USERS.fetch_update(Relaxed, Relaxed, |n| Some(n.saturating_sub(1)));
        is_intact
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        if self.is_open {
            // An exception came before `end`. The log is not used again: a hook of the thread may still write to it.
            let is_watched = std::ptr::eq(LOG.load(Relaxed), self.log);
            self.close(is_watched);
        }
    }
}

/// Removes all hooks, at exit, where threads that were given up are still being watched. The calling thread is attached.
pub fn remove_all() {
    let Ok(symbols) = Symbols::resolve() else { return };
    if N_USERS.load(Relaxed) != 0 && !IS_FORKED_CHILD.load(Relaxed) {
        WATCHED.store(NO_ADDRESS, Relaxed);
        LOG.store(std::ptr::null_mut(), Relaxed);
        let mut inner = locked(&symbols);
        inner.n_users = 0;
        inner.restore();
    }
}

impl Inner {
    /// Returns a log that nobody writes to. Logs are not freed: a hook may be about to write to one that was replaced.
    fn take_log(&mut self) -> &'static AttachLog {
        self.logs.pop().unwrap_or_else(|| Box::leak(Box::new(AttachLog::new())))
    }

    /// Installs the hooks in the objects that have none yet.
    fn install(&mut self, symbols: &Symbols) -> Result<(), Unavailable> {
        let interpreter = os::object_at(symbols.gil_code()).ok_or(Unavailable::NoGotEntry("any function"))?;
        let mut functions = Function::ALL.map(|function| (function.symbol(), NO_ADDRESS));
        for (function, (symbol, address)) in Function::ALL.into_iter().zip(&mut functions) {
            let real = os::symbol(symbol).filter(|real| interpreter.contains(*real));
            *address = real.ok_or(Unavailable::MissingSymbol(function.name()))?;
            REAL[function as usize].store(*address, Release);
        }
        self.find_importing(&interpreter)?;
        let is_new = |object: &LoadedObject| !self.installed.iter().any(|(starts, _)| starts.contains(&object.start()));
        let (mut starts, mut slots, mut objects) = (Vec::new(), Vec::new(), Vec::new());
        for (file, object) in self.importing.iter().filter(|(_, object)| is_new(object)) {
            objects.push(KeptObject::new(file, object).ok_or(Unavailable::ObjectUnloaded)?);
            slots.extend(got::find_slots(object, &functions)?);
            starts.push(object.start());
        }
        self.installed.push((starts, RedirectedSlots::redirect(&slots, &hooks(), objects)?));
        if self.is_intact() { Ok(()) } else { Err(Unavailable::HookedByOthers("a function that attaches threads")) }
    }

    /// Finds the objects that import one of the functions, if others are loaded now than when it did so last.
    fn find_importing(&mut self, interpreter: &LoadedObject) -> Result<(), Unavailable> {
        let list = os::loaded_objects();
        if self.n_changes == Some(list.n_changes) {
            return Ok(());
        }
        (self.n_changes, self.importing) = (None, Vec::new());
        for (file, object) in list.objects {
            // The kernel's own object, which has no file, imports nothing and cannot be kept.
            let has_file = file.is_empty() || file.to_bytes().contains(&b'/');
            if object.start() == interpreter.start() || !has_file {
                continue;
            }
            // It is kept while it is read.
            let _kept = KeptObject::new(&file, &object).ok_or(Unavailable::ObjectUnloaded)?;
            if !object.references(&Function::ALL.map(Function::symbol)).is_empty() {
                self.importing.push((file, object));
            }
        }
        self.n_changes = Some(list.n_changes);
        Ok(())
    }

    fn is_intact(&self) -> bool {
        self.installed.iter().all(|(_, slots)| slots.is_intact())
    }

    /// Restores all slots that still lead to the hooks. Those of somebody else stay known, and are tried again later.
    fn restore(&mut self) {
        self.installed.retain_mut(|(_, slots)| !slots.restore());
    }
}

#[cfg(test)]
#[cfg(not(gilcheck_unsupported_os))]
#[cfg(target_os = "linux")]
mod tests;
