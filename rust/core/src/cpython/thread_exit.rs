//! Keeps threads from coming back into an interpreter that has ended.
//!
//! Up to 3.13 the interpreter ends each thread that wants the GIL during its finalization by `pthread_exit`. That unwinds
//! the thread's stack, and where frames of Rust (or of C++ with `noexcept`) lie on it the C library aborts the process:
//! "FATAL: exception not rethrown", exit status 134. From 3.14 on the interpreter lets such threads hang. This does the
//! same for the threads that it is told of: those of calls that were given up, and our own.

use std::ffi::c_void;
use std::sync::atomic::{AtomicUsize, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};
use std::sync::{Mutex, PoisonError};

use super::symbols::Symbols;
use crate::os::{current_thread, got, object_at, sleep_for_ever};

type Exit = unsafe extern "C-unwind" fn(*mut c_void) -> !;

const MAX_THREADS: usize = 1024;
static N_THREADS: AtomicUsize = AtomicUsize::new(0);
static THREADS: [AtomicUsize; MAX_THREADS] = [const { AtomicUsize::new(0) }; MAX_THREADS];
static REAL: AtomicUsize = AtomicUsize::new(0);
static INSTALLED: Mutex<Option<got::Redirected>> = Mutex::new(None);

/// Lets these threads hang where the interpreter would end them, from now on until the process ends.
///
/// Returns false if the interpreter ends threads in a way that cannot be changed. The thread that calls need not hold the
/// GIL.
pub fn hang_instead_of_exit(threads: &[usize]) -> bool {
    let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
    for thread in threads {
        let index = N_THREADS.load(Relaxed);
        let Some(slot) = THREADS.get(index) else { return false };
        slot.store(*thread, Relaxed);
        N_THREADS.store(index + 1, Release);
    }
    if installed.is_some() {
        return true;
    }
    let entries = Symbols::resolve()
        .ok()
        .and_then(|symbols| object_at(symbols.gil_code()))
        .and_then(|object| got::find(&object, c"pthread_exit").ok());
    let Some(entries) = entries else { return false };
    REAL.store(entries.real(), Release);
    *installed = entries.redirect(exit as *const () as usize).ok();
    installed.is_some()
}

/// Replaces `pthread_exit`.
///
/// # Safety
///
/// As for `pthread_exit`. The hook is installed, so that its real function is set.
unsafe extern "C-unwind" fn exit(value: *mut c_void) -> ! {
    let thread = current_thread();
    if THREADS[..N_THREADS.load(Acquire).min(MAX_THREADS)].iter().any(|other| other.load(Relaxed) == thread) {
        sleep_for_ever();
    }
    // SAFETY: `hang_instead_of_exit` sets the address of `pthread_exit`, or of a hook of the same type, before it installs
    // the hook.
    unsafe { std::mem::transmute::<usize, Exit>(REAL.load(Relaxed))(value) }
}
