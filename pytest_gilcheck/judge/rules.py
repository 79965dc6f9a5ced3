"""Every threshold, with its derivation."""

from __future__ import annotations

#: Threshold: *released*. The contract's word for "lets others run for at least 19 of 20 parts of the call". Two threads
#: that call it then run at least 1.9 times as fast (Amdahl: 1 / (0.05 + 0.95 / 2)), which no user tells from 2.
RELEASED_MOST_HELD_SHARE = 0.05

#: Threshold: *held*. The mirror image: others get at most one part in twenty.
HELD_LEAST_HELD_SHARE = 0.95

#: Threshold: how much longer one part of a single call may have taken, against the other, than in a typical one. Caches,
#: page faults and a shared processor's other tenants make it so, and nobody records them. Beside four busy processes one
#: call that reads and decodes a file decoded 12 times as long against its reading: 15 covers that. On an idle machine one
#: call that compresses 10 MB held for 0.38 of its time (page faults of a fresh buffer) and for 0.03 in all others, 20
#: times as long against the rest. At 15 its lower bound is 0.039, so that even this call decides no wrong word. One call
#: alone decides *released* below 0.0035, *partial* between 0.4412 and 0.5588, and *held* above 0.9965 or where it never
#: let go; several calls decide the rest.
SINGLE_CALL_FACTOR = 15.0

#: Threshold: a held share is known as a figure, and not only as a word, within this much to either side. Two threads that
#: hold it are at best 2 / (1 + share) times as fast as one: within the half-width that moves by less than 0.1, the
#: half-width to which an efficiency is wanted. Half and half in one call is known between 0.0625 and 0.9375 only.
SHARE_HALF_WIDTH = 0.05

#: Threshold: by how much more than the longest hold a timeline may show as held in one piece, and the other way round,
#: besides one slice of it. It is drawn from one call, and the longest hold is the median over calls.
TIMELINE_SLACK = 0.1

#: Threshold: how many times as long as the longest hold of the judged calls a hold of the diagnosing pass may be. A cold
#: cache or an interrupt made a hold of 4.75 µs 1.8 ms long, and the pass named the wrong line.
SAME_HOLD_FACTOR = 2.0

#: Threshold: a call is undisturbed if it was ready to run and not running for at most this share of it. Even if all of
#: that fell on one state, the share moves by no more than the distance of either border from its end.
UNDISTURBED_SHARE = 0.05

#: Threshold: from so many undisturbed calls on, the others are left out. Seven is the smallest look of several calls
#: (`plan.size.LOOKS`).
ENOUGH_UNDISTURBED_CALLS = 7

#: Threshold: a call whose predecessor took so many times as long was perhaps still warming up itself. (rapidfuzz's
#: workers held 0.53 and 0.27 of the first two calls after the pilot, and 0.01 of all later ones.)
COLD_CALL_FACTOR = 2.0

#: Threshold: so may one whose share differs by this much from its predecessor's, beyond the bounds of both. It is the
#: difference that counts as a change between two runs (`DRIFT_SHARE`).
COLD_SHARE_DIFFERENCE = 0.02

#: Threshold: the error level of the interval of the median over several calls. There are at most four looks, so
#: that each may err in one of 400 checks for all of them together to err in one of 100.
MEDIAN_ALPHA = 0.0025

#: Threshold: so many batches of calls, and as many windows between them, tell the callee's own threads from neighbours. A
#: thread that has nothing to do with the call takes the GIL in all seven batches and in none of seven windows once in
#: 14 choose 7 = 3,432 checks, less than `MEDIAN_ALPHA`.
ENOUGH_BATCHES = 7

#: Threshold: and the callee's own threads hold the GIL this many times as much within the calls. What a worker of a pool
#: does after it has delivered its result falls between the calls: some 0.1 ms.
OWN_THREADS_FACTOR = 10.0

#: Threshold: a thread that holds the GIL for this share of every call is busy with it: it would be met in windows of any
#: length if it were busy without it, too.
BUSY_SHARE = 0.2

#: Threshold: threads that were met in no more spans than this are judged together: those of somebody who starts a thread
#: for each piece of work. One that lives while a call ends is met in that call and in the window after it.
RARELY_MET = 2

#: Threshold: a neighbour takes the GIL up to so many times as much while the call does not hold it as between the calls.
#: It has waited for the call's holds, and then makes up for them: at a held share of one half it does so twice as fast.
NEIGHBOUR_VARIES_FACTOR = 2.0

