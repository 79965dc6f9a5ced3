//! The functions that the interpreter calls instead of the C library's while checks run.
//!
//! `CPython` changes the GIL under a mutex inside its structure and unlocks that mutex once the state is settled. A hook of
//! the unlocking therefore sees every release and every take, and still holds the mutex. The hooks allocate nothing, take
//! no lock, use no thread-local variable and cannot panic. For any other mutex they cost one comparison.

use std::ffi::{c_int, c_void};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

use super::hook::{Hook, NO_ADDRESS};
use super::locate::LOCKED_OFFSET;
use super::{drop_request, stacks};
use crate::clock;
use crate::ledger::{EventKind, Recorder, State};
use crate::os::{current_thread, preserve_errno, run_delay_ns};

const LOCK: usize = 0;
const UNLOCK: usize = 1;
const WAIT: usize = 2;
const TIMED_WAIT: usize = 3;
pub const N_HOOKS: usize = 4;

/// All hooks. The interpreter must call each of these functions through its GOT.
pub static HOOKS: [Hook; N_HOOKS] = [
    Hook::new(c"pthread_mutex_lock", || lock as *const () as usize),
    Hook::new(c"pthread_mutex_unlock", || unlock as *const () as usize),
    Hook::new(c"pthread_cond_wait", || wait as *const () as usize),
    Hook::new(c"pthread_cond_timedwait", || timed_wait as *const () as usize),
];

// The waits are points of cancellation, and the interpreter ends threads by `pthread_exit`: both unwind through these frames,
// which therefore have nothing to drop.
type OfMutex = unsafe extern "C-unwind" fn(*mut c_void) -> c_int;
type Wait = unsafe extern "C-unwind" fn(*mut c_void, *mut c_void) -> c_int;
type TimedWait = unsafe extern "C-unwind" fn(*mut c_void, *mut c_void, *const c_void) -> c_int;

/// The GIL's structure.
static GIL: AtomicUsize = AtomicUsize::new(NO_ADDRESS);
/// The GIL's mutex, and the one of forced switching, while releases and takes are recorded.
static GIL_MUTEX: AtomicUsize = AtomicUsize::new(NO_ADDRESS);
static SWITCH_MUTEX: AtomicUsize = AtomicUsize::new(NO_ADDRESS);
/// `pthread_mutex_trylock`.
static TRY_LOCK: AtomicUsize = AtomicUsize::new(NO_ADDRESS);
/// How many users have the ledger open, or are opening or closing it.
static N_USERS: AtomicUsize = AtomicUsize::new(0);
static RECORDER: OnceLock<Recorder> = OnceLock::new();
static IS_FORKED_CHILD: AtomicBool = AtomicBool::new(false);

/// The thread whose unlocked mutexes are listed, while the GIL's mutex is being found.
static LISTED_THREAD: AtomicUsize = AtomicUsize::new(NO_ADDRESS);
static N_LISTED: AtomicUsize = AtomicUsize::new(0);
static LISTED: [(AtomicUsize, AtomicU8); 16] = [const { (AtomicUsize::new(0), AtomicU8::new(0)) }; 16];
/// An upper bound of the structure's size with its condition variables and mutexes. It is below 250 bytes in 3.10 to 3.15.
const GIL_BYTES: usize = 1024;

/// Returns the recorder of this process.
pub fn recorder() -> &'static Recorder {
    RECORDER.get_or_init(Recorder::new)
}

/// Sets the structure that the hooks read. Called before a hook is installed.
pub fn set_gil(gil: usize) {
    GIL.store(gil, Release);
}

/// The two mutexes inside the GIL's structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mutexes {
    /// Guards the GIL.
    pub gil: usize,
    /// Guards forced switching: a thread that releases the GIL under a drop request waits until another one takes it.
    /// `None` for an interpreter without that.
    pub switch: Option<usize>,
}

/// Sets the mutexes that are watched, or none.
pub fn set_mutexes(mutexes: Option<Mutexes>) {
    SWITCH_MUTEX.store(mutexes.and_then(|mutexes| mutexes.switch).unwrap_or(NO_ADDRESS), Release);
    GIL_MUTEX.store(mutexes.map_or(NO_ADDRESS, |mutexes| mutexes.gil), Release);
}

/// Sets the function that tries to lock a mutex. Called before a hook is installed.
pub fn set_try_lock(try_lock: usize) {
    TRY_LOCK.store(try_lock, Release);
}

/// Counts the users of the ledger; called before a user takes any lock of the instrument.
pub fn add_user() {
    N_USERS.fetch_add(1, Relaxed);
}

/// Counts one user less; called when the user has given all locks of the instrument back.
pub fn remove_user() {
    let _ = N_USERS.fetch_update(Relaxed, Relaxed, |n| Some(n.saturating_sub(1)));
}

/// Returns whether this process was forked from one in which the ledger was open, or being opened or closed.
pub fn is_forked_child() -> bool {
    IS_FORKED_CHILD.load(Relaxed)
}

