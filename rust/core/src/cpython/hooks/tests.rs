//! The hooks themselves, called as the interpreter calls them, with a structure and mutexes of our own in place of its GIL.

use std::cell::UnsafeCell;

use super::*;
use crate::ledger::Detail;

/// What the hooks read of a GIL, and what they are called with.
#[repr(C)]
struct FakeGil {
    words: [usize; 2],
    locked: UnsafeCell<c_int>,
    mutex: UnsafeCell<libc::pthread_mutex_t>,
    switch_mutex: UnsafeCell<libc::pthread_mutex_t>,
    condition: UnsafeCell<libc::pthread_cond_t>,
}

// SAFETY: its fields are changed by the functions of the C library, or under its mutex.
unsafe impl Sync for FakeGil {}

static FAKE: FakeGil = FakeGil {
    words: [5000, 0],
    locked: UnsafeCell::new(1),
    mutex: UnsafeCell::new(libc::PTHREAD_MUTEX_INITIALIZER),
    switch_mutex: UnsafeCell::new(libc::PTHREAD_MUTEX_INITIALIZER),
    condition: UnsafeCell::new(libc::PTHREAD_COND_INITIALIZER),
};

fn set_errno(value: c_int) {
    // SAFETY: the C library returns the address of the calling thread's errno.
    unsafe { *libc::__errno_location() = value };
}

fn errno() -> c_int {
    // SAFETY: as above.
    unsafe { *libc::__errno_location() }
}

/// `pthread_mutex_unlock`, with the type that the hook calls.
unsafe extern "C-unwind" fn real_unlock_of_c(mutex: *mut c_void) -> c_int {
    // SAFETY: the caller's guarantees are those of pthread_mutex_unlock.
    unsafe { libc::pthread_mutex_unlock(mutex.cast()) }
}

/// Installs the hooks over the C library's own functions, without any GOT entry.
fn watch_fake() {
    assert_eq!(std::mem::offset_of!(FakeGil, locked), LOCKED_OFFSET);
    assert_eq!(FAKE.words[0], 5000);
    set_gil(std::ptr::from_ref(&FAKE) as usize);
    set_try_lock(libc::pthread_mutex_trylock as *const () as usize);
    HOOKS[LOCK].set_real(libc::pthread_mutex_lock as *const () as usize);
    HOOKS[UNLOCK].set_real(real_unlock_of_c as *const () as usize);
    HOOKS[WAIT].set_real(libc::pthread_cond_wait as *const () as usize);
    HOOKS[TIMED_WAIT].set_real(libc::pthread_cond_timedwait as *const () as usize);
    set_mutexes(Some(Mutexes { gil: FAKE.mutex.get() as usize, switch: Some(FAKE.switch_mutex.get() as usize) }));
    recorder().start(clock::now_ns(), current_thread());
}

/// Changes the GIL as the interpreter does: under its mutex.
fn set_locked(locked: c_int) {
    // SAFETY: the hooks get a mutex of this type, which lives for ever, and their real functions are set. The field is changed
    // under the mutex.
    unsafe {
        assert_eq!(lock(FAKE.mutex.get().cast()), 0);
        *FAKE.locked.get() = locked;
        assert_eq!(unlock(FAKE.mutex.get().cast()), 0);
    }
}

/// Waits on the condition, as a thread that wants the GIL, until a moment that has passed.
fn wait_until_the_past() -> c_int {
    let past = libc::timespec { tv_sec: 1, tv_nsec: 0 };
    // SAFETY: as in `set_locked`; the condition is of the C library's type, and the time is a local variable.
    unsafe {
        assert_eq!(lock(FAKE.mutex.get().cast()), 0);
        let result = timed_wait(FAKE.condition.get().cast(), FAKE.mutex.get().cast(), (&raw const past).cast());
        assert_eq!(unlock(FAKE.mutex.get().cast()), 0);
        result
    }
}

/// Takes all descriptors that this process may have, so that reading the run delay fails, which sets `errno`.
fn without_descriptors(work: impl FnOnce()) {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointers are to local variables.
    unsafe {
        assert_eq!(libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit), 0);
        let none = libc::rlimit { rlim_cur: 0, ..limit };
        assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &raw const none), 0);
    }
    work();
    // SAFETY: as above.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }, 0);
}

