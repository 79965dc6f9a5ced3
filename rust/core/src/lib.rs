//! The native core of pytest-gilcheck, without any Python binding.
//!
//! - [`clock`]: monotonic time and processor time in nanoseconds, and what a reading costs.
//! - [`workload`]: computations of a fixed length, for specimens and controls.
//! - [`barrier`]: where competing threads wait until a round begins.
//! - [`watchdog`]: a deadline that also works while the GIL is never released.
//! - [`readings`]: reads the kernel's accounts of threads while they work.
//! - [`sleepers`]: keeps where threads sleep.
//! - [`ledger`]: records which thread holds the GIL when; it reads no memory of the interpreter.
//! - [`cpython`]: finds the GIL in the interpreter and hooks the functions through which it changes hands.
//! - [`places`]: resolves addresses to source lines.
//!
//! `cpython`, `clock`, `places` and `watchdog` reach the operating system through `os`.

pub mod barrier;
pub mod clock;
pub mod cpython;
pub mod ledger;
mod os;
pub mod places;
pub mod readings;
pub mod sleepers;
mod unavailable;
pub mod watchdog;
pub mod workload;

pub use unavailable::{NotRecorded, Unavailable};
