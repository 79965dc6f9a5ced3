//! The native stacks of one thread's hand-overs, kept while a diagnosing pass asks for them.
//!
//! The hook walks the stack *after* it has unlocked the GIL's mutex: the unwinder may take a lock of its own (that of
//! the dynamic linker before glibc 2.35, that of registered JIT frames), and must not do so under a mutex that
//! every thread needs. Only one thread is watched at a time, and only it writes: no lock is needed here either.
//!
//! The walk ends at the frame that made the measured call: what lies further out is not the call's.

use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

use crate::clock;
use crate::ledger::Kind;

/// Return addresses kept of one hand-over, from the innermost on: binding layers are deep, inlined frames cost nothing here.
pub const FRAMES: usize = 48;
/// Hand-overs kept of one pass. Untouched pages of this list cost no memory.
pub const EVENTS: usize = 4096;

/// No thread has this number.
const NOBODY: usize = 0;

struct Slot {
    at_ns: AtomicU64,
    resumed_ns: AtomicU64,
    kind: AtomicU8,
    n_frames: AtomicUsize,
    frames: [AtomicUsize; FRAMES],
}

static WATCHED: AtomicUsize = AtomicUsize::new(NOBODY);
/// Frames above this address belong to whoever made the measured call; 0: no call has begun.
static BOUNDARY: AtomicUsize = AtomicUsize::new(0);
static N_KEPT: AtomicUsize = AtomicUsize::new(0);
static N_DROPPED: AtomicUsize = AtomicUsize::new(0);
static SLOTS: [Slot; EVENTS] = [const {
    Slot {
        at_ns: AtomicU64::new(0),
        resumed_ns: AtomicU64::new(0),
        kind: AtomicU8::new(0),
        n_frames: AtomicUsize::new(0),
        frames: [const { AtomicUsize::new(0) }; FRAMES],
    }
}; EVENTS];

/// One hand-over of the watched thread, with its stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Monotonic nanoseconds of the hand-over.
    pub at_ns: u64,
    /// Time spent on keeping it, right after: it belongs to no state of the GIL.
    pub instrument_ns: u64,
    /// What happened.
    pub kind: Kind,
    /// Return addresses within the measured call, innermost first; the hook's own come first.
    pub addresses: Vec<usize>,
}

#[repr(C)]
struct UnwindContext {
    opaque: [u8; 0],
}

unsafe extern "C" {
    // Of the unwinder that the Rust runtime itself needs, and therefore links.
    fn _Unwind_Backtrace(
        visit: extern "C" fn(*mut UnwindContext, *mut c_void) -> c_int,
        argument: *mut c_void,
    ) -> c_int;
    fn _Unwind_GetIP(context: *mut UnwindContext) -> usize;
    fn _Unwind_GetCFA(context: *mut UnwindContext) -> usize;
}

const CONTINUE: c_int = 0; // _URC_NO_REASON
const STOP: c_int = 5; // _URC_END_OF_STACK

struct Walk {
    boundary: usize,
    n_frames: usize,
    frames: [usize; FRAMES],
}

extern "C" fn visit(context: *mut UnwindContext, argument: *mut c_void) -> c_int {
    // SAFETY: `walk` passes a `Walk` that outlives the walk, and the unwinder a valid context.
    let (walk, address, frame) =
        unsafe { (&mut *argument.cast::<Walk>(), _Unwind_GetIP(context), _Unwind_GetCFA(context)) };
    // The stack grows downwards: a frame whose end lies above a variable of the caller is the caller's own.
    if walk.boundary != 0 && frame > walk.boundary {
        // The frame before this one was the caller, found out only now.
        walk.n_frames = walk.n_frames.saturating_sub(1);
        return STOP;
    }
    let Some(slot) = walk.frames.get_mut(walk.n_frames) else { return STOP };
    *slot = address;
    walk.n_frames += 1;
    CONTINUE
}

fn walk(boundary: usize) -> Walk {
    let mut walk = Walk { boundary, n_frames: 0, frames: [0; FRAMES] };
    // SAFETY: `visit` has the type asked for, cannot panic, and `walk` outlives the call.
    unsafe { _Unwind_Backtrace(visit, (&raw mut walk).cast()) };
    walk
}

/// Is this the thread whose stacks are kept?
#[inline]
pub fn watches(thread: usize) -> bool {
    WATCHED.load(Relaxed) == thread
}

/// Keeps the calling thread's stack. It is the watched one; the GIL's mutex is not held.
#[cold]
pub fn keep(at_ns: u64, kind: Kind) {
    let boundary = BOUNDARY.load(Relaxed);
    if boundary == 0 {
        return; // before the call, or after it
    }
    let index = N_KEPT.load(Relaxed);
    let Some(slot) = SLOTS.get(index) else {
        N_DROPPED.store(N_DROPPED.load(Relaxed) + 1, Relaxed);
        return;
    };
    let walk = walk(boundary);
    for (kept, address) in slot.frames.iter().zip(walk.frames) {
        kept.store(address, Relaxed);
    }
    slot.n_frames.store(walk.n_frames, Relaxed);
    slot.kind.store(kind as u8, Relaxed);
    slot.at_ns.store(at_ns, Relaxed);
    slot.resumed_ns.store(clock::now_ns(), Relaxed);
    N_KEPT.store(index + 1, Release);
}

