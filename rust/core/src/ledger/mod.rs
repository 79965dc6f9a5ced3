//! Which thread held the GIL when? Bookkeeping over hand-overs, without any interpreter memory.
//!
//! The [`Recorder`] is told of every hand-over *while the GIL's own mutex is still held*, so that its callers are
//! serialised by that mutex: it needs no lock, allocates nothing and never panics. Each thread's [`Account`] is
//! written by that thread alone. Readers see running totals and a bounded [`EventLog`]; where the log is full,
//! events are dropped and counted, and the totals stay exact.

mod account;
mod log;
mod meter;
mod recorder;
mod spans;

pub use account::{Account, Accounts, State};
pub use log::{Event, EventLog, Kind};
pub use meter::Meter;
pub use recorder::Recorder;
pub use spans::{SpanError, SpanFigures, SpanStart};