/// The hooks and the number of descriptors are the process's, so this one has a process of its own.
fn run_in_a_process_of_its_own(test: &str) {
    let name = format!("cpython::hooks::tests::{test}");
    let this_program = std::env::current_exe().expect("its path");

    let done =
        std::process::Command::new(this_program).args(["--ignored", "--exact", &name]).output().expect("it runs");

    let said = [done.stdout, done.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    assert!(done.status.success() && said.contains("1 passed"), "{:?}\n{said}", done.status);
}

#[test]
fn errno_is_kept() {
    run_in_a_process_of_its_own("hooks_return_what_the_real_functions_return_and_keep_errno");
}

#[test]
fn unwinding_passes() {
    run_in_a_process_of_its_own("a_thread_that_is_cancelled_in_a_hook_ends");
}

/// Waits in a hook until the thread is cancelled.
extern "C-unwind" fn wait_in_hook(_: *mut c_void) -> *mut c_void {
    // SAFETY: as in `set_locked`.
    unsafe {
        lock(FAKE.mutex.get().cast());
        recorder().waits(clock::now_ns(), current_thread());
        let far = libc::timespec { tv_sec: i64::from(i32::MAX), tv_nsec: 0 };
        timed_wait(FAKE.condition.get().cast(), FAKE.mutex.get().cast(), (&raw const far).cast());
    }
    std::process::abort();
}

unsafe extern "C" {
    fn pthread_cancel(thread: libc::pthread_t) -> c_int;
}

#[test]
#[ignore = "run by `unwinding_passes`"]
fn a_thread_that_is_cancelled_in_a_hook_ends() {
    watch_fake();
    let mut thread: libc::pthread_t = 0;
    // SAFETY: a function that unwinds may be the first one of a thread: cancellation unwinds any.
    let begin = unsafe {
        std::mem::transmute::<extern "C-unwind" fn(*mut c_void) -> *mut c_void, extern "C" fn(*mut c_void) -> *mut c_void>(
            wait_in_hook,
        )
    };
    let mut result = std::ptr::null_mut();
    // SAFETY: the pointers are to local variables, and the thread is joined once.
    unsafe {
        assert_eq!(libc::pthread_create(&raw mut thread, std::ptr::null(), begin, std::ptr::null_mut()), 0);
        let waiting = usize::try_from(thread).expect("64 bits");
        let is_waiting =
            || recorder().accounts().find(waiting).is_some_and(|account| account.state() == State::Waiting);
        while !is_waiting() {
            std::thread::yield_now();
        }
        assert_eq!(pthread_cancel(thread), 0);
        assert_eq!(libc::pthread_join(thread, &raw mut result), 0);
    }
    assert_eq!(result as isize, -1, "PTHREAD_CANCELED");
}

#[test]
#[ignore = "run by `errno_is_kept`"]
fn hooks_return_what_the_real_functions_return_and_keep_errno() {
    const OURS: c_int = libc::ENOTTY;
    watch_fake();
    let thread = current_thread();
    let start = recorder().begin(thread, Detail::Split(clock::ProcessorAccount::default())).expect("it holds");

    without_descriptors(|| {
        assert_eq!(processor_account(), None);
        assert_ne!(errno(), OURS);
        set_errno(OURS);
        set_locked(0); // a release, which reads the delay after the real unlock
        assert_eq!(errno(), OURS);
        set_locked(1); // a take, which reads it before the lock
        assert_eq!(errno(), OURS);
        set_locked(0);
        assert_eq!(wait_until_the_past(), libc::ETIMEDOUT);
        assert_eq!(errno(), OURS);
        set_locked(1);
        assert_eq!(errno(), OURS);
    });

    let figures = recorder().end(&start, clock::now_ns(), None, 100).expect("possible");
    assert_eq!((figures.n_releases_by_function, figures.held_delay_ns), (2, None));
    assert!(figures.waiting_ns > 0 && figures.instrument_ns > 0);
    assert_eq!(recorder().n_impossible(), 0);

    // Another mutex is locked and unlocked as ever, and is no event.
    let n_events = recorder().log().len();
    let other = UnsafeCell::new(libc::PTHREAD_MUTEX_INITIALIZER);
    // SAFETY: a mutex of this function, of the C library's type.
    unsafe {
        assert_eq!((lock(other.get().cast()), unlock(other.get().cast())), (0, 0));
    }
    assert_eq!(recorder().log().len(), n_events);

    // A child of a fork passes everything on.
    add_user();
    after_fork_in_child();
    assert!(!recorder().is_recording());
    set_locked(0);
    assert_eq!(recorder().log().len(), n_events);
}
