//! The hooks themselves, called as native modules call them, with a thread state and functions of our own.

use super::*;
use crate::cpython::attachment::{DETACHED, SUSPENDED};

/// The word of a thread state, and how often each function was called.
static WORD: AtomicI32 = AtomicI32::new(ATTACHED);
static N_CALLS: [AtomicUsize; N_HOOKS] = [const { AtomicUsize::new(0) }; N_HOOKS];
const STATE: usize = 0x5000;
const ENSURED: c_int = 17;

fn called(function: Function, word: i32) {
    N_CALLS[function as usize].fetch_add(1, Relaxed);
    WORD.store(word, Relaxed);
}

unsafe extern "C-unwind" fn real_save() -> *mut c_void {
    called(Function::SaveThread, DETACHED);
    STATE as *mut c_void
}

unsafe extern "C-unwind" fn real_restore(state: *mut c_void) {
    assert_eq!(state as usize & !1, STATE);
    called(Function::RestoreThread, ATTACHED);
}

unsafe extern "C-unwind" fn real_release_thread(state: *mut c_void) {
    assert_eq!(state as usize, STATE);
    called(Function::ReleaseThread, SUSPENDED);
}

unsafe extern "C-unwind" fn real_acquire(state: *mut c_void) {
    assert_eq!(state as usize, STATE);
    called(Function::AcquireThread, ATTACHED);
}

unsafe extern "C-unwind" fn real_ensure() -> c_int {
    called(Function::Ensure, ATTACHED);
    ENSURED
}

unsafe extern "C-unwind" fn real_release(before: c_int) {
    assert_eq!(before, ENSURED);
    called(Function::Release, DETACHED);
}

unsafe extern "C-unwind" fn real_swap(state: *mut c_void) -> *mut c_void {
    called(Function::Swap, if state.is_null() { DETACHED } else { ATTACHED });
    STATE as *mut c_void
}

fn errno() -> c_int {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

/// Watches the calling thread without any slot. The log is one of its own.
fn watch() -> &'static AttachLog {
    let reals = [
        real_save as *const () as usize,
        real_restore as *const () as usize,
        real_release_thread as *const () as usize,
        real_acquire as *const () as usize,
        real_ensure as *const () as usize,
        real_release as *const () as usize,
        real_swap as *const () as usize,
    ];
    for (real, address) in REAL.iter().zip(reals) {
        real.store(address, Relaxed);
    }
    WORD.store(ATTACHED, Relaxed);
    let log: &'static AttachLog = Box::leak(Box::new(AttachLog::new()));
    log.begin(current_thread(), STATE, (&raw const WORD) as usize, clock::now_ns());
    LOG.store(std::ptr::from_ref(log).cast_mut(), Release);
    WATCHED.store(current_thread(), Release);
    log
}

/// Calls every hook once; returns what they returned.
fn call_all() -> (usize, c_int, usize) {
    let state = STATE as *mut c_void;
    // SAFETY: the functions behind the hooks are those of this file, which take these arguments.
    unsafe {
        let saved = save_thread();
        restore_thread(saved);
        release_thread(state);
        acquire_thread(state);
        save_thread();
        let ensured = ensure();
        release(ensured);
        restore_thread(state);
        let former = swap(std::ptr::null_mut());
        swap(state);
        (saved as usize, ensured, former as usize)
    }
}

// One test, as there is one watched thread in a process.
#[test]
fn hooks_pass_calls_on_and_record_those_of_the_watched_thread() {
    let log = watch();
    // SAFETY: the C library returns the address of the calling thread's errno.
    unsafe { *libc::__errno_location() = libc::EAGAIN };

    let returned = call_all();

    assert_eq!(errno(), libc::EAGAIN);
    assert_eq!(returned, (STATE, ENSURED, STATE));
    assert_eq!(N_CALLS.each_ref().map(|n| n.load(Relaxed)), [2, 2, 1, 1, 1, 1, 2]);
    let history = log.history().expect("lawful");
    assert_eq!(history.changes.len(), 10);
    assert_eq!(history.missing_from_ns, None);
    assert!(history.changes.iter().enumerate().all(|(index, change)| change.attaches() == (index % 2 == 1)));
    // A thread that is detached reads its run delay, where the kernel has an account: after it detached, and before it attaches.
    let has_account = clock::run_delay_ns().is_some();
    assert!(history.changes.iter().all(|change| change.delay.is_some() == has_account));
    for change in &history.changes {
        let (before_ns, after_ns) = (change.before_ns - change.start_ns, change.end_ns - change.after_ns);
        assert_eq!(if change.attaches() { after_ns } else { before_ns }, 0);
    }

    // What another thread does is its own affair.
    std::thread::spawn(call_all).join().expect("no panic");
    assert_eq!(log.history().map(|history| history.changes.len()), Ok(10));

    // Another thread state is another interpreter's.
    // SAFETY: as in `call_all`.
    unsafe {
        save_thread();
        restore_thread((STATE + 1) as *mut c_void);
    }
    assert_eq!(log.history(), Err(crate::cpython::attach_log::Broken::Foreign(Function::RestoreThread)));

    // A thread that is not watched any more leaves the log as it is, and a forked child watches nobody.
    let log = watch();
    N_USERS.store(1, Relaxed);
    after_fork_in_child();
    N_USERS.store(0, Relaxed);
    assert!(IS_FORKED_CHILD.load(Relaxed));
    call_all();
    assert_eq!(log.history().map(|history| history.changes), Ok(vec![]));
}
