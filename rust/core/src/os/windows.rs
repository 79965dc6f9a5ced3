//! Clocks, threads and processes on Windows.

use std::ffi::{c_int, c_uint, c_void};
use std::sync::OnceLock;
use std::time::Instant;

// Of kernel32, which the standard library links. A FILETIME is two 32-bit halves, the low one first: a `u64` in memory.
unsafe extern "system" {
    fn GetCurrentThread() -> *mut c_void;
    fn GetCurrentProcess() -> *mut c_void;
    fn GetCurrentThreadId() -> u32;
    fn GetThreadTimes(
        thread: *mut c_void,
        created: *mut u64,
        exited: *mut u64,
        kernel: *mut u64,
        user: *mut u64,
    ) -> c_int;
    fn GetProcessTimes(
        process: *mut c_void,
        created: *mut u64,
        exited: *mut u64,
        kernel: *mut u64,
        user: *mut u64,
    ) -> c_int;
}

/// FILETIME counts in 100 ns.
const FILETIME_NS: u64 = 100;

/// Returns the monotonic time since the first call.
#[inline]
pub fn monotonic_ns() -> u64 {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    // One more: 0 means "not yet" to the callers.
    u64::try_from(ORIGIN.get_or_init(Instant::now).elapsed().as_nanos()).unwrap_or(u64::MAX - 1) + 1
}

/// Returns the processor time of the calling thread. It steps by a tick of the scheduler, up to 16 ms.
pub fn thread_cpu_ns() -> u64 {
    let (mut created, mut exited, mut kernel, mut user) = (0, 0, 0, 0);
    // SAFETY: the four pointers are to local variables of the size of a FILETIME.
    unsafe { GetThreadTimes(GetCurrentThread(), &raw mut created, &raw mut exited, &raw mut kernel, &raw mut user) };
    (kernel + user) * FILETIME_NS
}

/// Returns the processor time of the process. It steps by a tick of the scheduler, up to 16 ms.
pub fn process_cpu_ns() -> u64 {
    let (mut created, mut exited, mut kernel, mut user) = (0, 0, 0, 0);
    // SAFETY: the four pointers are to local variables of the size of a FILETIME.
    unsafe { GetProcessTimes(GetCurrentProcess(), &raw mut created, &raw mut exited, &raw mut kernel, &raw mut user) };
    (kernel + user) * FILETIME_NS
}

/// Returns the identifier of the calling thread: the one that Python's `threading.get_ident` returns.
#[inline]
#[must_use]
pub fn current_thread() -> usize {
    // SAFETY: GetCurrentThreadId has no precondition.
    unsafe { GetCurrentThreadId() as usize }
}

/// Does nothing: this system has no fork.
pub fn call_in_forked_child(_handler: extern "C" fn()) {}

/// Writes to a file descriptor and ignores errors.
pub fn write_message(fd: c_int, message: &[u8]) {
    let length = c_uint::try_from(message.len()).unwrap_or(c_uint::MAX);
    // SAFETY: the pointer is valid for `length` bytes; a descriptor that is not open makes the call fail.
    unsafe { libc::write(fd, message.as_ptr().cast(), length) };
}

/// Raises a signal in this process.
pub fn send_signal(signal: c_int) {
    // SAFETY: raise only takes a number; what the signal does is up to the handler that Python installed for it.
    unsafe { libc::raise(signal) };
}

/// Ends the process at once, without exit handlers.
pub fn exit_now(status: c_int) -> ! {
    // SAFETY: _exit has no precondition and does not return.
    unsafe { libc::_exit(status) }
}
