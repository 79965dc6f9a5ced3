//! The dynamic section of a loaded object: which slots hold the addresses of which imported functions.
//!
//! Read from memory that the dynamic linker itself uses and keeps mapped as long as the object is loaded (System V gABI,
//! chapter 5; symbol versions after the LSB).

use std::ffi::{CStr, CString, c_char, c_int, c_void};

use super::objects::Object;

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

impl Object {
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

#[cfg(test)]
mod tests {
    use super::super::objects::object_at;

    #[test]
    fn imported_functions_have_slots_and_others_have_none() {
        let object = object_at(object_at as *const () as usize).expect("this program");

        assert!(!object.slots_of(c"dl_iterate_phdr").is_empty());
        assert!(object.slots_of(c"no_such_function_anywhere").is_empty());
    }
}
