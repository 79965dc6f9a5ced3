//! The calling thread: its run delay, its processor, its stack and its `errno`.

use std::ffi::{c_int, c_void};

use crate::os::ProcessorAccount;

/// Returns how long the calling thread was ready to run and did not run since it began; `None` if the kernel keeps no
/// account of it.
///
/// It allocates nothing and takes no lock: the hooks call it. It changes `errno`.
#[must_use]
pub fn run_delay_ns() -> Option<u64> {
    read_account(c"/proc/thread-self/schedstat").map(|(delay_ns, _)| delay_ns)
}

/// Returns the kernel's account of the calling thread; `None` if it keeps none. As [`run_delay_ns`] otherwise.
#[must_use]
pub fn processor_account() -> Option<ProcessorAccount> {
    let (delay_ns, n_runs) = read_account(c"/proc/thread-self/schedstat")?;
    // SAFETY: the call takes no argument and cannot fail.
    let thread_id = unsafe { libc::gettid() }.unsigned_abs();
    let cpu_ns = clock_ns(libc::CLOCK_THREAD_CPUTIME_ID)?;
    Some(ProcessorAccount { thread_id, cpu_ns, delay_ns, n_runs, n_sleeps: n_sleeps() })
}

/// Returns the kernel's account of a thread of this process; `None` if it has ended, too.
#[must_use]
pub fn processor_account_of(thread_id: u32) -> Option<ProcessorAccount> {
    let mut path = [0u8; 48];
    let text = std::ffi::CStr::from_bytes_until_nul(path_of_account(thread_id, &mut path)).ok()?;
    let (delay_ns, n_runs) = read_account(text)?;
    // How the kernel numbers the processor clocks of threads (CPUCLOCK_PERTHREAD | CPUCLOCK_SCHED).
    let clock = (!thread_id.cast_signed() << 3) | 6;
    Some(ProcessorAccount { thread_id, cpu_ns: clock_ns(clock)?, delay_ns, n_runs, n_sleeps: None })
}

/// Writes the path of a thread's account, with a zero at its end.
fn path_of_account(thread_id: u32, path: &mut [u8; 48]) -> &[u8] {
    let mut digits = [0u8; 10];
    let (mut rest, mut first) = (thread_id, digits.len());
    while first == digits.len() || rest != 0 {
        first -= 1;
        digits[first] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    let mut end = 0;
    for part in [b"/proc/self/task/".as_slice(), &digits[first..], b"/schedstat\0"] {
        path[end..end + part.len()].copy_from_slice(part);
        end += part.len();
    }
    &path[..end]
}

/// Returns how often the calling thread gave its processor away by itself: it slept, or waited. It changes `errno`.
#[must_use]
pub fn n_sleeps() -> Option<u64> {
    // SAFETY: the structure consists of integers, for which zero bytes are valid.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a local variable.
    if unsafe { libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage) } != 0 {
        return None;
    }
    u64::try_from(usage.ru_nvcsw).ok()
}

fn clock_ns(clock: libc::clockid_t) -> Option<u64> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a local variable.
    if unsafe { libc::clock_gettime(clock, &raw mut time) } != 0 {
        return None;
    }
    Some(u64::try_from(time.tv_sec).ok()? * 1_000_000_000 + u64::try_from(time.tv_nsec).ok()?)
}

/// Returns the run delay and the number of runs in the account at `path`.
///
/// The account is opened, read and closed each time. A descriptor that stayed open while a checked function runs would be
/// closed by a function that closes all descriptors, and we would later close the file that got its number.
fn read_account(path: &std::ffi::CStr) -> Option<(u64, u64)> {
    let mut text = [0u8; 96];
    // SAFETY: the path is a C string, and the buffer is valid for its length. `read` and `close` get the descriptor that
    // `open` has returned here, or a negative one, which they refuse.
    let length = unsafe {
        let descriptor = libc::open(path.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC);
        if descriptor < 0 {
            return None;
        }
        let length = libc::read(descriptor, text.as_mut_ptr().cast(), text.len());
        libc::close(descriptor);
        length
    };
    parse_account(text.get(..usize::try_from(length).ok()?)?)
}

/// Returns the second and the third number of a line `cpu_ns delay_ns n_runs`.
///
/// A thread that reads its own account has used processor time. Where the first number is 0 the kernel keeps no account
/// and reports zeros, as some sandboxes do.
fn parse_account(text: &[u8]) -> Option<(u64, u64)> {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    let mut fields = text.split(|byte| *byte == b' ').map(parse_number);
    let (cpu_ns, delay_ns) = (fields.next()??, fields.next()??);
    // Without the third number the delay is as good; that many runs tell nothing of where it lies.
    let n_runs = fields.next().flatten().unwrap_or(u64::MAX);
    (cpu_ns > 0).then_some((delay_ns, n_runs))
}

