//! What the recorder does at its edges: impossible events, spans that overlap, rooms that are full.

use gilcheck_core::ledger::{Detail, EventKind, Recorder, SpanError, SpanFigures, SpanStart};

/// Thread identifiers are aligned addresses.
const OWN: usize = 0x7f00_0000_0040;
const OTHERS: [usize; 2] = [0x7f00_0010_0040, 0x7f00_0020_0040];

fn begin_span() -> (Recorder, SpanStart) {
    let recorder = Recorder::new();
    recorder.start(gilcheck_core::clock::now_ns(), OWN);
    let start = recorder.begin(OWN, Detail::Full).expect("a fresh recorder");
    (recorder, start)
}

#[test]
fn impossible_events_make_a_span_inconsistent() {
    type Event = dyn Fn(&Recorder, u64);
    let impossible: [&Event; 3] = [
        // A release by a thread that does not hold; waiting while holding; a second take by the holder.
        &|recorder, now| {
            recorder.unlocked(now, false, OTHERS[0], false);
        },
        &|recorder, now| recorder.waits(now, OWN),
        &|recorder, now| {
            recorder.unlocked(now, false, OTHERS[0], false);
            recorder.unlocked(now, true, OWN, false);
        },
    ];
    for act in impossible {
        let (recorder, start) = begin_span();

        act(&recorder, start.start_ns() + 1);

        assert_eq!(recorder.end(&start, start.start_ns() + 2, None, 10), Err(SpanError::Inconsistent));
        assert!(recorder.n_impossible() > 0);
    }
}

#[test]
fn unlocking_without_a_change_is_no_event() {
    let (recorder, start) = begin_span();

    recorder.unlocked(start.start_ns() + 1, true, OTHERS[0], false);

    let figures = recorder.end(&start, start.start_ns() + 2, None, 10).expect("nothing happened");
    assert_eq!((figures.held_ns, figures.events.len()), (2, 0));
}

#[test]
fn a_span_begins_only_during_a_recording_and_while_its_thread_holds() {
    let recorder = Recorder::new();
    assert_eq!(recorder.begin(OWN, Detail::Full).err(), Some(SpanError::NotRecording));
    recorder.start(1, OWN);
    assert_eq!(recorder.begin(OTHERS[0], Detail::Full).err(), Some(SpanError::Inconsistent));
    recorder.stop();
    assert_eq!(recorder.begin(OWN, Detail::Full).err(), Some(SpanError::NotRecording));
}

#[test]
fn a_span_of_an_earlier_recording_cannot_end_in_a_later_one() {
    let (recorder, start) = begin_span();
    recorder.stop();
    recorder.start(start.start_ns() + 1, OWN);

    assert_eq!(recorder.end(&start, start.start_ns() + 2, None, 10), Err(SpanError::Inconsistent));
}

#[test]
fn the_span_for_which_there_is_no_room_is_refused_and_the_others_go_on() {
    let (recorder, first) = begin_span();
    let mut spans = vec![first];
    for _ in 1..32 {
        spans.push(recorder.begin(OWN, Detail::Full).expect("32 spans"));
    }

    assert_eq!(recorder.begin(OWN, Detail::Full).err(), Some(SpanError::TooManySpans));
    assert!(recorder.begin(OWN, Detail::Totals).is_ok());

    for start in spans {
        let end_ns = gilcheck_core::clock::now_ns();
        let figures = recorder.end(&start, end_ns, None, 10).expect("in any order");
        assert_eq!((figures.held_ns, figures.longest_hold_ns), (end_ns - start.start_ns(), end_ns - start.start_ns()));
    }
}

#[test]
fn spans_of_two_tasks_that_overlap_have_longest_holds_of_their_own() {
    let (recorder, first) = begin_span();
    let at = |ns: u64| first.start_ns() + 1_000_000_000 + ns;
    recorder.unlocked(at(0), false, OWN, false);
    recorder.unlocked(at(1), true, OWN, false);
    let second = recorder.begin(OWN, Detail::Full).expect("room");
    recorder.unlocked(at(10), false, OWN, false);
    recorder.unlocked(at(20), true, OWN, false);

    let first_figures = recorder.end(&first, at(22), None, 10).expect("possible");
    recorder.unlocked(at(50), false, OWN, false);
    recorder.unlocked(at(51), true, OWN, false);
    let second_figures = recorder.end(&second, at(52), None, 10).expect("possible");

    assert!(first_figures.longest_hold_ns >= 1_000_000_000);
    assert!(second_figures.longest_hold_ns < 1_000_000_000);
}