#: Threshold: other threads' holds, as a share of the call, from which on windows are recorded. Below it their bounds are
#: narrower than the noise.
OTHERS_MATTER_SHARE = 0.005

#: Threshold: the sampled share of attached time has an interval of this many standard deviations to either side. One in
#: a thousand lies outside, and there are at most three looks (`MEDIAN_ALPHA`).
SAMPLED_SHARE_Z = 3.29

#: Threshold: so many samples decide *detached* and *attached* if all of them agree: Wilson's bound of none of n is
#: z² / (n + z²), which is below the border of 0.05 from 206 on.
ENOUGH_SAMPLES = 206

#: Threshold: the chance that no sample meets a share of the recorded attached time that was not attached, of which the
#: bounds then know nothing. It is that of `SAMPLED_SHARE_Z`. (None of n samples meets a share u once in (1 - u) ** n.)
MISSED_CHANCE = 0.001

#: Threshold: so many samples have to confirm a recorded detached time. Only a module that looked its functions up by itself, as
#: code of a just-in-time compiler does, could attach there unseen. If it did so for a third of the time, all of these would
#: miss it once in 3,300 checks, and for half of it once in a million.
CONFIRMING_SAMPLES = 20

#: Threshold: in so many calls a tenth of the call has to be sampled, so that all samples together speak of it. Beside a load
#: hardly one call is sampled throughout, and samples of some calls may always lie in the same part. If the interpreter
#: detached for half of a tenth in each call, samples of ten calls would miss it once in a thousand (`MISSED_CHANCE`).
SAMPLED_CALLS = 10

#: Threshold: a recorded share is exact if its bounds lie no further apart. It is the difference that counts as a change
#: between two runs (`DRIFT_SHARE`). For a call that is attached throughout, 342 samples confirm it that closely.
RECORDED_WIDTH = 0.02

#: Threshold: threads that work for the call are attached in so many of the calls, for at least half as long as in all of
#: them together. One call in ten may be one that was hardly sampled.
OWN_WORK_CALLS_SHARE = 0.9

#: Threshold: other threads matter if they were attached, and the call's own was not, in more than this share of the
#: samples. It is a fifth of the distance of either border from its end.
OTHERS_ATTACHED_SHARE = 0.01

#: Threshold: other threads that hold the GIL for more than this share of the time between the calls keep a waiter waiting
#: as well as the call does: how long the call alone does is not known then.
NEIGHBOURS_HOLD_SHARE = 0.02

#: Threshold: time that the host or a quota took away, as a share of the calls, above which bounds allow for it. Nobody
#: records which thread it hit, and in which state. Two in a hundred moves no share by more than half of the distance of
#: either border from its end.
STOLEN_SHARE = 0.02

#: Threshold: a call that holds the GIL and neither uses the processor nor is ready to for this share of its time sleeps
#: there: it reads a file, a socket or a pipe, or waits for a lock. A quarter is far above what page faults take.
SLEEPS_WHILE_HOLDING_SHARE = 0.25

#: Threshold: where the system does not report it, time off the processor may be all of what processor time leaves of a
#: call. The two clocks are read one after the other: so much is no doubt.
UNREPORTED_DELAY_NS = 20_000

#: Threshold: where the time off the processor is not known by state, a call is resolved if its thread was ready but not
#: running for at most this share of it. The bounds of such a call are no wider apart than 0.005 / 0.995, about a
#: tenth of the distance of either border from its end.
UNRESOLVED_SHARE = 0.005

#: Threshold: the same where a thread of the callee's own works for the call. What both threads did at one moment is bounded
#: by what the call's own one used the processor for, some 0.2 ms in all, which is 1 % of a call of 20 ms. The bounds say so;
#: this only tells such calls from those in which the worker's delay was not known: as far as either border from its end.
UNRESOLVED_WITH_WORKER_SHARE = 0.05

#: Threshold: a call that computes all the time but for so little may have been stopped then by what no account shows: the host
#: takes a processor away, and `stolen` counts in steps of 10 ms. Of 36 calls of 310 ms beside busy processes one lacked 2.2 ms,
#: the others at most 0.1 ms, and its exact interval excluded the truth. A call that is off the processor for longer sleeps.
UNSEEN_SHARE = 0.02