/// Ends the ledger in a forked child: its only thread may find the GIL's mutex reinitialised, and the instrument's lock in
/// the hands of a thread that the child does not have.
pub extern "C" fn after_fork_in_child() {
    if N_USERS.load(Relaxed) != 0 {
        IS_FORKED_CHILD.store(true, Relaxed);
        set_mutexes(None);
        if let Some(recorder) = RECORDER.get() {
            recorder.stop();
        }
    }
}

/// Runs `work` and lists the mutexes inside the GIL that the calling thread unlocks: (address, whether the GIL is taken).
pub fn list_unlocked_during(work: impl FnOnce()) -> Vec<(usize, bool)> {
    N_LISTED.store(0, Relaxed);
    LISTED_THREAD.store(current_thread(), Release);
    work();
    LISTED_THREAD.store(NO_ADDRESS, Release);
    let n_listed = N_LISTED.load(Relaxed).min(LISTED.len());
    LISTED[..n_listed].iter().map(|(mutex, locked)| (mutex.load(Relaxed), locked.load(Relaxed) == 1)).collect()
}

#[cold]
fn list(mutex: usize) {
    let gil = GIL.load(Relaxed);
    if LISTED_THREAD.load(Acquire) == current_thread() && (gil..gil + GIL_BYTES).contains(&mutex) {
        let index = N_LISTED.load(Relaxed);
        if let Some((address, locked)) = LISTED.get(index) {
            address.store(mutex, Relaxed);
            locked.store(u8::from(gil_is_locked()), Relaxed);
            N_LISTED.store(index + 1, Relaxed);
        }
    }
}

fn gil_is_locked() -> bool {
    let gil = GIL.load(Relaxed);
    // SAFETY: the structure was verified before a hook was installed, and the interpreter never frees its GIL, so the field
    // is mapped. CPython accesses it atomically, so the read returns one of its values. (Under the GIL's mutex it does not
    // change.)
    gil != NO_ADDRESS && unsafe { std::ptr::read_volatile((gil + LOCKED_OFFSET) as *const c_int) } == 1
}

/// Returns the recorder if it is recording.
#[inline]
fn recording() -> Option<&'static Recorder> {
    RECORDER.get().filter(|recorder| recorder.is_recording())
}

/// Replaces `pthread_mutex_lock`: a thread that wants the GIL and finds its mutex locked waits from then on.
///
/// # Safety
///
/// As for `pthread_mutex_lock`. The hook is installed, so that its real function is set.
unsafe extern "C-unwind" fn lock(mutex: *mut c_void) -> c_int {
    if mutex as usize == GIL_MUTEX.load(Relaxed)
        && let Some(recorder) = recording()
    {
        let thread = current_thread();
        if recorder.is_about_to_take(thread) {
            if recorder.splits_delay(thread) {
                preserve_errno(|| recorder.read_delay(thread, State::Released, run_delay_ns));
            }
            // SAFETY: `Instrument` sets the address of `pthread_mutex_trylock` before it installs the hook. The caller
            // guarantees `mutex`.
            let is_locked = unsafe { std::mem::transmute::<usize, OfMutex>(TRY_LOCK.load(Relaxed))(mutex) } == 0;
            if is_locked {
                return 0;
            }
            recorder.waits_for_lock(clock::now_ns(), thread);
        }
    }
    // SAFETY: `Instrument` sets the address of `pthread_mutex_lock`, or of a hook of the same type, before it installs the
    // hook. The caller guarantees `mutex`.
    unsafe { std::mem::transmute::<usize, OfMutex>(HOOKS[LOCK].real())(mutex) }
}

/// Replaces `pthread_mutex_unlock`: passes the stack pointer at its entry to `unlock_from`.
///
/// # Safety
///
/// As for `pthread_mutex_unlock`. The hook is installed, so that its real function is set.
#[cfg(target_arch = "x86_64")]
#[unsafe(naked)]
unsafe extern "C-unwind" fn unlock(mutex: *mut c_void) -> c_int {
    // At the entry the stack pointer is that of the return address; the caller's frame lies above it.
    core::arch::naked_asm!("mov rsi, rsp", "jmp {unlock_from}", unlock_from = sym unlock_from)
}

/// Replaces `pthread_mutex_unlock`: passes the stack pointer at its entry to `unlock_from`.
///
/// # Safety
///
/// As for `pthread_mutex_unlock`. The hook is installed, so that its real function is set.
#[cfg(target_arch = "aarch64")]
#[unsafe(naked)]
unsafe extern "C-unwind" fn unlock(mutex: *mut c_void) -> c_int {
    core::arch::naked_asm!("mov x1, sp", "b {unlock_from}", unlock_from = sym unlock_from)
}

/// Replaces `pthread_mutex_unlock`, where the stack pointer is not known. No supported system uses it.
///
/// # Safety
///
/// As for `pthread_mutex_unlock`. The hook is installed, so that its real function is set.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
unsafe extern "C-unwind" fn unlock(mutex: *mut c_void) -> c_int {
    // SAFETY: the caller's guarantees are those of `unlock_from`.
    unsafe { unlock_from(mutex, std::ptr::null()) }
}

