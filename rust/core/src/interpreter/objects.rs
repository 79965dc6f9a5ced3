//! Loaded objects, and the functions in them, as the dynamic linker knows them.

use std::ffi::{CStr, c_int, c_void};

/// A loaded object: its range of addresses and its dynamic section.
#[derive(Clone, Copy, Debug)]
pub struct Object {
    pub(super) base: usize,
    /// First address and first address behind, over all loaded segments.
    pub range: (usize, usize),
    pub(super) dynamic: usize,
}

struct Search {
    address: usize,
    found: Option<Object>,
}

unsafe extern "C" fn visit(info: *mut libc::dl_phdr_info, _size: usize, data: *mut c_void) -> c_int {
    // SAFETY: the dynamic linker passes a valid record, and `data` is the `Search` of `object_at`.
    let (info, search) = unsafe { (&*info, &mut *data.cast::<Search>()) };
    #[allow(clippy::cast_possible_truncation)] // 64-bit only (see `elf::SLOT_TYPES`)
    let base = info.dlpi_addr as usize;
    // SAFETY: the record gives the program headers' address and number.
    let headers = unsafe { std::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into()) };
    let (mut low, mut high, mut dynamic) = (usize::MAX, 0, 0);
    for header in headers {
        #[allow(clippy::cast_possible_truncation)]
        let (start, size) = (base.wrapping_add(header.p_vaddr as usize), header.p_memsz as usize);
        match header.p_type {
            libc::PT_LOAD => {
                low = low.min(start);
                high = high.max(start + size);
            }
            libc::PT_DYNAMIC => dynamic = start,
            _ => {}
        }
    }
    if (low..high).contains(&search.address) && dynamic != 0 {
        search.found = Some(Object { base, range: (low, high), dynamic });
        return 1;
    }
    0
}

/// The loaded object that `address` lies in. Asked by address and not by file name: the code of the GIL may be in the
/// program itself, in libpython, or in something that embeds it.
pub fn object_at(address: usize) -> Option<Object> {
    let mut search = Search { address, found: None };
    // SAFETY: `visit` has the type asked for, and `search` outlives the call.
    unsafe { libc::dl_iterate_phdr(Some(visit), (&raw mut search).cast()) };
    search.found
}

impl Object {
    /// What the dynamic linker added to the addresses in the object's file.
    pub fn base(&self) -> usize {
        self.base
    }

    /// Does `address` lie in this object?
    pub fn contains(&self, address: usize) -> bool {
        (self.range.0..self.range.1).contains(&address)
    }

    /// A pointer of the dynamic section: glibc relocates them in place, musl leaves them relative.
    pub(super) fn resolve(&self, value: usize) -> usize {
        if value != 0 && !self.contains(value) { self.base.wrapping_add(value) } else { value }
    }
}

/// The real function, of the version asked for. Never a lazy stub: chaining to a stub would make the linker rebind the
/// slot and silently take the hook out.
pub fn real_function(name: &CStr, version: Option<&CStr>) -> Option<usize> {
    // SAFETY: both are C strings; the lookup has no side effect but to return an address.
    let address = unsafe {
        match version {
            Some(version) => libc::dlvsym(libc::RTLD_DEFAULT, name.as_ptr(), version.as_ptr()),
            None => std::ptr::null_mut(),
        }
    };
    if !address.is_null() {
        return Some(address as usize);
    }
    // SAFETY: as above.
    let address = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    (!address.is_null()).then_some(address as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_found_by_an_address_inside_it() {
        let object = object_at(object_at as *const () as usize).expect("this program");

        assert!(object.contains(visit as *const () as usize));
        assert!(object_at(16).is_none());
    }

    #[test]
    fn the_real_function_is_no_stub_of_this_program() {
        let object = object_at(object_at as *const () as usize).expect("this program");

        let real = real_function(c"pthread_mutex_unlock", None).expect("the C library has it");

        assert!(!object.contains(real));
        assert!(real_function(c"no_such_function_anywhere", None).is_none());
    }
}
