//! The dynamic section of a loaded object: which slots hold the addresses of which imported functions.
//!
//! Read from memory that the dynamic linker itself uses and keeps mapped as long as the object is loaded (System V gABI,
//! chapter 5; symbol versions after the LSB).

use std::ffi::{CStr, CString, c_char, c_int, c_void};

#[cfg(target_arch = "x86_64")]
const SLOT_TYPES: [u32; 2] = [7, 6]; // R_X86_64_JUMP_SLOT, R_X86_64_GLOB_DAT
#[cfg(target_arch = "aarch64")]
const SLOT_TYPES: [u32; 2] = [1026, 1025]; // R_AARCH64_JUMP_SLOT, R_AARCH64_GLOB_DAT
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const SLOT_TYPES: [u32; 0] = [];

const DT_NULL: i64 = 0;
const DT_PLTRELSZ: i64 = 2;
const DT_STRTAB: i64 = 5;
const DT_SYMTAB: i64 = 6;
const DT_RELA: i64 = 7;
const DT_RELASZ: i64 = 8;
const DT_JMPREL: i64 = 23;
const DT_VERSYM: i64 = 0x6fff_fff0;
const DT_VERNEED: i64 = 0x6fff_fffe;
const DT_VERNEEDNUM: i64 = 0x6fff_ffff;

#[repr(C)]
struct Dynamic {
    tag: i64,
    value: u64,
}

#[repr(C)]
struct Relocation {
    offset: u64,
    info: u64,
    addend: i64,
}

#[repr(C)]
struct Symbol {
    name: u32,
    info: u8,
    other: u8,
    section: u16,
    value: u64,
    size: u64,
}

#[repr(C)]
struct VersionNeeded {
    version: u16,
    n_aux: u16,
    file: u32,
    aux: u32,
    next: u32,
}

#[repr(C)]
struct VersionAux {
    hash: u32,
    flags: u16,
    other: u16,
    name: u32,
    next: u32,
}

/// One slot: where it is, and which version of the function the object asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotAt {
    pub address: usize,
    pub version: Option<CString>,
}

/// A loaded object: its range of addresses and its dynamic section.
#[derive(Clone, Copy, Debug)]
pub struct Object {
    base: usize,
    /// First address and first address behind, over all loaded segments.
    pub range: (usize, usize),
    dynamic: usize,
}

/// What the dynamic section points to; zero where absent.
#[derive(Default)]
struct Tables {
    symbols: usize,
    strings: usize,
    relocations: [(usize, usize); 2],
    version_of_symbol: usize,
    versions: usize,
    n_versions: usize,
}

struct Search {
    address: usize,
    found: Option<Object>,
}

