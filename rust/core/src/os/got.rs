//! Redirects the calls of a loaded object to a function of ours, through its GOT entries, and restores them.

use std::ffi::CStr;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use super::{LoadedObject, real_function, write_word};
use crate::Unavailable;

/// The GOT entries of one function in one object, before they are redirected.
#[derive(Debug)]
pub struct Entries {
    /// (address of the entry, its content).
    entries: Vec<(usize, usize)>,
    /// The function that the entries lead to.
    real: usize,
}

/// Finds the GOT entries through which `object` calls `function`.
///
/// An entry that points out of the object may lead to the function itself or to a hook of somebody else; either is called
/// as it is. An entry that still points to the object's own lazy stub is resolved first.
pub fn find(object: &LoadedObject, function: &'static CStr) -> Result<Entries, Unavailable> {
    let name = function.to_str().unwrap_or("a function");
    let mut entries = Vec::new();
    let mut real = None;
    for entry in object.got_entries(function) {
        // SAFETY: the address is that of a GOT entry, by the dynamic linker's own tables: an aligned word that stays mapped
        // as long as the object is loaded, and that the dynamic linker writes in one piece.
        let content = unsafe { load(entry.address) };
        let target = if content == 0 || object.contains(content) {
            real_function(function, entry.version.as_deref()).ok_or(Unavailable::MissingSymbol(name))?
        } else {
            content
        };
        if real.is_some_and(|real| real != target) {
            return Err(Unavailable::NotVerified("two GOT entries of one function lead to different functions"));
        }
        real = Some(target);
        entries.push((entry.address, content));
    }
    Ok(Entries { entries, real: real.ok_or(Unavailable::NoGotEntry(name))? })
}

impl Entries {
    /// Returns the function that a hook in these entries has to call.
    pub fn real(&self) -> usize {
        self.real
    }

    /// Lets all of these entries lead to `hook`. If one cannot be written, none is changed.
    pub fn redirect(self, hook: usize) -> Result<Redirected, Unavailable> {
        let mut redirected = Redirected { hook, entries: Vec::new() };
        for (address, content) in self.entries {
            // SAFETY: the entry is an aligned word of a loaded object (`find`). Other threads only load it in one piece to
            // call through it, and both the old and the new content are functions of the same type.
            if !unsafe { write_word(address, hook) } {
                redirected.restore();
                return Err(Unavailable::PageLocked);
            }
            redirected.entries.push((address, content));
        }
        Ok(redirected)
    }
}

/// GOT entries that lead to a hook.
#[derive(Debug)]
pub struct Redirected {
    hook: usize,
    /// (address of the entry, its former content).
    entries: Vec<(usize, usize)>,
}

impl Redirected {
    /// Returns the addresses of the entries.
    pub fn addresses(&self) -> impl Iterator<Item = usize> + '_ {
        self.entries.iter().map(|(address, _)| *address)
    }

    /// Restores the entries that still lead to our hook; returns whether all are restored.
    ///
    /// Where somebody else has put a hook over ours, ours stays in and only passes calls on. A later call tries again.
    pub fn restore(&mut self) -> bool {
        let hook = self.hook;
        self.entries.retain(|(address, content)| {
            // SAFETY: as in `redirect`. The object is that of the interpreter, which is never unloaded.
            let restored = unsafe { load(*address) == hook && write_word(*address, *content) };
            !restored
        });
        self.entries.is_empty()
    }
}

/// Reads a GOT entry.
///
/// # Safety
///
/// `address` is that of an aligned, mapped word that other threads access atomically only.
unsafe fn load(address: usize) -> usize {
    // SAFETY: the caller guarantees an aligned, mapped word, for which the layout of `AtomicUsize` is that of `usize`.
    unsafe { (*(address as *const AtomicUsize)).load(SeqCst) }
}

#[cfg(test)]
#[cfg(not(gilcheck_unsupported_os))]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    fn entry(word: &'static AtomicUsize) -> (usize, Entries) {
        let (address, content) = (std::ptr::from_ref(word) as usize, word.load(SeqCst));
        (address, Entries { entries: vec![(address, content)], real: content })
    }

    #[test]
    fn an_entry_is_redirected_and_restored() {
        static WORD: AtomicUsize = AtomicUsize::new(111);
        let (address, entries) = entry(&WORD);

        let mut redirected = entries.redirect(222).expect("writable");

        // SAFETY: `address` is that of an atomic word that stays.
        assert_eq!(unsafe { load(address) }, 222);
        assert!(redirected.restore());
        // SAFETY: as above.
        assert_eq!(unsafe { load(address) }, 111);
    }

    #[test]
    fn an_entry_that_somebody_else_redirected_is_left_alone() {
        static WORD: AtomicUsize = AtomicUsize::new(111);
        let (address, entries) = entry(&WORD);
        let mut redirected = entries.redirect(222).expect("writable");
        // SAFETY: `address` is that of an atomic word that stays.
        assert!(unsafe { write_word(address, 333) });

        assert!(!redirected.restore());

        // SAFETY: as above.
        assert_eq!(unsafe { load(address) }, 333);
    }

    #[test]
    fn an_address_that_is_not_mapped_is_refused() {
        let entries = Entries { entries: vec![(8, 0)], real: 111 };

        assert_eq!(entries.redirect(222).err(), Some(Unavailable::PageLocked));
    }
}
