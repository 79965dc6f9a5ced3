//! The calling thread: its run delay, its processor, its stack and its `errno`.

use std::ffi::{c_int, c_void};
use std::fs::File;
use std::os::fd::AsRawFd;

/// How long a thread was ready to run and did not run, by the scheduler's account of it.
///
/// The file is opened once, so that the ledger's hook can read it without opening anything.
#[derive(Debug)]
pub struct RunDelay {
    file: File,
}

impl RunDelay {
    /// Opens the account of the calling thread; `None` if the kernel keeps none.
    #[must_use]
    pub fn of_this_thread() -> Option<Self> {
        let delay = Self { file: File::open("/proc/thread-self/schedstat").ok()? };
        delay.read_ns()?;
        Some(delay)
    }

    /// Returns how long the thread was ready to run and did not run, since it began.
    #[must_use]
    pub fn read_ns(&self) -> Option<u64> {
        read_run_delay(self.handle())
    }

    /// Returns the handle for [`read_run_delay`], valid as long as `self` lives.
    #[must_use]
    pub fn handle(&self) -> i32 {
        self.file.as_raw_fd()
    }
}

/// Reads a run delay by its handle. The hook calls this: it allocates nothing and takes no lock.
pub fn read_run_delay(handle: i32) -> Option<u64> {
    let mut text = [0u8; 96];
    // SAFETY: the buffer is valid for its length; a descriptor that is not open makes the call fail.
    let length = unsafe { libc::pread(handle, text.as_mut_ptr().cast(), text.len(), 0) };
    parse_run_delay(text.get(..usize::try_from(length).ok()?)?)
}

/// Returns the second number of a line `cpu_ns delay_ns n_slices`.
fn parse_run_delay(text: &[u8]) -> Option<u64> {
    let field = text.split(|byte| *byte == b' ').nth(1)?;
    if field.is_empty() {
        return None;
    }
    field.iter().try_fold(0u64, |sum, digit| {
        digit.is_ascii_digit().then(|| sum.wrapping_mul(10).wrapping_add(u64::from(digit - b'0')))
    })
}

/// Moves the calling thread to one of its processors, chosen by `index`, and allows it all of them again.
///
/// Returns the number of its processors; 1 if the system does not tell. Where the system refuses, the thread stays.
pub fn move_to_processor(index: usize) -> usize {
    const SET_BYTES: usize = size_of::<libc::cpu_set_t>();
    // SAFETY: cpu_set_t is an array of integers, for which zero bytes are valid (the empty set).
    let mut allowed: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a local variable of the given size.
    if unsafe { libc::sched_getaffinity(0, SET_BYTES, &raw mut allowed) } != 0 {
        return 1;
    }
    // SAFETY: the range below keeps the index within the bits of the set.
    let is_allowed = |processor: &usize| unsafe { libc::CPU_ISSET(*processor, &allowed) };
    let processors: Vec<usize> = (0..libc::CPU_SETSIZE as usize).filter(is_allowed).collect();
    if processors.len() < 2 {
        return 1;
    }
    // SAFETY: as for `allowed`.
    let mut one: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: the index is below CPU_SETSIZE, as all of `processors` are.
    unsafe { libc::CPU_SET(processors[index % processors.len()], &mut one) };
    for set in [&one, &allowed] {
        // SAFETY: the pointer is to a local variable of the given size; 0 is the calling thread.
        unsafe { libc::sched_setaffinity(0, SET_BYTES, std::ptr::from_ref(set)) };
    }
    processors.len()
}

#[repr(C)]
struct UnwindContext {
    opaque: [u8; 0],
}

// Of the unwinder that Rust's runtime needs and therefore links.
unsafe extern "C" {
    fn _Unwind_Backtrace(
        visit: extern "C" fn(*mut UnwindContext, *mut c_void) -> c_int,
        argument: *mut c_void,
    ) -> c_int;
    fn _Unwind_GetIP(context: *mut UnwindContext) -> usize;
    fn _Unwind_GetCFA(context: *mut UnwindContext) -> usize;
}

const CONTINUE: c_int = 0; // _URC_NO_REASON
const STOP: c_int = 5; // _URC_END_OF_STACK

struct Walk<'f> {
    boundary: usize,
    n_frames: usize,
    frames: &'f mut [usize],
}

extern "C" fn visit(context: *mut UnwindContext, argument: *mut c_void) -> c_int {
    // SAFETY: the unwinder calls this with a valid context and with the `Walk` of `walk_stack`, which outlives the walk.
    let (walk, address, frame_end) =
        unsafe { (&mut *argument.cast::<Walk<'_>>(), _Unwind_GetIP(context), _Unwind_GetCFA(context)) };
    // The stack grows downwards: a frame that ends above a variable of the caller is not called by the caller.
    if walk.boundary != 0 && frame_end > walk.boundary {
        // The frame before this one was the caller's own.
        walk.n_frames = walk.n_frames.saturating_sub(1);
        return STOP;
    }
    let Some(frame) = walk.frames.get_mut(walk.n_frames) else { return STOP };
    *frame = address;
    walk.n_frames += 1;
    CONTINUE
}

/// Fills `frames` with the return addresses of the calling thread's stack, innermost first; returns their number.
///
/// The walk ends before the function with a variable at the address `boundary`; 0 means at the end of the stack.
pub fn walk_stack(boundary: usize, frames: &mut [usize]) -> usize {
    let mut walk = Walk { boundary, n_frames: 0, frames };
    // SAFETY: `visit` has the required type and cannot panic, and `walk` outlives the call.
    unsafe { _Unwind_Backtrace(visit, (&raw mut walk).cast()) };
    walk.n_frames
}

/// Runs `work` and restores `errno` afterwards.
pub fn preserve_errno<T>(work: impl FnOnce() -> T) -> T {
    // SAFETY: the C library returns the address of the calling thread's errno, valid as long as the thread lives.
    let errno = unsafe { *libc::__errno_location() };
    let result = work();
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = errno };
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_field_is_the_delay() {
        assert_eq!(parse_run_delay(b"35175915 657586 24\n"), Some(657_586));
        assert_eq!(parse_run_delay(b"35175915"), None);
        assert_eq!(parse_run_delay(b"1 x 2"), None);
        assert_eq!(parse_run_delay(b"1  2"), None);
    }

    #[test]
    fn errno_survives() {
        // SAFETY: see `preserve_errno`.
        unsafe { *libc::__errno_location() = libc::EAGAIN };

        preserve_errno(|| assert!(File::open("/no/such/file").is_err()));

        assert_eq!(std::io::Error::last_os_error().raw_os_error(), Some(libc::EAGAIN));
    }
}