#: Bounds of the processor time that a thread uses beside its work: for the instrument's readings at a release and a take (5 to
#: 15 µs each), and whenever it wakes in a wait for the GIL, once in a switch interval (10 to 20 µs).
READINGS_CPU_NS = 50_000
WAKE_CPU_NS = 50_000

#: Threshold: delay by state cannot exceed what the processor time leaves of the call. If it does by more than this share
#: of the processor time, and by more than so many clock readings (it is read a little after the end; 200 readings of
#: 25 ns are 5 µs), it is not the call's. Read after another system call, in whose way out the thread was preempted, all
#: of a held call's time once counted as delay, and what was left had a share of 0.5.
CONTRADICTED_DELAY_SHARE = 0.05
CONTRADICTED_DELAY_READINGS = 200

#: Threshold: the shortest call whose share means something, in prices of one clock reading. A span costs about one
#: reading between its stamps. At twenty that is 0.05 of the call, the distance of either border from its end: in a
#: shorter call the price alone could change the word.
SHORTEST_CALL_IN_CLOCK_PRICES = 20

#: Threshold: below this a *held* call may be one whose release only begins with larger inputs. The releases known to
#: depend on size begin between 32 bytes and 1 MB, all of them well below 0.1 ms of work.
SMALL_INPUT_NS = 100_000

#: Threshold: releases per millisecond of call above which letting go and taking back is itself a cost worth naming. A
#: contended pair costs 5 to 50 microseconds, so that 20 of them in a millisecond cost from a tenth of it to all of it.
CHATTER_PER_MS = 20.0

#: Threshold: and at least so many in one call. Ten contended pairs cost at least 50 microseconds; a short call that lets
#: go once has no such cost.
CHATTER_PER_CALL = 10

#: Threshold: a callee that gives way lets a waiter in well before it returns. Half the call separates one nearly whole
#: wait (a native call that gives way only on its way out) from the few milliseconds that the interpreter promises.
GIVES_WAY_WAIT_SHARE = 0.5

#: Threshold: a hold this long is felt by others (an event loop, a progress bar, a heartbeat): one frame at 60 Hz takes
#: 16.7 ms.
FELT_HOLD_NS = 16_000_000

#: Threshold: by how much more of some calls a background thread may have run than the ledger, in the same calls, leaves
#: it, before both cannot be true. The background thread stamps its phases in Python, outside of its own takes and
#: releases: up to a tenth of a phase of 0.2 ms.
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

#: Threshold: the extremes of so many rounds contain the median at the level of one look: 2 / 2^9 < 0.05 / 7 < 2 / 2^8.
ENOUGH_ROUNDS = 9

#: Threshold: the interval of fewer rounds, of so many or more, is widened by this factor on both sides. What moves a
#: round, apart from time off the processor, which has bounds of its own, is clock frequency, caches, that calls differ,
#: and the host. Long runs of real calls were cut into pieces of so many rounds (``python -m benchmarks.overlap windows``).
#: On a day on which the host gave now one core and now two, one piece of 100 said, by its wall time and with these
#: factors, another word than its whole run. The released control of such a piece did so six times as often: the control,
#: and not the factor, guards against that.
FEW_ROUNDS_FACTORS = ((6, 1.05), (3, 1.15), (2, 1.25), (1, 2.0))

#: Threshold: the same for a control, which always does the same: only the machine moves it, and its interval is to show
#: that.
FEW_CONTROLS_FACTOR = 1.05

#: Threshold: so many undisturbed rounds are taken alone. Their bounds contain what the machine would have given had
#: nobody else used it. All five would have to err to the same side (1 in 16), and by more than the factor above, which
#: they get.
ENOUGH_UNDISTURBED_ROUNDS = 5

#: Threshold: so are this many, the number of the first look, if they are at least half of the rounds: a machine that is
#: mostly left alone is as good as one on which only so many rounds were made.
FEWEST_UNDISTURBED_ROUNDS = 3

#: Threshold: a round is undisturbed if the time that its threads were kept off the processor leaves its speed-up known
#: to this factor, by which three rounds are widened in any case. Undisturbed rounds are preferred; they are chosen by
#: that time alone, never by their ratio.
UNDISTURBED_ROUND_FACTOR = 1.15

#: Threshold: *serialised* may be said, although the released control was kept off the processor too often to show its
#: overlap, if the control's bounds leave room for this much. It is half-way, as a ratio, from the border to two threads'
#: full speed: the root of 1.25 * 2 is 1.58. Where a hypervisor or a quota takes the cores away, which no account shows,
#: the control does not reach this.
OPEN_CONTROL_SPEEDUP = 1.6

