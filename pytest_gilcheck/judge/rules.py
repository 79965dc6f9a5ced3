"""Every threshold, with its derivation."""

from __future__ import annotations

#: Threshold: *released*. The contract's word for "lets others run for at least 19 of 20 parts of the call". Two threads
#: that call it then run at least 1.9 times as fast (Amdahl), which no user tells from 2.
RELEASED_MOST_HELD_SHARE = 0.05

#: Threshold: *held*. The mirror image: others get at most one part in twenty.
HELD_LEAST_HELD_SHARE = 0.95

#: Threshold: how much longer one part of a single call may have taken, against the other, than in a typical one: caches,
#: page faults, a shared processor's other tenants, nothing of which anybody records. On an idle machine one call that
#: compresses 10 MB held for 0.38 of its time (page faults of a fresh buffer) and for 0.03 in all others, 20 times as
#: long against the rest; beside four busy processes one that reads and decodes a file decoded 12 times as long against
#: its reading. One call alone so decides *released* below 0.0035, *partial* around one half, and *held* where
#: nothing was ever let go; several calls decide the rest.
SINGLE_CALL_FACTOR = 15.0

#: Threshold: ready to run and not running for more than this share of it, a call was not left alone.
QUIET_SHARE = 0.05

#: Threshold: from so many calls that were left alone on, the others are left out: the smallest look of several calls.
ENOUGH_QUIET_CALLS = 7

#: Threshold: a call whose predecessor took so many times as long was perhaps still warming up itself. (rapidfuzz's
#: workers held 0.53 and 0.27 of the first two calls after the pilot, and 0.01 of all later ones.)
COLD_CALL_FACTOR = 2.0

#: Threshold: and one whose share differs by so much from its predecessor's, beyond the bounds of both.
COLD_SHARE_DIFFERENCE = 0.02

#: Threshold: the error level of the interval of the median over several calls. There are at most four looks, so
#: that each may err in one of 400 checks for all of them together to err in one of 100.
MEDIAN_ALPHA = 0.0025

#: Threshold: where it is not told apart by state, a call is undisturbed if its thread was ready but not running for at most this share of it. The bounds
#: that such a call gives are no wider than this.
UNDISTURBED_SHARE = 0.005

#: Threshold: delay told apart by state cannot exceed what the processor time leaves of the call. By more than this share
#: of the processor time, and so many clock readings (it is read a little after the end), it is not the call's: read after
#: another system call, in whose way out the thread was preempted, all of a held call's time once counted as delay, and
#: what was left had a share of 0.5.
CONTRADICTED_DELAY_SHARE = 0.05
CONTRADICTED_DELAY_READINGS = 200

#: Threshold: the shortest call whose share means something, in prices of one clock reading. A span costs about one
#: reading between its stamps; at fifty that is 0.02 of the call, well inside the borders.
SHORTEST_CALL_IN_CLOCK_PRICES = 20

#: Threshold: below this a *held* call may be one whose release only begins with larger inputs. The releases known to
#: depend on size begin between 32 bytes and 1 MB, all of them well below 0.1 ms of work.
SMALL_INPUT_NS = 100_000

#: Threshold: hand-overs per millisecond of call above which letting go and taking back is itself a cost worth naming:
#: a contended pair costs 5 to 50 microseconds.
CHATTER_PER_MS = 20.0

#: Threshold: and at least so many in one call; a short call that lets go once is no chatter.
CHATTER_PER_CALL = 10

#: Threshold: a callee that gives way lets a waiter in well before it returns: half the call is neither one nearly whole
#: wait (a native call that gives way only on its way out) nor the few milliseconds that the interpreter promises.
GIVES_WAY_WAIT_SHARE = 0.5

#: Threshold: a hold this long is felt by others (an event loop, a progress bar, a heartbeat): one frame at 60 Hz.
FELT_HOLD_NS = 16_000_000

#: Threshold: by how much more of some calls a rival may have run than the ledger, in the same calls, leaves it before both
#: cannot be true. The rival stamps its turns in Python, outside of its own hand-overs: up to a tenth of a turn of 0.2 ms.
PROGRESS_SLACK = 0.1

#: Threshold: *overlaps* and *serialised* meet here. Two threads reach it when two calls run at once for a quarter of the
#: wall time. Measured controls of two threads lie far on both sides: 0.97 to 0.99 held, 1.90 to 1.98 released.
OVERLAP_LEAST_SPEEDUP = 1.25

#: Threshold: numbers of rounds after which the judge is asked, fixed beforehand.
ROUND_LOOKS = (3, 8, 16, 32, 64, 128)

