//! The two functions that stand in the interpreter's slots while checks run.
//!
//! `CPython` takes and drops the GIL under a mutex inside its structure, and unlocks that mutex once its state is
//! settled: a function that sees the unlocking sees every hand-over, still under the mutex. They allocate nothing,
//! take no lock, use no thread-local variable and cannot panic; for any other mutex they cost one comparison.

use std::ffi::c_int;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

use super::locate::LOCKED_OFFSET;
use super::{giveway, stacks};
use crate::clock;
use crate::ledger::{Kind, Recorder};

type Unlock = unsafe extern "C" fn(*mut libc::pthread_mutex_t) -> c_int;
type TimedWait =
    unsafe extern "C" fn(*mut libc::pthread_cond_t, *mut libc::pthread_mutex_t, *const libc::timespec) -> c_int;

/// No mutex has this address.
const NONE: usize = 0;

static MUTEX: AtomicUsize = AtomicUsize::new(NONE);
static GIL: AtomicUsize = AtomicUsize::new(NONE);
static REAL_UNLOCK: AtomicUsize = AtomicUsize::new(NONE);
static REAL_WAIT: AtomicUsize = AtomicUsize::new(NONE);
static RECORDER: std::sync::OnceLock<Recorder> = std::sync::OnceLock::new();
static FORKED: AtomicBool = AtomicBool::new(false);

/// The thread whose unlockings are being listed, while the GIL's mutex is learned.
static LEARNER: AtomicUsize = AtomicUsize::new(NONE);
static N_SEEN: AtomicUsize = AtomicUsize::new(0);
static SEEN: [(AtomicUsize, AtomicU8); 16] = [const { (AtomicUsize::new(0), AtomicU8::new(0)) }; 16];
/// The structure with its condition variables and mutexes was below 250 bytes in every version seen.
const GIL_SIZE: usize = 1024;

/// The one recorder of this process.
pub fn recorder() -> &'static Recorder {
    RECORDER.get_or_init(Recorder::new)
}

/// `pthread_self` of the calling thread, as a number: what Python's `threading.get_ident` gives on Linux.
#[inline]
pub fn current_thread() -> usize {
    // SAFETY: pthread_self has no precondition.
    #[allow(clippy::cast_possible_truncation)]
    unsafe {
        libc::pthread_self() as usize
    }
}

/// Sets which structure the hooks read. Before any slot is pointed.
pub fn watch_structure(gil: usize) {
    GIL.store(gil, Release);
}

/// Sets what [`unlock`] chains to. Before its slots are pointed, and not while it stands in one.
pub fn chain_unlock(real: usize) {
    REAL_UNLOCK.store(real, Release);
}

/// Sets what [`timed_wait`] chains to. Before its slots are pointed, and not while it stands in one.
pub fn chain_wait(real: usize) {
    REAL_WAIT.store(real, Release);
}

/// Watches one mutex, or none.
pub fn watch(mutex: Option<usize>) {
    MUTEX.store(mutex.unwrap_or(NONE), Release);
}

/// Was this process forked from one in which hooks were in?
pub fn in_forked_child() -> bool {
    FORKED.load(Relaxed)
}

/// After a fork the child's only thread may find the GIL's mutex made anew: nothing is recorded there any more.
pub extern "C" fn after_fork_in_child() {
    if MUTEX.swap(NONE, Relaxed) != NONE {
        FORKED.store(true, Relaxed);
        if let Some(recorder) = RECORDER.get() {
            recorder.stop();
        }
    }
}

/// Lists the mutexes inside the GIL that the calling thread unlocks during `work`: (address, GIL taken?).
pub fn unlocked_during(work: impl FnOnce()) -> Vec<(usize, bool)> {
    N_SEEN.store(0, Relaxed);
    LEARNER.store(current_thread(), Release);
    work();
    LEARNER.store(NONE, Release);
    let n_seen = N_SEEN.load(Relaxed).min(SEEN.len());
    SEEN[..n_seen].iter().map(|(mutex, locked)| (mutex.load(Relaxed), locked.load(Relaxed) == 1)).collect()
}

fn gil_is_locked() -> bool {
    let gil = GIL.load(Relaxed);
    // SAFETY: the structure was found and verified before a hook was pointed here, and the GIL of a running
    // interpreter is never freed; the mutex that guards the field is held.
    gil != NONE && unsafe { std::ptr::read_volatile((gil + LOCKED_OFFSET) as *const c_int) } == 1
}