/// Begins a diagnosing pass over `thread`; false where another pass is under way.
pub fn begin(thread: usize) -> bool {
    if WATCHED.load(Relaxed) != NOBODY {
        return false;
    }
    // The first walk binds the unwinder's functions and fills its caches: not in the hook.
    let _ = walk(0);
    N_KEPT.store(0, Relaxed);
    N_DROPPED.store(0, Relaxed);
    BOUNDARY.store(0, Relaxed);
    WATCHED.compare_exchange(NOBODY, thread, Acquire, Relaxed).is_ok()
}

/// A measured call begins (`Some`: the address of a variable of its caller) or has ended in `thread`.
#[inline]
pub fn bound(thread: usize, caller: Option<usize>) {
    if watches(thread) {
        BOUNDARY.store(caller.unwrap_or(0), Relaxed);
    }
}

/// Ends the pass and gives what was kept, and how many hand-overs did not fit.
pub fn end() -> (Vec<Kept>, usize) {
    WATCHED.store(NOBODY, Release);
    let n_kept = N_KEPT.swap(0, Acquire).min(EVENTS);
    let kept = SLOTS[..n_kept]
        .iter()
        .map(|slot| {
            let at_ns = slot.at_ns.load(Relaxed);
            let n_frames = slot.n_frames.load(Relaxed).min(FRAMES);
            Kept {
                at_ns,
                instrument_ns: slot.resumed_ns.load(Relaxed).saturating_sub(at_ns),
                kind: Kind::from_bits(slot.kind.load(Relaxed).into()),
                addresses: slot.frames[..n_frames].iter().map(|address| address.load(Relaxed)).collect(),
            }
        })
        .collect();
    (kept, N_DROPPED.load(Relaxed))
}

/// The loaded object that an address lies in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// Its file, as the dynamic linker knows it.
    pub file: String,
    /// What was added to the addresses in that file.
    pub bias: usize,
    /// The nearest symbol that it exports.
    pub symbol: Option<String>,
}

/// Which loaded object does `address` lie in?
#[must_use]
pub fn loaded_at(address: usize) -> Option<Loaded> {
    let bias = super::objects::object_at(address)?.base();
    // SAFETY: `info` is valid for writing; its strings belong to a loaded object and are copied at once.
    unsafe {
        let mut info: libc::Dl_info = std::mem::zeroed();
        if libc::dladdr(address as *const c_void, &raw mut info) == 0 || info.dli_fname.is_null() {
            return None;
        }
        let text = |pointer: *const std::ffi::c_char| {
            (!pointer.is_null()).then(|| std::ffi::CStr::from_ptr(pointer).to_string_lossy().into_owned())
        };
        text(info.dli_fname).map(|file| Loaded { file, bias, symbol: text(info.dli_sname) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// There is one pass at a time in a process, and so in these tests.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

    #[inline(never)]
    fn hands_over() {
        keep(5, Kind::Drop);
        std::hint::black_box(());
    }

    #[test]
    fn the_stack_of_a_hand_over_ends_at_the_caller() {
        let _alone = ONE_AT_A_TIME.lock();
        let in_caller = 0u8;
        assert!(begin(77));

        bound(77, Some(&raw const in_caller as usize));
        hands_over();
        bound(77, None);
        hands_over(); // outside of the call: not kept
        let (kept, n_dropped) = end();

        assert_eq!((kept.len(), n_dropped), (1, 0));
        assert_eq!((kept[0].at_ns, kept[0].kind), (5, Kind::Drop));
        assert!((1..=4).contains(&kept[0].addresses.len()), "{kept:?}");
    }

    #[test]
    fn only_one_pass_runs_at_a_time_and_others_are_not_watched() {
        let _alone = ONE_AT_A_TIME.lock();
        assert!(begin(77));

        assert!(watches(77) && !watches(78));
        assert!(!begin(78));

        end();
        assert!(!watches(77));
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let _alone = ONE_AT_A_TIME.lock();
        let in_caller = 0u8;
        assert!(begin(77));
        bound(77, Some(&raw const in_caller as usize));

        for _ in 0..EVENTS + 2 {
            hands_over();
        }

        let (kept, n_dropped) = end();
        assert_eq!((kept.len(), n_dropped), (EVENTS, 2));
    }

    #[test]
    fn an_address_has_a_file_and_nonsense_has_none() {
        assert!(loaded_at(loaded_at as *const () as usize).is_some());
        assert_eq!(loaded_at(8), None);
    }
}