#: Threshold: the error level of the intervals of speed-up and efficiency over all looks together, and at each of them
#: (six, and the one at which the budget ends).
ROUND_ALPHA = 0.05
ROUND_LOOK_ALPHA = ROUND_ALPHA / 7

#: Threshold: the extremes of so many rounds contain the median at the level of one look: 2 / 2^9 < 0.05 / 7.
ENOUGH_ROUNDS = 9

#: Threshold: of fewer rounds, so many or more are widened by this factor on both sides. What moves a round, apart from time
#: off the processor, which is bounded by itself, is clock frequency, caches, that calls differ, and the host. Looked at by
#: cutting long runs of real calls into pieces of so many rounds (``python -m benchmarks.overlap windows``): on a day on which
#: the host gave now one core and now two, one piece of 100 said, by its wall time and with these factors, another word than
#: its whole run. There the released control did so six times as often: it, and not the factor, guards against that.
FEW_ROUNDS_FACTORS = ((6, 1.05), (3, 1.15), (2, 1.25), (1, 2.0))

#: Threshold: the same for a control, which always does the same: what moves it is the machine, and that it shall tell.
FEW_CONTROLS_FACTOR = 1.05

#: Threshold: so many quiet rounds are taken alone. Their bounds contain what the machine would have given had nobody else
#: used it; all five would have to err to the same side (1 in 16), and by more than the factor above, which they get.
ENOUGH_QUIET_ROUNDS = 5

#: Threshold: or so many, if they are at least half of the rounds: a machine that is mostly left alone, and as good as one
#: on which only so many were made.
FEWEST_QUIET_ROUNDS = 3

#: Threshold: a round is quiet if the time that its threads were kept off the processor leaves its speed-up known to
#: this factor. Quiet ones are preferred; they are chosen by that time alone, never by what they say.
QUIET_ROUND_FACTOR = 1.15

#: Threshold: *serialised* may be said, although the released control was kept off the processor too often to show its
#: overlap, if the control's bounds leave room for this much: half-way, as a ratio, from the border to two threads'
#: full speed. Where a hypervisor or a quota takes the cores away, which no account shows, it does not reach this.
OPEN_CONTROL_SPEEDUP = 1.6

#: Threshold: the calls of the rounds are others than those whose holds the ledger timed alone; what they held may be this
#: much less of what they took.
AMDAHL_SLACK = 0.1

#: Threshold: work and sleep outside of the threads that are followed, below which their accounts tell everything.
UNACCOUNTED_SHARE = 0.1

#: Threshold: processor time that one thread's turn costs beside its calls, in threads that wait for theirs: passing the gate,
#: stamping. Seen: 0.03 to 0.13 ms.
TURN_NS = 100_000

#: Threshold: rounds end early once the efficiency is known to this half-width.
EFFICIENCY_HALF_WIDTH = 0.1

#: Threshold: the controls kept off the processor for at most this share of their time, nobody else used the machine to speak
#: of: one interruption of 4 ms in three rounds, and less than half of what a single busy process does on two processors.
LEFT_ALONE_SHARE = 0.1

#: Threshold: below this efficiency (its upper bound) a call falls short of the released control: more than a fifth of what
#: the machine gave that one is lost.
FALLS_SHORT_EFFICIENCY = 0.8

#: Threshold: below this efficiency (its upper bound) it is told why, if one loss explains it: one is named from a tenth on.
#: A large copy on two cores loses a fifth to the memory: asked from 0.8 on, three of ten checks named no cause.
ASKS_WHY_EFFICIENCY = 0.9

#: Threshold: one call alone that uses so many cores has threads of its own.
OWN_POOL_CORES = 1.5

#: Threshold: a loss is named if it is at least this share of the crew's thread time: with the border at 1.25, two
#: threads that stay below have lost 0.37 of it.
NAMED_LOSS_SHARE = 0.1

#: Threshold: a released control of such short calls spends its time on hand-overs under contention (5 to 50 µs each).
SHORT_FOR_OVERLAP_NS = 50_000

#: Threshold: slack between two witnesses of the same rounds before they contradict each other: the speed-up may be this
#: much above what the ledger's count of calls at once allows (calls that differ, caches warmed by the first arm).
CEILING_SLACK = 0.2

#: Threshold: between two runs a share counts as changed only beyond this, whatever its intervals say: they tell how calls of
#: one process differ, not how one build and another lie in memory. What moves by less moves a user's wall time by
#: less than one part in fifty.
DRIFT_SHARE = 0.02

#: Threshold: the same for factors, as a share of what it was. Two sessions differ by the clock of the processor and by where
#: threads are placed; nobody tells a speed-up of 1.9 from one of 1.8 by using it.
DRIFT_FACTOR_SHARE = 0.05
