//! Clocks, threads and processes on any Unix.

use std::ffi::c_int;
use std::fs::File;
use std::io::Write;
use std::os::fd::FromRawFd;

fn read_clock(clock: libc::clockid_t) -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is valid for writing. With an unknown clock the call fails and leaves it as it is.
    unsafe { libc::clock_gettime(clock, &raw mut now) };
    #[allow(clippy::cast_sign_loss, reason = "these clocks count from the start of the system, process or thread")]
    {
        now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
    }
}

/// Returns the monotonic time since an arbitrary origin.
#[inline]
pub fn monotonic_ns() -> u64 {
    read_clock(libc::CLOCK_MONOTONIC)
}

/// Returns the processor time of the calling thread.
pub fn thread_cpu_ns() -> u64 {
    read_clock(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// Returns the processor time of the process.
pub fn process_cpu_ns() -> u64 {
    read_clock(libc::CLOCK_PROCESS_CPUTIME_ID)
}

/// Returns the identifier of the calling thread: the one that Python's `threading.get_ident` returns.
#[inline]
#[must_use]
pub fn current_thread() -> usize {
    // SAFETY: pthread_self has no precondition.
    #[allow(clippy::cast_possible_truncation, reason = "a pointer, or an integer of its size")]
    unsafe {
        libc::pthread_self() as usize
    }
}

/// Lets every fork call `handler` in the child. The handler may only do what is async-signal-safe.
pub fn call_in_forked_child(handler: extern "C" fn()) {
    // SAFETY: the handler is a function of this library, which Python never unloads.
    unsafe { libc::pthread_atfork(None, None, Some(handler)) };
}

/// Writes to a file descriptor and ignores errors.
pub fn write_message(fd: c_int, message: &[u8]) {
    // SAFETY: the caller passes a descriptor that stays open; `ManuallyDrop` leaves it open.
    let mut file = std::mem::ManuallyDrop::new(unsafe { File::from_raw_fd(fd) });
    let _ = file.write_all(message);
}

/// Sends a signal to this process.
pub fn send_signal(signal: c_int) {
    // SAFETY: kill only takes numbers; what the signal does is up to the handler that Python installed for it.
    unsafe { libc::kill(libc::getpid(), signal) };
}

/// Ends the process at once, without exit handlers.
pub fn exit_now(status: c_int) -> ! {
    // SAFETY: _exit has no precondition and does not return.
    unsafe { libc::_exit(status) }
}
