//! Redirects the calls of a loaded object to a function of ours, through its GOT entries, and restores them.

use std::ffi::CStr;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use super::{KeptObject, LoadedObject, real_function, write_word, write_words};
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

/// A GOT entry of any loaded object, before it is redirected.
#[derive(Clone, Copy, Debug)]
pub struct Slot {
    /// Its address.
    pub address: usize,
    /// Its content.
    pub content: usize,
    /// The number of the function.
    pub function: usize,
}

/// Finds the GOT entries through which `object`, which cannot be unloaded meanwhile, calls these functions. Each has its
/// name, and the address of the function itself.
///
/// # Errors
///
/// [`Unavailable`]: an entry leads to a function of somebody else, or the object calls one of them in another way.
pub fn find_slots(object: &LoadedObject, functions: &[(&'static CStr, usize)]) -> Result<Vec<Slot>, Unavailable> {
    let names: Vec<&CStr> = functions.iter().map(|(name, _)| *name).collect();
    let mut slots = Vec::new();
    for (function, address, is_got_entry) in object.references(&names) {
        let (name, real) = functions[function];
        let name = name.to_str().unwrap_or("a function");
        if !is_got_entry {
            return Err(Unavailable::KeptInData(name));
        }
        // SAFETY: the address is that of a GOT entry, by the dynamic linker's own tables, as in `find`.
        let content = unsafe { load(address) };
        // It leads to the function, or to the object's own stub, which would look it up at the first call.
        if content != real && !object.contains(content) {
            return Err(Unavailable::HookedByOthers(name));
        }
        slots.push(Slot { address, content, function });
    }
    Ok(slots)
}

/// GOT entries of some objects that lead to hooks. The objects stay loaded meanwhile.
#[derive(Debug)]
pub struct RedirectedSlots {
    /// (address of the entry, its former content, the hook).
    entries: Vec<(usize, usize, usize)>,
    _objects: Vec<KeptObject>,
}

impl RedirectedSlots {
    /// Lets these slots lead to the hook of their function. If one cannot be written, none is changed.
    ///
    /// `objects` are those that have them.
    ///
    /// # Errors
    ///
    /// [`Unavailable::PageLocked`].
    pub fn redirect(slots: &[Slot], hooks: &[usize], objects: Vec<KeptObject>) -> Result<Self, Unavailable> {
        let entries = slots.iter().map(|slot| (slot.address, slot.content, hooks[slot.function])).collect();
        let mut redirected = Self { entries, _objects: objects };
        let words: Vec<_> = redirected.entries.iter().map(|(address, _, hook)| (*address, *hook)).collect();
        // SAFETY: the entries are aligned words of a loaded object. Other threads only load them in one piece to call through
        // them, and both the old and the new content are functions of the same type.
        if unsafe { write_words(&words) } {
            return Ok(redirected);
        }
        redirected.restore();
        Err(Unavailable::PageLocked)
    }

    /// Returns whether all of the entries still lead to our hooks.
    pub fn is_intact(&self) -> bool {
        // SAFETY: the objects of the entries are kept, as in `redirect`.
        self.entries.iter().all(|(address, _, hook)| unsafe { load(*address) == *hook })
    }

    /// Restores the entries that still lead to our hooks; returns whether all are restored, as [`Redirected::restore`] does.
    pub fn restore(&mut self) -> bool {
        // SAFETY: as in `is_intact`.
        let (ours, others): (Vec<_>, Vec<_>) =
            self.entries.drain(..).partition(|(address, _, hook)| unsafe { load(*address) == *hook });
        let words: Vec<_> = ours.iter().map(|(address, content, _)| (*address, *content)).collect();
        // SAFETY: as in `redirect`.
        let is_restored = unsafe { write_words(&words) };
        self.entries = others;
        if !is_restored {
            // SAFETY: as in `is_intact`.
            self.entries.extend(ours.iter().filter(|(address, _, hook)| unsafe { load(*address) == *hook }));
        }
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

    fn slots(words: &'static [AtomicUsize]) -> Vec<Slot> {
        let slot = |(function, word): (usize, &'static AtomicUsize)| Slot {
            address: std::ptr::from_ref(word) as usize,
            content: word.load(SeqCst),
            function,
        };
        words.iter().enumerate().map(slot).collect()
    }

    fn contents(words: &[AtomicUsize]) -> Vec<usize> {
        words.iter().map(|word| word.load(SeqCst)).collect()
    }

    #[test]
    fn slots_of_several_functions_are_redirected_and_restored() {
        static WORDS: [AtomicUsize; 3] = [const { AtomicUsize::new(7) }; 3];

        let mut redirected = RedirectedSlots::redirect(&slots(&WORDS), &[21, 22, 23], Vec::new()).expect("writable");

        assert_eq!(contents(&WORDS), [21, 22, 23]);
        assert!(redirected.is_intact());
        assert!(redirected.restore());
        assert_eq!(contents(&WORDS), [7, 7, 7]);
    }

    #[test]
    fn of_several_slots_those_of_somebody_else_are_left_alone() {
        static WORDS: [AtomicUsize; 3] = [const { AtomicUsize::new(7) }; 3];
        let mut redirected = RedirectedSlots::redirect(&slots(&WORDS), &[21, 22, 23], Vec::new()).expect("writable");
        WORDS[1].store(99, SeqCst);

        assert!(!redirected.is_intact());
        assert!(!redirected.restore());

        assert_eq!(contents(&WORDS), [7, 99, 7]);
    }

    #[test]
    fn an_object_has_the_slots_of_what_it_imports() {
        let object = super::super::object_at(find as *const () as usize).expect("this program");
        let real = real_function(c"dl_iterate_phdr", None).expect("the C library has it");

        let slots = find_slots(&object, &[(c"no_such_function", 1), (c"dl_iterate_phdr", real)]).expect("nobody else");

        assert!(!slots.is_empty());
        assert!(slots.iter().all(|slot| slot.function == 1));
        // Were the function somewhere else, the entry would lead to another one.
        let hooked = find_slots(&object, &[(c"dl_iterate_phdr", real + 1)]);
        assert!(matches!(hooked, Err(Unavailable::HookedByOthers("dl_iterate_phdr"))), "{hooked:?}");
    }

    #[test]
    fn an_address_that_is_not_mapped_is_refused() {
        let entries = Entries { entries: vec![(8, 0)], real: 111 };

        assert_eq!(entries.redirect(222).err(), Some(Unavailable::PageLocked));
    }
}
