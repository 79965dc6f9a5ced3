//! Models: what threads do to the ledger at the same time, in every order of their steps. `nox -s loom` runs them.

use loom::sync::{Arc, Mutex};
use loom::thread;

use super::*;

const OWN: usize = 0x1_0000;
const OTHER: usize = 0x2_0000;

fn model(threads: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    // Two threads that lose the processor at three moments show what any number of moments would, at a fraction of the price.
    builder.preemption_bound = Some(3);
    builder.max_branches = 20_000;
    builder.check(threads);
}

#[test]
fn a_reader_sees_whole_events_in_their_order() {
    model(|| {
        let log = Arc::new(EventLog::with_capacity(2));
        let written = Arc::clone(&log);
        let writer = thread::spawn(move || {
            for number in 1..4 {
                written.push(number, EventKind::Take, 64 * usize::try_from(number).expect("small"));
            }
        });

        let events: Vec<_> = log.since(0, 9).collect();

        for (number, event) in (1u64..).zip(&events) {
            assert_eq!((event.at_ns, event.kind, event.thread as u64), (number, EventKind::Take, 64 * number));
        }
        writer.join().expect("it ended");
        assert_eq!((log.len(), log.n_dropped()), (2, 1));
    });
}

#[test]
fn threads_that_open_accounts_at_once_have_one_each() {
    model(|| {
        let accounts = Arc::new(Accounts::with_capacity(2));
        let of_other = Arc::clone(&accounts);
        let place =
            |accounts: &Accounts, thread| accounts.find_or_open(thread).map(std::ptr::from_ref).map(|at| at as usize);
        let other = thread::spawn(move || place(&of_other, OTHER));

        let own = place(&accounts, OWN);

        let other = other.join().expect("it ended");
        assert!(own.is_some() && other.is_some() && own != other);
        assert_eq!((place(&accounts, OWN), place(&accounts, OTHER)), (own, other));
        assert!(accounts.find_or_open(0x3_0000).is_none());
    });
}

/// Whether somebody has the GIL, under its mutex.
type Gil = Mutex<bool>;

/// Takes the GIL, or says that it waits for it; returns whether it has it.
fn take(gil: &Gil, recorder: &Recorder, thread: usize) -> bool {
    let mut is_taken = gil.lock().expect("no panic");
    if *is_taken {
        recorder.waits(1, thread);
        return false;
    }
    *is_taken = true;
    recorder.unlocked(1, true, thread, false);
    true
}

fn release(gil: &Gil, recorder: &Recorder, thread: usize) {
    let mut is_taken = gil.lock().expect("no panic");
    *is_taken = false;
    recorder.unlocked(1, false, thread, false);
}

#[test]
fn a_span_has_what_happened_in_it_and_nothing_of_the_span_before() {
    model(|| {
        let shared = Arc::new((Gil::new(true), Recorder::new()));
        let of_other = Arc::clone(&shared);
        shared.1.start(1, OWN);
        // An earlier wait, which the other thread has noted and not told yet.
        shared.1.unlocked(1, false, OWN, false);
        shared.1.unlocked(1, true, OTHER, false);
        shared.1.unlocked(1, false, OTHER, true);
        shared.1.waits_for_switch(1, OTHER);
        shared.1.unlocked(1, true, OWN, false);
        shared.1.switched(1, OTHER);

        let other = thread::spawn(move || {
            let (gil, recorder) = &*of_other;
            let has_it = take(gil, recorder, OTHER);
            if has_it {
                release(gil, recorder, OTHER);
            }
            has_it
        });
        let (gil, recorder) = &*shared;
        let first = recorder.begin(OWN, Detail::Full).expect("it holds");
        recorder.end(&first, u64::MAX, None, 9).expect("nothing impossible");
        let second = recorder.begin(OWN, Detail::Full).expect("it holds");
        release(gil, recorder, OWN);
        while !take(gil, recorder, OWN) {
            thread::yield_now();
        }
        let figures = recorder.end(&second, u64::MAX, None, 9).expect("nothing impossible");
        let had_it = other.join().expect("it ended");

        assert_eq!(recorder.n_impossible(), 0);
        assert_eq!(figures.n_releases_by_function, 1);
        let n_holds: u64 = figures.others.iter().map(|row| row.n_holds).sum();
        assert!(n_holds <= u64::from(had_it), "{:?}", figures.others);
    });
}