#[test]
fn a_recording_of_any_length_keeps_room_for_the_next_span() {
    let recorder = Recorder::new();
    recorder.start(1, OWN);
    for at_ns in 0..200_000 {
        recorder.unlocked(at_ns, at_ns % 2 == 1, OWN, false);
    }
    assert!(recorder.log().n_dropped() > 0);

    let start = recorder.begin(OWN, Detail::Full).expect("it holds");
    recorder.unlocked(start.start_ns() + 1, false, OWN, false);
    recorder.unlocked(start.start_ns() + 2, true, OTHERS[0], false);
    recorder.unlocked(start.start_ns() + 3, false, OTHERS[0], false);
    recorder.unlocked(start.start_ns() + 4, true, OWN, false);

    let figures = recorder.end(&start, start.start_ns() + 5, None, 10).expect("possible");
    assert_eq!((figures.events.len(), figures.n_dropped, figures.held_ns), (4, 0, 2));
    assert_eq!(figures.events[1].kind, EventKind::Take);
    assert_eq!(figures.events[1].thread, OTHERS[0]);
}

#[test]
fn threads_that_ended_leave_room_for_those_of_the_next_recording() {
    let recorder = Recorder::new();
    for round in 1..4usize {
        recorder.start(1, OWN);
        for thread in 1..1024usize {
            recorder.waits(2, (round * 10_000 + thread) * 0x1000);
        }
        assert!(recorder.begin(OWN, Detail::Full).is_ok(), "round {round}");
        recorder.waits(3, 0xdead_0000_0000);
        recorder.stop();
    }
}

#[test]
fn a_drop_request_is_pending_until_the_next_take() {
    let (recorder, start) = begin_span();
    assert!(!recorder.drop_request_pending());
    recorder.drop_requested();
    assert!(recorder.drop_request_pending());
    recorder.unlocked(start.start_ns() + 1, false, OWN, true);
    assert!(recorder.drop_request_pending());
    recorder.unlocked(start.start_ns() + 2, true, OTHERS[0], false);
    assert!(!recorder.drop_request_pending());
}

/// Under the GIL's mutex alone, without the GIL, another thread may be beginning a span in the very row that is written.
#[test]
fn a_thread_adds_its_wait_to_the_spans_of_others_once_it_has_the_gil() {
    let (recorder, first) = begin_span();
    let second = recorder.begin(OWN, Detail::Full).expect("room");
    let at = |ns: u64| second.start_ns() + 1_000_000_000 + ns;
    let waiting_ns = |figures: &SpanFigures| {
        figures.others.iter().find(|row| row.thread == OTHERS[0]).map_or(0, |row| row.waiting_ns)
    };
    recorder.unlocked(at(0), false, OWN, false);
    recorder.unlocked(at(1), true, OTHERS[0], false);
    recorder.unlocked(at(10), false, OTHERS[0], true);
    recorder.waits_for_switch(at(11), OTHERS[0]);
    recorder.unlocked(at(15), true, OWN, false);
    recorder.switched(at(18), OTHERS[0]);
    recorder.waits(at(20), OTHERS[0]);

    let before = recorder.end(&second, at(30), None, 20).expect("possible");
    recorder.unlocked(at(40), false, OWN, false);
    recorder.unlocked(at(50), true, OTHERS[0], false);
    recorder.unlocked(at(60), false, OTHERS[0], false);
    recorder.unlocked(at(70), true, OWN, false);
    let after = recorder.end(&first, at(80), None, 20).expect("possible");

    assert_eq!((waiting_ns(&before), waiting_ns(&after)), (0, 7 + 30));
    let waits = |figures: &SpanFigures| figures.events.iter().filter(|event| event.kind == EventKind::Wait).count();
    assert_eq!((waits(&before), waits(&after)), (2, 2));
}