#: Threshold: the calls of the rounds are not those whose holds the ledger timed alone; they may have held this much less
#: of their time.
AMDAHL_SLACK = 0.1

#: Threshold: work and sleep outside of the threads that we follow, as a share, up to which their accounts are complete.
UNACCOUNTED_SHARE = 0.1

#: Threshold: work of other threads, as a share of that of those we follow, up to which no thread that makes calls waits for one of
#: them. A worker that is handed 20 µs of a call of 1 ms may be kept off the processor for as long as the call takes.
SPARE_WORK_SHARE = 0.02

#: Threshold: processor time that one thread run costs beside its calls, in threads that wait for their phase: passing the
#: gate, stamping. Measured: 0.03 to 0.13 ms.
THREAD_RUN_NS = 100_000

#: Threshold: rounds end early once the efficiency is known to this half-width.
EFFICIENCY_HALF_WIDTH = 0.1

#: Threshold: if the controls were kept off the processor for at most this share of their time, nobody else used the
#: machine to speak of. That is one interruption of 4 ms in three rounds, and less than half of the quarter that a single
#: busy process takes on two processors.
LEFT_ALONE_SHARE = 0.1

#: Threshold: in a single round they must have been kept off for this share to show as much: twice that. One interruption of
#: 4 ms is three times as much of one round as of three.
PLAINLY_BUSY_SHARE = 0.2

#: Threshold: below this efficiency (its upper bound) a call falls short of the released control: more than a fifth of what
#: the machine gave that one is lost.
FALLS_SHORT_EFFICIENCY = 0.8

#: Threshold: below this efficiency (its upper bound) the verdict names a cause, if one loss explains it: losses count from
#: a tenth on (`NAMED_LOSS_SHARE`). A large copy on two cores loses a fifth to the memory: with 0.8 here, three of ten
#: checks named no cause.
ASKS_WHY_EFFICIENCY = 0.9

#: Threshold: one call alone that uses so many cores has threads of its own: half-way from one core to two.
OWN_POOL_CORES = 1.5

#: Threshold: and so do calls beside which, in this part of the looks, two threads or more are running or ready: two threads that
#: share work evenly are, until the first is done. Who hands work on and sleeps shows as two only until it sleeps. (Beside two busy
#: processes: 0.36 to 0.56 for a pool of two, at most 0.21 for one thread that works in the caller's place.)
OWN_POOL_LOOKS_SHARE = 0.3

#: Threshold: in so many looks at least.
FEWEST_LOOKS = 12

#: Threshold: a loss is named if it is at least this share of the competing threads' time. It is well below what a
#: serialised call loses: two threads that stay below the border of 1.25 have lost 0.37.
NAMED_LOSS_SHARE = 0.1

#: Threshold: a released control of calls shorter than this spends its time on releases and takes under contention, which
#: cost 5 to 50 µs each.
SHORT_FOR_OVERLAP_NS = 50_000

#: Threshold: slack between two witnesses of the same rounds before they contradict each other. The speed-up may be this
#: much above what the ledger's count of calls at once allows (calls that differ, caches warmed by the first arm).
CEILING_SLACK = 0.2

#: Threshold: moments are looked at in which each thread is within calls that were delayed for at most this share of their
#: time. In the first, typical rates are read as they are (`UNDISTURBED_SHARE`). The others leave less time that is surely
#: together, from more moments: a call of 20 ms beside a busy process is delayed for half of its time.
DELAY_SHARES = (UNDISTURBED_SHARE, 0.25, 1.0)

#: Threshold: moments of a round count if at least this share of them is surely together. Below it what the threads lose
#: at other times hides what they lose together.
DENSE_SHARE = 0.25

#: Threshold: calls must have run together for so long. An account is read within 50 µs of the moment that it is of. A
#: stretch of 1 ms, one thread's work in a round of the default budget, is wrong by a tenth then; ten of them, of
#: independent readings, by three in a hundred.
LEAST_TOGETHER_NS = 10_000_000

#: Threshold: for half as long where the accounts were also read from outside. How long that is, and who worked then, is known
#: to a reading of 40 µs in each half millisecond.
LEAST_READ_TOGETHER_NS = 5_000_000

#: Threshold: and for so many calls, where they are long: two meet each part of a call with each part of another.
LEAST_TOGETHER_CALLS = 2.0

