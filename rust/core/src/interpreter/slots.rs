//! Re-points a slot, and puts it back: only if it is still ours, and with the page's protection as it was.

use std::ffi::CStr;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use super::Unavailable;
use super::objects::{Object, real_function};

/// The slots of one function in one object, and what to call in its place.
#[derive(Debug)]
pub struct Slots {
    hook: usize,
    /// (address of the slot, what it held before us).
    taken: Vec<(usize, usize)>,
}

/// Finds the slots of `function` in `object` and the function that a hook must chain to.
///
/// A slot that already points out of the object is chained to as it is (somebody else may stand there); one that
/// still points to the object's own lazy stub is resolved first.
pub fn find(object: &Object, function: &'static CStr) -> Result<(Vec<(usize, usize)>, usize), Unavailable> {
    let name = function.to_str().unwrap_or("a function");
    let slots = object.slots_of(function);
    if slots.is_empty() {
        return Err(Unavailable::NoSlot(name));
    }
    let mut taken = Vec::new();
    let mut real = None;
    for slot in slots {
        // SAFETY: a slot is an aligned word in the object's mapped data.
        let value = unsafe { (*(slot.address as *const AtomicUsize)).load(SeqCst) };
        let target = if value == 0 || object.contains(value) {
            real_function(function, slot.version.as_deref()).ok_or(Unavailable::MissingSymbol(name))?
        } else {
            value
        };
        if real.is_some_and(|known| known != target) {
            return Err(Unavailable::NotVerified("two slots of one function lead to different places"));
        }
        real = Some(target);
        taken.push((slot.address, value));
    }
    Ok((taken, real.ok_or(Unavailable::NoSlot(name))?))
}

impl Slots {
    /// Points all of `slots` to `hook`. All or none.
    pub fn point(slots: Vec<(usize, usize)>, hook: usize) -> Result<Self, Unavailable> {
        let mut done = Self { hook, taken: Vec::new() };
        for (address, before) in slots {
            if !store(address, hook) {
                done.restore();
                return Err(Unavailable::PageLocked);
            }
            done.taken.push((address, before));
        }
        Ok(done)
    }

    /// Puts back what was there, where the slot is still ours. Where somebody has hooked on top of us the hook stays
    /// in, as a silent pass-through. Returns whether all slots were put back.
    ///
    /// What could not be put back is remembered, so that it is tried again the next time.
    pub fn restore(&mut self) -> bool {
        let hook = self.hook;
        self.taken.retain(|(address, before)| {
            // SAFETY: the slot's object is loaded: it holds the interpreter that runs us.
            let ours = unsafe { (*(*address as *const AtomicUsize)).load(SeqCst) } == hook;
            !(ours && store(*address, *before))
        });
        self.taken.is_empty()
    }
}

/// Writes one word, making its page writable for that moment where it is not.
fn store(address: usize, value: usize) -> bool {
    // SAFETY: sysconf has no precondition.
    let Ok(page_size) = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }) else { return false };
    let page = address & !(page_size - 1);
    let Some(protection) = protection_of(address) else { return false };
    let writable = protection & libc::PROT_WRITE != 0;
    // SAFETY: `page` is mapped (it stands in the process's map); the word is aligned and written atomically, so that a
    // thread that calls through the slot at this moment sees the old or the new function. The protection is widened
    // and put back to exactly what it was.
    unsafe {
        if !writable && libc::mprotect(page as *mut libc::c_void, page_size, protection | libc::PROT_WRITE) != 0 {
            return false;
        }
        (*(address as *const AtomicUsize)).store(value, SeqCst);
        if !writable {
            libc::mprotect(page as *mut libc::c_void, page_size, protection);
        }
    }
    true
}

/// The protection of the page at `address`, from the process's map.
fn protection_of(address: usize) -> Option<libc::c_int> {
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    maps.lines().find_map(|line| protection_in(line, address))
}

/// The protection that a line `start-end rwxp ...` gives, if `address` lies in it.
fn protection_in(line: &str, address: usize) -> Option<libc::c_int> {
    let mut fields = line.split(' ');
    let (start, end) = fields.next()?.split_once('-')?;
    let (start, end) = (usize::from_str_radix(start, 16).ok()?, usize::from_str_radix(end, 16).ok()?);
    let letters = fields.next()?;
    (start..end).contains(&address).then(|| {
        [('r', libc::PROT_READ), ('w', libc::PROT_WRITE), ('x', libc::PROT_EXEC)]
            .iter()
            .filter(|(letter, _)| letters.contains(*letter))
            .fold(libc::PROT_NONE, |all, (_, bit)| all | bit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_map_gives_the_protection_of_its_range_only() {
        let line = "7f0e7f851000-7f0e7f852000 r--p 00001000 08:01 42 /usr/lib/libc.so.6";

        assert_eq!(protection_in(line, 0x7f0e_7f85_1008), Some(libc::PROT_READ));
        assert_eq!(protection_in(line, 0x7f0e_7f85_2000), None);
        assert_eq!(protection_in("nonsense", 1), None);
    }

    /// A page of its own, read-only, with one word to re-point.
    fn page() -> usize {
        // SAFETY: an anonymous mapping of one page, filled and then made read-only.
        unsafe {
            let page = libc::mmap(
                std::ptr::null_mut(),
                4096,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            );
            assert_ne!(page, libc::MAP_FAILED);
            *page.cast::<usize>() = 111;
            libc::mprotect(page, 4096, libc::PROT_READ);
            page as usize
        }
    }

    #[test]
    fn a_read_only_slot_is_pointed_put_back_and_read_only_again() {
        let slot = page();

        let mut slots = Slots::point(vec![(slot, 111)], 222).expect("a private page");

        // SAFETY: `slot` is the mapped word above.
        assert_eq!(unsafe { *(slot as *const usize) }, 222);
        assert!(slots.restore());
        // SAFETY: as above.
        assert_eq!(unsafe { *(slot as *const usize) }, 111);
        assert_eq!(protection_of(slot), Some(libc::PROT_READ));
    }

    #[test]
    fn a_slot_that_somebody_else_took_is_left_alone() {
        let slot = page();
        let mut slots = Slots::point(vec![(slot, 111)], 222).expect("a private page");
        assert!(store(slot, 333));

        assert!(!slots.restore());

        // SAFETY: as above.
        assert_eq!(unsafe { *(slot as *const usize) }, 333);
    }

    #[test]
    fn an_address_outside_of_the_map_is_refused() {
        assert_eq!(Slots::point(vec![(8, 0)], 222).err(), Some(Unavailable::PageLocked));
    }
}
