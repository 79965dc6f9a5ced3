//! The ledger's hooks in `CPython`. No other module reads the interpreter's memory or changes how it calls functions.
//!
//! Any doubt about what a part of memory is ends in [`Unavailable`](crate::Unavailable). Nothing relies on a table of
//! versions.
//!
//! - [`attachment`]: finds the word that says whether a thread is attached, where there is no GIL, and samples it.
//! - [`attach_hooks`]: the functions that native modules call there instead of the interpreter's, to attach and detach.
//! - [`attach_log`]: what these write down, and the laws that it must satisfy.
//! - [`symbols`]: the interpreter's functions, resolved at run time.
//! - [`locate`]: finds the GIL by its shape and verifies it by releasing and taking it.
//! - [`hook`]: a function that is replaced, and where.
//! - [`hooks`]: the functions that the interpreter calls instead of the C library's while a check runs.
//! - [`drop_request`]: distinguishes releases by the interpreter from releases by the function.
//! - [`stacks`]: records native stacks of releases and takes.
//! - [`thread_exit`]: keeps threads out of an interpreter that has ended.
//! - [`instrument`](mod@instrument): installs the hooks and removes them.

pub mod attach_hooks;
pub mod attach_log;
pub mod attachment;
mod drop_request;
mod hook;
mod hooks;
mod instrument;
mod locate;
pub mod stacks;
mod symbols;
pub mod thread_exit;

pub use crate::os::current_thread;
pub use instrument::{Instrument, Layout, instrument};