unsafe extern "C" fn visit(info: *mut libc::dl_phdr_info, _size: usize, data: *mut c_void) -> c_int {
    // SAFETY: the dynamic linker passes a valid record, and `data` is the `Search` of `object_at`.
    let (info, search) = unsafe { (&*info, &mut *data.cast::<Search>()) };
    #[allow(clippy::cast_possible_truncation)] // 64-bit only (see `SLOT_TYPES`)
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

/// The size that the symbol table gives for the symbol at exactly this address; 0 where it does not say.
pub fn size_of_symbol_at(address: usize) -> usize {
    const RTLD_DL_SYMENT: c_int = 1;
    unsafe extern "C" {
        fn dladdr1(address: *const c_void, info: *mut libc::Dl_info, extra: *mut *mut c_void, flags: c_int) -> c_int;
    }
    let mut symbol: *mut c_void = std::ptr::null_mut();
    // SAFETY: both outputs are valid; with RTLD_DL_SYMENT `symbol` points to an ELF symbol of a loaded object or is null.
    unsafe {
        let mut info: libc::Dl_info = std::mem::zeroed();
        if dladdr1(address as *const c_void, &raw mut info, &raw mut symbol, RTLD_DL_SYMENT) == 0
            || symbol.is_null()
            || info.dli_saddr as usize != address
        {
            return 0;
        }
        usize::try_from((*symbol.cast::<Symbol>()).size).unwrap_or(0)
    }
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
    fn resolve(&self, value: usize) -> usize {
        if value != 0 && !self.contains(value) { self.base.wrapping_add(value) } else { value }
    }

    fn tables(&self) -> Tables {
        let mut tables = Tables::default();
        let mut entry = self.dynamic as *const Dynamic;
        // SAFETY: the dynamic section of a loaded object is mapped and ends with DT_NULL.
        unsafe {
            while (*entry).tag != DT_NULL {
                #[allow(clippy::cast_possible_truncation)]
                let value = (*entry).value as usize;
                match (*entry).tag {
                    DT_SYMTAB => tables.symbols = self.resolve(value),
                    DT_STRTAB => tables.strings = self.resolve(value),
                    DT_JMPREL => tables.relocations[0].0 = self.resolve(value),
                    DT_PLTRELSZ => tables.relocations[0].1 = value,
                    DT_RELA => tables.relocations[1].0 = self.resolve(value),
                    DT_RELASZ => tables.relocations[1].1 = value,
                    DT_VERSYM => tables.version_of_symbol = self.resolve(value),
                    DT_VERNEED => tables.versions = self.resolve(value),
                    DT_VERNEEDNUM => tables.n_versions = value,
                    _ => {}
                }
                entry = entry.add(1);
            }
        }
        tables
    }

    /// All slots through which this object calls `function`.
    pub fn slots_of(&self, function: &CStr) -> Vec<SlotAt> {
        let tables = self.tables();
        let mut slots = Vec::new();
        if tables.symbols == 0 || tables.strings == 0 {
            return slots;
        }
        for (start, bytes) in tables.relocations {
            if start == 0 {
                continue;
            }
            // SAFETY: DT_JMPREL/DT_PLTRELSZ and DT_RELA/DT_RELASZ describe arrays of relocations that stay mapped.
            let relocations =
                unsafe { std::slice::from_raw_parts(start as *const Relocation, bytes / size_of::<Relocation>()) };
            for relocation in relocations {
                #[allow(clippy::cast_possible_truncation)] // the type is the low half by definition
                let (kind, index) = (relocation.info as u32, (relocation.info >> 32) as usize);
                if !SLOT_TYPES.contains(&kind) {
                    continue;
                }
                // SAFETY: `index` and the name's offset come from the linker's own tables of this object.
                let name = unsafe {
                    let symbol = &*(tables.symbols as *const Symbol).add(index);
                    CStr::from_ptr((tables.strings + symbol.name as usize) as *const c_char)
                };
                #[allow(clippy::cast_possible_truncation)]
                let address = self.base.wrapping_add(relocation.offset as usize);
                if name == function && !slots.iter().any(|slot: &SlotAt| slot.address == address) {
                    slots.push(SlotAt { address, version: tables.version_wanted(index) });
                }
            }
        }
        slots
    }
}

impl Tables {
    /// The version of the symbol `index` that the object was linked against (`GLIBC_2.3.2`).
    fn version_wanted(&self, index: usize) -> Option<CString> {
        if self.version_of_symbol == 0 || self.versions == 0 {
            return None;
        }
        // SAFETY: DT_VERSYM has one entry for each symbol; DT_VERNEED is a chain of `n_versions` records, each with a
        // chain of `n_aux` auxiliary ones, linked by byte offsets.
        unsafe {
            let wanted = *(self.version_of_symbol as *const u16).add(index) & 0x7fff;
            let mut needed = self.versions;
            for _ in 0..self.n_versions {
                let record = &*(needed as *const VersionNeeded);
                let mut aux = needed + record.aux as usize;
                for _ in 0..record.n_aux {
                    let version = &*(aux as *const VersionAux);
                    if version.other & 0x7fff == wanted {
                        return Some(
                            CStr::from_ptr((self.strings + version.name as usize) as *const c_char).to_owned(),
                        );
                    }
                    aux += version.next as usize;
                }
                needed += record.next as usize;
            }
        }
        None
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

    #[test]
    fn imported_functions_have_slots_and_others_have_none() {
        let object = object_at(object_at as *const () as usize).expect("this program");

        assert!(!object.slots_of(c"dl_iterate_phdr").is_empty());
        assert!(object.slots_of(c"no_such_function_anywhere").is_empty());
    }
}