#: Threshold: a longer call beside busy processes is interrupted in each of its runs. Time slices are 0.7 ms (one processor)
#: to 4 ms (a clock of 250 Hz).
TIME_SLICE_NS = 3_000_000

#: Threshold: a thread that used a processor for so long between two readings surely ran in between. A reading of all accounts
#: takes 20 to 40 µs, and the processor time is read after the delay.
READING_SLACK_NS = 50_000

#: Threshold: in a piece between two readings of which so much is surely together, what a thread worked is known to the rest:
#: at three quarters, the bounds of one piece are as far apart as the border of 1.25 and full speed.
DENSE_PIECE_SHARE = 0.75

#: Threshold: a piece is quiet if its threads were kept off the processor for at most this share of it, in sum. Beside two busy
#: processes that leaves 5 to 20 ms of a check. Half a lock came out at 1.64 to 1.79 there, for a truth of 1.6, and at 1.6 to 1.88 in
#: dense pieces.
QUIET_SHARE = 0.25

#: Threshold: of a call that is longer than a time slice, each quarter must have run together with others for so long: four
#: times what a reading is wrong by at most. Rounds begin together: beside four busy processes all of the time together would
#: lie in the first milliseconds, and a lock in the rest would not be seen. Such calls need to have run together for the time
#: of one call only, since it is known that all of it was met.
LEAST_STAGE_NS = 200_000

#: Threshold: by how many standard errors the moments of other rounds may give another figure. Three of a normal distribution
#: are exceeded once in 370 times.
STANDARD_ERRORS = 3.0

#: Threshold: and in so many rounds, as many as the first look has.
FEWEST_TOGETHER_ROUNDS = 3

#: Threshold: from so many serial stamps of a thread on the first is left out, which may still be warming up.
ENOUGH_SERIAL_STAMPS = 3

#: Threshold: a call that sleeps alone varies if one sleeps for longer than another by this factor. Then it waits for
#: somebody, a thread or a process, who may be kept off the processor; one that waits for a time does not vary, but for the
#: timer's slack of 50 µs.
SLEEP_VARIES_FACTOR = 1.25

#: Threshold: the system counts stolen time in ticks of up to 10 ms. One may have been counted although less was stolen.
STOLEN_TICK_NS = 10_000_000

#: Threshold: on a machine that is not left alone, short rounds take this many times the time of whole rounds. A whole round
#: spends a ninth of its time on calls that run together, a short one up to half of it.
SHORT_ROUNDS_FACTOR = 4.0

#: Threshold: each thread makes so many serial stamps before an arm of them may be left out: two show if the first was slow.
LEAST_SERIAL_STAMPS = 2

#: Threshold: of the time of the calls, serial arms get this part at least. What calls take alone is a median, and soon known;
#: moments together are a quarter of the time beside two busy processes, and all of them count.
SERIAL_SHARE = 0.25

#: Threshold: between two runs a share counts as changed only beyond this, whatever its intervals say: they show how calls
#: of one process differ, not how one build and another lie in memory. What moves by less moves a user's wall time by
#: less than one part in fifty.
DRIFT_SHARE = 0.02

#: Threshold: the same for factors, as a share of what it was. Two sessions differ by the clock of the processor and by
#: where threads are placed; nobody tells a speed-up of 1.9 from one of 1.8 by using it.
DRIFT_FACTOR_SHARE = 0.05

#: Threshold: for machines of so many cores projections are made: a desktop, a server, a large server.
PROJECTED_CORES = (8, 32, 128)

#: Threshold: no projection is made where one thread's calls take this many times as long as another's. What more threads
#: would have to do is not known then.
EVEN_FACTOR = 1.25

#: Threshold: threads that sleep for less than this share of their time, beyond what they do alone, wait for no inner lock that
#: matters. The clocks of a call of 1 ms err by 20 µs.
LOCK_FREE_SHARE = 0.02

#: Threshold: a function is named as the one in which threads sleep, or wait for each other, only if more than this share of what
#: was seen is in it. Then no other one has as much.
SAME_SLEEPS_SHARE = 0.5

#: Threshold: and only if so many were seen in it. If it had half of them only, all of eight would be in it once in 256 times.
FEWEST_SLEEPS = 8

#: Threshold: so much of a call may be under a lock that does not show then. Rounds begin together, and a tenth of a call under
#: a lock makes one of two first calls wait for all of it: of five calls, 1 % of the time. Half of that passes unseen.
HIDDEN_SHARE = 0.05