fn parse_number(field: &[u8]) -> Option<u64> {
    if field.is_empty() {
        return None;
    }
    field.iter().try_fold(0u64, |sum, digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
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

/// The first version of the kernel's `struct sched_attr`.
#[repr(C)]
#[derive(Default)]
struct SchedulingAttributes {
    size: u32,
    policy: u32,
    flags: u64,
    nice: i32,
    priority: u32,
    runtime_ns: u64,
    deadline_ns: u64,
    period_ns: u64,
}

/// Lets the calling thread wake up from a sleep as soon as the system can: by default it may be 50 µs late.
///
/// From Linux 6.12 on it also asks for short time slices: a thread that wants little at a time is let in earlier, beside
/// busy processes too. Other kernels ignore that.
pub fn sharpen_timer() {
    const SLACK_NS: libc::c_ulong = 1;
    const SLICE_NS: u64 = 100_000; // the shortest one that the kernel grants
    let mut attributes = SchedulingAttributes::default();
    // SAFETY: this option of prctl takes one number. The calls of the scheduler read and write a structure of the given size,
    // whose form they define, and 0 is the calling thread.
    unsafe {
        libc::prctl(libc::PR_SET_TIMERSLACK, SLACK_NS);
        if libc::syscall(libc::SYS_sched_getattr, 0, &raw mut attributes, size_of::<SchedulingAttributes>(), 0) == 0 {
            attributes.runtime_ns = SLICE_NS;
            libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0);
        }
    }
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
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_line_of_the_kernel_gives_its_second_number(cpu_ns: u64, delay_ns: u64, n_slices: u64) {
            let line = format!("{cpu_ns} {delay_ns} {n_slices}\n");

            prop_assert_eq!(parse_account(line.as_bytes()), (cpu_ns > 0).then_some((delay_ns, n_slices)));
        }

        #[test]
        fn any_bytes_give_a_number_or_none(bytes in prop::collection::vec(any::<u8>(), 0..96)) {
            let _ = parse_account(&bytes);
        }

        #[test]
        fn digits_and_blanks_in_any_order_give_a_number_or_none(text in "[0-9 \n-]{0,96}") {
            let _ = parse_account(text.as_bytes());
        }
    }

    #[test]
    fn a_number_that_does_not_fit_is_no_number() {
        assert_eq!(parse_account(b"1 18446744073709551615 1").map(|(delay_ns, _)| delay_ns), Some(u64::MAX));
        assert_eq!(parse_account(b"1 18446744073709551616 1"), None);
    }

    #[test]
    fn the_second_field_is_the_delay() {
        assert_eq!(parse_account(b"35175915 657586 24\n").map(|(delay_ns, _)| delay_ns), Some(657_586));
        assert_eq!(parse_account(b"35175915"), None);
        assert_eq!(parse_account(b"1 x 2"), None);
        assert_eq!(parse_account(b"1  2"), None);
        assert_eq!(parse_account(b"0 0 0\n"), None);
    }

    #[test]
    fn a_thread_has_an_account_of_its_own() {
        let before_ns = run_delay_ns();

        assert!(run_delay_ns() >= before_ns);
    }

    #[test]
    fn a_thread_reads_the_account_of_another_until_that_one_ends() {
        let (tell, told) = std::sync::mpsc::channel();
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let other = std::thread::spawn(move || {
            tell.send(processor_account()).expect("it listens");
            let _ = ended.recv();
        });
        let Some(own) = told.recv().expect("it tells") else { return };

        let read = processor_account_of(own.thread_id).expect("it lives");
        assert!(read.thread_id == own.thread_id && read.cpu_ns >= own.cpu_ns && read.delay_ns >= own.delay_ns);
        assert!(own.n_runs >= 1);

        drop(end);
        other.join().expect("no panic");
        while std::path::Path::new(&format!("/proc/self/task/{}", own.thread_id)).exists() {
            std::thread::yield_now();
        }
        assert_eq!(processor_account_of(own.thread_id), None);
    }

    #[test]
    fn a_path_has_all_digits() {
        for (thread_id, text) in [(0, "0"), (7, "7"), (4_194_304, "4194304"), (u32::MAX, "4294967295")] {
            let expected = format!("/proc/self/task/{text}/schedstat\0");
            assert_eq!(path_of_account(thread_id, &mut [0; 48]), expected.as_bytes());
        }
    }

    #[test]
    fn errno_survives() {
        // SAFETY: see `preserve_errno`.
        unsafe { *libc::__errno_location() = libc::EAGAIN };

        preserve_errno(|| assert!(std::fs::File::open("/no/such/file").is_err()));

        assert_eq!(std::io::Error::last_os_error().raw_os_error(), Some(libc::EAGAIN));
    }
}
