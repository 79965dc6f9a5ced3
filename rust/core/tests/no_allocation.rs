//! What the hooks call allocates nothing and frees nothing: a thread may be inside the allocator, or its lock may be held, when
//! the GIL changes hands.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use gilcheck_core::clock::{self, DelayReading};
use gilcheck_core::cpython::attach_log::{AttachLog, Change, Function};
use gilcheck_core::ledger::{Detail, Recorder, State};

/// The allocator of this program: counts what the calling thread asks of it.
struct Counting;

thread_local! {
    static N_REQUESTS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    // A thread that is ending has no such variable any more, and is not the one that is watched.
    let _ = N_REQUESTS.try_with(|n| n.set(n.get() + 1));
}

// SAFETY: every method passes its arguments on to the system's allocator and returns what that returns.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's guarantees are those of the system's allocator.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count();
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.realloc(block, layout, new_size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Returns how often `work` asks the allocator for something.
fn n_requests_in(work: impl FnOnce()) -> u64 {
    let before = N_REQUESTS.get();
    work();
    N_REQUESTS.get() - before
}

const OWN: usize = 0x7f00_0000_0040;

fn thread(index: usize) -> usize {
    OWN + index * 0x10_0000
}

/// Reports a hand-over from `from` to `to` and back as the four hooks do, with every kind of wait.
fn hand_over(recorder: &Recorder, from: usize, to: usize) {
    let now_ns = clock::now_ns;
    recorder.drop_requested();
    // The thread that wants the GIL finds its mutex locked, and then waits for its condition.
    if recorder.is_about_to_take(to) {
        recorder.waits_for_lock(now_ns(), to);
    }
    recorder.waits(now_ns(), to);
    let by_interpreter = recorder.drop_request_pending() && recorder.boundary(from) == 0;
    recorder.unlocked(now_ns(), false, from, by_interpreter);
    if recorder.splits_delay(from) {
        recorder.read_delay(from, State::Holding, clock::processor_account);
    }
    recorder.waits_for_switch(now_ns(), from);
    if recorder.splits_delay(to) {
        recorder.read_delay(to, State::Released, clock::processor_account);
    }
    recorder.unlocked(now_ns(), true, to, false);
    recorder.switched(now_ns(), from);
    if recorder.is_about_to_take(from) && recorder.splits_delay(from) {
        recorder.read_delay(from, State::Released, clock::processor_account);
    }
    recorder.unlocked(now_ns(), false, to, false);
    recorder.unlocked(now_ns(), true, from, false);
}

#[test]
fn the_allocator_of_this_program_counts() {
    assert_eq!(n_requests_in(|| drop(std::hint::black_box(Box::new(7)))), 2);
}

#[test]
fn recording_allocates_nothing() {
    let recorder = Recorder::new();
    recorder.start(clock::now_ns(), OWN);
    let account = clock::processor_account().unwrap_or_default();
    let spans = [Detail::Full, Detail::Split(account), Detail::Full, Detail::Totals]
        .map(|detail| recorder.begin(OWN, detail).expect("it holds"));

    // More threads than accounts and than rows of a span, and more events than the log has room for.
    let n_requests = n_requests_in(|| {
        for index in 0..3_000 {
            hand_over(&recorder, OWN, thread(1 + index));
        }
        for _ in 0..20_000 {
            hand_over(&recorder, OWN, thread(1));
        }
        recorder.set_metered(OWN, true);
        hand_over(&recorder, OWN, thread(2));
    });

    assert_eq!(n_requests, 0);
    assert!(recorder.log().n_dropped() > 0);
    assert_eq!(recorder.n_impossible(), 0);
    for start in spans {
        let figures = recorder.end(&start, clock::now_ns(), Some(account), 10).expect("a possible history");
        assert!(figures.held_ns > 0 && figures.waiting_ns > 0);
    }
}

#[test]
fn a_recording_and_a_span_begin_without_an_allocation() {
    let recorder = Recorder::new();

    let n_requests = n_requests_in(|| {
        recorder.start(clock::now_ns(), OWN);
        std::hint::black_box(recorder.follow(OWN, clock::processor_account_of));
        let start = recorder.begin(OWN, Detail::Full).expect("it holds");
        std::hint::black_box(start.start_ns());
        recorder.stop();
    });

    assert_eq!(n_requests, 0);
}

#[test]
fn a_record_of_attachment_is_written_without_an_allocation() {
    let log = AttachLog::new();
    let change = |at_ns: u64| Change {
        function: if at_ns.is_multiple_of(2) { Function::SaveThread } else { Function::RestoreThread },
        start_ns: at_ns,
        before_ns: at_ns,
        after_ns: at_ns,
        end_ns: at_ns,
        words: if at_ns.is_multiple_of(2) { [1, 0] } else { [0, 1] },
        is_foreign: false,
        delay: Some(DelayReading { at_ns, after_ns: at_ns }),
    };

    let n_requests = n_requests_in(|| {
        log.begin(OWN, 0x1000, 0x1028, 0);
        // More changes than there is room for.
        for at_ns in 0..100_000 {
            std::hint::black_box(log.may_read_delay(at_ns));
            log.push(&change(at_ns));
        }
        std::hint::black_box(clock::run_delay_at(clock::now_ns(), clock::run_delay_ns));
    });

    assert_eq!(n_requests, 0);
    let history = log.history().expect("it alternates");
    assert!(history.changes.len() < 100_000);
    assert_eq!(history.missing_from_ns, history.changes.last().map(|change| change.end_ns));
}