#[cold]
fn learn(mutex: usize) {
    let gil = GIL.load(Relaxed);
    if LEARNER.load(Acquire) == current_thread() && (gil..gil + GIL_SIZE).contains(&mutex) {
        let index = N_SEEN.load(Relaxed);
        if let Some((address, locked)) = SEEN.get(index) {
            address.store(mutex, Relaxed);
            locked.store(u8::from(gil_is_locked()), Relaxed);
            N_SEEN.store(index + 1, Relaxed);
        }
    }
}

/// Stands for `pthread_mutex_unlock`: hands the caller's stack pointer on, then behaves as an ordinary call.
#[cfg(target_arch = "x86_64")]
#[unsafe(naked)]
pub unsafe extern "C" fn unlock(mutex: *mut libc::pthread_mutex_t) -> c_int {
    // At entry the stack pointer is at the return address; the caller's frame lies above it.
    core::arch::naked_asm!("mov rsi, rsp", "jmp {seen}", seen = sym unlock_from)
}

/// Stands for `pthread_mutex_unlock`: hands the caller's stack pointer on, then behaves as an ordinary call.
#[cfg(target_arch = "aarch64")]
#[unsafe(naked)]
pub unsafe extern "C" fn unlock(mutex: *mut libc::pthread_mutex_t) -> c_int {
    core::arch::naked_asm!("mov x1, sp", "b {seen}", seen = sym unlock_from)
}

unsafe extern "C" fn unlock_from(mutex: *mut libc::pthread_mutex_t, stack: *const usize) -> c_int {
    let watched = MUTEX.load(Relaxed);
    if mutex as usize == watched {
        if let Some(recorder) = RECORDER.get().filter(|recorder| recorder.is_recording()) {
            let locked = gil_is_locked();
            let on_request = !locked && recorder.request_pending() && giveway::is_on_request(stack);
            let (now_ns, thread) = (clock::now_ns(), current_thread());
            let kind = recorder.unlocked(now_ns, locked, thread, on_request);
            if let Some(kind) = kind
                && stacks::watches(thread)
            {
                return unlock_and_keep_stack(mutex, now_ns, kind);
            }
        }
    } else if LEARNER.load(Relaxed) != NONE {
        learn(mutex as usize);
    }
    // SAFETY: `chain_unlock` stored the C library's function (or whoever stood in the slot) before the slot was pointed here.
    unsafe { std::mem::transmute::<usize, Unlock>(REAL_UNLOCK.load(Relaxed))(mutex) }
}

/// In a diagnosing pass: the stack is kept once the mutex is free again.
#[cold]
#[inline(never)]
fn unlock_and_keep_stack(mutex: *mut libc::pthread_mutex_t, now_ns: u64, kind: Kind) -> c_int {
    // SAFETY: as in `unlock_from`; the place of `errno` is the calling thread's.
    let (result, errno) = unsafe {
        let result = std::mem::transmute::<usize, Unlock>(REAL_UNLOCK.load(Relaxed))(mutex);
        (result, *libc::__errno_location())
    };
    stacks::keep(now_ns, kind);
    // SAFETY: as above. Callers of C functions that let go read `errno` afterwards.
    unsafe { *libc::__errno_location() = errno };
    result
}

/// Stands for `pthread_cond_timedwait`: on the GIL's mutex it means that the thread begins to wait for the GIL.
pub unsafe extern "C" fn timed_wait(
    condition: *mut libc::pthread_cond_t,
    mutex: *mut libc::pthread_mutex_t,
    until: *const libc::timespec,
) -> c_int {
    let recorder = match RECORDER.get() {
        Some(recorder) if mutex as usize == MUTEX.load(Relaxed) && recorder.is_recording() => Some(recorder),
        _ => None,
    };
    if let Some(recorder) = recorder {
        recorder.waits(clock::now_ns(), current_thread());
    }
    // SAFETY: as in `unlock_from`, by `chain_wait`.
    let result = unsafe { std::mem::transmute::<usize, TimedWait>(REAL_WAIT.load(Relaxed))(condition, mutex, until) };
    // The mutex is held again here. A thread whose wait timed out while the GIL is taken asks its holder to give way.
    if let Some(recorder) = recorder
        && result == libc::ETIMEDOUT
        && gil_is_locked()
    {
        recorder.ran_out_of_patience();
    }
    result
}