/// Records what the calling thread did to the GIL, if `mutex` is the GIL's, and unlocks it.
///
/// # Safety
///
/// As for [`unlock`]; `stack` is null or the stack pointer at its entry.
unsafe extern "C-unwind" fn unlock_from(mutex: *mut c_void, stack: *const usize) -> c_int {
    if mutex as usize == GIL_MUTEX.load(Relaxed) {
        if let Some(recorder) = recording() {
            let is_taken = gil_is_locked();
            let thread = current_thread();
            // SAFETY: the caller guarantees `stack`.
            let by_interpreter = !is_taken
                && recorder.drop_request_pending()
                && unsafe { drop_request::is_by_interpreter(stack, recorder.boundary(thread)) };
            let now_ns = clock::now_ns();
            let kind = recorder.unlocked(now_ns, is_taken, thread, by_interpreter);
            if let Some(kind) = kind
                && (stacks::watches(thread)
                    || ((!is_taken || recorder.has_waited(thread)) && recorder.splits_delay(thread)))
            {
                // SAFETY: the caller's guarantees are those of `unlock_and_read`.
                return unsafe { unlock_and_read(recorder, mutex, now_ns, kind) };
            }
        }
    } else if LISTED_THREAD.load(Relaxed) != NO_ADDRESS {
        list(mutex as usize);
    }
    // SAFETY: the caller guarantees `mutex` and that the hook is installed.
    unsafe { real_unlock(mutex) }
}

/// Calls the function that the hook replaces.
///
/// # Safety
///
/// As for [`unlock`].
#[inline]
unsafe fn real_unlock(mutex: *mut c_void) -> c_int {
    // SAFETY: `Instrument` sets the address of `pthread_mutex_unlock`, or of a hook of the same type, before it installs
    // the hook. The caller guarantees `mutex`.
    unsafe { std::mem::transmute::<usize, OfMutex>(HOOKS[UNLOCK].real())(mutex) }
}

/// Unlocks the mutex, and then reads what may not be read under it: the run delay, in a thread whose delay is split, and
/// the stack, in a thread whose stacks are recorded.
///
/// # Safety
///
/// As for [`unlock`].
#[cold]
#[inline(never)]
unsafe fn unlock_and_read(recorder: &Recorder, mutex: *mut c_void, now_ns: u64, kind: EventKind) -> c_int {
    // SAFETY: the caller guarantees `mutex` and that the hook is installed.
    let result = unsafe { real_unlock(mutex) };
    let thread = current_thread();
    // Callers of C functions that release the GIL read `errno` afterwards.
    preserve_errno(|| {
        if recorder.splits_delay(thread) {
            let before = if kind == EventKind::Take { State::Waiting } else { State::Holding };
            if before == State::Holding || recorder.has_waited(thread) {
                recorder.read_delay(thread, before, run_delay_ns);
            }
        }
        if stacks::watches(thread) {
            stacks::record(now_ns, kind);
        }
    });
    result
}

/// Replaces `pthread_cond_wait`: with the mutex of forced switching, the calling thread waits until another one takes the
/// GIL.
///
/// # Safety
///
/// As for `pthread_cond_wait`. The hook is installed, so that its real function is set.
unsafe extern "C-unwind" fn wait(condition: *mut c_void, mutex: *mut c_void) -> c_int {
    let recorder = if mutex as usize == SWITCH_MUTEX.load(Relaxed) { recording() } else { None };
    if let Some(recorder) = recorder {
        recorder.waits_for_switch(clock::now_ns(), current_thread());
    }
    // SAFETY: `Instrument` sets the address of `pthread_cond_wait`, or of a hook of the same type, before it installs the
    // hook. The caller guarantees the arguments.
    let result = unsafe { std::mem::transmute::<usize, Wait>(HOOKS[WAIT].real())(condition, mutex) };
    if let Some(recorder) = recorder {
        recorder.switched(clock::now_ns(), current_thread());
    }
    result
}

/// Replaces `pthread_cond_timedwait`: with the GIL's mutex, the calling thread begins to wait for the GIL.
///
/// # Safety
///
/// As for `pthread_cond_timedwait`. The hook is installed, so that its real function is set.
unsafe extern "C-unwind" fn timed_wait(condition: *mut c_void, mutex: *mut c_void, deadline: *const c_void) -> c_int {
    let recorder = if mutex as usize == GIL_MUTEX.load(Relaxed) { recording() } else { None };
    if let Some(recorder) = recorder {
        recorder.waits(clock::now_ns(), current_thread());
    }
    // SAFETY: `Instrument` sets the address of `pthread_cond_timedwait`, or of a hook of the same type, before it installs
    // the hook. The caller guarantees the arguments.
    let result = unsafe {
        let real = std::mem::transmute::<usize, TimedWait>(HOOKS[TIMED_WAIT].real());
        real(condition, mutex, deadline)
    };
    // The mutex is held again. A thread whose wait timed out while the GIL is taken now sets the drop request.
    if let Some(recorder) = recorder
        && result == libc::ETIMEDOUT
        && gil_is_locked()
    {
        recorder.drop_requested();
    }
    result
}

#[cfg(test)]
#[cfg(not(gilcheck_unsupported_os))]
#[cfg(target_os = "linux")]
mod tests;
