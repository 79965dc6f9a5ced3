//! A function of the C library that the interpreter imports, and the GOT entries through which it calls ours instead.

use std::ffi::CStr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed, Ordering::Release};

/// No mutex, structure, function or thread has this address.
pub const NO_ADDRESS: usize = 0;

/// The number of GOT entries of one function that are looked at again. An object has one or two.
const MAX_ENTRIES: usize = 4;

/// A function of the C library that the interpreter imports, and what it calls in its place.
#[derive(Debug)]
pub struct Hook {
    /// The name of the C library's function.
    pub name: &'static CStr,
    /// Returns the address of our function.
    pub replacement: fn() -> usize,
    /// The address of the function that ours calls: the C library's, or a hook that was there before.
    real: AtomicUsize,
    /// The GOT entries that lead to ours.
    entries: [AtomicUsize; MAX_ENTRIES],
    /// What these held when the recording began: ours, or a function of another tool that calls ours.
    at_start: [AtomicUsize; MAX_ENTRIES],
}

impl Hook {
    /// Makes a hook that is not installed.
    pub const fn new(name: &'static CStr, replacement: fn() -> usize) -> Self {
        Self {
            name,
            replacement,
            real: AtomicUsize::new(NO_ADDRESS),
            entries: [const { AtomicUsize::new(NO_ADDRESS) }; MAX_ENTRIES],
            at_start: [const { AtomicUsize::new(NO_ADDRESS) }; MAX_ENTRIES],
        }
    }

    /// Sets the function that the hook calls. Called before the hook is installed, and not while it is.
    pub fn set_real(&self, real: usize) {
        self.real.store(real, Release);
    }

    /// Returns the address of that function.
    #[inline]
    pub fn real(&self) -> usize {
        self.real.load(Relaxed)
    }

    /// Sets the GOT entries that lead to the hook.
    pub fn set_entries(&self, addresses: impl Iterator<Item = usize>) {
        for (entry, address) in self.entries.iter().zip(addresses.chain(std::iter::repeat(NO_ADDRESS))) {
            entry.store(address, Release);
        }
    }

    /// Keeps what these entries hold now. A tool that came on top of the hook in an earlier recording still calls it.
    pub fn keep_entries(&self) {
        for (entry, at_start) in self.entries.iter().zip(&self.at_start) {
            at_start.store(value_of(entry), Release);
        }
    }

    /// Returns whether all of these entries hold what they held then.
    pub fn is_installed(&self) -> bool {
        self.entries.iter().zip(&self.at_start).all(|(entry, at_start)| value_of(entry) == at_start.load(Relaxed))
    }
}

/// Returns the address in a GOT entry; [`NO_ADDRESS`] if there is no such entry.
fn value_of(entry: &AtomicUsize) -> usize {
    match entry.load(Relaxed) {
        NO_ADDRESS => NO_ADDRESS,
        // SAFETY: the entry belongs to the object of the interpreter, which is not unloaded; everybody accesses it
        // atomically.
        address => unsafe { (*(address as *const AtomicUsize)).load(Relaxed) },
    }
}
