//! The native core of pytest-gilcheck, free of any Python binding.
//!
//! - [`clock`]: nanoseconds, processor time, and what one reading costs.
//! - [`gate`]: the barrier at which the rounds of competing threads begin.
//! - [`ledger`]: which thread held the GIL when; pure bookkeeping, no interpreter memory.
//! - [`interpreter`]: the one folder that reads the interpreter's memory and re-points its functions.
//! - [`labour`]: work of a fixed amount, for controls.
//! - [`places`]: which line of whose source is an address?
//! - [`watchdog`]: the deadline that also works while the GIL is never given back.

pub mod clock;
pub mod gate;
pub mod interpreter;
pub mod labour;
pub mod ledger;
pub mod places;
pub mod watchdog;
