//! Records which thread holds the GIL when, from the releases, takes and waits that the hooks report.
//!
//! The hooks call the [`Recorder`] *while the GIL's own mutex is held*, which serialises them: the recorder needs no lock,
//! allocates nothing and never panics. Each [`Account`] is written by its own thread only. Readers see running totals and
//! a bounded [`EventLog`]. If the log is full it drops and counts events; the totals stay exact.

mod account;
mod active;
mod atomic;
mod delay;
mod log;
mod meter;
#[cfg(all(test, loom))]
mod models;
mod recorder;
mod spans;

pub use account::{Account, Accounts, State};
pub use active::OtherThread;
pub use log::{EventKind, EventLog, GilEvent};
pub use meter::Meter;
pub use recorder::Recorder;
pub use spans::{Detail, SpanError, SpanFigures, SpanStart};
