//! Stands for an operating system or processor without a ledger: nothing is found, and nothing is changed.

use std::convert::Infallible;
use std::ffi::{CStr, CString};

use super::memory::{CodeLocation, GotEntry, Memory};
use super::{ProcessorAccount, ThreadState};
use crate::Unavailable;

/// Returns that the ledger is not available here.
pub fn check_supported() -> Result<(), Unavailable> {
    Err(Unavailable::Platform(std::env::consts::OS))
}

/// A loaded object. There is none.
#[derive(Clone, Debug)]
pub struct LoadedObject(Infallible);

impl LoadedObject {
    /// Returns whether `address` lies in this object.
    pub fn contains(&self, _address: usize) -> bool {
        match self.0 {}
    }

    /// Returns the address of the header of its call frame information.
    pub fn frame_header(&self) -> Option<usize> {
        match self.0 {}
    }

    /// Returns its first address.
    pub fn start(&self) -> usize {
        match self.0 {}
    }

    /// Returns the GOT entries through which this object calls `function`.
    pub fn got_entries(&self, _function: &CStr) -> Vec<GotEntry> {
        match self.0 {}
    }

    /// Returns every word that leads to one of these functions.
    pub fn references(&self, _functions: &[&CStr]) -> Vec<(usize, usize, bool)> {
        match self.0 {}
    }
}

/// The loaded objects. There are none.
#[derive(Debug, Default)]
pub struct LoadedObjects {
    /// How many objects have been loaded and unloaded.
    pub n_changes: u64,
    /// None.
    pub objects: Vec<(CString, LoadedObject)>,
}

/// Returns no objects.
pub fn loaded_objects() -> LoadedObjects {
    LoadedObjects::default()
}

/// A loaded object that is kept. There is none.
#[derive(Debug)]
pub struct KeptObject(Infallible);

impl KeptObject {
    /// Keeps nothing.
    pub fn new(_file: &CStr, object: &LoadedObject) -> Option<Self> {
        match object.0 {}
    }
}

/// Returns no object.
pub fn object_at(_address: usize) -> Option<LoadedObject> {
    None
}

/// Returns no symbol.
pub fn symbol(_name: &CStr) -> Option<usize> {
    None
}

/// Returns no function.
pub fn real_function(_name: &CStr, _version: Option<&CStr>) -> Option<usize> {
    None
}

/// Does nothing: nothing is sampled here.
pub fn sharpen_timer() {}

/// Returns 0: the size is not known.
pub fn symbol_size_at(_address: usize) -> usize {
    0
}

/// Returns no location.
pub fn code_at(_address: usize) -> Option<CodeLocation> {
    None
}

/// Memory of this process. It cannot be read.
#[derive(Debug)]
pub struct ProcessMemory(Infallible);

impl ProcessMemory {
    /// Returns that memory cannot be read.
    pub fn open() -> Result<Self, Unavailable> {
        Err(Unavailable::MemoryUnreadable)
    }
}

impl Memory for ProcessMemory {
    fn read(&self, _address: usize, _bytes: &mut [u8]) -> bool {
        match self.0 {}
    }
}

/// Returns false and writes nothing.
///
/// # Safety
///
/// Always safe; the implementations for other systems are not.
pub unsafe fn write_word(_address: usize, _value: usize) -> bool {
    false
}

/// Returns false and writes nothing.
///
/// # Safety
///
/// Always safe; the implementations for other systems are not.
pub unsafe fn write_words(_words: &[(usize, usize)]) -> bool {
    false
}

/// Returns no run delay.
#[must_use]
pub fn run_delay_ns() -> Option<u64> {
    None
}

/// Returns that the account of the calling thread is not known.
#[must_use]
pub fn processor_account() -> Option<ProcessorAccount> {
    None
}

/// Returns that the account of a thread is not known.
#[must_use]
pub fn processor_account_of(_thread_id: u32) -> Option<ProcessorAccount> {
    None
}

/// Returns that it is not known how often the calling thread slept.
#[must_use]
pub fn n_sleeps() -> Option<u64> {
    None
}

/// Returns 1 and moves nothing: the scheduler places threads.
pub fn move_to_processor(_index: usize) -> usize {
    1
}

/// Returns 0: the stack cannot be walked.
pub fn walk_stack(_boundary: usize, _frames: &mut [usize]) -> usize {
    0
}

/// Returns that the state of a thread is not known.
#[must_use]
pub fn thread_state(_thread_id: u32) -> Option<ThreadState> {
    None
}

/// Returns no name.
#[must_use]
pub fn system_call_name(_number: i64) -> Option<&'static str> {
    None
}

/// Runs `work`.
pub fn preserve_errno<T>(work: impl FnOnce() -> T) -> T {
    work()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_platform_is_the_reason() {
        let reason = check_supported().expect_err("unsupported");

        assert_eq!(reason, Unavailable::Platform(std::env::consts::OS));
        assert_eq!(reason.slug(), "ledger-platform");
    }

    #[test]
    fn nothing_is_found_and_nothing_is_written() {
        let word = 1usize;
        let address = std::ptr::from_ref(&word) as usize;

        assert!(object_at(address).is_none() && code_at(address).is_none() && symbol(c"malloc").is_none());
        assert!(ProcessMemory::open().is_err() && run_delay_ns().is_none());
        assert!(thread_state(1).is_none() && system_call_name(0).is_none());
        // SAFETY: this implementation writes nothing.
        assert!(!unsafe { write_word(address, 2) });
        assert_eq!((word, walk_stack(0, &mut [0; 4]), move_to_processor(3)), (1, 0, 1));
    }
}
